//! A deployment's own action, and the two settings, as callers see them.

use rolegate::domain::policy::Policy;
use rolegate::grpc::v1::authorization_service_client::AuthorizationServiceClient;
use rolegate::grpc::v1::{
    CollaboratorServiceAddRequest, DecisionReason, ExplainRequest, ExplainResponse, ListActionsRequest,
    ListProjectsRequest, ListUsersRequest, OrganizationRole, Origin, OriginStanding, Plan, PlanServicePutRequest,
    ProjectRole, Resolution, StepKind, UserServiceUpdateRequest,
};
use tonic::Code;
use tonic::transport::Channel;

use super::{BUILT_IN, File, told, with};
use crate::support::binary::{Process, url};
use crate::support::questions::{all_allowed, on_organization, on_project};
use crate::support::{Service, fresh_database, reason};

/// A service with that policy; ann owns acme, bob is a direct reader of acme/trees and in a team of its editors.
async fn service(text: &str) -> Service {
    let service = Service::start_by(Policy::parse(text).unwrap(), fresh_database().await).await;
    service.create_users(&["ann", "bob", "cyd"]).await;
    service.create_organization("acme", "ann").await;
    service.add_member("acme", "bob", OrganizationRole::Member).await.unwrap();
    service.create_team("@acme/crew", &["bob"]).await;
    service.create_project("acme/trees", false).await;
    service.add_collaborator("acme/trees", "bob", ProjectRole::Reader).await.unwrap();
    service.add_collaborator("acme/trees", "@acme/crew", ProjectRole::Editor).await.unwrap();
    service
}

async fn explain(mut client: AuthorizationServiceClient<Channel>, user: &str, action: &str) -> ExplainResponse {
    let (user, project, action) = (user.to_owned(), "acme/trees".to_owned(), action.to_owned());
    client.explain(ExplainRequest { user, project, action, consistency: None }).await.unwrap().into_inner()
}

async fn actions(service: &Service, user: &str) -> Vec<String> {
    let request = ListActionsRequest { user: user.into(), project: "acme/trees".into(), consistency: None };
    service.authorization().list_actions(request).await.unwrap().into_inner().actions
}

#[tokio::test]
async fn an_action_of_the_deployments_own_is_one_like_any_other() {
    let text = with("[organization]", "export_map = { role = \"editor\", template = \"never\" }\n\n[organization]");
    let service = service(&text.replace("[account]", "order_pizza = \"member\"\n\n[account]")).await;
    assert!(service.check("bob", "acme/trees", "export_map").await.unwrap().allowed);
    let denied = service.check("cyd", "acme/trees", "export_map").await.unwrap();
    assert_eq!((denied.reason(), denied.required_role()), (DecisionReason::NoRole, ProjectRole::Editor));
    assert_eq!(actions(&service, "bob").await.last().unwrap(), "export_map");
    assert!(!actions(&service, "cyd").await.contains(&"export_map".to_owned()));
    let items = vec![
        on_project("bob", "acme/trees", "export_map"),
        on_organization("bob", "acme", "order_pizza"),
        on_organization("cyd", "acme", "order_pizza"),
    ];
    assert_eq!(all_allowed(&service.batch(items).await.unwrap()), [Ok(true), Ok(true), Ok(false)]);
    let explained = explain(service.authorization(), "cyd", "export_map").await;
    let [steps, ..] = &explained.alternatives[..] else { panic!("no alternative") };
    assert_eq!(
        steps.steps.iter().map(|step| step.kind()).collect::<Vec<_>>(),
        [StepKind::AddMember, StepKind::GiveCollaboratorRole]
    );
    let listed = ListProjectsRequest { user: "bob".into(), action: "export_map".into(), ..Default::default() };
    assert_eq!(service.authorization().list_projects(listed).await.unwrap().into_inner().projects.len(), 1);
    let listed = ListUsersRequest { project: "acme/trees".into(), action: "export_map".into(), ..Default::default() };
    let users = service.authorization().list_users(listed).await.unwrap().into_inner().users;
    assert_eq!(users.iter().map(|one| one.user.as_str()).collect::<Vec<_>>(), ["ann", "bob"]);
    for (project_action, listed) in [("order_pizza", "export_map"), ("destroy", "export_map")] {
        let status = service.check("bob", "acme/trees", project_action).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "UNKNOWN_ACTION"));
        assert!(status.message().ends_with(listed), "the last of the list: {}", status.message());
    }
    service.stop().await;
}

#[tokio::test]
async fn first_origin_and_highest_differ_where_a_direct_reader_is_in_a_team_of_editors() {
    for (text, held, resolution) in [
        (BUILT_IN.to_owned(), (ProjectRole::Editor, Origin::TeamMember), Resolution::Highest),
        (
            with("resolution = \"highest\"", "resolution = \"first_origin\""),
            (ProjectRole::Reader, Origin::Collaborator),
            Resolution::FirstOrigin,
        ),
    ] {
        let service = service(&text).await;
        let answer = service.check("bob", "acme/trees", "delete_files").await.unwrap();
        assert_eq!(((answer.role(), answer.origin()), answer.allowed), (held, held.0 == ProjectRole::Editor));
        let explained = explain(service.authorization(), "bob", "delete_files").await;
        assert_eq!((explained.resolution(), explained.allowed), (resolution, answer.allowed));
        assert_eq!((explained.role(), explained.origin()), held);
        let of = |origin: Origin| explained.origins.iter().find(|one| one.origin() == origin).unwrap();
        let (direct, team) = (of(Origin::Collaborator), of(Origin::TeamMember));
        let expected = match resolution {
            Resolution::Highest => (OriginStanding::LowerRole, OriginStanding::Wins),
            _ => (OriginStanding::Wins, OriginStanding::LaterOrigin),
        };
        assert_eq!((direct.standing(), team.standing()), expected);
        assert_eq!((direct.role(), team.role()), (ProjectRole::Reader, ProjectRole::Editor));
        assert_eq!(team.teams, ["@acme/crew"]);
        let kinds: Vec<_> = explained.alternatives.iter().map(|one| one.steps[0].kind()).collect();
        if resolution == Resolution::FirstOrigin {
            assert_eq!(kinds, [StepKind::GiveCollaboratorRole, StepKind::MakeOrganizationAdmin]);
        } else {
            assert!(kinds.is_empty());
        }
        assert_eq!(actions(&service, "bob").await.contains(&"delete_files".to_owned()), answer.allowed);
        let listed = ListUsersRequest { project: "acme/trees".into(), ..Default::default() };
        let users = service.authorization().list_users(listed).await.unwrap().into_inner().users;
        let bob = users.iter().find(|one| one.user == "bob").unwrap();
        assert_eq!((bob.role(), bob.origin()), held);
        service.stop().await;
    }
}

#[tokio::test]
async fn refuse_view_shows_a_project_over_its_limit_to_nobody_and_counts_the_incognito() {
    for (text, refusing) in
        [(BUILT_IN.to_owned(), false), (with("over_limit = \"report\"", "over_limit = \"refuse_view\""), true)]
    {
        let service = service(&text).await;
        let plan = |limit| Plan {
            code: "small".to_owned(),
            max_collaborators_per_private_project: limit,
            max_organization_members: -1,
            ..Default::default()
        };
        let put = |limit| PlanServicePutRequest { plan: Some(plan(limit)), ..Default::default() };
        service.plans().put(put(1)).await.unwrap();
        let organization = rolegate::grpc::v1::OrganizationServiceUpdateRequest {
            username: "acme".into(),
            plan: "small".into(),
            update_mask: Some(prost_types::FieldMask { paths: vec!["plan".into()] }),
            ..Default::default()
        };
        service.organizations().update(organization).await.unwrap();
        let view = async |user| service.check(user, "acme/trees", "view_project").await.unwrap();
        assert_eq!((view("ann").await.over_limit, view("ann").await.allowed), (false, true), "bob alone");
        // one that is incognito is added past the limit
        service.add_member("acme", "cyd", OrganizationRole::Member).await.unwrap();
        let hidden = CollaboratorServiceAddRequest {
            project: "acme/trees".into(),
            collaborator: "cyd".into(),
            role: ProjectRole::Editor.into(),
            incognito: true,
            ..Default::default()
        };
        service.collaborators().add(hidden).await.unwrap();
        for user in ["ann", "bob", "cyd"] {
            let answer = view(user).await;
            let expected = if refusing { DecisionReason::OverLimit } else { DecisionReason::Granted };
            assert_eq!((answer.over_limit, answer.reason()), (refusing, expected), "{user}");
            assert_eq!(answer.required_role() == ProjectRole::Unspecified, refusing, "no role would do");
            assert!(service.check(user, "acme/trees", "read_files").await.unwrap().allowed, "all else goes on");
        }
        assert_eq!(actions(&service, "ann").await.contains(&"view_project".to_owned()), !refusing);
        let explained = explain(service.authorization(), "ann", "view_project").await;
        let first = explained.alternatives.first().map(|one| one.steps[0].kind());
        assert_eq!(first, refusing.then_some(StepKind::KeepCollaboratorLimit));
        // a plan that allows none is exceeded by bob, whatever the setting
        service.plans().put(put(0)).await.unwrap();
        assert_eq!((view("ann").await.over_limit, view("ann").await.allowed), (true, !refusing));
        service.plans().put(put(-1)).await.unwrap();
        assert_eq!((view("ann").await.over_limit, view("ann").await.allowed), (false, true));
        service.stop().await;
    }
}

#[tokio::test]
async fn inactive_users_and_templates_are_explained_with_what_would_help() {
    let service = service(BUILT_IN).await;
    let update = UserServiceUpdateRequest {
        username: "bob".into(),
        active: false,
        update_mask: Some(prost_types::FieldMask { paths: vec!["active".into()] }),
        ..Default::default()
    };
    service.users().update(update).await.unwrap();
    let explained = explain(service.authorization(), "bob", "delete_files").await;
    assert_eq!(explained.reason(), DecisionReason::UserInactive);
    assert!(
        explained.origins.len() == 7 && explained.origins.iter().all(|one| one.standing() == OriginStanding::Nobody)
    );
    let [only] = &explained.alternatives[..] else { panic!("{:?}", explained.alternatives) };
    assert_eq!((only.steps[0].kind(), only.steps[0].subject.as_str()), (StepKind::ActivateUser, "bob"));
    for (user, expected) in [("", DecisionReason::Anonymous), ("nobody", DecisionReason::UserNotFound)] {
        let explained = explain(service.authorization(), user, "delete_files").await;
        assert_eq!((explained.reason(), explained.alternatives.len()), (expected, 0));
    }
    service.stop().await;
}

#[tokio::test]
async fn the_real_binary_serves_by_the_file_it_is_given() {
    let file = File::of(&with("[organization]", "export_map = \"editor\"\n\n[organization]"));
    let database = fresh_database().await;
    let process = Process::start("demo", &["--database-url", &url(&database), "--policy", file.path()]).await;
    let shown = async {
        while !process.output().contains("Serving on") {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), shown).await.expect("it serves");
    let server = process.address.to_string();
    for (user, action, status) in
        [("edith", "export_map", 0), ("tina", "export_map", 1), ("tina", "print_map", 2), ("edith", "delete_files", 0)]
    {
        let (code, output, errors) = told(&["check", user, "acme/trees", action, "--server", &server]).await;
        assert_eq!(code, status, "{user} {action}: {output}{errors}");
        assert!(status < 2 || errors.contains("transfer_project, export_map"), "{errors}");
    }
    process.signal("TERM");
    assert_eq!(process.end(std::time::Duration::from_secs(60)).await.code(), Some(0));
}
