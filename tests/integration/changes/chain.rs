//! A caller can prove that it missed nothing: under concurrent writers through several services, and after a cut anywhere.

use futures::future::join_all;
use rolegate::grpc::v1::change_service_watch_response::Message;
use rolegate::grpc::v1::{ChangeServiceWatchRequest, Plan, PlanServicePutRequest, ProjectRole};
use tokio_postgres::Client;

use super::{Watcher, Write, append};
use crate::support::postgres::connect;
use crate::support::{Service, fresh_database};

const WRITERS: usize = 6;
const WRITES: usize = 15;

/// The writes of the log, as the database has them, in order: operation, and what was changed.
async fn logged(client: &Client) -> Vec<(String, Vec<(String, String)>)> {
    let sql = "SELECT operation, array_agg(name ORDER BY ordinal), array_agg(subject ORDER BY ordinal)
               FROM change JOIN change_set USING (revision) GROUP BY revision, operation ORDER BY revision";
    let rows = client.query(sql, &[]).await.unwrap();
    let pairs = |row: &tokio_postgres::Row| {
        row.get::<_, Vec<String>>(1).into_iter().zip(row.get::<_, Vec<String>>(2)).collect::<Vec<_>>()
    };
    rows.iter().map(|row| (row.get(0), pairs(row))).collect()
}

fn told(writes: &[Write]) -> Vec<(String, Vec<(String, String)>)> {
    let changes = |write: &Write| write.changes.iter().map(|one| (one.name.clone(), one.subject.clone())).collect();
    writes.iter().map(|write| (write.operation.clone(), changes(write))).collect()
}

/// Adds and removes a collaborator on a project of this writer's own, and changes a plan that all write.
async fn write_much(service: &Service, writer: usize) -> String {
    let (owner, guest) = (format!("owner-{writer}"), format!("guest-{writer}"));
    service.create_users(&[&owner, &guest]).await;
    let project = format!("{owner}/trees");
    service.create_project(&project, true).await;
    let mut last = String::new();
    for number in 0..WRITES {
        let plan = Plan { code: "shared".to_owned(), premium: number % 2 == 0, ..Default::default() };
        let request = PlanServicePutRequest { plan: Some(plan), ..Default::default() };
        service.plans().put(request).await.unwrap();
        service.add_collaborator(&project, &guest, ProjectRole::Editor).await.unwrap();
        last = service.remove_collaborator(&project, &guest).await.unwrap();
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missed_or_told_twice_while_many_write_through_two_services() {
    let database = fresh_database().await;
    let (here, there) = tokio::join!(
        Service::start_on(database.clone(), &[]),
        Service::start_on(database.clone(), &["--database-connections", "3"])
    );
    let (mut watches_here, mut watches_there) = tokio::join!(Watcher::from_now(&here), Watcher::from_now(&there));
    let start = watches_here.position.clone();
    assert_eq!(start, watches_there.position);
    let services = [&here, &there];
    join_all((0..WRITERS).map(|writer| write_much(services[writer % 2], writer))).await;
    here.create_users(&["last"]).await;

    let expected = logged(&connect(&database).await).await;
    assert_eq!(expected.len(), WRITERS * (3 + 3 * WRITES) + 1);
    for watcher in [&mut watches_here, &mut watches_there] {
        let mut writes = Vec::new();
        while writes.last().is_none_or(|last: &Write| last.changes[0].name != "last") {
            writes.push(watcher.write().await.unwrap());
        }
        assert_eq!(told(&writes), expected);
    }
    assert_eq!(watches_here.position, watches_there.position);
    let mut again = Watcher::after(&there, &start).await;
    assert_eq!(told(&again.until(&watches_here.position).await), expected, "afterwards the same is told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_is_cut_at_any_message_goes_on_without_a_gap() {
    let service = Service::start().await;
    let client = connect(&service.database).await;
    let start = Watcher::from_now(&service).await.position;
    for changes in [1, 1, 300, 2, 128, 1, 129, 600] {
        append(&client, &format!("of-{changes}"), changes).await;
    }
    let mut whole = Watcher::after(&service, &start).await;
    let mut all = Vec::new();
    while all.len() < 8 {
        all.push(whole.write().await.unwrap());
    }
    let messages = 4 + 3 + 1 + 2 + 5;
    for cut in 0..=messages {
        let mut watcher = Watcher::after(&service, &start).await;
        let mut seen = Vec::new();
        for _ in 0..cut {
            let event = watcher.event().await.unwrap();
            // a write of which a part is missing is not done
            if !event.more {
                seen.push(event.revision);
            }
        }
        let mut again = Watcher::after(&service, &watcher.position).await;
        let rest = again.until(&whole.position).await;
        assert_eq!(rest, all[seen.len()..], "cut after {cut} messages");
    }
}

#[tokio::test]
async fn a_watch_that_begins_before_everything_tells_everything() {
    let service = Service::start().await;
    let start = Watcher::from_now(&service).await.position;
    service.create_users(&["ann", "bob"]).await;
    let (project, role) = (service.create_project("ann/trees", true).await, ProjectRole::Editor);
    let added = service.add_collaborator("ann/trees", "bob", role).await.unwrap();
    let mut watcher = Watcher::after(&service, &start).await;
    let told = watcher.until(&added).await;
    assert_eq!(
        told.iter().map(|write| write.operation.as_str()).collect::<Vec<_>>(),
        ["create_user", "create_user", "create_project", "add_collaborator"]
    );
    let (created, shared) = (&told[2].changes[0], &told[3].changes[0]);
    assert_eq!(text(created.after.as_ref(), "id"), project);
    assert_eq!((shared.name.as_str(), shared.subject.as_str()), ("ann/trees", "bob"));
    assert_eq!((text(shared.after.as_ref(), "role").as_str(), shared.before.is_none()), ("editor", true));

    let beyond = ChangeServiceWatchRequest { after: added.clone(), ..Default::default() };
    let mut waiting = Watcher::open(&service, beyond).await.unwrap();
    service.remove_collaborator("ann/trees", "bob").await.unwrap();
    let Message::Event(removed) = waiting.next().await.unwrap() else { panic!("an event comes at once") };
    assert_eq!((removed.previous_revision, removed.operation.as_str()), (added, "remove_collaborator"));
}

fn text(record: Option<&prost_types::Struct>, field: &str) -> String {
    match &record.unwrap().fields[field].kind {
        Some(prost_types::value::Kind::StringValue(text)) => text.clone(),
        other => panic!("{field}: {other:?}"),
    }
}
