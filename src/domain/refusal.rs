//! Why a write is refused. Source: the permission model, «What a write must refuse».

use super::names::NameError;
use super::roles::{OrganizationRole, ProjectRole};

/// A write that the rules forbid; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The project's owner needs no role, and gets none.
    #[error("`{0}` owns the project and can't be its collaborator")]
    OwnerCannotBeCollaborator(String),
    /// Update it instead.
    #[error("`{0}` is a collaborator already; update its role instead")]
    AlreadyCollaborator(String),
    /// Update it instead.
    #[error("`{0}` is a member already; update its role instead")]
    AlreadyMember(String),
    /// There is nothing to change.
    #[error("`{0}` is in the team already")]
    AlreadyTeamMember(String),
    /// Only an organization's people get roles on its projects and places in its teams.
    #[error("`{user}` is neither member nor owner of the organization `{organization}`; add it as a member first")]
    NotOrganizationMember { user: String, organization: String },
    /// Only an organization's own teams get roles on its projects.
    #[error("the team `{0}` is not one of the project's owner")]
    TeamNotInOrganization(String),
    /// What the owner's plan allows.
    #[error(
        "the private project has {counted} collaborators and its owner's plan allows {limit}; remove one, make the project public, or change the plan"
    )]
    CollaboratorLimitReached { counted: u32, limit: u32 },
    /// A user without a premium plan on another's private project.
    #[error("`{0}` has no premium plan, which a private project that a user owns asks for")]
    PremiumRequired(String),
    /// What the owner's plan allows.
    #[error("the owner's plan allows no role above reporter on a project that a user owns")]
    RoleNotAllowedOnPersonalProject,
    /// The owner is more than a member.
    #[error("`{0}` owns the organization and can't be its member")]
    OwnerCannotBeMember(String),
    /// What the organization's plan allows.
    #[error("the organization has {counted} members and its plan allows {limit}; remove one, or change the plan")]
    MemberLimitReached { counted: u32, limit: u32 },
    /// An organization always has an active owner.
    #[error(
        "an organization needs an active user as its owner, which `{0}` is not or would no longer be; transfer it to one"
    )]
    OrganizationOwnerRequired(String),
    /// An organization where only a user will do.
    #[error("`{0}` is an organization, not a user")]
    NotAPerson(String),
    /// The actor gives more than it has.
    #[error("the actor `{actor}` can't give the role `{role}`, which is above its own")]
    RoleAboveOwn { actor: String, role: &'static str },
    /// The actor gives itself more time than it has.
    #[error("the actor `{0}` can't make its own role last longer")]
    OwnRoleOutlasted(String),
    /// The actor touches somebody above it.
    #[error("the actor `{actor}` can't change somebody with the role `{role}`, which is above its own")]
    TargetRoleAboveOwn { actor: String, role: &'static str },
    /// The actor lacks the action.
    #[error("the actor `{actor}` lacks `{action}`")]
    PermissionDenied { actor: String, action: &'static str },
    /// No actor may; a caller in its own right may.
    #[error("no actor may {0}; only a caller in its own right (without `actor`)")]
    OwnRightOnly(&'static str),
    /// One namespace for users and organizations, whatever the case.
    #[error("the name `{0}` is taken")]
    UsernameTaken(String),
    /// A name that cannot be.
    #[error("the name {0}")]
    UsernameInvalid(NameError),
    /// A word that is kept back.
    #[error("the name is a reserved word")]
    UsernameReserved,
    /// Unique for its owner.
    #[error("the owner has a project `{0}` already")]
    ProjectNameTaken(String),
    /// UUIDs are unique.
    #[error("the project id `{0}` is in use")]
    ProjectIdTaken(String),
    /// Unique in its organization, whatever the case.
    #[error("the organization has a team `{0}` already")]
    TeamNameTaken(String),
    /// Accounts are on it, or it is the default.
    #[error("the plan `{0}` can't be deleted: accounts are on it, or it is the one that new accounts get")]
    PlanInUse(String),
    /// It was changed since the caller read it.
    #[error("`{0}` is not in the state that the etag names any more; read it again")]
    EtagMismatch(String),
}

impl Refusal {
    /// The actor's own role is lower than the one it gives.
    pub fn role_above_own(actor: &str, role: RoleName) -> Self {
        Self::RoleAboveOwn { actor: actor.to_owned(), role: role.0 }
    }

    /// The actor's own role is lower than that of whom it touches.
    pub fn target_role_above_own(actor: &str, role: RoleName) -> Self {
        Self::TargetRoleAboveOwn { actor: actor.to_owned(), role: role.0 }
    }
}

/// The name of a role of either sort.
#[derive(Debug, Clone, Copy)]
pub struct RoleName(pub &'static str);

impl From<ProjectRole> for RoleName {
    fn from(role: ProjectRole) -> Self {
        Self(role.name())
    }
}

impl From<OrganizationRole> for RoleName {
    fn from(role: OrganizationRole) -> Self {
        Self(role.name())
    }
}

impl From<NameError> for Refusal {
    fn from(error: NameError) -> Self {
        match error {
            NameError::Reserved => Self::UsernameReserved,
            other => Self::UsernameInvalid(other),
        }
    }
}
