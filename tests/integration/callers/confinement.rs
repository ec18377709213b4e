//! A caller that is confined to an organization: it may ask, read and write what hangs off it, and learns of nothing else, not
//! even whether it exists.

use futures::StreamExt as _;
use rolegate::grpc::v1::check_item::Object;
use rolegate::grpc::v1::check_result::Result as Kind;
use rolegate::grpc::v1::*;
use tonic::{Code, Status};

use super::{House, with};
use crate::support::reason;

/// A project that is not there, and could be.
const NOWHERE: &str = "00000000-0000-4000-8000-000000000000";

/// `acme` with a project and a team, `other` with the same, ann's own project; and callers: `acme-app`, who may all within acme.
pub(super) struct World {
    pub(super) house: House,
    pub(super) trees: String,
    secret: String,
}

impl World {
    pub(super) async fn new() -> Self {
        let all = &["check", "read", "write", "admin", "audit"][..];
        let house = House::open(&[
            ("acme-app", all, "organizations = [\"Acme\"]"),
            ("both-app", all, "organizations = [\"acme\", \"ann\", \"nobody\"]"),
        ])
        .await;
        let service = &house.service;
        let user = |name: &str| UserServiceCreateRequest { username: name.to_owned(), ..Default::default() };
        for name in ["ann", "bob"] {
            service.users().create(house.by("root", user(name))).await.unwrap();
        }
        for (name, owner) in [("acme", "ann"), ("other", "bob")] {
            let (username, owner) = (name.to_owned(), owner.to_owned());
            let create = OrganizationServiceCreateRequest { username, owner, ..Default::default() };
            service.organizations().create(house.by("root", create)).await.unwrap();
            let create = TeamServiceCreateRequest { team: format!("@{name}/crew"), ..Default::default() };
            service.teams().create(house.by("root", create)).await.unwrap();
        }
        let mut ids = Vec::new();
        for (owner, name) in [("acme", "trees"), ("other", "secret"), ("ann", "home")] {
            let (owner, name) = (owner.to_owned(), name.to_owned());
            let create = ProjectServiceCreateRequest { owner, name, ..Default::default() };
            let created = service.projects().create(house.by("root", create)).await.unwrap().into_inner();
            ids.push(created.project.unwrap().id);
        }
        Self { trees: ids[0].clone(), secret: ids[1].clone(), house }
    }

    async fn check(&self, caller: &str, user: &str, project: &str) -> Result<CheckResponse, Status> {
        let (user, project, action) = (user.to_owned(), project.to_owned(), "view_project".to_owned());
        let request = CheckRequest { user, project, action, consistency: None };
        let checked = self.house.service.authorization().check(self.house.by(caller, request)).await;
        checked.map(tonic::Response::into_inner)
    }
}

/// Asks as the confined caller.
macro_rules! ask {
    ($world:ident, $client:ident . $method:ident ($message:expr)) => {{
        let house = &$world.house;
        house.service.$client().$method(house.by("acme-app", $message)).await
    }};
}

pub(super) fn assert_out<T: std::fmt::Debug>(answer: Result<T, Status>, what: &str) {
    let status = answer.expect_err(what);
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::PermissionDenied, "ORGANIZATION_OUT_OF_BOUNDS"),
        "{what}"
    );
    let same = "the caller is confined to organizations that this is not about, or not about alone";
    assert_eq!(status.message(), same, "{what}: nothing tells what exists from what does not");
}

#[tokio::test]
async fn checks_are_answered_within_the_bounds_only_however_the_project_is_named() {
    let world = World::new().await;
    for project in ["acme/trees", "ACME/trees", &world.trees] {
        assert!(world.check("acme-app", "ann", project).await.unwrap().allowed);
        assert!(!world.check("acme-app", "bob", project).await.unwrap().allowed, "a denial is an answer");
        assert!(world.check("both-app", "ann", project).await.unwrap().allowed);
    }
    for project in ["other/secret", &world.secret, "ann/home", "acme/none", "nobody/none", NOWHERE] {
        for user in ["ann", "bob", "", "nobody"] {
            assert_out(world.check("acme-app", user, project).await, project);
        }
        world.check("root", "ann", project).await.expect("who is not confined is answered");
    }
    assert!(
        world.check("both-app", "ann", "ann/home").await.unwrap().allowed,
        "a user's own projects, where it is named"
    );

    let service = &world.house.service;
    let organization = |name: &str| CheckOrganizationRequest {
        user: "ann".to_owned(),
        organization: name.to_owned(),
        action: "update_organization".to_owned(),
        consistency: None,
    };
    let by = |name: &str| world.house.by("acme-app", organization(name));
    assert!(service.authorization().check_organization(by("acme")).await.unwrap().into_inner().allowed);
    for name in ["other", "nobody", "ann"] {
        assert_out(service.authorization().check_organization(by(name)).await, name);
    }
    let account = |name: &str| CheckAccountRequest {
        user: "ann".to_owned(),
        account: name.to_owned(),
        action: "get_status".to_owned(),
        consistency: None,
    };
    for name in ["ann", "other", "nobody"] {
        let request = world.house.by("acme-app", account(name));
        assert_out(service.authorization().check_account(request).await, name);
    }
    service.authorization().check_account(world.house.by("both-app", account("ann"))).await.unwrap();
    let actions =
        |project: &str| ListActionsRequest { user: "ann".to_owned(), project: project.to_owned(), consistency: None };
    let listed = service.authorization().list_actions(world.house.by("acme-app", actions("acme/trees"))).await.unwrap();
    assert!(!listed.into_inner().actions.is_empty());
    for project in ["other/secret", "ann/home", NOWHERE] {
        assert_out(service.authorization().list_actions(world.house.by("acme-app", actions(project))).await, project);
    }
    world.house.service.stop().await;
}

#[tokio::test]
async fn a_batch_and_a_stream_answer_what_is_within_and_refuse_the_rest_one_by_one() {
    let world = World::new().await;
    let item = |object| CheckItem { user: "ann".to_owned(), action: "view_project".to_owned(), object: Some(object) };
    let project = |name: &str| item(Object::Project(name.to_owned()));
    let checks = vec![
        project("acme/trees"),
        project("other/secret"),
        project(&world.secret),
        project(&world.trees),
        project(NOWHERE),
    ];
    let is_out = |result: &CheckResult| match result.result.as_ref().unwrap() {
        Kind::Error(error) => {
            assert_eq!(error.reason(), ErrorReason::OrganizationOutOfBounds, "{error:?}");
            true
        }
        Kind::Project(answer) => !answer.allowed,
        _ => panic!("{result:?}"),
    };
    let expected = [false, true, true, false, true];
    let request = BatchCheckRequest { checks: checks.clone(), consistency: None };
    let answer = world.house.service.authorization().batch_check(world.house.by("acme-app", request)).await.unwrap();
    assert_eq!(answer.into_inner().results.iter().map(is_out).collect::<Vec<_>>(), expected);

    let ask =
        |(id, check): (usize, CheckItem)| StreamCheckRequest { id: id as u64, check: Some(check), consistency: None };
    let questions: Vec<_> = checks.into_iter().enumerate().map(ask).collect();
    let request = with(&world.house.keys["acme-app"], futures::stream::iter(questions));
    let answers = world.house.service.authorization().stream_check(request).await.unwrap().into_inner();
    let mut answers: Vec<_> = answers.map(Result::unwrap).collect().await;
    answers.sort_by_key(|answer| answer.id);
    let outs = answers.iter().map(|answer| is_out(answer.result.as_ref().unwrap())).collect::<Vec<_>>();
    assert_eq!(outs, expected);
    world.house.service.stop().await;
}

#[tokio::test]
async fn the_bounds_follow_what_is_handed_over() {
    let world = World::new().await;
    assert!(world.check("acme-app", "ann", &world.trees).await.unwrap().allowed);
    let hand = |owner: &str| {
        let (project, new_owner) = (world.trees.clone(), owner.to_owned());
        ProjectServiceTransferRequest { project, new_owner, ..Default::default() }
    };
    let mut projects = world.house.service.projects();
    assert_out(projects.transfer(world.house.by("acme-app", hand("other"))).await, "out of the bounds");
    projects.transfer(world.house.by("root", hand("other"))).await.unwrap();
    assert_out(world.check("acme-app", "ann", &world.trees).await, "what is acme's no more");
    projects.transfer(world.house.by("root", hand("acme"))).await.unwrap();
    assert!(world.check("acme-app", "ann", "acme/trees").await.unwrap().allowed);
    world.house.service.stop().await;
}

#[tokio::test]
async fn lists_and_reads_are_bounded_or_refused() {
    let world = World::new().await;
    let list = |owner: &str| ListProjectsRequest {
        user: "ann".to_owned(),
        action: "view_project".to_owned(),
        owner: owner.to_owned(),
        ..Default::default()
    };
    assert_eq!(ask!(world, authorization.list_projects(list("acme"))).unwrap().into_inner().projects.len(), 1);
    let users = |project: &str| ListUsersRequest { project: project.to_owned(), ..Default::default() };
    ask!(world, authorization.list_users(users("acme/trees"))).unwrap();
    let explain = |project: &str| {
        let (user, action) = ("ann".to_owned(), "view_project".to_owned());
        ExplainRequest { user, project: project.to_owned(), action, consistency: None }
    };
    ask!(world, authorization.explain(explain("acme/trees"))).unwrap();
    for owner in ["", "other", "ann", "nobody"] {
        assert_out(ask!(world, authorization.list_projects(list(owner))), owner);
        let owned = ProjectServiceListRequest { owner: owner.to_owned(), ..Default::default() };
        assert_out(ask!(world, projects.list(owned)), owner);
    }
    for project in ["other/secret", &world.secret, "acme/none", NOWHERE] {
        assert_out(ask!(world, authorization.list_users(users(project))), project);
        assert_out(ask!(world, authorization.explain(explain(project))), project);
        assert_out(ask!(world, projects.get(ProjectServiceGetRequest { project: project.to_owned() })), project);
        let project = project.to_owned();
        assert_out(
            ask!(world, collaborators.list(CollaboratorServiceListRequest { project, ..Default::default() })),
            "a list",
        );
    }
    ask!(world, projects.get(ProjectServiceGetRequest { project: world.trees.clone() })).unwrap();
    let owned = ProjectServiceListRequest { owner: "acme".to_owned(), ..Default::default() };
    assert_eq!(ask!(world, projects.list(owned)).unwrap().into_inner().projects.len(), 1);
    for (name, within) in [("acme", true), ("other", false), ("nobody", false)] {
        let organization =
            ask!(world, organizations.get(OrganizationServiceGetRequest { username: name.to_owned() })).map(drop);
        let members = ListMembersRequest { organization: name.to_owned(), ..Default::default() };
        let members = ask!(world, organizations.list_members(members)).map(drop);
        let teams = TeamServiceListRequest { organization: name.to_owned(), ..Default::default() };
        let teams = ask!(world, teams.list(teams)).map(drop);
        let team = ask!(world, teams.get(TeamServiceGetRequest { team: format!("@{name}/crew") })).map(drop);
        for (answer, what) in [(organization, "organization"), (members, "members"), (teams, "teams"), (team, "team")] {
            if within { answer.expect(what) } else { assert_out(answer, what) }
        }
    }
    world.house.service.stop().await;
}

#[tokio::test]
async fn what_is_everybodys_is_nobodys_who_is_confined() {
    let world = World::new().await;
    assert_out(ask!(world, users.get(UserServiceGetRequest { username: "ann".to_owned() })), "a user");
    assert_out(ask!(world, users.list(UserServiceListRequest::default())), "users");
    assert_out(ask!(world, organizations.list(OrganizationServiceListRequest::default())), "organizations");
    assert_out(ask!(world, plans.list(PlanServiceListRequest::default())), "plans");
    assert_out(ask!(world, changes.list(ChangeServiceListRequest::default())), "the log");
    assert_out(ask!(world, changes.watch(ChangeServiceWatchRequest::default())), "a watch");
    world.house.service.stop().await;
}

#[tokio::test]
async fn writes_go_to_what_is_within_and_nowhere_else() {
    let world = World::new().await;
    for (name, within) in [("acme", true), ("other", false), ("nobody", false)] {
        let answers = additions(&world, name).await.into_iter().chain(removals(&world, name).await);
        for (what, answer) in answers {
            if within { answer.expect(what) } else { assert_out(answer, &format!("{what} of {name}")) }
        }
    }
    world.house.service.stop().await;
}

/// What a write came to, by what it is about.
type Told = (&'static str, Result<(), Status>);

async fn additions(world: &World, name: &str) -> [Told; 5] {
    let (user, team, rest) = ("bob".to_owned(), format!("@{name}/more"), name.to_owned());
    let member = AddMemberRequest { organization: rest.clone(), user: user.clone(), ..Default::default() };
    let new_team = TeamServiceCreateRequest { team: team.clone(), ..Default::default() };
    let place = AddTeamMemberRequest { team, user: user.clone(), ..Default::default() };
    let project = ProjectServiceCreateRequest { owner: rest, name: "more".to_owned(), ..Default::default() };
    let grant = CollaboratorServiceAddRequest {
        project: format!("{name}/more"),
        collaborator: user,
        role: ProjectRole::Reader.into(),
        ..Default::default()
    };
    [
        ("a member", ask!(world, organizations.add_member(member)).map(drop)),
        ("a team", ask!(world, teams.create(new_team)).map(drop)),
        ("a place in it", ask!(world, teams.add_team_member(place)).map(drop)),
        ("a project", ask!(world, projects.create(project)).map(drop)),
        ("a collaborator", ask!(world, collaborators.add(grant)).map(drop)),
    ]
}

async fn removals(world: &World, name: &str) -> [Told; 4] {
    let (user, team, project) = ("bob".to_owned(), format!("@{name}/more"), format!("{name}/more"));
    let collaborator = user.clone();
    let grant = CollaboratorServiceRemoveRequest { project: project.clone(), collaborator, ..Default::default() };
    let project = ProjectServiceDeleteRequest { project, ..Default::default() };
    let team = TeamServiceDeleteRequest { team, ..Default::default() };
    let member = RemoveMemberRequest { organization: name.to_owned(), user, ..Default::default() };
    [
        ("a collaborator's end", ask!(world, collaborators.remove(grant)).map(drop)),
        ("a project's end", ask!(world, projects.delete(project)).map(drop)),
        ("a team's end", ask!(world, teams.delete(team)).map(drop)),
        ("a member's end", ask!(world, organizations.remove_member(member)).map(drop)),
    ]
}

#[tokio::test]
async fn what_reaches_beyond_an_organization_is_refused() {
    let world = World::new().await;
    let mask = |path: &str| Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
    let update = |path: &str| OrganizationServiceUpdateRequest {
        username: "acme".to_owned(),
        new_username: "taken-over".to_owned(),
        plan: "default".to_owned(),
        default_project_role: ProjectRole::Reader.into(),
        update_mask: mask(path),
        ..Default::default()
    };
    ask!(world, organizations.update(update("default_project_role"))).unwrap();
    assert_out(ask!(world, organizations.update(update("new_username"))), "names are everybody's");
    assert_out(ask!(world, organizations.update(update("plan"))), "plans are everybody's");
    let add = |team: &str| CollaboratorServiceAddRequest {
        project: "acme/trees".to_owned(),
        collaborator: team.to_owned(),
        role: ProjectRole::Reader.into(),
        ..Default::default()
    };
    for team in ["@other/crew", "@other/none", "@nobody/none"] {
        assert_out(ask!(world, collaborators.add(add(team))), team);
    }
    ask!(world, collaborators.add(add("@acme/crew"))).unwrap();
    for username in ["ann", "zoe"] {
        let username = username.to_owned();
        assert_out(
            ask!(world, users.create(UserServiceCreateRequest { username: username.clone(), ..Default::default() })),
            "a user",
        );
        assert_out(
            ask!(world, users.delete(UserServiceDeleteRequest { username: username.clone(), ..Default::default() })),
            "a user",
        );
        let organization = OrganizationServiceCreateRequest { username, owner: "ann".to_owned(), ..Default::default() };
        assert_out(ask!(world, organizations.create(organization)), "an organization");
    }
    let plan = Some(Plan { code: "free".to_owned(), ..Default::default() });
    assert_out(ask!(world, plans.put(PlanServicePutRequest { plan, ..Default::default() })), "a plan");
    ask!(
        world,
        organizations.delete(OrganizationServiceDeleteRequest { username: "acme".to_owned(), ..Default::default() })
    )
    .unwrap();
    let house = &world.house;
    let other = house
        .service
        .organizations()
        .get(house.by("root", OrganizationServiceGetRequest { username: "other".to_owned() }))
        .await;
    other.expect("nothing else went");
    world.house.service.stop().await;
}
