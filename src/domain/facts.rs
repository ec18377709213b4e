//! What a decision is made from: one entry of the role view each, cut so that every write touches few.
//!
//! Lists are sorted by id, so that a check joins them by merging. Millions of these are held in memory, so they are kept small.

use smallvec::SmallVec;

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

/// The organizations of a user: one, mostly.
pub type Organizations = SmallVec<[(AccountId, OrganizationRole); 1]>;

/// The teams of a user: few, mostly.
pub type Teams = SmallVec<[TeamId; 2]>;

/// A person, with all that gives it roles on other people's projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: AccountId,
    /// An inactive user holds no role anywhere.
    pub active: bool,
    /// The organizations that it owns or is a member of, by id.
    pub organizations: Organizations,
    /// The teams that it is in, by id.
    pub teams: Teams,
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

/// A role given to a user or a team on one project, in 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant<S> {
    /// Who has it.
    pub subject: S,
    /// When it ends, its role, and its lowest bit says whether it is incognito.
    terms: i64,
}

/// A list of so many is gone through from its beginning: a core waits for all of its memory at once, where a search waits for one
/// place after another.
const SHORT: usize = 16;

/// Bits of a grant's terms below its end.
const ROLE_BITS: u32 = 3;
const END_SHIFT: u32 = ROLE_BITS + 1;

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

impl<S> Grant<S> {
    /// A role that lasts until a moment. An end after the year 20,000 is that year; without one, it does not end.
    pub fn new(subject: S, role: ProjectRole, incognito: bool, ends_at: Time) -> Self {
        let latest = Time::NEVER.0 >> END_SHIFT;
        let end = if ends_at == Time::NEVER { latest } else { ends_at.0.clamp(-latest, latest - 1) };
        Self { subject, terms: end << END_SHIFT | (role as i64) << 1 | i64::from(incognito) }
    }

    /// The role.
    pub fn role(&self) -> ProjectRole {
        let role = (self.terms >> 1) & ((1 << ROLE_BITS) - 1);
        // only roles are written there
        ProjectRole::ALL.get(role as usize).copied().unwrap_or(ProjectRole::Reader)
    }

    /// Not listed and not counted; changes nothing of what is allowed.
    pub fn incognito(&self) -> bool {
        self.terms & 1 == 1
    }

    /// From when on it gives nothing.
    pub fn ends_at(&self) -> Time {
        let end = self.terms >> END_SHIFT;
        if end == Time::NEVER.0 >> END_SHIFT { Time::NEVER } else { Time(end) }
    }
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
        Self { id: AccountId(0), active: true, organizations: Organizations::new(), teams: Teams::new() }
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
        if self.collaborators.len() <= SHORT {
            return self.collaborators.iter().find(|grant| grant.subject == user);
        }
        let found = self.collaborators.binary_search_by_key(&user, |grant| grant.subject).ok()?;
        self.collaborators.get(found)
    }

    /// How many collaborators its owner's plan counts: users, not incognito, not the organization's owner.
    ///
    /// A grant counts until it is removed, whether or not it has ended.
    pub fn counted_collaborators(&self, owner: &Account) -> u32 {
        let owner_grant = owner.organization_owner.and_then(|user| self.direct_grant(user));
        let owner_is_listed = owner_grant.is_some_and(|grant| !grant.incognito());
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

#[cfg(test)]
mod tests {
    use super::super::test_world::World;
    use super::*;

    #[test]
    fn a_grant_keeps_its_terms_in_sixteen_bytes() {
        assert_eq!(size_of::<Grant<AccountId>>(), 16);
        let ends = [0, 1, -1, 1_800_000_000_000_001, 253_402_300_799_999_999].map(Time);
        for ends_at in ends.into_iter().chain([Time::NEVER]) {
            for (role, incognito) in ProjectRole::ALL.iter().flat_map(|role| [(*role, false), (*role, true)]) {
                let grant = Grant::new(AccountId(7), role, incognito, ends_at);
                assert_eq!((grant.role(), grant.incognito(), grant.ends_at()), (role, incognito, ends_at));
            }
        }
    }

    #[test]
    fn a_direct_grant_is_found_in_short_lists_and_in_long_ones() {
        for count in [0, 1, 2, SHORT, SHORT + 1, 5 * SHORT] {
            let users = || (1..=count as i64).map(|number| AccountId(2 * number));
            let grant = |user| Grant::new(user, ProjectRole::Reader, false, Time::NEVER);
            let project = Project { collaborators: users().map(grant).collect(), ..World::of(&[]).project };
            assert!(users().all(|user| project.direct_grant(user) == Some(&grant(user))), "{count}");
            let others = (0..=count as i64).map(|number| AccountId(2 * number + 1));
            assert_eq!(others.filter_map(|user| project.direct_grant(user)).next(), None, "{count}");
        }
    }

    #[test]
    fn an_end_that_does_not_fit_comes_early_and_not_never() {
        let far = Grant::new(AccountId(7), ProjectRole::Admin, false, Time(i64::MAX - 1));
        assert!(far.ends_at() < Time(i64::MAX - 1) && far.ends_at() > Time(i64::MAX >> 5));
        assert_eq!(far.role(), ProjectRole::Admin);
    }
}
