//! The demo's world: an organization and its people, every origin and every project role in it.
//!
//! Loaded through the public API, by callers in their own right and by actors, as a backend would. What is there
//! already stays as it is.

use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use crate::grpc::v1::collaborator_service_client::CollaboratorServiceClient;
use crate::grpc::v1::organization_service_client::OrganizationServiceClient;
use crate::grpc::v1::plan_service_client::PlanServiceClient;
use crate::grpc::v1::project_service_client::ProjectServiceClient;
use crate::grpc::v1::team_service_client::TeamServiceClient;
use crate::grpc::v1::user_service_client::UserServiceClient;
use crate::grpc::v1::{
    AddMemberRequest, AddTeamMemberRequest, CollaboratorServiceAddRequest, OrganizationRole,
    OrganizationServiceCreateRequest, Plan, PlanServicePutRequest, ProjectRole, ProjectServiceCreateRequest,
    TeamServiceCreateRequest, UserServiceCreateRequest,
};

/// User, project and action of what the demo asks.
pub(super) const QUESTIONS: &[(&str, &str, &str)] = &[
    ("paul", "paul/garden", "transfer_project"),
    ("olivia", "acme/trees", "transfer_project"),
    ("adam", "acme/trees", "delete_file_versions"),
    ("adam", "acme/trees", "transfer_project"),
    ("carl", "acme/survey", "create_secrets"),
    ("mona", "acme/trees", "create_collaborators"),
    ("edith", "acme/trees", "edit_features"),
    ("tina", "acme/trees", "create_features"),
    ("tina", "acme/trees", "modify_projectfiles"),
    ("tina", "acme/trees", "delete_files"),
    ("mark", "acme/trees", "read_files"),
    ("paul", "acme/parks", "view_project"),
    ("paul", "acme/trees", "view_project"),
    ("ines", "acme/parks", "view_project"),
    ("", "acme/parks", "view_project"),
];

/// Name, and whether on the premium plan.
const USERS: &[(&str, bool)] = &[
    ("olivia", false),
    ("adam", false),
    ("carl", false),
    ("mona", false),
    ("edith", false),
    ("tina", false),
    ("mark", false),
    ("paul", false),
    ("rita", true),
];

const MEMBERS: &[(&str, OrganizationRole)] = &[
    ("adam", OrganizationRole::Admin),
    ("carl", OrganizationRole::Creator),
    ("mona", OrganizationRole::Member),
    ("edith", OrganizationRole::Member),
    ("tina", OrganizationRole::Member),
    ("mark", OrganizationRole::Member),
];

const TEAMS: &[(&str, &str)] = &[("@acme/editors", "edith"), ("@acme/crew", "tina")];

/// Actor (none: the caller's own right), owner, name, public, restricted.
const PROJECTS: &[(&str, &str, &str, bool, bool)] = &[
    ("", "acme", "trees", false, true),
    ("", "acme", "parks", true, false),
    ("carl", "acme", "survey", false, false),
    ("paul", "paul", "garden", false, false),
];

const COLLABORATORS: &[(&str, &str, ProjectRole)] = &[
    ("acme/trees", "mona", ProjectRole::Manager),
    ("acme/trees", "@acme/editors", ProjectRole::Editor),
    ("acme/trees", "@acme/crew", ProjectRole::Reporter),
    ("paul/garden", "rita", ProjectRole::Reporter),
];

/// Loads the world.
pub(super) async fn load(channel: Channel) -> Result<(), Status> {
    load_people(channel.clone()).await?;
    load_organization(channel.clone()).await?;
    load_projects(channel).await
}

async fn load_people(channel: Channel) -> Result<(), Status> {
    let premium = Plan {
        code: "premium".to_owned(),
        premium: true,
        max_collaborators_per_private_project: -1,
        max_organization_members: -1,
        personal_projects_up_to_reporter: false,
        etag: String::new(),
    };
    let put = PlanServicePutRequest { plan: Some(premium), wait_for_replicas: Some(false), ..Default::default() };
    PlanServiceClient::new(channel.clone()).put(put).await?;
    let mut users = UserServiceClient::new(channel);
    for (username, is_premium) in USERS {
        let plan = if *is_premium { "premium" } else { "" };
        new(users.create(user(username, plan, false)).await)?;
    }
    new(users.create(user("ines", "", true)).await)
}

async fn load_organization(channel: Channel) -> Result<(), Status> {
    let mut organizations = OrganizationServiceClient::new(channel.clone());
    let acme = OrganizationServiceCreateRequest {
        actor: "olivia".to_owned(),
        username: "acme".to_owned(),
        default_project_role: ProjectRole::Reader.into(),
        wait_for_replicas: Some(false),
        ..Default::default()
    };
    new(organizations.create(acme).await)?;
    for (user, role) in MEMBERS {
        let member = AddMemberRequest {
            actor: "olivia".to_owned(),
            organization: "acme".to_owned(),
            user: (*user).to_owned(),
            role: (*role).into(),
            public: true,
            wait_for_replicas: Some(false),
            ..Default::default()
        };
        new(organizations.add_member(member).await)?;
    }
    let mut teams = TeamServiceClient::new(channel);
    for (team, user) in TEAMS {
        let (actor, team) = ("adam".to_owned(), (*team).to_owned());
        let created = TeamServiceCreateRequest {
            actor: actor.clone(),
            team: team.clone(),
            wait_for_replicas: Some(false),
            ..Default::default()
        };
        new(teams.create(created).await)?;
        let member = AddTeamMemberRequest {
            actor,
            team,
            user: (*user).to_owned(),
            wait_for_replicas: Some(false),
            ..Default::default()
        };
        new(teams.add_team_member(member).await)?;
    }
    Ok(())
}

async fn load_projects(channel: Channel) -> Result<(), Status> {
    let mut projects = ProjectServiceClient::new(channel.clone());
    for (actor, owner, name, public, restricted) in PROJECTS {
        let project = ProjectServiceCreateRequest {
            actor: (*actor).to_owned(),
            owner: (*owner).to_owned(),
            name: (*name).to_owned(),
            public: *public,
            restricted_project_files: *restricted,
            wait_for_replicas: Some(false),
            ..Default::default()
        };
        new(projects.create(project).await)?;
    }
    let mut collaborators = CollaboratorServiceClient::new(channel);
    for (project, collaborator, role) in COLLABORATORS {
        let added = CollaboratorServiceAddRequest {
            project: (*project).to_owned(),
            collaborator: (*collaborator).to_owned(),
            role: (*role).into(),
            wait_for_replicas: Some(false),
            ..Default::default()
        };
        new(collaborators.add(added).await)?;
    }
    Ok(())
}

fn user(username: &str, plan: &str, inactive: bool) -> UserServiceCreateRequest {
    let (username, plan) = (username.to_owned(), plan.to_owned());
    UserServiceCreateRequest { username, plan, inactive, wait_for_replicas: Some(false), ..Default::default() }
}

/// What is there already is no failure: the demo may be run again on its data.
fn new<T>(answer: Result<Response<T>, Status>) -> Result<(), Status> {
    match answer {
        Err(status) if status.code() != Code::AlreadyExists => Err(status),
        _ => Ok(()),
    }
}
