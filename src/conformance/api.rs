//! The writes of the public API, in short, for a caller in its own right.

use std::collections::BTreeMap;

use prost_types::FieldMask;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

use crate::grpc::v1::collaborator_service_client::CollaboratorServiceClient;
use crate::grpc::v1::organization_service_client::OrganizationServiceClient;
use crate::grpc::v1::plan_service_client::PlanServiceClient;
use crate::grpc::v1::project_service_client::ProjectServiceClient;
use crate::grpc::v1::team_service_client::TeamServiceClient;
use crate::grpc::v1::user_service_client::UserServiceClient;
use crate::grpc::v1::{self, OrganizationRole, ProjectRole};

/// What no role is: sent for roles that only the real system might know.
const UNKNOWN_ROLE: i32 = 99;

/// The services, and the ids of the projects that were created through this value.
#[derive(Clone)]
pub(super) struct Api {
    channel: Channel,
    projects: BTreeMap<String, String>,
}

/// Done, or why not. A failure of the call itself is neither.
pub(super) type Outcome = Result<(), Refused>;

/// Why a write was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub reason: String,
    pub message: String,
}

/// Whether a write is only asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Write,
    ValidateOnly,
}

impl Mode {
    fn only(self) -> bool {
        self == Self::ValidateOnly
    }
}

impl Api {
    pub fn new(channel: Channel) -> Self {
        Self { channel, projects: BTreeMap::new() }
    }

    /// The same through another service on the same database.
    pub fn through(&self, channel: Channel) -> Self {
        Self { channel, projects: self.projects.clone() }
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// The UUID of a project by its name in the world; the name where there is none of it.
    pub fn project(&self, name: &str) -> String {
        self.projects.get(name).map_or(name, String::as_str).to_owned()
    }

    pub async fn put_plan(&self, plan: v1::Plan) -> Result<Outcome, Status> {
        let request = v1::PlanServicePutRequest { plan: Some(plan), ..Default::default() };
        outcome(PlanServiceClient::new(self.channel()).put(request).await)
    }

    pub async fn create_user(&self, name: &str, plan: &str) -> Result<Outcome, Status> {
        let (username, plan) = (name.to_owned(), plan.to_owned());
        let request = v1::UserServiceCreateRequest { username, plan, ..Default::default() };
        outcome(UserServiceClient::new(self.channel()).create(request).await)
    }

    pub async fn set_active(&self, name: &str, active: bool) -> Result<Outcome, Status> {
        let (username, update_mask) = (name.to_owned(), mask("active"));
        let request = v1::UserServiceUpdateRequest { username, update_mask, active, ..Default::default() };
        outcome(UserServiceClient::new(self.channel()).update(request).await)
    }

    /// Puts a user or an organization on a plan.
    pub async fn set_plan(&self, account: &str, plan: &str, is_organization: bool) -> Result<Outcome, Status> {
        let (username, update_mask, plan) = (account.to_owned(), mask("plan"), plan.to_owned());
        if is_organization {
            let request = v1::OrganizationServiceUpdateRequest { username, update_mask, plan, ..Default::default() };
            return outcome(OrganizationServiceClient::new(self.channel()).update(request).await);
        }
        let request = v1::UserServiceUpdateRequest { username, update_mask, plan, ..Default::default() };
        outcome(UserServiceClient::new(self.channel()).update(request).await)
    }

    pub async fn delete_user(&self, name: &str) -> Result<Outcome, Status> {
        let request = v1::UserServiceDeleteRequest { username: name.to_owned(), ..Default::default() };
        outcome(UserServiceClient::new(self.channel()).delete(request).await)
    }

    pub async fn create_organization(&self, name: &str, owner: &str, plan: &str) -> Result<Outcome, Status> {
        let (username, owner, plan) = (name.to_owned(), owner.to_owned(), plan.to_owned());
        let request = v1::OrganizationServiceCreateRequest { username, owner, plan, ..Default::default() };
        outcome(OrganizationServiceClient::new(self.channel()).create(request).await)
    }

    pub async fn set_default_role(&self, organization: &str, role: Option<&str>) -> Result<Outcome, Status> {
        let (username, update_mask) = (organization.to_owned(), mask("default_project_role"));
        let default_project_role = role.map_or(0, project_role);
        let request =
            v1::OrganizationServiceUpdateRequest { username, update_mask, default_project_role, ..Default::default() };
        outcome(OrganizationServiceClient::new(self.channel()).update(request).await)
    }

    pub async fn transfer_organization(&self, organization: &str, new_owner: &str) -> Result<Outcome, Status> {
        let (username, new_owner) = (organization.to_owned(), new_owner.to_owned());
        let request = v1::OrganizationServiceTransferRequest { username, new_owner, ..Default::default() };
        outcome(OrganizationServiceClient::new(self.channel()).transfer(request).await)
    }

    pub async fn delete_organization(&self, name: &str) -> Result<Outcome, Status> {
        let request = v1::OrganizationServiceDeleteRequest { username: name.to_owned(), ..Default::default() };
        outcome(OrganizationServiceClient::new(self.channel()).delete(request).await)
    }

    pub async fn add_member(
        &self,
        (organization, user, role): (&str, &str, &str),
        public: bool,
        mode: Mode,
    ) -> Result<Outcome, Status> {
        let request = v1::AddMemberRequest {
            validate_only: mode.only(),
            organization: organization.to_owned(),
            user: user.to_owned(),
            role: organization_role(role),
            public,
            ..Default::default()
        };
        outcome(OrganizationServiceClient::new(self.channel()).add_member(request).await)
    }

    pub async fn set_member_role(
        &self,
        (organization, user, role): (&str, &str, &str),
        mode: Mode,
    ) -> Result<Outcome, Status> {
        let request = v1::UpdateMemberRequest {
            validate_only: mode.only(),
            organization: organization.to_owned(),
            user: user.to_owned(),
            update_mask: mask("role"),
            role: organization_role(role),
            ..Default::default()
        };
        outcome(OrganizationServiceClient::new(self.channel()).update_member(request).await)
    }

    pub async fn remove_member(&self, organization: &str, user: &str) -> Result<Outcome, Status> {
        let (organization, user) = (organization.to_owned(), user.to_owned());
        let request = v1::RemoveMemberRequest { organization, user, ..Default::default() };
        outcome(OrganizationServiceClient::new(self.channel()).remove_member(request).await)
    }

    pub async fn create_team(&self, team: &str) -> Result<Outcome, Status> {
        let request = v1::TeamServiceCreateRequest { team: team.to_owned(), ..Default::default() };
        outcome(TeamServiceClient::new(self.channel()).create(request).await)
    }

    pub async fn delete_team(&self, team: &str) -> Result<Outcome, Status> {
        let request = v1::TeamServiceDeleteRequest { team: team.to_owned(), ..Default::default() };
        outcome(TeamServiceClient::new(self.channel()).delete(request).await)
    }

    pub async fn add_team_member(&self, team: &str, user: &str, mode: Mode) -> Result<Outcome, Status> {
        let (team, user, validate_only) = (team.to_owned(), user.to_owned(), mode.only());
        let request = v1::AddTeamMemberRequest { validate_only, team, user, ..Default::default() };
        outcome(TeamServiceClient::new(self.channel()).add_team_member(request).await)
    }

    pub async fn remove_team_member(&self, team: &str, user: &str) -> Result<Outcome, Status> {
        let (team, user) = (team.to_owned(), user.to_owned());
        let request = v1::RemoveTeamMemberRequest { team, user, ..Default::default() };
        outcome(TeamServiceClient::new(self.channel()).remove_team_member(request).await)
    }

    /// Creates a project, and keeps its id.
    pub async fn create_project(&mut self, request: v1::ProjectServiceCreateRequest) -> Result<Outcome, Status> {
        let answer = ProjectServiceClient::new(self.channel()).create(request).await;
        if let Some(project) = answer.as_ref().ok().and_then(|answer| answer.get_ref().project.as_ref()) {
            self.projects.insert(project.name.clone(), project.id.clone());
        }
        outcome(answer)
    }

    pub async fn set_public(&self, project: &str, public: bool) -> Result<Outcome, Status> {
        let (project, update_mask) = (self.project(project), mask("public"));
        let request = v1::ProjectServiceUpdateRequest { project, update_mask, public, ..Default::default() };
        outcome(ProjectServiceClient::new(self.channel()).update(request).await)
    }

    pub async fn transfer_project(&self, project: &str, new_owner: &str) -> Result<Outcome, Status> {
        let (project, new_owner) = (self.project(project), new_owner.to_owned());
        let request = v1::ProjectServiceTransferRequest { project, new_owner, ..Default::default() };
        outcome(ProjectServiceClient::new(self.channel()).transfer(request).await)
    }

    pub async fn delete_project(&self, project: &str) -> Result<Outcome, Status> {
        let request = v1::ProjectServiceDeleteRequest { project: self.project(project), ..Default::default() };
        outcome(ProjectServiceClient::new(self.channel()).delete(request).await)
    }

    pub async fn add_collaborator(
        &self,
        (project, who, role): (&str, &str, &str),
        incognito: bool,
        mode: Mode,
    ) -> Result<Outcome, Status> {
        let request = v1::CollaboratorServiceAddRequest {
            validate_only: mode.only(),
            project: self.project(project),
            collaborator: who.to_owned(),
            role: project_role(role),
            incognito,
            ..Default::default()
        };
        outcome(CollaboratorServiceClient::new(self.channel()).add(request).await)
    }

    pub async fn set_collaborator_role(
        &self,
        (project, who, role): (&str, &str, &str),
        mode: Mode,
    ) -> Result<Outcome, Status> {
        let request = v1::CollaboratorServiceUpdateRequest {
            validate_only: mode.only(),
            project: self.project(project),
            collaborator: who.to_owned(),
            update_mask: mask("role"),
            role: project_role(role),
            ..Default::default()
        };
        outcome(CollaboratorServiceClient::new(self.channel()).update(request).await)
    }

    pub async fn remove_collaborator(&self, project: &str, who: &str) -> Result<Outcome, Status> {
        let (project, collaborator) = (self.project(project), who.to_owned());
        let request = v1::CollaboratorServiceRemoveRequest { project, collaborator, ..Default::default() };
        outcome(CollaboratorServiceClient::new(self.channel()).remove(request).await)
    }
}

/// A refusal is an answer; whatever else fails ends the comparison.
pub(super) fn outcome<T>(answer: Result<Response<T>, Status>) -> Result<Outcome, Status> {
    match answer {
        Ok(_) => Ok(Ok(())),
        Err(status) => match status.code() {
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::PermissionDenied => {
                let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
                Ok(Err(Refused { reason, message: status.message().to_owned() }))
            }
            _ => Err(status),
        },
    }
}

fn project_role(name: &str) -> i32 {
    let role = ProjectRole::from_str_name(&format!("PROJECT_ROLE_{}", name.to_uppercase()));
    role.map_or(UNKNOWN_ROLE, i32::from)
}

fn organization_role(name: &str) -> i32 {
    let role = OrganizationRole::from_str_name(&format!("ORGANIZATION_ROLE_{}", name.to_uppercase()));
    role.map_or(UNKNOWN_ROLE, i32::from)
}

fn mask(path: &str) -> Option<FieldMask> {
    Some(FieldMask { paths: vec![path.to_owned()] })
}
