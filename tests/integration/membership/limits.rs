//! The limits of plans at their boundaries: who counts, and what is asked when.

use rolegate::grpc::v1::OrganizationRole::{Admin as OrgAdmin, Creator, Member};
use rolegate::grpc::v1::ProjectRole::{Admin, Editor, Manager, Reader, Reporter};
use tonic::Code::FailedPrecondition;

use super::calls::{self, Call, add, add_incognito, add_member, put_plan, set_incognito, set_role};
use super::world::World;

const FULL: &str = "COLLABORATOR_LIMIT_REACHED";

#[tokio::test]
async fn only_listed_users_but_the_owner_count_as_collaborators() {
    let world = World::acme().await;
    // trees has five collaborators that count
    world.all([put_plan("six", false, 6, -1), calls::set_organization_plan("acme", "six")]).await;
    world.send(add("acme/trees", "mia", Reader)).await;
    world.refused(add("acme/trees", "max", Reader), FailedPrecondition, FULL).await;
    world.send(add("acme/trees", "@acme/crew", Reader)).await;
    world.send(add_incognito("acme/trees", "max", Reader)).await;
    world.send(add("acme/trees", "olga", Reader)).await;
    world.refused(set_incognito("acme/trees", "max", false), FailedPrecondition, FULL).await;
    world.all([set_incognito("acme/trees", "olga", true), set_incognito("acme/trees", "olga", false)]).await;
    world.all([set_incognito("acme/trees", "mia", true), set_incognito("acme/trees", "max", false)]).await;
    world.refused(set_incognito("acme/trees", "mia", false), FailedPrecondition, FULL).await;
    world.send(calls::remove("acme/trees", "max")).await;
    world.send(set_incognito("acme/trees", "mia", false)).await;
    assert!(!world.service.check("olga", "acme/trees", "view_project").await.unwrap().over_limit);
}

#[tokio::test]
async fn a_public_project_has_no_limit() {
    let world = World::acme().await;
    world.all([put_plan("none", false, 0, -1), calls::set_organization_plan("acme", "none")]).await;
    world.send(calls::create_project("acme", "stones")).await;
    world.refused(add("acme/stones", "mia", Reader), FailedPrecondition, FULL).await;
    world.all([calls::set_public("acme/stones", true), add("acme/stones", "mia", Reader)]).await;
    world.send(calls::set_public("acme/stones", false)).await;
    world.refused(add("acme/stones", "max", Reader), FailedPrecondition, FULL).await;
    assert!(world.service.check("mia", "acme/stones", "view_project").await.unwrap().over_limit);
}

#[tokio::test]
async fn a_plan_that_shrinks_takes_nothing_away() {
    let world = World::acme().await;
    world.all([put_plan("one", false, 1, 1), calls::set_organization_plan("acme", "one")]).await;
    let check = world.service.check("mona", "acme/trees", "create_collaborators").await.unwrap();
    assert_eq!((check.allowed, check.over_limit), (true, true));
    // those on it may still be changed, and members too
    world.all([set_role("acme/trees", "rita", Editor), calls::set_member_role("acme", "mia", OrgAdmin)]).await;
    world.all([calls::set_expiry("acme/trees", "rita", None), calls::remove("acme/trees", "rolf")]).await;
    world.refused(add("acme/trees", "rolf", Reader), FailedPrecondition, FULL).await;
    world.send(put_plan("one", false, -1, 1)).await;
    world.send(add("acme/trees", "rolf", Reader)).await;
}

#[tokio::test]
async fn members_are_limited_when_added_and_not_when_changed() {
    let world = World::acme().await;
    // acme has ten members, and its owner, who is not counted
    world.all([put_plan("ten", false, -1, 10), calls::set_organization_plan("acme", "ten")]).await;
    let reason = "MEMBER_LIMIT_REACHED";
    world.refused(add_member("acme", "sam", Member), FailedPrecondition, reason).await;
    world.refused(add_member("acme", "sam", Member).by("adam"), FailedPrecondition, reason).await;
    world.all([Creator, OrgAdmin, Member].map(|role| calls::set_member_role("acme", "mia", role))).await;
    world.send(calls::set_member_public("acme", "mia", false)).await;
    // the former owner would be the eleventh
    world.refused(calls::transfer_organization("acme", "sam"), FailedPrecondition, reason).await;
    world.refused(calls::transfer_organization("acme", "sam").by("olga"), FailedPrecondition, reason).await;
    // the new owner makes room
    world.send(calls::transfer_organization("acme", "mia").by("olga")).await;
    world.refused(add_member("acme", "sam", Member), FailedPrecondition, reason).await;
    world.all([calls::remove_member("acme", "max"), add_member("acme", "sam", Member)]).await;
}

#[tokio::test]
async fn a_plan_may_cap_the_roles_on_personal_projects() {
    let world = World::acme().await;
    let reason = "ROLE_NOT_ALLOWED_ON_PERSONAL_PROJECT";
    world.all(["mia", "max"].map(|user| calls::set_user_plan(user, "premium"))).await;
    world.all([add("pia/garden", "pam", Admin), capped("premium")]).await;
    for public in [false, true] {
        world.send(calls::set_public("pia/garden", public)).await;
        for role in [Editor, Manager, Admin] {
            world.refused(add("pia/garden", "mia", role), FailedPrecondition, reason).await;
            world.refused(add("pia/garden", "mia", role).by("pia"), FailedPrecondition, reason).await;
        }
    }
    world.send(add("pia/garden", "mia", Reporter)).await;
    world.refused(set_role("pia/garden", "mia", Editor), FailedPrecondition, reason).await;
    // who has more already keeps it, may go down, and never up again
    world.all([calls::set_expiry("pia/garden", "pam", None), set_role("pia/garden", "pam", Manager)]).await;
    world.refused(set_role("pia/garden", "pam", Admin), FailedPrecondition, reason).await;
    // organizations are not meant
    world.all([calls::set_organization_plan("acme", "premium"), set_role("acme/trees", "rita", Admin)]).await;
}

fn capped(code: &str) -> Call {
    let Call::PutPlan(mut request) = put_plan(code, true, -1, -1) else { unreachable!() };
    if let Some(plan) = &mut request.plan {
        plan.personal_projects_up_to_reporter = true;
    }
    Call::PutPlan(request)
}
