//! Writes that overlap: one is held back in the middle while another arrives.

use std::time::Duration;

use rolegate::grpc::v1::{OrganizationRole, ProjectRole, UserServiceGetRequest, UserServiceUpdateRequest};
use tokio_postgres::Client;
use tonic::{Code, Request};

use super::calls::{self, Answer, Call};
use super::world::World;
use crate::support::{postgres, reason};

#[tokio::test]
async fn a_user_that_goes_does_not_take_an_organization_that_it_handed_over() {
    let world = World::acme().await;
    let held = hold(&world, HELD_BACK).await;
    let transfer = begin(&world, calls::transfer_organization("acme", "sam")).await;
    let deletion = begin(&world, calls::delete_user("olga")).await;
    held.batch_execute("COMMIT").await.unwrap();
    transfer.await.unwrap();
    deletion.await.unwrap();
    let owner = "SELECT owner.username FROM account AS owner JOIN account AS one ON one.owner_id = owner.id
                 WHERE one.username = 'acme'";
    assert_eq!(world.database.query_one(owner, &[]).await.unwrap().get::<_, &str>(0), "sam");
    assert_eq!(world.role("mona", "acme/trees").await.unwrap().0, ProjectRole::Manager);
    assert!(world.last_changes().await.contains(&"member acme olga gone".to_owned()));
}

#[tokio::test]
async fn a_role_that_goes_with_its_user_is_logged_while_its_project_changes_hands() {
    let world = World::acme().await;
    world.send(calls::add("pia/garden", "pam", ProjectRole::Editor)).await;
    let held = hold(&world, HELD_BACK).await;
    let transfer = begin(&world, calls::transfer_project("pia/garden", "sam")).await;
    let deletion = begin(&world, calls::delete_user("pam")).await;
    held.batch_execute("COMMIT").await.unwrap();
    transfer.await.unwrap();
    deletion.await.unwrap();
    assert!(
        world.last_changes().await.iter().any(|change| change.ends_with("garden pam gone")),
        "{:?}",
        world.last_changes().await
    );
    let touched = "SELECT cardinality(projects) FROM change_set WHERE revision = (SELECT number FROM revision)";
    assert_eq!(world.database.query_one(touched, &[]).await.unwrap().get::<_, i32>(0), 1);
}

#[tokio::test]
async fn what_goes_is_logged_under_the_names_that_hold_when_it_goes() {
    let world = World::acme().await;
    world.send(calls::add("pia/garden", "pam", ProjectRole::Editor)).await;
    let overlaps = [
        (calls::rename_user("pam", "pat"), calls::delete_project("pia/garden"), "collaborator pia/garden pat gone"),
        (calls::rename_user("rita", "rosa"), calls::delete_organization("acme"), "collaborator acme/trees rosa gone"),
    ];
    for (renaming, removal, expected) in overlaps {
        let held = hold(&world, HELD_BACK).await;
        let renaming = begin(&world, renaming).await;
        let removal = begin(&world, removal).await;
        held.batch_execute("COMMIT").await.unwrap();
        renaming.await.unwrap();
        removal.await.unwrap();
        let changes = world.last_changes().await;
        assert!(changes.contains(&expected.to_owned()), "{changes:?}");
    }
    world
        .all([calls::create_organization("bolt", "olga"), calls::add_member("bolt", "sam", OrganizationRole::Member)])
        .await;
    let held = hold(&world, HELD_BACK).await;
    let renaming = begin(&world, calls::rename_organization("bolt", "nut")).await;
    let removal = begin(&world, calls::offboard("sam")).await;
    held.batch_execute("COMMIT").await.unwrap();
    renaming.await.unwrap();
    removal.await.unwrap();
    assert_eq!(world.last_changes().await, ["member nut sam gone"]);
}

#[tokio::test]
async fn nobody_comes_to_be_on_a_plan_that_goes() {
    let world = World::acme().await;
    world.send(calls::put_plan("gone", false, -1, -1)).await;
    let held = hold(&world, HELD_BACK).await;
    let deletion = begin(&world, calls::delete_plan("gone")).await;
    let change = begin(&world, calls::set_user_plan("sam", "gone")).await;
    held.batch_execute("COMMIT").await.unwrap();
    deletion.await.unwrap();
    let status = change.await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "NOT_FOUND"));
}

#[tokio::test]
async fn a_write_that_waits_in_vain_says_so_and_its_connection_serves_the_next() {
    let world = World::acme().await;
    let held = hold(&world, "SELECT pg_advisory_xact_lock(id) FROM account WHERE username = 'sam'").await;
    let writes: Vec<_> = (0..40).map(|_| in_vain(&world)).collect();
    for status in futures::future::join_all(writes).await {
        // whichever side looked at the clock first
        assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    }
    let mut get = Request::new(UserServiceGetRequest { username: "pia".to_owned() });
    get.set_timeout(Duration::from_secs(5));
    world.service.users().get(get).await.expect("the connections are free again");
    held.batch_execute("COMMIT").await.unwrap();
    world.send(calls::set_active("sam", false)).await;
}

#[tokio::test]
async fn an_actor_that_comes_to_be_meanwhile_is_locked_or_nobody() {
    let world = World::acme().await;
    let first = hold(&world, "SELECT pg_advisory_xact_lock(id) FROM account WHERE username = 'acme'").await;
    let addition = begin(&world, calls::add_member("acme", "sam", OrganizationRole::Member).by("newt")).await;
    let comes = "WITH newt AS (
            INSERT INTO account (kind, username, plan_id) SELECT 'user', 'newt', plan_id FROM account WHERE username = 'sam'
            RETURNING id
        )
        INSERT INTO member (organization_id, user_id, role, public)
        SELECT acme.id, newt.id, 'admin', true FROM newt, account AS acme WHERE acme.username = 'acme'";
    world.database.batch_execute(comes).await.unwrap();
    let last = hold(&world, HELD_BACK).await;
    first.batch_execute("COMMIT").await.unwrap();
    // all that the write decides is decided, and nothing of it is committed
    let at_its_end = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                      AND query LIKE '-- append_changes%'";
    while world.database.query(at_its_end, &[]).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let locked =
        "SELECT FROM pg_locks JOIN account ON account.id = objid::bigint JOIN pg_database ON pg_database.oid = database
                  WHERE locktype = 'advisory' AND classid = 0 AND granted AND username = 'newt'
                  AND datname = current_database()";
    assert_eq!(world.database.query(locked, &[]).await.unwrap().len(), 1, "what decides is locked");
    last.batch_execute("COMMIT").await.unwrap();
    addition.await.unwrap();
}

/// What every write waits for at its end, with all its changes made.
pub const HELD_BACK: &str = "SELECT FROM revision FOR UPDATE";

/// A transaction that holds a lock until it is committed.
pub async fn hold(world: &World, lock: &str) -> Client {
    let client = postgres::connect(&world.service.database).await;
    client.batch_execute(&format!("BEGIN; {lock}")).await.unwrap();
    client
}

/// Sends a write that has to wait, and returns once it does.
pub async fn begin(world: &World, call: Call) -> impl Future<Output = Result<Answer, tonic::Status>> + use<> {
    let before = postgres::waiting(&world.database).await;
    let (channel, sent) = (world.service.channel.clone(), call);
    let write = tokio::spawn(async move { sent.send_on(channel).await });
    postgres::until_waiting(&world.database, before + 1).await;
    async move { write.await.unwrap() }
}

/// A write of sam that gives up after a moment.
async fn in_vain(world: &World) -> tonic::Status {
    let update = UserServiceUpdateRequest {
        username: "sam".to_owned(),
        update_mask: calls::mask(&["active"]),
        ..Default::default()
    };
    let mut request = Request::new(update);
    request.set_timeout(Duration::from_millis(300));
    world.service.users().update(request).await.unwrap_err()
}
