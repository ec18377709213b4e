//! The resources as callers see them, and as the log keeps them before and after a change.

use jiff::Timestamp;
use serde::Serialize;

use super::change::EntryKey;
use super::facts::Time;
use super::ids::{AccountId, PlanId, ProjectId, TeamId};
use super::names::{NameKey, ProjectName, ProjectReference};
use super::roles::{OrganizationRole, ProjectRole};

/// A user or an organization, with what rules ask about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name as written.
    pub username: String,
    /// What it is.
    pub kind: AccountKind,
    /// The plan that it is on.
    pub plan: Plan,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What an account is.
#[derive(Debug, Clone, PartialEq)]
pub enum AccountKind {
    /// A person.
    User {
        /// Whether it holds roles at all.
        active: bool,
    },
    /// An organization.
    Organization {
        /// The user that owns it.
        owner: AccountId,
        /// That user's name.
        owner_name: String,
        /// The role that members get on every project.
        default_project_role: Option<ProjectRole>,
    },
}

/// A plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// Its code.
    pub code: String,
    /// What it allows.
    pub rules: super::rules::PlanRules,
}

/// A user's place in an organization.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The user's id.
    pub user: AccountId,
    /// The user's name.
    pub username: String,
    /// What it is there.
    pub role: OrganizationRole,
    /// Whether listings show it unasked.
    pub public: bool,
    /// Since when.
    pub created_at: Timestamp,
}

/// A team.
#[derive(Debug, Clone, PartialEq)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// The organization that it is of.
    pub organization: AccountId,
    /// That organization's name.
    pub organization_name: String,
    /// Its name as written.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A user's place in a team.
#[derive(Debug, Clone, PartialEq)]
pub struct TeamMember {
    /// The user's name.
    pub username: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// A project.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// The account that owns it.
    pub owner: AccountId,
    /// That account's name.
    pub owner_name: String,
    /// Its name.
    pub name: String,
    /// Its settings.
    pub settings: ProjectSettings,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What can be set on a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ProjectSettings {
    /// Every active user is at least a reader.
    pub public: bool,
    /// The QGIS project file is for managers.
    pub restricted_project_files: bool,
    /// A template.
    pub template: bool,
}

/// Somebody who was added to a project.
#[derive(Debug, Clone, PartialEq)]
pub struct Collaborator {
    /// The project.
    pub project: ProjectId,
    /// That project as `owner/name`.
    pub project_path: String,
    /// A username, or `@organization/team`.
    pub name: String,
    /// Who it is.
    pub subject: Subject,
    /// What was given.
    pub grant: GrantSettings,
    /// Who added it; `None`: a caller in its own right.
    pub created_by: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// Who changed it last.
    pub updated_by: Option<String>,
    /// When.
    pub updated_at: Timestamp,
}

/// Who can have a role on a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A user.
    User(AccountId),
    /// A team.
    Team(TeamId),
}

/// What can be set on a collaborator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GrantSettings {
    /// The role.
    #[serde(serialize_with = "role_name")]
    pub role: ProjectRole,
    /// Not listed, not counted.
    pub incognito: bool,
    /// From when on it gives nothing.
    pub expires_at: Option<Timestamp>,
}

impl Account {
    /// What its name is looked up by.
    pub fn key(&self) -> NameKey {
        NameKey::from_stored(&self.username.to_ascii_lowercase())
    }

    /// Whether it is a person.
    pub fn is_user(&self) -> bool {
        matches!(self.kind, AccountKind::User { .. })
    }

    /// The role of an organization's members on all its projects.
    pub fn default_project_role(&self) -> Option<ProjectRole> {
        match self.kind {
            AccountKind::User { .. } => None,
            AccountKind::Organization { default_project_role, .. } => default_project_role,
        }
    }

    /// The user that owns it, where it is an organization.
    pub fn organization_owner(&self) -> Option<AccountId> {
        match self.kind {
            AccountKind::Organization { owner, .. } => Some(owner),
            AccountKind::User { .. } => None,
        }
    }
}

impl GrantSettings {
    /// When it stops giving the role.
    pub fn ends_at(&self) -> Time {
        self.expires_at.map_or(Time::NEVER, |time| Time(time.as_microsecond()))
    }
}

impl Team {
    /// `@organization/team`.
    pub fn path(&self) -> String {
        format!("@{}/{}", self.organization_name, self.name)
    }
}

impl Project {
    /// What `owner/name` is looked up by in the view.
    pub fn key(&self) -> EntryKey {
        path_key(&self.owner_name, &self.name)
    }

    /// `owner/name`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.owner_name, self.name)
    }

    /// Whether that is what a caller can call it.
    pub fn is_called(&self, reference: &ProjectReference) -> bool {
        match reference {
            ProjectReference::Id(id) => *id == self.id,
            ProjectReference::Path(owner, name) => {
                owner.key() == NameKey::of(&self.owner_name) && name.as_str() == self.name
            }
        }
    }
}

/// What `owner/name` is looked up by in the view.
pub fn path_key(owner: &str, name: &str) -> EntryKey {
    EntryKey::Path(NameKey::from_stored(&owner.to_ascii_lowercase()), ProjectName::from_stored(name))
}

fn role_name<S: serde::Serializer>(role: &ProjectRole, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(role.name())
}
