//! What the permission model says under «What a write must refuse» and no other test here has by name.

use rolegate::grpc::v1::OrganizationRole::{Admin as OrgAdmin, Member};
use rolegate::grpc::v1::Origin;
use rolegate::grpc::v1::ProjectRole::{Admin, Editor, Manager, Reader, Reporter};
use tonic::Code::{FailedPrecondition, NotFound, PermissionDenied};

use super::calls::{self, Call, add};
use super::world::World;

/// The writes that change a project, or who is on it.
fn writes_of(project: &str) -> Vec<Call> {
    vec![
        calls::rename_project(project, "renamed"),
        calls::set_public(project, true),
        add(project, "mia", Reader),
        calls::set_role(project, "max", Editor),
        calls::set_incognito(project, "max", true),
        calls::set_expiry(project, "max", None),
        calls::remove(project, "max"),
        calls::transfer_project(project, "mona"),
        calls::delete_project(project),
    ]
}

#[tokio::test]
async fn the_object_that_is_checked_is_the_object_that_is_written() {
    let world = World::acme().await;
    let stones = world.service.create_project("acme/stones", false).await;
    world.send(add("acme/stones", "max", Reader)).await;
    // mona manages trees, alma is an admin there: neither may anything on stones, however it is named
    for actor in ["mona", "alma"] {
        for project in ["acme/stones", "ACME/stones", &stones] {
            for call in writes_of(project) {
                let call = call.by(actor);
                let denied = world.denied(call.clone()).await;
                assert!(denied.ends_with("_project") || denied.ends_with("_collaborators"), "{denied}: {call:?}");
            }
        }
    }
    world.send(calls::set_role("acme/trees", "rita", Editor).by("mona")).await;
}

#[tokio::test]
async fn any_active_user_can_become_the_owner_of_an_organization() {
    let world = World::acme().await;
    for new_owner in ["sam", "mia", "adam", "cleo", "alma", "pia", "olga"] {
        world.send(calls::transfer_organization("acme", new_owner)).await;
        let (role, origin) = world.role(new_owner, "acme/trees").await.unwrap();
        assert_eq!((role, origin), (Admin, Origin::OrganizationOwner), "{new_owner}");
    }
    let refused = [calls::transfer_organization("acme", "ivan")];
    world.refused_all(FailedPrecondition, "ORGANIZATION_OWNER_REQUIRED", refused).await;
    world.refused(calls::transfer_organization("acme", "nobody"), NotFound, "NOT_FOUND").await;
}

#[tokio::test]
async fn a_manager_cannot_touch_an_admin_nor_give_more_than_it_has() {
    let world = World::acme().await;
    let on_alma =
        [calls::set_role("acme/trees", "alma", Reader).by("mona"), calls::remove("acme/trees", "alma").by("mona")];
    world.refused_all(PermissionDenied, "TARGET_ROLE_ABOVE_OWN", on_alma).await;
    let above = [add("acme/trees", "max", Admin).by("mona"), calls::set_role("acme/trees", "mona", Admin).by("mona")];
    world.refused_all(PermissionDenied, "ROLE_ABOVE_OWN", above).await;
    world.send(add("acme/trees", "max", Manager).by("mona")).await;
}

#[tokio::test]
async fn before_a_deletion_a_caller_can_ask_what_would_go() {
    let world = World::acme().await;
    for call in [
        calls::delete_team("@acme/crew"),
        calls::remove_member("acme", "edda"),
        calls::delete_project("pia/garden"),
        calls::delete_user("max"),
        calls::delete_organization("acme"),
    ] {
        let before = world.dump().await;
        let told = world.send(call.clone().dry()).await;
        assert_eq!((world.dump().await, told.revision.as_str()), (before, ""), "{call:?}");
        let gone = world.send(call.clone()).await.removals;
        assert_eq!(told.removals, gone, "{call:?}");
        assert!(!gone.is_empty(), "{call:?}");
    }
}

#[tokio::test]
async fn ruling_roles_above_reporter_on_a_users_project_are_refused_only_where_the_plan_says_so() {
    let world = World::acme().await;
    world.send(add("pia/garden", "pam", Admin)).await;
    world.send(calls::remove("pia/garden", "pam")).await;
    let mut plan = calls::put_plan("capped", true, -1, -1);
    if let Call::PutPlan(request) = &mut plan {
        request.plan.as_mut().unwrap().personal_projects_up_to_reporter = true;
    }
    world.all([plan, calls::set_user_plan("pia", "capped")]).await;
    let above = [Editor, Manager, Admin].map(|role| add("pia/garden", "pam", role));
    world.refused_all(FailedPrecondition, "ROLE_NOT_ALLOWED_ON_PERSONAL_PROJECT", above).await;
    world.send(add("pia/garden", "pam", Reporter)).await;
    world.send(calls::set_organization_plan("acme", "capped")).await;
    world.send(add("acme/trees", "max", Admin)).await;
}

#[tokio::test]
async fn an_owner_is_no_member_and_can_only_hand_its_organization_over() {
    let world = World::acme().await;
    for role in [Member, OrgAdmin] {
        world.refused(calls::add_member("acme", "olga", role), FailedPrecondition, "OWNER_CANNOT_BE_MEMBER").await;
    }
    let removed = calls::remove_member("acme", "olga");
    world.refused(removed, FailedPrecondition, "ORGANIZATION_OWNER_REQUIRED").await;
}
