//! Taking a user out of everything: no role of it is left but by what it owns, and all that went is told.

use rolegate::grpc::v1::ProjectRole::{Editor, Manager, Reader};
use rolegate::grpc::v1::{
    GetMemberRequest, OrganizationRole, OrganizationServiceTransferRequest, Origin, RemoveUserEverywhereRequest,
    RemoveUserEverywhereResponse,
};
use tonic::Code;

use super::changes_nothing;
use crate::membership::calls::{self, Call, add, add_until};
use crate::membership::world::{World, soon};

/// mona of acme, who also owns the organization fen, in whose team and on whose project she is, owns a project herself, and has
/// a role on pia's.
async fn settled() -> World {
    let world = World::acme().await;
    world
        .all([
            calls::set_user_plan("mona", "premium"),
            calls::create_organization("fen", "mona"),
            calls::create_team("@fen/crew"),
            calls::add_team_member("@fen/crew", "mona"),
            calls::create_project("fen", "moss"),
            add("fen/moss", "mona", Reader),
            add("fen/moss", "@fen/crew", Editor),
            calls::create_project("mona", "diary"),
            calls::add_team_member("@acme/crew", "mona"),
            add("acme/trees", "@acme/crew", Manager),
            add_until("pia/garden", "mona", Reader, soon(3600)),
            calls::create_project("sam", "map"),
            calls::set_public("sam/map", true),
        ])
        .await;
    world
}

const PROJECTS: [&str; 5] = ["acme/trees", "pia/garden", "fen/moss", "mona/diary", "sam/map"];

async fn offboard(world: &World, request: RemoveUserEverywhereRequest) -> RemoveUserEverywhereResponse {
    world.service.users().remove_user_everywhere(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn nothing_is_left_but_what_it_owns() {
    let world = settled().await;
    let tried = world.send(calls::offboard("mona").dry()).await;
    assert!(tried.revision.is_empty());
    let answer = world.send(calls::offboard("mona")).await;
    let sorted = |mut removals: Vec<String>| {
        removals.sort();
        removals
    };
    let gone = [
        "COLLABORATOR acme/trees mona",
        "COLLABORATOR fen/moss mona",
        "COLLABORATOR pia/garden mona",
        "MEMBER acme mona",
        "TEAM_MEMBER @acme/crew mona",
        "TEAM_MEMBER @fen/crew mona",
    ];
    assert_eq!(sorted(answer.removals), gone);
    assert_eq!(sorted(tried.removals), gone);
    let mut roles = Vec::new();
    for project in PROJECTS {
        roles.push(world.role("mona", project).await.map(|(_, origin)| origin));
    }
    assert_eq!(
        roles,
        [None, None, Some(Origin::OrganizationOwner), Some(Origin::ProjectOwner), Some(Origin::Public)],
        "its own, and what everybody sees"
    );
    changes_nothing(&world, calls::offboard("mona")).await;
}

#[tokio::test]
async fn what_it_owns_is_listed_and_with_its_end_it_holds_no_role() {
    let world = settled().await;
    let request = RemoveUserEverywhereRequest { username: "Mona".to_owned(), deactivate: true, ..Default::default() };
    let answer = offboard(&world, request.clone()).await;
    assert_eq!((answer.owned_organizations, answer.owned_organizations_total), (vec!["fen".to_owned()], 1));
    assert_eq!((answer.owned_projects, answer.owned_projects_total), (vec!["mona/diary".to_owned()], 1));
    for project in PROJECTS {
        assert_eq!(world.role("mona", project).await, None, "{project}");
    }
    changes_nothing(&world, Call::RemoveUserEverywhere(request)).await;
}

#[tokio::test]
async fn anyone_may_leave_everything_and_nobody_else_may_be_taken_out() {
    let world = settled().await;
    for actor in ["adam", "olga", "mia"] {
        assert_eq!(world.denied(calls::offboard("mona").by(actor)).await, "delete_account");
    }
    let deactivated = RemoveUserEverywhereRequest {
        username: "mona".to_owned(),
        deactivate: true,
        actor: "mona".to_owned(),
        ..Default::default()
    };
    world.refused(Call::RemoveUserEverywhere(deactivated), Code::PermissionDenied, "PERMISSION_DENIED").await;
    world.refused(calls::offboard("acme"), Code::NotFound, "NOT_FOUND").await;
    world.send(calls::offboard("mona").by("mona")).await;
    assert_eq!(world.role("mona", "acme/trees").await, None);
    // the others have what they had
    assert_eq!(world.role("max", "acme/trees").await, Some((Manager, Origin::TeamMember)));
    world.send(calls::add_member("acme", "mona", OrganizationRole::Member)).await;
    assert_eq!(world.role("mona", "acme/trees").await, None, "nothing comes back");
}

#[tokio::test]
async fn an_organization_that_is_handed_over_meanwhile_is_said_to_be_owned_or_leaves_no_member() {
    let world = World::acme().await;
    for turn in 0..15 {
        let organization = format!("fen{turn}");
        world.send(calls::create_organization(&organization, "mona")).await;
        let transfer = OrganizationServiceTransferRequest {
            username: organization.clone(),
            new_owner: "sam".to_owned(),
            ..Default::default()
        };
        let mut organizations = world.service.organizations();
        let everywhere = RemoveUserEverywhereRequest { username: "mona".to_owned(), ..Default::default() };
        let (answer, handed_over) = tokio::join!(offboard(&world, everywhere), organizations.transfer(transfer));
        handed_over.unwrap();
        let member = GetMemberRequest { organization: organization.clone(), user: "mona".to_owned() };
        let is_member = organizations.get_member(member).await.is_ok();
        assert!(answer.owned_organizations.contains(&organization) || !is_member, "{organization}: {answer:?}");
    }
}
