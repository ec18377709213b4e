//! What is handed over to somebody else while a caller that is confined reads it; and a caller that is confined to less when it
//! asks again.

use rolegate::grpc::v1::*;

use super::confinement::{World, assert_out};
use super::{House, until};
use crate::support::postgres::{connect, until_waiting};
use crate::support::reason;

/// What a read comes to that is under way while the project of `acme` goes to `other`, which adds `bob`.
async fn handed_over_meanwhile<T: Send + 'static>(world: &World, read: impl Future<Output = T> + Send + 'static) -> T {
    let (client, project) = (connect(&world.house.service.database).await, &world.trees);
    let handed = format!(
        "BEGIN; LOCK TABLE collaborator IN ACCESS EXCLUSIVE MODE;
         UPDATE project SET owner_id = (SELECT id FROM account WHERE username_key = 'other') WHERE id = '{project}';
         INSERT INTO collaborator (project_id, owner_id, user_id, role, incognito)
         SELECT project.id, project.owner_id, account.id, 'reader', false
         FROM project, account WHERE project.id = '{project}' AND account.username_key = 'bob'"
    );
    client.batch_execute(&handed).await.unwrap();
    let read = tokio::spawn(read);
    until_waiting(&client, 1).await;
    client.batch_execute("COMMIT").await.unwrap();
    read.await.unwrap()
}

#[tokio::test]
async fn a_page_of_collaborators_is_of_the_owner_that_was_held_against_the_bounds() {
    let world = World::new().await;
    let list = CollaboratorServiceListRequest { project: world.trees.clone(), ..Default::default() };
    let (mut collaborators, request) = (world.house.service.collaborators(), world.house.by("acme-app", list));
    let read = handed_over_meanwhile(&world, async move { collaborators.list(request).await });
    let page = read.await.unwrap().into_inner();
    assert_eq!(page.collaborators, [], "whom the new owner added is none of its business");
}

#[tokio::test]
async fn a_collaborator_is_of_the_owner_that_was_held_against_the_bounds() {
    let world = World::new().await;
    let get = CollaboratorServiceGetRequest { project: world.trees.clone(), collaborator: "bob".to_owned() };
    let (mut collaborators, request) = (world.house.service.collaborators(), world.house.by("acme-app", get));
    let read = handed_over_meanwhile(&world, async move { collaborators.get(request).await });
    let status = read.await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound, "{status:?}");
}

#[tokio::test]
async fn what_was_answered_within_wider_bounds_is_not_answered_again_within_narrower_ones() {
    let wide = "organizations = [\"acme\", \"other\"]";
    let house = House::open(&[("app", &["read", "write", "admin"], wide)]).await;
    let service = &house.service;
    let user = UserServiceCreateRequest { username: "ann".to_owned(), ..Default::default() };
    service.users().create(house.by("root", user)).await.unwrap();
    for name in ["acme", "other"] {
        let (username, owner) = (name.to_owned(), "ann".to_owned());
        let create = OrganizationServiceCreateRequest { username, owner, ..Default::default() };
        service.organizations().create(house.by("root", create)).await.unwrap();
    }
    let create = |owner: &str, request_id: &str| {
        let (owner, name, request_id) = (owner.to_owned(), "trees".to_owned(), request_id.to_owned());
        ProjectServiceCreateRequest { owner, name, request_id, ..Default::default() }
    };
    let mut projects = service.projects();
    let first = projects.create(house.by("app", create("other", "one"))).await.unwrap().into_inner();
    let again = projects.create(house.by("app", create("other", "one"))).await.unwrap().into_inner();
    assert_eq!(first, again, "within the same bounds it is the same request");
    projects.create(house.by("app", create("acme", "two"))).await.unwrap();

    let path = house.files.path("callers.toml");
    let narrowed = std::fs::read_to_string(&path).unwrap().replace(wide, "organizations = [\"acme\"]");
    house.files.write("callers.toml", narrowed);
    let get = || async {
        let get = OrganizationServiceGetRequest { username: "other".to_owned() };
        service.organizations().get(house.by("app", get)).await
    };
    until("the narrower bounds", get, Result::is_err).await;
    for (owner, request_id) in [("other", "one"), ("acme", "two")] {
        let status = projects.create(house.by("app", create(owner, request_id))).await.unwrap_err();
        assert_eq!(reason(&status), "REQUEST_ID_REUSED", "{status:?}");
        assert!(!format!("{status:?}").contains(&first.project.as_ref().unwrap().id), "{status:?}");
    }
    assert_out(projects.create(house.by("app", create("other", "three"))).await, "a new request");
}
