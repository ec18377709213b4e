//! Decides: takes facts, returns a verdict with its reason. Source: the permission model, «A user's role on a project»
//! and «Actions».

use std::cmp::Ordering;

use super::facts::{Account, Grant, Named, Plan, Project, Time, User};
use super::ids::{AccountId, TeamId};
use super::policy::{Policy, ProjectRule, Resolution};
use super::roles::{AccountLevel, OrganizationLevel, OrganizationRole, Origin, ProjectLevel, ProjectRole};

/// Who is asked about.
#[derive(Debug, Clone, Copy)]
pub enum Asker<'a> {
    /// Nobody in particular: an empty username.
    Anonymous,
    /// A name that no user has.
    NotFound,
    /// A user, active or not.
    User(&'a User),
}

/// A project with what its owner adds to it.
#[derive(Debug, Clone, Copy)]
pub struct OwnedProject<'a> {
    /// The project.
    pub project: &'a Project,
    /// The account that owns it.
    pub owner: &'a Account,
    /// The plan of that account.
    pub plan: &'a Plan,
}

/// A role that a user holds, and through what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The role.
    pub role: ProjectRole,
    /// The first origin that gives it.
    pub origin: Origin,
    /// When that origin stops giving it.
    pub ends_at: Time,
    /// The grant that gives it is not listed unasked.
    pub incognito: bool,
}

/// The verdict on one question about a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Why; it is allowed where the reason is [`Reason::Granted`].
    pub reason: Reason,
    /// What the user holds on the project.
    pub held: Option<Held>,
    /// The lowest level that may; `None` where no level would do.
    pub required: Option<ProjectLevel>,
    /// The project has more collaborators than its owner's plan allows.
    pub over_limit: bool,
}

/// The verdict on one question about an organization or an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelDecision<L> {
    /// Why; it is allowed where the reason is [`Reason::Granted`].
    pub reason: Reason,
    /// What the user is to it; `None` where it does not exist, or no user does whose standing counts.
    pub level: Option<L>,
    /// The lowest level that may.
    pub required: L,
}

/// Why a question was decided as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The role suffices.
    Granted,
    /// An anonymous visitor holds no role.
    Anonymous,
    /// No user has that name.
    UserNotFound,
    /// The user is not active.
    UserInactive,
    /// There is no such project.
    ProjectNotFound,
    /// There is no such organization.
    OrganizationNotFound,
    /// There is no such account.
    AccountNotFound,
    /// The user holds no role.
    NoRole,
    /// The user's role or level is too low.
    RoleTooLow,
    /// Never possible on a template project.
    TemplateProject,
    /// The role would do, were the files not restricted.
    RestrictedProjectFiles,
    /// Refused to everybody while the project is over its owner's limit.
    OverLimit,
}

impl Decision {
    /// Whether the user may.
    pub fn allowed(&self) -> bool {
        self.reason == Reason::Granted
    }
}

impl<L> LevelDecision<L> {
    /// Whether the user may.
    pub fn allowed(&self) -> bool {
        self.reason == Reason::Granted
    }
}

impl<'a> Asker<'a> {
    /// Who a username asks about.
    pub fn named(named: Option<&'a Named>) -> Self {
        match named {
            Some(Named::User(user)) => Self::User(user),
            Some(Named::Organization(_)) | None => Self::NotFound,
        }
    }

    /// The user, if it is one that can hold a role.
    pub fn active(self) -> Result<&'a User, Reason> {
        match self {
            Self::Anonymous => Err(Reason::Anonymous),
            Self::NotFound => Err(Reason::UserNotFound),
            Self::User(user) if !user.active => Err(Reason::UserInactive),
            Self::User(user) => Ok(user),
        }
    }
}

/// May `asker` do on `project`, at the moment `now`, what `rule` is of? `None` stands for a project that does not exist.
pub fn decide_project(
    policy: &Policy,
    asker: Asker<'_>,
    project: Option<OwnedProject<'_>>,
    rule: &ProjectRule,
    now: Time,
) -> Decision {
    let restricted = project.is_some_and(|owned| owned.project.restricted_project_files);
    let lowest = rule.restricted.filter(|_| restricted).unwrap_or(rule.lowest);
    let over_limit = project.is_some_and(|owned| owned.is_over_limit(policy));
    let on_template = rule.never_on_template && project.is_some_and(|owned| owned.project.template);
    let beyond_limit = rule.never_over_limit && over_limit;
    let held = match (asker.active(), project) {
        (Ok(user), Some(owned)) => held_role(policy.resolution, user, owned.project, owned.owner, now),
        _ => None,
    };
    let reason = match (asker.active(), project, held) {
        (Err(reason), _, _) => reason,
        (Ok(_), None, _) => Reason::ProjectNotFound,
        (Ok(_), Some(_), None) => Reason::NoRole,
        (Ok(_), Some(_), Some(held)) if !reaches(held, rule.lowest) => Reason::RoleTooLow,
        (Ok(_), Some(_), Some(_)) if on_template => Reason::TemplateProject,
        (Ok(_), Some(_), Some(held)) if !reaches(held, lowest) => Reason::RestrictedProjectFiles,
        (Ok(_), Some(_), Some(_)) if beyond_limit => Reason::OverLimit,
        (Ok(_), Some(_), Some(_)) => Reason::Granted,
    };
    Decision { reason, held, required: Some(lowest).filter(|_| !on_template && !beyond_limit), over_limit }
}

/// May `asker` do what asks for `required` on an organization? `None` stands for one that does not exist.
pub fn decide_organization(
    asker: Asker<'_>,
    organization: Option<AccountId>,
    required: OrganizationLevel,
) -> LevelDecision<OrganizationLevel> {
    let level = match (asker.active(), organization) {
        (Err(reason), _) => Err(reason),
        (Ok(_), None) => Err(Reason::OrganizationNotFound),
        (Ok(user), Some(organization)) => {
            Ok(user.role_in(organization).map_or(OrganizationLevel::Registered, OrganizationRole::level))
        }
    };
    decide_level(level, required)
}

/// May `asker` do what asks for `required` on an account? `None` stands for one that does not exist.
pub fn decide_account(
    asker: Asker<'_>,
    account: Option<&Named>,
    required: AccountLevel,
) -> LevelDecision<AccountLevel> {
    let level = match (asker.active(), account) {
        (Ok(user), Some(account)) => Ok(account_level(user, account)),
        (Err(_), Some(_)) if required == AccountLevel::Anyone => Ok(AccountLevel::Anyone),
        (Err(reason), _) if required > AccountLevel::Anyone => Err(reason),
        (_, _) => Err(Reason::AccountNotFound),
    };
    decide_level(level, required)
}

fn decide_level<L: Ord + Copy>(level: Result<L, Reason>, required: L) -> LevelDecision<L> {
    let reason = match level {
        Err(reason) => reason,
        Ok(level) if level >= required => Reason::Granted,
        Ok(_) => Reason::RoleTooLow,
    };
    LevelDecision { reason, level: level.ok(), required }
}

/// The role that an active user holds on a project: the highest that applies and among equals the first origin, or that of
/// the first origin that gives any.
pub fn held_role(resolution: Resolution, user: &User, project: &Project, owner: &Account, now: Time) -> Option<Held> {
    let lasting = |role, origin| Held { role, origin, ends_at: Time::NEVER, incognito: false };
    // the first three origins give the highest role, so that none behind them matters
    if project.owner == user.id {
        return Some(lasting(ProjectRole::Admin, Origin::ProjectOwner));
    }
    let in_organization = user.role_in(project.owner);
    match in_organization {
        Some(OrganizationRole::Owner) => return Some(lasting(ProjectRole::Admin, Origin::OrganizationOwner)),
        Some(OrganizationRole::Admin) => return Some(lasting(ProjectRole::Admin, Origin::OrganizationAdmin)),
        Some(OrganizationRole::Creator | OrganizationRole::Member) | None => {}
    }
    let mut best = None;
    let mut offer = |next: Held| {
        if best.is_none_or(|best: Held| resolution == Resolution::Highest && next.role > best.role) {
            best = Some(next);
        }
    };
    if let Some(grant) = project.direct_grant(user.id).filter(|grant| now < grant.ends_at()) {
        offer(grant.held(Origin::Collaborator));
    }
    if let Some(grant) = highest_team_grant(&user.teams, &project.teams, now) {
        offer(grant.held(Origin::TeamMember));
    }
    if let Some(role) = in_organization.and(owner.default_project_role) {
        offer(lasting(role, Origin::OrganizationMember));
    }
    if project.public {
        offer(lasting(ProjectRole::Reader, Origin::Public));
    }
    best
}

impl OwnedProject<'_> {
    fn is_over_limit(&self, policy: &Policy) -> bool {
        self.project.is_over_limit(self.owner, self.plan, policy.over_limit)
    }
}

impl<S> Grant<S> {
    pub(super) fn held(&self, origin: Origin) -> Held {
        Held { role: self.role(), origin, ends_at: self.ends_at(), incognito: self.incognito() }
    }
}

/// The highest live grant of the teams in both lists; among equals the one that lasts longest, then one that is listed.
pub(super) fn highest_team_grant<'a>(
    teams: &[TeamId],
    grants: &'a [Grant<TeamId>],
    now: Time,
) -> Option<&'a Grant<TeamId>> {
    let (mut teams, mut grants) = (teams, grants);
    let mut best: Option<&Grant<TeamId>> = None;
    while let ([team, other_teams @ ..], [grant, other_grants @ ..]) = (teams, grants) {
        match team.cmp(&grant.subject) {
            Ordering::Less => teams = other_teams,
            Ordering::Greater => grants = other_grants,
            Ordering::Equal => {
                let rank = |grant: &Grant<TeamId>| (grant.role(), grant.ends_at(), !grant.incognito());
                let better = best.is_none_or(|best| rank(grant) > rank(best));
                if now < grant.ends_at() && better {
                    best = Some(grant);
                }
                teams = other_teams;
            }
        }
    }
    best
}

fn reaches(held: Held, level: ProjectLevel) -> bool {
    match level {
        ProjectLevel::Owner => held.origin.is_ownership(),
        _ => held.role.level() >= level,
    }
}

fn account_level(user: &User, account: &Named) -> AccountLevel {
    let manages = |role| role >= OrganizationRole::Admin;
    let managed = match account {
        Named::User(account) if account.id == user.id => return AccountLevel::OneSelf,
        Named::User(account) => {
            let belongs = |organization| account.role_in(organization).is_some();
            user.organizations.iter().any(|(organization, role)| manages(*role) && belongs(*organization))
        }
        Named::Organization(organization) => user.role_in(*organization).is_some_and(manages),
    };
    if managed { AccountLevel::OrganizationAdmin } else { AccountLevel::Registered }
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
