//! What updates take, what a write that is only tried writes (nothing), and what is not found.

use rolegate::grpc::v1::OrganizationRole::{Creator, Member};
use rolegate::grpc::v1::ProjectRole::{self, Admin, Editor, Reader};
use rolegate::grpc::v1::{self, ProjectServiceGetRequest};
use tonic::Code::{AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied};
use tonic_types::StatusExt as _;

use super::calls::{self, Call, mask};
use super::world::{World, soon};

#[tokio::test]
async fn a_write_that_is_only_tried_writes_nothing() {
    let world = World::acme().await;
    world.all([calls::put_plan("spare", false, -1, -1), calls::create_team("@acme/spare")]).await;
    world.all([calls::create_project("acme", "spare"), calls::create_organization("spare-org", "sam")]).await;
    let before = world.dump().await;
    for call in one_of_each() {
        let answer = world.send(call.clone().dry()).await;
        assert_eq!(answer.revision, "", "{call:?}");
        assert_eq!(world.dump().await, before, "{call:?}");
    }
    assert_eq!(world.role("sam", "acme/trees").await, None);
    // and each is possible, as it said
    for call in one_of_each() {
        let answer = world.send(call).await;
        assert_ne!(answer.revision, "");
    }
}

#[tokio::test]
async fn a_refusal_is_the_same_where_the_write_is_only_tried() {
    let world = World::acme().await;
    let table = [
        (calls::create_user("MIA"), AlreadyExists, "USERNAME_TAKEN"),
        (calls::create_project("acme", "trees"), AlreadyExists, "PROJECT_NAME_TAKEN"),
        (calls::add("acme/trees", "sam", Reader), FailedPrecondition, "NOT_ORGANIZATION_MEMBER"),
        (calls::set_role("acme/trees", "rita", Admin).by("mona"), PermissionDenied, "ROLE_ABOVE_OWN"),
        (calls::remove("acme/trees", "alma").by("mona"), PermissionDenied, "TARGET_ROLE_ABOVE_OWN"),
        (calls::delete_organization("acme").by("adam"), PermissionDenied, "PERMISSION_DENIED"),
        (calls::delete_plan("premium"), FailedPrecondition, "PLAN_IN_USE"),
        (calls::delete_user("ghost"), NotFound, "NOT_FOUND"),
    ];
    for (call, code, reason) in table {
        world.refused(call.clone().dry(), code, reason).await;
        world.refused(call, code, reason).await;
    }
}

#[tokio::test]
async fn an_update_changes_what_its_mask_names_and_nothing_else() {
    let world = World::acme().await;
    let all = v1::ProjectServiceUpdateRequest {
        project: world.service.create_project("acme/stones", false).await,
        name: "pebbles".to_owned(),
        public: true,
        restricted_project_files: true,
        template: true,
        ..Default::default()
    };
    let mut expected = ("stones".to_owned(), false, false, false);
    for path in ["public", "template", "name", "restricted_project_files"] {
        world
            .send(Call::UpdateProject(v1::ProjectServiceUpdateRequest { update_mask: mask(&[path]), ..all.clone() }))
            .await;
        match path {
            "public" => expected.1 = true,
            "restricted_project_files" => expected.2 = true,
            "template" => expected.3 = true,
            _ => expected.0 = "pebbles".to_owned(),
        }
        let asked = ProjectServiceGetRequest { project: all.project.clone() };
        let found = world.service.projects().get(asked).await.unwrap().into_inner().project.unwrap();
        assert_eq!((found.name, found.public, found.restricted_project_files, found.template), expected, "{path}");
    }
}

#[tokio::test]
async fn a_collaborator_changes_path_by_path() {
    let world = World::acme().await;
    let end = soon(3600);
    let all = v1::CollaboratorServiceUpdateRequest {
        project: "acme/trees".to_owned(),
        collaborator: "rita".to_owned(),
        role: Editor.into(),
        incognito: true,
        expires_at: Some(end),
        ..Default::default()
    };
    let mut expected = (Reader, false, false);
    for path in ["incognito", "expires_at", "role"] {
        let call = v1::CollaboratorServiceUpdateRequest { update_mask: mask(&[path]), ..all.clone() };
        world.send(Call::UpdateCollaborator(call)).await;
        match path {
            "incognito" => expected.1 = true,
            "expires_at" => expected.2 = true,
            _ => expected.0 = Editor,
        }
        let asked = v1::CollaboratorServiceGetRequest { project: "acme/trees".into(), collaborator: "rita".into() };
        let found = world.service.collaborators().get(asked).await.unwrap().into_inner().collaborator.unwrap();
        assert_eq!((found.role(), found.incognito, found.expires_at.is_some()), expected, "{path}");
    }
    world.send(calls::set_expiry("acme/trees", "rita", None).by("mona")).await;
    let asked = v1::CollaboratorServiceGetRequest { project: "acme/trees".into(), collaborator: "rita".into() };
    let found = world.service.collaborators().get(asked).await.unwrap().into_inner().collaborator.unwrap();
    assert_eq!((found.expires_at, found.created_by.as_str(), found.updated_by.as_str()), (None, "", "mona"));
}

#[tokio::test]
async fn a_mask_names_something_and_only_what_there_is() {
    let world = World::acme().await;
    for paths in [&[][..], &["unheard_of"], &["role", "owner"], &["*"], &["username"], &["Role"], &["\0"]] {
        for call in updates(paths) {
            let status = world.refused(call, InvalidArgument, "INVALID_FIELD").await;
            let violations = status.get_details_bad_request().unwrap().field_violations;
            assert_eq!(violations[0].field, "update_mask", "{paths:?}");
        }
    }
    for call in updates_without_mask() {
        world.refused(call, InvalidArgument, "INVALID_FIELD").await;
    }
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let world = World::acme().await;
    let nowhere = "00000000-0000-4000-8000-000000000000";
    let table = [
        (calls::delete_user("ghost"), "user", "ghost"),
        (calls::delete_user("acme"), "user", "acme"),
        (calls::rename_organization("sam", "omega"), "organization", "sam"),
        (calls::add_member("ghost", "sam", Member), "organization", "ghost"),
        (calls::set_member_role("acme", "sam", Member), "member", "acme/sam"),
        (calls::remove_member("acme", "sam"), "member", "acme/sam"),
        (calls::delete_team("@acme/ghosts"), "team", "@acme/ghosts"),
        (calls::remove_team_member("@acme/crew", "mia"), "team_member", "@acme/crew/mia"),
        (calls::delete_project(nowhere), "project", nowhere),
        (calls::delete_project("acme/Trees"), "project", "acme/Trees"),
        (calls::set_role("acme/trees", "max", Reader), "collaborator", "max on acme/trees"),
        (calls::remove("acme/trees", "@acme/crew"), "collaborator", "@acme/crew on acme/trees"),
        (calls::delete_plan("ghost"), "plan", "ghost"),
        (calls::set_user_plan("sam", "Premium"), "plan", "Premium"),
        (calls::set_organization_plan("acme", "ghost"), "plan", "ghost"),
    ];
    for (call, kind, name) in table {
        let status = world.refused(call, NotFound, "NOT_FOUND").await;
        let resource = status.get_details_resource_info().unwrap();
        assert_eq!((resource.resource_type.as_str(), resource.resource_name.as_str()), (kind, name));
    }
}

/// One possible write of each sort, in an order in which all are possible one after the other.
fn one_of_each() -> Vec<Call> {
    vec![
        calls::create_user("newcomer"),
        calls::rename_user("pam", "pamela"),
        calls::create_organization("omega", "sam"),
        calls::set_default_role("acme", Reader),
        calls::add_member("acme", "sam", Member),
        calls::set_member_role("acme", "mia", Creator),
        calls::remove_member("acme", "rita"),
        calls::create_team("@acme/scouts"),
        calls::add_team_member("@acme/crew", "edda"),
        calls::remove_team_member("@acme/crew", "max"),
        calls::rename_team("@acme/crew", "rangers"),
        calls::create_project("acme", "stones"),
        calls::rename_project("pia/garden", "park"),
        calls::add_until("acme/trees", "cleo", Reader, soon(60)),
        calls::set_role("acme/trees", "edda", Reader),
        calls::remove("acme/trees", "rolf"),
        calls::transfer_project("acme/trees", "mona"),
        calls::transfer_organization("acme", "alma"),
        calls::put_plan("fresh", true, 1, 1),
        calls::put_plan("premium", true, 1, 1),
        calls::delete_user("ivan"),
        calls::delete_plan("spare"),
        calls::delete_team("@acme/spare"),
        calls::delete_project("acme/spare"),
        calls::delete_organization("spare-org"),
    ]
}

/// Every update with these paths.
fn updates(paths: &[&str]) -> [Call; 5] {
    let update_mask = mask(paths);
    let with = |mut call: Call| {
        match &mut call {
            Call::UpdateUser(request) => request.update_mask = update_mask.clone(),
            Call::UpdateOrganization(request) => request.update_mask = update_mask.clone(),
            Call::UpdateMember(request) => request.update_mask = update_mask.clone(),
            Call::UpdateProject(request) => request.update_mask = update_mask.clone(),
            Call::UpdateCollaborator(request) => request.update_mask = update_mask.clone(),
            other => panic!("no update: {other:?}"),
        }
        call
    };
    [
        with(calls::rename_user("sam", "samuel")),
        with(calls::set_default_role("acme", ProjectRole::Unspecified)),
        with(calls::set_member_public("acme", "mia", true)),
        with(calls::set_public("acme/trees", true)),
        with(calls::set_role("acme/trees", "rita", Editor)),
    ]
}

fn updates_without_mask() -> [Call; 2] {
    let user = v1::UserServiceUpdateRequest { username: "sam".into(), active: false, ..Default::default() };
    let project = v1::ProjectServiceUpdateRequest { project: "acme/trees".into(), public: true, ..Default::default() };
    [Call::UpdateUser(user), Call::UpdateProject(project)]
}
