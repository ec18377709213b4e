//! Every write of the API as a value, so that a table can hold it; and short ways to make one.

use prost_types::{FieldMask, Timestamp};
use rolegate::grpc::v1::{self, OrganizationRole, ProjectRole, RemovalKind};
use tonic::Status;
use tonic::transport::Channel;

use crate::support::{Clients, Service};

/// What a write answered, as far as all of them have it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Empty where nothing was written.
    pub revision: String,
    /// `KIND object subject`, one for each.
    pub removals: Vec<String>,
    /// Where it was only tried.
    pub effects: Option<v1::Effects>,
}

macro_rules! calls {
    ($($name:ident($request:ident) $client:ident.$method:ident $($removals:ident)?;)+) => {
        /// A write, ready to be sent.
        #[derive(Debug, Clone)]
        pub enum Call {
            $($name(v1::$request)),+
        }

        impl Call {
            /// Sends it.
            pub async fn send(&self, service: &Service) -> Result<Answer, Status> {
                self.send_on(service.channel.clone()).await
            }

            /// Sends it on that connection.
            pub async fn send_on(&self, channel: Channel) -> Result<Answer, Status> {
                let clients = Clients::on(channel);
                match self.clone() {
                    $(Self::$name(request) => {
                        let answer = clients.$client().$method(request).await?.into_inner();
                        let removals = calls!(@removals answer $($removals)?);
                        Ok(Answer { revision: answer.revision, removals, effects: answer.effects })
                    })+
                }
            }

            /// The same on behalf of a user.
            pub fn by(mut self, actor: &str) -> Self {
                match &mut self {
                    $(Self::$name(request) => request.actor = actor.to_owned()),+
                }
                self
            }

            /// The same as one of several.
            pub fn as_operation(&self) -> v1::write_operation::Operation {
                match self.clone() {
                    $(Self::$name(request) => v1::write_operation::Operation::$name(request)),+
                }
            }

            /// The same, only tried.
            pub fn dry(mut self) -> Self {
                match &mut self {
                    $(Self::$name(request) => request.validate_only = true),+
                }
                self
            }
        }
    };
    (@removals $answer:ident) => { Vec::new() };
    (@removals $answer:ident removals) => { removals($answer.removals) };
}

calls! {
    CreateUser(UserServiceCreateRequest) users.create;
    UpdateUser(UserServiceUpdateRequest) users.update;
    DeleteUser(UserServiceDeleteRequest) users.delete removals;
    RemoveUserEverywhere(RemoveUserEverywhereRequest) users.remove_user_everywhere removals;
    CreateOrganization(OrganizationServiceCreateRequest) organizations.create;
    UpdateOrganization(OrganizationServiceUpdateRequest) organizations.update;
    DeleteOrganization(OrganizationServiceDeleteRequest) organizations.delete removals;
    TransferOrganization(OrganizationServiceTransferRequest) organizations.transfer removals;
    AddMember(AddMemberRequest) organizations.add_member;
    UpdateMember(UpdateMemberRequest) organizations.update_member;
    RemoveMember(RemoveMemberRequest) organizations.remove_member removals;
    CreateTeam(TeamServiceCreateRequest) teams.create;
    RenameTeam(TeamServiceUpdateRequest) teams.update;
    DeleteTeam(TeamServiceDeleteRequest) teams.delete removals;
    AddTeamMember(AddTeamMemberRequest) teams.add_team_member;
    RemoveTeamMember(RemoveTeamMemberRequest) teams.remove_team_member;
    CreateProject(ProjectServiceCreateRequest) projects.create;
    UpdateProject(ProjectServiceUpdateRequest) projects.update;
    DeleteProject(ProjectServiceDeleteRequest) projects.delete removals;
    TransferProject(ProjectServiceTransferRequest) projects.transfer removals;
    AddCollaborator(CollaboratorServiceAddRequest) collaborators.add;
    UpdateCollaborator(CollaboratorServiceUpdateRequest) collaborators.update;
    RemoveCollaborator(CollaboratorServiceRemoveRequest) collaborators.remove;
    PutPlan(PlanServicePutRequest) plans.put;
    DeletePlan(PlanServiceDeleteRequest) plans.delete;
}

macro_rules! with_field {
    ($($(#[$doc:meta])* $method:ident($($value:ident: $kind:ty)?) $field:ident = $set:expr; $($name:ident),+;)+) => {
        impl Call {
            $(
                $(#[$doc])*
                pub fn $method(mut self $(, $value: $kind)?) -> Self {
                    match &mut self {
                        $(Self::$name(request) => request.$field = $set,)+
                        other => panic!("it has no such field: {other:?}"),
                    }
                    self
                }
            )+
        }
    };
}

with_field! {
    /// The same, changed to this where it is there already.
    or_update() upsert = true; AddMember, AddTeamMember, AddCollaborator;
    /// The same, which is fine with what is absent.
    if_there() allow_missing = true;
        DeleteUser, RemoveUserEverywhere, DeleteOrganization, RemoveMember, DeleteTeam, RemoveTeamMember, DeleteProject,
        RemoveCollaborator, DeletePlan;
    /// The same, only of that state.
    only_if(etag: &str) etag = etag.to_owned();
        UpdateUser, DeleteUser, RemoveUserEverywhere, UpdateOrganization, DeleteOrganization, TransferOrganization,
        UpdateMember, RemoveMember, RenameTeam, DeleteTeam, RemoveTeamMember, UpdateProject, DeleteProject,
        TransferProject, UpdateCollaborator, RemoveCollaborator, DeletePlan;
}

/// A mask of these paths.
pub fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

macro_rules! shorthands {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $kind:ty),*) =
        $call:ident($request:ident { $($field:ident $(: $value:expr)?),* });)+) => {
        $(
            $(#[$doc])*
            pub fn $name($($argument: $kind),*) -> Call {
                Call::$call(v1::$request { $($field: shorthands!(@value $field $($value)?)),*, ..Default::default() })
            }
        )+
    };
    (@value $field:ident) => { $field.into() };
    (@value $field:ident $value:expr) => { $value };
}

shorthands! {
    create_user(username: &str) = CreateUser(UserServiceCreateRequest { username });
    rename_user(username: &str, new_username: &str) = UpdateUser(UserServiceUpdateRequest {
        username, new_username, update_mask: mask(&["new_username"]) });
    set_active(username: &str, active: bool) = UpdateUser(UserServiceUpdateRequest {
        username, active, update_mask: mask(&["active"]) });
    set_user_plan(username: &str, plan: &str) = UpdateUser(UserServiceUpdateRequest {
        username, plan, update_mask: mask(&["plan"]) });
    delete_user(username: &str) = DeleteUser(UserServiceDeleteRequest { username });

    offboard(username: &str) = RemoveUserEverywhere(RemoveUserEverywhereRequest { username });

    create_organization(username: &str, owner: &str) = CreateOrganization(OrganizationServiceCreateRequest {
        username, owner });
    rename_organization(username: &str, new_username: &str) = UpdateOrganization(OrganizationServiceUpdateRequest {
        username, new_username, update_mask: mask(&["new_username"]) });
    set_default_role(username: &str, default_project_role: ProjectRole) =
        UpdateOrganization(OrganizationServiceUpdateRequest {
            username, default_project_role, update_mask: mask(&["default_project_role"]) });
    set_organization_plan(username: &str, plan: &str) = UpdateOrganization(OrganizationServiceUpdateRequest {
        username, plan, update_mask: mask(&["plan"]) });
    delete_organization(username: &str) = DeleteOrganization(OrganizationServiceDeleteRequest { username });
    transfer_organization(username: &str, new_owner: &str) =
        TransferOrganization(OrganizationServiceTransferRequest { username, new_owner });

    add_member(organization: &str, user: &str, role: OrganizationRole) = AddMember(AddMemberRequest {
        organization, user, role, public: true });
    set_member_role(organization: &str, user: &str, role: OrganizationRole) = UpdateMember(UpdateMemberRequest {
        organization, user, role, update_mask: mask(&["role"]) });
    set_member_public(organization: &str, user: &str, public: bool) = UpdateMember(UpdateMemberRequest {
        organization, user, public, update_mask: mask(&["public"]) });
    remove_member(organization: &str, user: &str) = RemoveMember(RemoveMemberRequest { organization, user });

    create_team(team: &str) = CreateTeam(TeamServiceCreateRequest { team });
    rename_team(team: &str, new_name: &str) = RenameTeam(TeamServiceUpdateRequest { team, new_name });
    delete_team(team: &str) = DeleteTeam(TeamServiceDeleteRequest { team });
    add_team_member(team: &str, user: &str) = AddTeamMember(AddTeamMemberRequest { team, user });
    remove_team_member(team: &str, user: &str) = RemoveTeamMember(RemoveTeamMemberRequest { team, user });

    create_project(owner: &str, name: &str) = CreateProject(ProjectServiceCreateRequest { owner, name });
    rename_project(project: &str, name: &str) = UpdateProject(ProjectServiceUpdateRequest {
        project, name, update_mask: mask(&["name"]) });
    set_public(project: &str, public: bool) = UpdateProject(ProjectServiceUpdateRequest {
        project, public, update_mask: mask(&["public"]) });
    delete_project(project: &str) = DeleteProject(ProjectServiceDeleteRequest { project });
    transfer_project(project: &str, new_owner: &str) = TransferProject(ProjectServiceTransferRequest {
        project, new_owner });

    add(project: &str, collaborator: &str, role: ProjectRole) = AddCollaborator(CollaboratorServiceAddRequest {
        project, collaborator, role });
    add_incognito(project: &str, collaborator: &str, role: ProjectRole) =
        AddCollaborator(CollaboratorServiceAddRequest { project, collaborator, role, incognito: true });
    add_until(project: &str, collaborator: &str, role: ProjectRole, expires_at: Timestamp) =
        AddCollaborator(CollaboratorServiceAddRequest { project, collaborator, role, expires_at });
    set_role(project: &str, collaborator: &str, role: ProjectRole) =
        UpdateCollaborator(CollaboratorServiceUpdateRequest {
            project, collaborator, role, update_mask: mask(&["role"]) });
    set_incognito(project: &str, collaborator: &str, incognito: bool) =
        UpdateCollaborator(CollaboratorServiceUpdateRequest {
            project, collaborator, incognito, update_mask: mask(&["incognito"]) });
    set_expiry(project: &str, collaborator: &str, expires_at: Option<Timestamp>) =
        UpdateCollaborator(CollaboratorServiceUpdateRequest {
            project, collaborator, expires_at: expires_at, update_mask: mask(&["expires_at"]) });
    remove(project: &str, collaborator: &str) = RemoveCollaborator(CollaboratorServiceRemoveRequest {
        project, collaborator });

    delete_plan(code: &str) = DeletePlan(PlanServiceDeleteRequest { code });
}

/// Puts a plan: −1 is no limit.
pub fn put_plan(code: &str, premium: bool, collaborators: i32, members: i32) -> Call {
    let plan = v1::Plan {
        code: code.to_owned(),
        premium,
        max_collaborators_per_private_project: collaborators,
        max_organization_members: members,
        personal_projects_up_to_reporter: false,
        etag: String::new(),
    };
    Call::PutPlan(v1::PlanServicePutRequest { plan: Some(plan), ..Default::default() })
}

fn removals(found: Option<v1::Removals>) -> Vec<String> {
    let found = found.unwrap();
    assert_eq!(found.total, i64::try_from(found.removals.len()).unwrap());
    let text = |removal: &v1::Removal| {
        let kind = RemovalKind::try_from(removal.kind).unwrap().as_str_name().trim_start_matches("REMOVAL_KIND_");
        format!("{kind} {} {}", removal.object, removal.subject).trim_end().to_owned()
    };
    found.removals.iter().map(text).collect()
}
