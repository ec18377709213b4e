//! The audit trail: complete for every filter in both directions and every size of page, and stable while others write.

use jiff::Timestamp;
use prost_types::FieldMask;
use rolegate::grpc::v1::{
    ChangeFilter, ChangeServiceListRequest, ChangeServiceListResponse, CollaboratorServiceUpdateRequest, Consistency,
    ListedChange, ObjectKind, OrganizationRole, ProjectRole, UserServiceUpdateRequest, consistency::Requirement,
};
use tokio_postgres::Client;

use super::append;
use crate::support::postgres::connect;
use crate::support::{Service, fresh_database};

/// A change as the database has it: revision, ordinal, object, name, subject, actor, time.
type Row = (i64, i64, String, String, String, String, Timestamp);

async fn rows(client: &Client) -> Vec<Row> {
    let sql = "SELECT revision, ordinal, object, name, subject, coalesce(actor, ''), committed_at
               FROM change JOIN change_set USING (revision) ORDER BY revision, ordinal";
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4), row.get(5), row.get(6)))
        .collect()
}

async fn page(service: &Service, request: &ChangeServiceListRequest) -> ChangeServiceListResponse {
    service.changes().list(request.clone()).await.unwrap().into_inner()
}

/// All pages of a list.
async fn all(service: &Service, request: &ChangeServiceListRequest) -> Vec<ListedChange> {
    let (mut request, mut listed) = (request.clone(), Vec::new());
    loop {
        let page = page(service, &request).await;
        assert!(page.changes.len() <= if request.page_size == 0 { 50 } else { request.page_size as usize });
        assert_eq!(page.pruned_through, "");
        listed.extend(page.changes);
        if page.next_page_token.is_empty() {
            return listed;
        }
        request.page_token = page.next_page_token;
    }
}

/// What a row and a listed change have in common.
fn of_row((_, _, object, name, subject, actor, at): &Row) -> (String, String, String, String, Timestamp) {
    (object.clone(), name.clone(), subject.clone(), actor.clone(), *at)
}

fn of_listed(listed: &ListedChange) -> (String, String, String, String, Timestamp) {
    let change = listed.change.as_ref().unwrap();
    let object = change.object().as_str_name().trim_start_matches("OBJECT_KIND_").to_lowercase();
    let at = listed.committed_at.unwrap();
    let at = Timestamp::new(at.seconds, at.nanos).unwrap();
    (object, change.name.clone(), change.subject.clone(), listed.actor.clone(), at)
}

/// A small history with large and small writes, of several actors, about several things.
async fn world() -> (Service, Client) {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &[]).await;
    let client = connect(&database).await;
    service.create_users(&["Ann", "bob", "cyd"]).await;
    service.create_organization("Acme", "ann").await;
    for user in ["bob", "cyd"] {
        service.add_member("acme", user, OrganizationRole::Member).await.unwrap();
    }
    service.create_team("@acme/crew", &["bob", "cyd"]).await;
    append(&client, "large", 40).await;
    for name in ["Acme/trees", "acme/parks"] {
        service.create_project(name, false).await;
        for who in ["bob", "@acme/crew"] {
            service.add_collaborator(name, who, ProjectRole::Reader).await.unwrap();
        }
    }
    for (number, actor) in ["ann", "Ann", "", "ann"].into_iter().enumerate() {
        let role = [ProjectRole::Editor, ProjectRole::Reporter][number % 2];
        let request = CollaboratorServiceUpdateRequest {
            actor: actor.to_owned(),
            project: "acme/trees".to_owned(),
            collaborator: "bob".to_owned(),
            update_mask: Some(FieldMask { paths: vec!["role".to_owned()] }),
            role: role.into(),
            ..Default::default()
        };
        service.collaborators().update(request).await.unwrap();
    }
    append(&client, "large", 7).await;
    (service, client)
}

fn wire(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

/// Filters of every kind and some of several, from those of one object to those of all.
fn filters() -> Vec<ChangeFilter> {
    let mut filters = Vec::new();
    for object in [ObjectKind::Unspecified, ObjectKind::Collaborator, ObjectKind::Plan] {
        for name in ["", "ACME/trees", "plan-3"] {
            for subject in ["", "BOB", "@Acme/crew"] {
                for actor in ["", "ANN"] {
                    let [name, subject, actor] = [name, subject, actor].map(str::to_owned);
                    filters.push(ChangeFilter { object: object.into(), name, subject, actor, ..Default::default() });
                }
            }
        }
    }
    filters
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_filter_lists_exactly_what_it_should_in_both_directions() {
    let (service, client) = world().await;
    let rows = rows(&client).await;
    let (early, late) = (rows[5].6, rows[rows.len() - 12].6);
    let mut found = 0;
    for (number, filter) in filters().into_iter().enumerate() {
        for (from, until) in [(None, None), (Some(early), None), (None, Some(late)), (Some(early), Some(late))] {
            let kind = ObjectKind::try_from(filter.object).unwrap().as_str_name().to_lowercase();
            let same = |asked: &str, name: &str| asked.is_empty() || asked.eq_ignore_ascii_case(name);
            let fits = |row: &&Row| {
                (filter.object == 0 || kind == format!("object_kind_{}", row.2))
                    && same(&filter.name, &row.3)
                    && same(&filter.subject, &row.4)
                    && same(&filter.actor, &row.5)
                    && from.is_none_or(|from| row.6 >= from)
                    && until.is_none_or(|until| row.6 < until)
            };
            let mut expected: Vec<_> = rows.iter().filter(fits).map(of_row).collect();
            found += expected.len();
            for oldest_first in [true, false] {
                let request = ChangeServiceListRequest {
                    filter: Some(filter.clone()),
                    from: from.map(wire),
                    until: until.map(wire),
                    oldest_first,
                    page_size: [1, 3, 50, 1_000][(number + usize::from(oldest_first)) % 4],
                    ..Default::default()
                };
                let listed: Vec<_> = all(&service, &request).await.iter().map(of_listed).collect();
                assert_eq!(listed, expected, "{request:?}");
                expected.reverse();
            }
        }
    }
    assert!(found > 500, "the filters found something: {found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_stable_while_others_write() {
    let (service, client) = world().await;
    for oldest_first in [true, false] {
        let before = rows(&client).await;
        let mut request = ChangeServiceListRequest { oldest_first, page_size: 5, ..Default::default() };
        let mut listed = Vec::new();
        for round in 0.. {
            let page = page(&service, &request).await;
            listed.extend(page.changes.iter().map(of_listed));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
            if round < 10 {
                append(&client, "meanwhile", 3).await;
            }
        }
        let after = rows(&client).await;
        let mut expected: Vec<_> = if oldest_first { after } else { before }.iter().map(of_row).collect();
        if !oldest_first {
            expected.reverse();
        }
        assert_eq!(listed, expected, "what was there is listed once; what came behind the page, too");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_was_set_back_loses_nothing_of_a_list() {
    let (service, client) = world().await;
    let back = "UPDATE change_set SET committed_at = committed_at - interval '1 hour' WHERE revision % 3 = 0";
    client.batch_execute(back).await.unwrap();
    let mut rows = rows(&client).await;
    let middle = rows[rows.len() / 2].6;
    rows.retain(|row| row.6 >= middle);
    rows.sort_by_key(|row| (row.6, row.0, row.1));
    for oldest_first in [true, false] {
        let request =
            ChangeServiceListRequest { from: Some(wire(middle)), oldest_first, page_size: 4, ..Default::default() };
        let listed: Vec<_> = all(&service, &request).await.iter().map(of_listed).collect();
        assert_eq!(listed, rows.iter().map(of_row).collect::<Vec<_>>());
        rows.reverse();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_names_its_revision_and_is_as_fresh_as_asked() {
    let (service, _) = world().await;
    let request = UserServiceUpdateRequest {
        username: "bob".to_owned(),
        new_username: "bert".to_owned(),
        update_mask: Some(FieldMask { paths: vec!["new_username".to_owned()] }),
        ..Default::default()
    };
    let renamed = service.users().update(request).await.unwrap().into_inner().revision;
    for requirement in [Requirement::AtLeastAsFresh(renamed.clone()), Requirement::FullyConsistent(true)] {
        let consistency = Some(Consistency { requirement: Some(requirement) });
        let request = ChangeServiceListRequest { page_size: 1, consistency, ..Default::default() };
        let page = page(&service, &request).await;
        assert_eq!((page.revision.as_str(), page.changes[0].revision.as_str()), (renamed.as_str(), renamed.as_str()));
        assert_eq!(page.changes[0].change.as_ref().unwrap().name, "bob", "by the name that it had");
    }
}
