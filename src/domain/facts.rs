//! What a decision is made from: one entry of the role view each, cut so that every write touches few.
//!
//! Lists are sorted by id, so that a check joins them by merging.

use super::ids::{AccountId, PlanId, ProjectId, TeamId};
use super::policy::OverLimit;
use super::roles::{OrganizationRole, ProjectRole};

/// A moment in microseconds since 1970 (UTC), by the database's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub i64);

impl Time {
    /// Later than every moment: the end of what does not end.
    pub const NEVER: Self = Self(i64::MAX);
}

/// What a username stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A person.
    User(User),
    /// An organization: the project paths under it need its id.
    Organization(AccountId),
}

/// A person, with all that gives it roles on other people's projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: AccountId,
    /// An inactive user holds no role anywhere.
    pub active: bool,
    /// The organizations that it owns or is a member of, by id.
    pub organizations: Box<[(AccountId, OrganizationRole)]>,
    /// The teams that it is in, by id.
    pub teams: Box<[TeamId]>,
}

/// A project and who was added to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// The account that owns it.
    pub owner: AccountId,
    /// Every active user is at least a reader.
    pub public: bool,
    /// The QGIS project file is for managers.
    pub restricted_project_files: bool,
    /// Some actions are never possible.
    pub template: bool,
    /// The users added to it, by id.
    pub collaborators: Box<[Grant<AccountId>]>,
    /// The teams added to it, by id.
    pub teams: Box<[Grant<TeamId>]>,
    /// How many users are among its collaborators: here as many as are listed above, unless only some were asked for.
    pub user_collaborators: u32,
    /// How many of them are not incognito.
    pub listed_collaborators: u32,
}

/// A role given to a user or a team on one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant<S> {
    /// Who has it.
    pub subject: S,
    /// The role.
    pub role: ProjectRole,
    /// Not listed and not counted; changes nothing of what is allowed.
    pub incognito: bool,
    /// From when on it gives nothing.
    pub ends_at: Time,
}

/// What the owner of a project adds to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The user that owns it, where it is an organization.
    pub organization_owner: Option<AccountId>,
    /// The role of an organization's members on all its projects.
    pub default_project_role: Option<ProjectRole>,
    /// The plan that it is on.
    pub plan: PlanId,
}

/// What an account may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How many collaborators a private project may have; `None`: as many as wanted.
    pub collaborator_limit: Option<u32>,
}

impl Named {
    /// The account's id.
    pub fn id(&self) -> AccountId {
        match self {
            Self::User(user) => user.id,
            Self::Organization(organization) => *organization,
        }
    }

    /// The organization, where it is one.
    pub fn organization(&self) -> Option<AccountId> {
        match self {
            Self::Organization(organization) => Some(*organization),
            Self::User(_) => None,
        }
    }
}

impl User {
    /// An active user whom nothing connects with anything.
    pub fn stranger() -> Self {
        Self { id: AccountId(0), active: true, organizations: [].into(), teams: [].into() }
    }

    /// What the user is in an organization.
    pub fn role_in(&self, organization: AccountId) -> Option<OrganizationRole> {
        let found = self.organizations.binary_search_by_key(&organization, |(id, _)| *id).ok()?;
        self.organizations.get(found).map(|(_, role)| *role)
    }
}

impl Project {
    /// The grant that a user was given directly.
    pub fn direct_grant(&self, user: AccountId) -> Option<&Grant<AccountId>> {
        let found = self.collaborators.binary_search_by_key(&user, |grant| grant.subject).ok()?;
        self.collaborators.get(found)
    }

    /// How many collaborators its owner's plan counts: users, not incognito, not the organization's owner.
    ///
    /// A grant counts until it is removed, whether or not it has ended.
    pub fn counted_collaborators(&self, owner: &Account) -> u32 {
        let owner_grant = owner.organization_owner.and_then(|user| self.direct_grant(user));
        let owner_is_listed = owner_grant.is_some_and(|grant| !grant.incognito);
        self.listed_collaborators.saturating_sub(u32::from(owner_is_listed))
    }

    /// Whether it is private and has more collaborators than the plan allows.
    pub fn is_over_limit(&self, owner: &Account, plan: &Plan, counted: OverLimit) -> bool {
        let exceeds = |limit| match counted {
            OverLimit::Report => self.listed_collaborators > limit && self.counted_collaborators(owner) > limit,
            OverLimit::RefuseView => self.user_collaborators > limit,
        };
        !self.public && plan.collaborator_limit.is_some_and(exceeds)
    }
}
