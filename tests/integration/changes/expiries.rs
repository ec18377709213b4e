//! Ends of grants appear in the log as they come: once, in order, whatever else goes on, and never where they did not come.

use jiff::{SignedDuration, Timestamp};
use prost_types::FieldMask;
use rolegate::grpc::v1::{
    ChangeKind, CollaboratorServiceAddRequest, CollaboratorServiceUpdateRequest, ObjectKind, ProjectRole,
};
use tokio_postgres::Client;
use tonic::Status;

use super::{PATIENCE, Watcher, Write, until};
use crate::support::oracle::database_clock;
use crate::support::postgres::connect;
use crate::support::{Service, fresh_database};

const PROJECT: &str = "ann/trees";

async fn world(service: &Service, guests: &[&str]) {
    service.create_users(&["ann"]).await;
    service.create_users(guests).await;
    service.create_project(PROJECT, true).await;
}

/// How long short grants last: on a busy machine the first may be past before it is asked for.
const SHORT: [i64; 3] = [200, 1_000, 5_000];

/// Gives a grant that ends soon, and says when.
async fn lend_briefly(service: &Service, client: &Client, who: &str) -> (Timestamp, String) {
    for milliseconds in SHORT {
        let end = soon(client, milliseconds).await;
        if let Ok(revision) = try_lend(service, who, end).await {
            return (end, revision);
        }
    }
    panic!("the machine is too busy");
}

/// Has a grant end soon.
async fn end_soon(service: &Service, client: &Client, who: &str) {
    for milliseconds in SHORT {
        if move_end(service, who, Some(soon(client, milliseconds).await)).await.is_ok() {
            return;
        }
    }
    panic!("the machine is too busy");
}

async fn lend(service: &Service, who: &str, end: Timestamp) -> String {
    try_lend(service, who, end).await.unwrap()
}

async fn try_lend(service: &Service, who: &str, end: Timestamp) -> Result<String, Status> {
    let request = CollaboratorServiceAddRequest {
        project: PROJECT.to_owned(),
        collaborator: who.to_owned(),
        role: ProjectRole::Editor.into(),
        expires_at: Some(wire(end)),
        ..Default::default()
    };
    service.collaborators().add(request).await.map(|added| added.into_inner().revision)
}

async fn move_end(service: &Service, who: &str, end: Option<Timestamp>) -> Result<(), Status> {
    let request = CollaboratorServiceUpdateRequest {
        project: PROJECT.to_owned(),
        collaborator: who.to_owned(),
        update_mask: Some(FieldMask { paths: vec!["expires_at".to_owned()] }),
        expires_at: end.map(wire),
        ..Default::default()
    };
    service.collaborators().update(request).await.map(drop)
}

fn wire(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

async fn soon(client: &Client, milliseconds: i64) -> Timestamp {
    database_clock(client).await + SignedDuration::from_millis(milliseconds)
}

/// Who expired, and when it was recorded.
async fn recorded(client: &Client) -> Vec<(String, Timestamp)> {
    let sql = "SELECT subject, committed_at FROM change JOIN change_set USING (revision)
               WHERE operation = 'expire_collaborator' ORDER BY revision, ordinal";
    client.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn expired(write: &Write) -> Option<&str> {
    (write.operation == "expire_collaborator").then(|| write.changes[0].subject.as_str())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_grant_is_told_when_it_comes_with_the_grant_that_ended() {
    let service = Service::start().await;
    let client = connect(&service.database).await;
    world(&service, &["bob"]).await;
    let (end, added) = lend_briefly(&service, &client, "bob").await;
    let mut watcher = Watcher::after(&service, &added).await;
    let event = watcher.event().await.unwrap();
    let told = database_clock(&client).await;
    assert!(told >= end, "it ended at {end} and was told at {told}");
    assert_eq!((event.operation.as_str(), event.actor.as_str()), ("expire_collaborator", ""));
    let [change] = &event.changes[..] else { panic!("{event:?}") };
    assert_eq!((change.kind(), change.object()), (ChangeKind::Expired, ObjectKind::Collaborator));
    assert_eq!((change.name.as_str(), change.subject.as_str()), (PROJECT, "bob"));
    assert!(change.before.is_some() && change.before == change.after, "the grant is still there, as it was");
    let [(_, recorded)] = recorded(&client).await[..] else { panic!("once") };
    assert!(recorded >= end && recorded < end + SignedDuration::from_secs(5), "ended at {end}, recorded at {recorded}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_services_every_end_is_recorded_once_and_in_the_order_of_the_ends() {
    let database = fresh_database().await;
    let (here, there) =
        tokio::join!(Service::start_on(database.clone(), &[]), Service::start_on(database.clone(), &[]));
    let client = connect(&database).await;
    let names: Vec<String> = (0..24).map(|number| format!("guest-{number:02}")).collect();
    world(&here, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut watcher = Watcher::from_now(&there).await;
    let first = soon(&client, 5_000).await;
    // given in another order than they end in; some end at the same moment
    for step in 0..24 {
        let number = step * 7 % 24;
        let end = first + SignedDuration::from_millis(30 * (number as i64 / 2));
        lend(if step % 2 == 0 { &here } else { &there }, &names[number], end).await;
    }
    let mut told = Vec::new();
    while told.len() < 24 {
        told.extend(expired(&watcher.write().await.unwrap()).map(ToOwned::to_owned));
    }
    let pairs = |names: &[String]| {
        names.chunks(2).map(|pair| pair.iter().cloned().collect::<std::collections::BTreeSet<_>>()).collect::<Vec<_>>()
    };
    assert_eq!(pairs(&told), pairs(&names), "in the order of their ends");
    // both have looked again since
    here.create_users(&["later"]).await;
    until(&client, "SELECT NOT EXISTS (SELECT FROM collaborator WHERE expires_at IS NOT NULL AND NOT expiry_logged)")
        .await;
    let ends = recorded(&client).await;
    assert_eq!(ends.iter().map(|(who, _)| who.clone()).collect::<Vec<_>>(), told, "once each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_is_given_an_earlier_end_ends_then() {
    let service = Service::start().await;
    let client = connect(&service.database).await;
    world(&service, &["bob", "cyd"]).await;
    let hour = soon(&client, 3_600_000).await;
    lend(&service, "bob", hour).await;
    let lent = lend(&service, "cyd", hour).await;
    let mut watcher = Watcher::after(&service, &lent).await;
    end_soon(&service, &client, "cyd").await;
    assert_eq!(watcher.write().await.unwrap().operation, "update_collaborator");
    assert_eq!(expired(&watcher.write().await.unwrap()), Some("cyd"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_was_moved_or_taken_back_before_it_came_is_not_recorded_and_a_new_one_is() {
    let service = Service::start().await;
    let client = connect(&service.database).await;
    world(&service, &["moved", "freed", "removed", "marker", "again"]).await;
    let end = soon(&client, 4_000).await;
    for who in ["moved", "freed", "removed", "again"] {
        lend(&service, who, end).await;
    }
    let mut watcher = Watcher::from_now(&service).await;
    move_end(&service, "moved", Some(soon(&client, 3_600_000).await)).await.unwrap();
    move_end(&service, "freed", None).await.unwrap();
    service.remove_collaborator(PROJECT, "removed").await.unwrap();
    lend(&service, "marker", end + SignedDuration::from_millis(100)).await;
    let mut ends = Vec::new();
    while ends.len() < 2 {
        ends.extend(expired(&watcher.write().await.unwrap()).map(ToOwned::to_owned));
    }
    assert_eq!(ends, ["again", "marker"]);

    // a grant that has ended is given another end, and comes to that one too
    end_soon(&service, &client, "again").await;
    while ends.len() < 3 {
        ends.extend(expired(&watcher.write().await.unwrap()).map(ToOwned::to_owned));
    }
    let all: Vec<String> = recorded(&client).await.into_iter().map(|(who, _)| who).collect();
    assert_eq!(all, ["again", "marker", "again"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_came_while_nobody_ran_is_recorded_at_the_next_start() {
    let database = fresh_database().await;
    let client = connect(&database).await;
    let service = Service::start_on(database.clone(), &[]).await;
    world(&service, &["bob"]).await;
    let lent = lend(&service, "bob", soon(&client, 3_600_000).await).await;
    service.stop().await;
    // as if the hour had passed
    client.batch_execute("UPDATE collaborator SET expires_at = now() - interval '1 minute'").await.unwrap();
    let service = Service::start_on(database, &[]).await;
    let mut watcher = Watcher::after(&service, &lent).await;
    assert_eq!(expired(&watcher.write().await.unwrap()), Some("bob"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_changed_after_the_end_does_not_end_again() {
    let service = Service::start().await;
    let client = connect(&service.database).await;
    world(&service, &["bob", "marker"]).await;
    let mut watcher = Watcher::from_now(&service).await;
    lend_briefly(&service, &client, "bob").await;
    tokio::time::timeout(PATIENCE, async { while expired(&watcher.write().await.unwrap()).is_none() {} })
        .await
        .unwrap();
    let request = CollaboratorServiceUpdateRequest {
        project: PROJECT.to_owned(),
        collaborator: "bob".to_owned(),
        update_mask: Some(FieldMask { paths: vec!["role".to_owned()] }),
        role: ProjectRole::Reader.into(),
        ..Default::default()
    };
    service.collaborators().update(request).await.unwrap();
    lend_briefly(&service, &client, "marker").await;
    while expired(&watcher.write().await.unwrap()) != Some("marker") {}
    assert_eq!(recorded(&client).await.into_iter().map(|(who, _)| who).collect::<Vec<_>>(), ["bob", "marker"]);
}
