//! What makes no sense is INVALID_ARGUMENT with the field's name, whatever a caller sends; never an internal error.

use prost_types::Timestamp;
use rolegate::grpc::v1::ProjectRole::{self, Owner, Reader, Unspecified};
use rolegate::grpc::v1::{self, OrganizationRole};
use tonic::Code::InvalidArgument;
use tonic::Status;
use tonic_types::StatusExt as _;

use super::calls::{self, Call, add, add_member, put_plan, set_role};
use super::world::{World, soon};
use crate::support::reason;

#[tokio::test]
async fn names_that_cannot_be_are_refused_by_their_field() {
    let world = World::acme().await;
    let huge = "x".repeat(100_000);
    let (composed, decomposed) = ("mi\u{00e1}", "mia\u{0301}");
    for name in ["", "m", "mia\0", "\0", composed, decomposed, "ＭＩＡ", "mia mia", "../mia", "mia'--", &huge] {
        let table = [
            (calls::delete_user(name), "username"),
            (calls::delete_organization(name), "username"),
            (calls::transfer_organization("acme", name), "new_owner"),
            (add_member(name, "sam", OrganizationRole::Member), "organization"),
            (add_member("acme", name, OrganizationRole::Member), "user"),
            (calls::create_project(name, "stones"), "owner"),
            (calls::transfer_project("acme/trees", name), "new_owner"),
            (add("acme/trees", name, Reader), "collaborator"),
            (calls::remove("acme/trees", name), "collaborator"),
            (calls::add_team_member("@acme/crew", name), "user"),
            (calls::add_team_member(name, "mia"), "team"),
            (calls::delete_project(name), "project"),
            (add(name, "mia", Reader), "project"),
        ];
        for (call, field) in table {
            names(&world, call, field).await;
        }
        if !name.is_empty() {
            names(&world, calls::remove_member("acme", "mia").by(name), "actor").await;
        }
    }
}

#[tokio::test]
async fn references_that_are_neither_id_nor_path_are_refused() {
    let world = World::acme().await;
    let id = "6c8a4b2e-93a1-4f6e-8f0d-0a5b8f3f2c1";
    for project in
        [id, "trees", "acme/", "/trees", "acme//trees", "acme/trees/", "acme/tr\0es", "@acme/crew", "acme/.x"]
    {
        names(&world, calls::delete_project(project), "project").await;
        names(&world, set_role(project, "mia", Reader), "project").await;
    }
    for team in ["acme/crew", "@acme", "@/crew", "@acme/", "@acme/crew/x", "@@acme/crew", "@acme/cr\0ew"] {
        refused(&world, calls::delete_team(team), "team").await;
    }
    for team in ["@acme", "@acme/", "@acme/files", "@acme/crew/x", "@acme/cr\0ew"] {
        names(&world, add("acme/trees", team, Reader), "collaborator").await;
    }
    for id in ["acme/trees", id, "mia", "\0"] {
        let request = v1::ProjectServiceCreateRequest { id: id.into(), ..project("acme", "stones") };
        names(&world, Call::CreateProject(request), "id").await;
    }
}

#[tokio::test]
async fn roles_that_cannot_be_given_are_refused() {
    let world = World::acme().await;
    for role in [Unspecified as i32, Owner as i32, 7, -1, i32::MAX] {
        let mut calls = [add("acme/trees", "mia", Reader), set_role("acme/trees", "rita", Reader)];
        for call in &mut calls {
            match call {
                Call::AddCollaborator(request) => request.role = role,
                Call::UpdateCollaborator(request) => request.role = role,
                other => panic!("{other:?}"),
            }
            names(&world, call.clone(), "role").await;
        }
    }
    let mut default_role = calls::set_default_role("acme", Owner);
    names(&world, default_role.clone(), "default_project_role").await;
    if let Call::UpdateOrganization(request) = &mut default_role {
        request.default_project_role = 9;
    }
    names(&world, default_role, "default_project_role").await;
    // to add somebody without a role is to add a member; to change somebody to no role is a slip
    for role in [OrganizationRole::Unspecified as i32, 4, -1] {
        let mut call = calls::set_member_role("acme", "cleo", OrganizationRole::Member);
        if let Call::UpdateMember(request) = &mut call {
            request.role = role;
        }
        names(&world, call, "role").await;
    }
    world.send(add_member("acme", "sam", OrganizationRole::Unspecified)).await;
    world.send(calls::set_default_role("acme", ProjectRole::Unspecified)).await;
}

#[tokio::test]
async fn a_role_ends_in_the_future_or_never() {
    let world = World::acme().await;
    let at = |seconds, nanos| Timestamp { seconds, nanos };
    let absurd = [
        soon(0),
        soon(-60),
        at(0, 0),
        at(-1, 0),
        at(i64::MAX, 0),
        at(i64::MIN, 0),
        at(253_402_300_800, 0),
        at(soon(60).seconds, -1),
        at(soon(60).seconds, 1_000_000_000),
        at(soon(60).seconds, i32::MIN),
        at(soon(60).seconds, i32::MAX),
    ];
    for end in absurd {
        names(&world, calls::add_until("acme/trees", "mia", Reader, end), "expires_at").await;
        names(&world, calls::set_expiry("acme/trees", "rita", Some(end)), "expires_at").await;
    }
    world.send(calls::add_until("acme/trees", "mia", Reader, at(253_402_200_000, 999_999_999))).await;
}

#[tokio::test]
async fn limits_are_counts_or_minus_one() {
    let world = World::acme().await;
    for limit in [-2, -100, i32::MIN] {
        names(&world, put_plan("odd", false, limit, -1), "plan.max_collaborators_per_private_project").await;
        names(&world, put_plan("odd", false, -1, limit), "plan.max_organization_members").await;
    }
    for code in ["", "a b", "é", "\0", &"p".repeat(101)] {
        names(&world, put_plan(code, false, -1, -1), "plan.code").await;
        names(&world, calls::delete_plan(code), "code").await;
        names(&world, calls::set_user_plan("sam", code), "plan").await;
    }
    names(&world, Call::PutPlan(v1::PlanServicePutRequest::default()), "plan").await;
    world.all([put_plan("most", false, i32::MAX, i32::MAX), put_plan(&"p".repeat(100), false, 0, 0)]).await;
    world.send(calls::set_organization_plan("acme", "most")).await;
    world.all([add("acme/trees", "mia", Reader), add_member("acme", "sam", OrganizationRole::Member)]).await;
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused_by_their_field() {
    let world = World::acme().await;
    let table = [
        ("mia\0", "acme/trees", "view_project", "user"),
        ("m", "acme/trees", "view_project", "user"),
        ("mia", "trees", "view_project", "project"),
        ("mia", "", "view_project", "project"),
        ("mia", "acme/trees", "View_project", "action"),
        ("mia", "acme/trees", "", "action"),
    ];
    for (user, project, action, field) in table {
        let status = world.service.check(user, project, action).await.unwrap_err();
        assert_eq!((status.code(), violated(&status).as_str()), (InvalidArgument, field), "{user} {project} {action}");
    }
}

fn project(owner: &str, name: &str) -> v1::ProjectServiceCreateRequest {
    v1::ProjectServiceCreateRequest { owner: owner.into(), name: name.into(), ..Default::default() }
}

/// The write is refused by that field, as a field that makes no sense.
async fn names(world: &World, call: Call, field: &str) {
    let status = refused(world, call, field).await;
    let problem = reason(&status);
    // a team's name is held to the rule of usernames, and says so
    assert!(problem == "INVALID_FIELD" || field == "team" && problem.starts_with("USERNAME"), "{field}: {status:?}");
}

/// The write is refused by that field.
async fn refused(world: &World, call: Call, field: &str) -> Status {
    let revision = world.revision().await;
    let Err(status) = call.send(&world.service).await else { panic!("not refused: {call:?}") };
    assert_eq!(status.code(), InvalidArgument, "{call:?}: {status:?}");
    assert_eq!(violated(&status), field, "{call:?}: {status:?}");
    assert_eq!(world.revision().await, revision);
    status
}

fn violated(status: &Status) -> String {
    status.get_details_bad_request().map(|request| request.field_violations[0].field.clone()).unwrap_or_default()
}
