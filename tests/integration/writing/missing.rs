//! Removals of what is absent: an error unless that is allowed, and then nothing.

use tonic::Code;

use super::changes_nothing;
use crate::membership::calls::{self, Call};
use crate::membership::world::World;
use crate::support::reason;

/// Removals of what acme does not have, in every way in which it may be missing.
fn absent() -> Vec<Call> {
    vec![
        calls::delete_user("ghost"),
        calls::offboard("ghost"),
        calls::delete_organization("ghosts"),
        calls::delete_organization("mia"),
        calls::remove_member("acme", "sam"),
        calls::remove_member("acme", "ghost"),
        calls::remove_member("ghosts", "mia"),
        calls::delete_team("@acme/ghosts"),
        calls::delete_team("@ghosts/crew"),
        calls::remove_team_member("@acme/crew", "mia"),
        calls::remove_team_member("@acme/crew", "ghost"),
        calls::remove_team_member("@acme/ghosts", "max"),
        calls::delete_project("acme/ghosts"),
        calls::delete_project("00000000-0000-4000-8000-000000000000"),
        calls::remove("acme/trees", "mia"),
        calls::remove("acme/trees", "ghost"),
        calls::remove("acme/trees", "@acme/crew"),
        calls::remove("acme/trees", "@acme/ghosts"),
        calls::remove("acme/ghosts", "mia"),
        calls::delete_plan("ghost"),
    ]
}

/// Removals of what it has, from the leaves to the root.
fn present() -> Vec<Call> {
    vec![
        calls::remove("acme/trees", "rita"),
        calls::remove_team_member("@acme/crew", "max"),
        calls::delete_team("@acme/crew"),
        calls::remove_member("acme", "mia"),
        calls::offboard("rolf"),
        calls::delete_project("pia/garden"),
        calls::delete_organization("acme"),
        calls::delete_user("sam"),
        calls::delete_user("pia"),
        calls::delete_user("pam"),
        calls::delete_plan("premium"),
    ]
}

#[tokio::test]
async fn what_is_absent_is_an_error_unless_that_is_allowed() {
    let world = World::acme().await;
    for call in absent() {
        world.refused(call.clone(), Code::NotFound, "NOT_FOUND").await;
        changes_nothing(&world, call.if_there()).await;
    }
}

#[tokio::test]
async fn what_is_there_goes_all_the_same_and_may_be_asked_for_again() {
    let world = World::acme().await;
    for call in present() {
        let before = world.revision().await;
        world.send(call.clone().if_there()).await;
        assert_eq!(world.revision().await, before + 1, "{call:?}");
        let before = world.dump().await;
        world.send(call.clone().if_there()).await;
        assert_eq!(world.dump().await, before, "{call:?}");
        if !matches!(call, Call::RemoveUserEverywhere(_)) {
            let status = call.send(&world.service).await.unwrap_err();
            assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "NOT_FOUND"), "{call:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_missing_where_nothing_ever_was() {
    let world = World::empty().await;
    let before = world.dump().await;
    let answer = world.send(calls::delete_user("ghost").if_there()).await;
    assert!(!answer.revision.is_empty());
    assert_eq!(world.dump().await, before);
}

#[tokio::test]
async fn that_something_may_be_missing_allows_nothing_else() {
    let world = World::acme().await;
    let denied = [
        (calls::remove_member("acme", "sam"), "delete_members"),
        (calls::remove_member("acme", "mona"), "delete_members"),
        (calls::remove("acme/trees", "sam"), "delete_collaborators"),
        (calls::delete_team("@acme/ghosts"), "delete_teams"),
        (calls::offboard("mona"), "delete_account"),
    ];
    for (call, action) in denied {
        assert_eq!(world.denied(call.if_there().by("mia")).await, action);
    }
    let owner = calls::remove_member("acme", "olga").if_there();
    world.refused(owner, Code::FailedPrecondition, "ORGANIZATION_OWNER_REQUIRED").await;
    world.refused(calls::delete_plan("default").if_there(), Code::FailedPrecondition, "PLAN_IN_USE").await;
}
