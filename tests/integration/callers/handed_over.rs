//! What is handed over to somebody else while a caller that is confined reads it, or before it asks again.

use std::time::Duration;

use rolegate::grpc::v1::*;
use tokio_postgres::Client;

use super::confinement::World;
use crate::support::postgres::connect;

/// In this transaction the project goes to `other`, which adds `bob`. It is not committed.
async fn hand_over(client: &Client, project: &str) {
    let handed = format!(
        "BEGIN; LOCK TABLE collaborator IN ACCESS EXCLUSIVE MODE;
         UPDATE project SET owner_id = (SELECT id FROM account WHERE username_key = 'other') WHERE id = '{project}';
         INSERT INTO collaborator (project_id, owner_id, user_id, role, incognito)
         SELECT project.id, project.owner_id, account.id, 'reader', false
         FROM project, account WHERE project.id = '{project}' AND account.username_key = 'bob'"
    );
    client.batch_execute(&handed).await.unwrap();
}

/// Waits until somebody waits for that transaction.
async fn until_waited_for(client: &Client) {
    let waits = "SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database AND datname = current_database()
                 WHERE relation = 'collaborator'::regclass AND NOT granted";
    let waited = async {
        while client.query(waits, &[]).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(super::PATIENCE, waited).await.unwrap();
}

#[tokio::test]
async fn a_page_of_collaborators_is_of_the_owner_that_was_held_against_the_bounds() {
    let world = World::new().await;
    let (clients, project) = (&world.house.service, &world.trees);
    let client = connect(&clients.database).await;
    hand_over(&client, project).await;
    let list = CollaboratorServiceListRequest { project: project.clone(), ..Default::default() };
    let mut collaborators = clients.collaborators();
    let request = world.house.by("acme-app", list);
    let read = tokio::spawn(async move { collaborators.list(request).await });
    until_waited_for(&client).await;
    client.batch_execute("COMMIT").await.unwrap();
    let page = read.await.unwrap().unwrap().into_inner();
    assert_eq!(page.collaborators, [], "whom the new owner added is none of its business");
}

#[tokio::test]
async fn a_collaborator_is_of_the_owner_that_was_held_against_the_bounds() {
    let world = World::new().await;
    let (clients, project) = (&world.house.service, &world.trees);
    let client = connect(&clients.database).await;
    hand_over(&client, project).await;
    let get = CollaboratorServiceGetRequest { project: project.clone(), collaborator: "bob".to_owned() };
    let mut collaborators = clients.collaborators();
    let request = world.house.by("acme-app", get);
    let read = tokio::spawn(async move { collaborators.get(request).await });
    until_waited_for(&client).await;
    client.batch_execute("COMMIT").await.unwrap();
    let status = read.await.unwrap().unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound, "{status:?}");
}
