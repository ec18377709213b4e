//! Writes that change much are told in parts, and a watcher that is quick enough gets all of them.

use rolegate::grpc::v1::{ChangeKind, ObjectKind, OrganizationRole, OrganizationServiceDeleteRequest, ProjectRole};

use super::{Watcher, append};
use crate::support::postgres::connect;
use crate::support::{Service, fresh_database};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_organization_is_told_with_everything_that_went_with_it() {
    let service = Service::start().await;
    service.create_users(&["ann"]).await;
    service.create_organization("acme", "ann").await;
    service.create_team("@acme/crew", &[]).await;
    for number in 0..70 {
        let (user, project) = (format!("user-{number}"), format!("acme/p{number}"));
        service.create_users(&[&user]).await;
        service.add_member("acme", &user, OrganizationRole::Member).await.unwrap();
        service.create_project(&project, false).await;
        service.add_collaborator(&project, &user, ProjectRole::Reader).await.unwrap();
    }
    let mut watcher = Watcher::from_now(&service).await;
    let request = OrganizationServiceDeleteRequest { username: "acme".to_owned(), ..Default::default() };
    let deleted = service.organizations().delete(request).await.unwrap().into_inner();
    let first = watcher.event().await.unwrap();
    assert_eq!((first.part, first.more, first.changes.len()), (0, true, 128));
    let mut changes = first.changes;
    loop {
        let part = watcher.event().await.unwrap();
        changes.extend(part.changes);
        if !part.more {
            break;
        }
    }
    assert_eq!(watcher.position, deleted.revision);
    assert!(changes.iter().all(|change| change.kind() == ChangeKind::Removed && change.after.is_none()));
    let count = |kind| changes.iter().filter(|change| change.object() == kind).count();
    assert_eq!((count(ObjectKind::Collaborator), count(ObjectKind::Project), count(ObjectKind::Member)), (70, 70, 70));
    assert_eq!((count(ObjectKind::Team), count(ObjectKind::Organization), changes.len()), (1, 1, 212));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_of_100_000_changes_arrives_whole_and_in_order() {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &[]).await;
    let client = connect(&database).await;
    let mut watcher = Watcher::from_now(&service).await;
    append(&client, "much", 100_000).await;
    append(&client, "little", 1).await;
    let much = watcher.write().await.unwrap();
    assert_eq!(much.changes.len(), 100_000);
    for (index, change) in much.changes.iter().enumerate() {
        assert_eq!(change.name, format!("plan-{}", index + 1));
    }
    assert_eq!(watcher.write().await.unwrap().operation, "little");
}
