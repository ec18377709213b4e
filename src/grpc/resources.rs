//! Resources as they go on the wire.

use jiff::Timestamp;

use super::v1;
use crate::domain::records::{Account, AccountKind, Collaborator, Member, Plan, Project, Team, TeamMember};
use crate::domain::roles::{OrganizationRole, Origin, ProjectLevel, ProjectRole};

pub(super) fn user(account: Account) -> v1::User {
    v1::User {
        etag: account.etag().to_string(),
        username: account.username,
        active: matches!(account.kind, AccountKind::User { active: true }),
        plan: account.plan.code,
        created_at: time(account.created_at),
    }
}

pub(super) fn organization(account: Account) -> v1::Organization {
    let etag = account.etag().to_string();
    let (owner, role) = match account.kind {
        AccountKind::User { .. } => (String::new(), None),
        AccountKind::Organization { owner_name, default_project_role, .. } => (owner_name, default_project_role),
    };
    v1::Organization {
        username: account.username,
        owner,
        default_project_role: role.map(project_role).unwrap_or_default().into(),
        plan: account.plan.code,
        created_at: time(account.created_at),
        etag,
    }
}

pub(super) fn member(organization: &Account, member: Member) -> v1::Member {
    v1::Member {
        etag: member.etag(organization).to_string(),
        organization: organization.username.clone(),
        user: member.username,
        role: organization_role(member.role).into(),
        public: member.public,
        created_at: time(member.created_at),
    }
}

pub(super) fn team(team: Team) -> v1::Team {
    let etag = team.etag().to_string();
    v1::Team { organization: team.organization_name, name: team.name, created_at: time(team.created_at), etag }
}

pub(super) fn team_member(team: &Team, member: TeamMember) -> v1::TeamMember {
    let etag = member.etag(team).to_string();
    v1::TeamMember { team: team.path(), user: member.username, created_at: time(member.created_at), etag }
}

pub(super) fn project(project: Project) -> v1::Project {
    v1::Project {
        etag: project.etag().to_string(),
        id: project.id.to_string(),
        owner: project.owner_name,
        name: project.name,
        public: project.settings.public,
        restricted_project_files: project.settings.restricted_project_files,
        template: project.settings.template,
        created_at: time(project.created_at),
    }
}

pub(super) fn collaborator(row: Collaborator) -> v1::Collaborator {
    v1::Collaborator {
        etag: row.etag().to_string(),
        project: row.project.to_string(),
        collaborator: row.name,
        role: project_role(row.grant.role).into(),
        incognito: row.grant.incognito,
        expires_at: row.grant.expires_at.and_then(time),
        created_by: row.created_by.unwrap_or_default(),
        created_at: time(row.created_at),
        updated_by: row.updated_by.unwrap_or_default(),
        updated_at: time(row.updated_at),
    }
}

pub(super) fn plan(plan: Plan) -> v1::Plan {
    let limit = |limit: Option<u32>| limit.map_or(-1, |limit| i32::try_from(limit).unwrap_or(i32::MAX));
    v1::Plan {
        etag: plan.etag().to_string(),
        code: plan.code,
        premium: plan.rules.premium,
        max_collaborators_per_private_project: limit(plan.rules.collaborator_limit),
        max_organization_members: limit(plan.rules.member_limit),
        personal_projects_up_to_reporter: plan.rules.personal_projects_up_to_reporter,
    }
}

pub(super) fn project_role(role: ProjectRole) -> v1::ProjectRole {
    project_level(role.level())
}

pub(super) fn project_level(level: ProjectLevel) -> v1::ProjectRole {
    match level {
        ProjectLevel::Reader => v1::ProjectRole::Reader,
        ProjectLevel::Reporter => v1::ProjectRole::Reporter,
        ProjectLevel::Editor => v1::ProjectRole::Editor,
        ProjectLevel::Manager => v1::ProjectRole::Manager,
        ProjectLevel::Admin => v1::ProjectRole::Admin,
        ProjectLevel::Owner => v1::ProjectRole::Owner,
    }
}

pub(super) fn origin(origin: Origin) -> v1::Origin {
    match origin {
        Origin::ProjectOwner => v1::Origin::ProjectOwner,
        Origin::OrganizationOwner => v1::Origin::OrganizationOwner,
        Origin::OrganizationAdmin => v1::Origin::OrganizationAdmin,
        Origin::Collaborator => v1::Origin::Collaborator,
        Origin::TeamMember => v1::Origin::TeamMember,
        Origin::OrganizationMember => v1::Origin::OrganizationMember,
        Origin::Public => v1::Origin::Public,
    }
}

fn organization_role(role: OrganizationRole) -> v1::OrganizationRole {
    match role {
        OrganizationRole::Member => v1::OrganizationRole::Member,
        OrganizationRole::Creator => v1::OrganizationRole::Creator,
        // no member is an owner
        OrganizationRole::Admin | OrganizationRole::Owner => v1::OrganizationRole::Admin,
    }
}

pub(super) fn time(time: Timestamp) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() })
}
