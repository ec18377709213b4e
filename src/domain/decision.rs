//! Decides: takes facts, returns a verdict with its reason. Source: the permission model, «A user's role on a project»
//! and «Actions».

use std::cmp::Ordering;

use super::actions::{AccountAction, OrganizationAction, ProjectAction};
use super::facts::{Account, Grant, Plan, Project, Time, User};
use super::ids::{AccountId, TeamId};
use super::policy::Policy;
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
    /// The user holds no role.
    NoRole,
    /// The user's role is too low.
    RoleTooLow,
    /// Never possible on a template project.
    TemplateProject,
    /// The role would do, were the files not restricted.
    RestrictedProjectFiles,
}

impl Decision {
    /// Whether the user may.
    pub fn allowed(&self) -> bool {
        self.reason == Reason::Granted
    }
}

/// May `asker` take `action` on `project` at the moment `now`? `None` stands for a project that does not exist.
pub fn decide_project(
    policy: &Policy,
    asker: Asker<'_>,
    project: Option<OwnedProject<'_>>,
    action: ProjectAction,
    now: Time,
) -> Decision {
    let rule = policy.project(action);
    let restricted = project.is_some_and(|owned| owned.project.restricted_project_files);
    let lowest = rule.restricted.filter(|_| restricted).unwrap_or(rule.lowest);
    let impossible = rule.never_on_template && project.is_some_and(|owned| owned.project.template);
    let held = match (asker, project) {
        (Asker::User(user), Some(owned)) if user.active => held_role(user, owned.project, owned.owner, now),
        _ => None,
    };
    let reason = match (asker, project, held) {
        (Asker::Anonymous, _, _) => Reason::Anonymous,
        (Asker::NotFound, _, _) => Reason::UserNotFound,
        (Asker::User(user), _, _) if !user.active => Reason::UserInactive,
        (Asker::User(_), None, _) => Reason::ProjectNotFound,
        (Asker::User(_), Some(_), None) => Reason::NoRole,
        (Asker::User(_), Some(_), Some(held)) if reaches(held, rule.lowest) && impossible => Reason::TemplateProject,
        (Asker::User(_), Some(_), Some(held)) if reaches(held, lowest) => Reason::Granted,
        (Asker::User(_), Some(_), Some(held)) if reaches(held, rule.lowest) => Reason::RestrictedProjectFiles,
        (Asker::User(_), Some(_), Some(_)) => Reason::RoleTooLow,
    };
    Decision {
        reason,
        held,
        required: Some(lowest).filter(|_| !impossible),
        over_limit: project.is_some_and(|owned| owned.project.is_over_limit(owned.owner, owned.plan)),
    }
}

/// May `asker` take `action` on an organization that exists?
pub fn decide_organization(
    policy: &Policy,
    asker: Asker<'_>,
    organization: AccountId,
    action: OrganizationAction,
) -> bool {
    let Asker::User(user) = asker else { return false };
    let role = user.role_in(organization).map(OrganizationRole::level);
    user.active && role.unwrap_or(OrganizationLevel::Registered) >= policy.organization(action)
}

/// May `asker` take `action` on a user's account that exists?
pub fn decide_account(policy: &Policy, asker: Asker<'_>, account: &User, action: AccountAction) -> bool {
    account_level(asker, account) >= policy.account(action)
}

/// The highest role that applies to an active user on a project; among equals, the first origin.
pub fn held_role(user: &User, project: &Project, owner: &Account, now: Time) -> Option<Held> {
    let lasting = |role, origin| Held { role, origin, ends_at: Time::NEVER };
    if project.owner == user.id {
        return Some(lasting(ProjectRole::Admin, Origin::ProjectOwner));
    }
    let in_organization = user.role_in(project.owner);
    match in_organization {
        Some(OrganizationRole::Owner) => return Some(lasting(ProjectRole::Admin, Origin::OrganizationOwner)),
        Some(OrganizationRole::Admin) => return Some(lasting(ProjectRole::Admin, Origin::OrganizationAdmin)),
        Some(OrganizationRole::Creator | OrganizationRole::Member) | None => {}
    }
    let direct = project.direct_grant(user.id).filter(|grant| now < grant.ends_at);
    let team = highest_team_grant(&user.teams, &project.teams, now);
    let default_role = in_organization.and(owner.default_project_role);
    let origins = [
        direct.map(|grant| Held { role: grant.role, origin: Origin::Collaborator, ends_at: grant.ends_at }),
        team.map(|grant| Held { role: grant.role, origin: Origin::TeamMember, ends_at: grant.ends_at }),
        default_role.map(|role| lasting(role, Origin::OrganizationMember)),
        project.public.then_some(lasting(ProjectRole::Reader, Origin::Public)),
    ];
    let higher = |best: Held, next: Held| if next.role > best.role { next } else { best };
    origins.into_iter().flatten().reduce(higher)
}

/// The highest live grant of the teams in both lists; among equals, the one that lasts longest.
fn highest_team_grant<'a>(teams: &[TeamId], grants: &'a [Grant<TeamId>], now: Time) -> Option<&'a Grant<TeamId>> {
    let (mut teams, mut grants) = (teams.iter().peekable(), grants.iter().peekable());
    let mut best: Option<&Grant<TeamId>> = None;
    while let (Some(team), Some(grant)) = (teams.peek(), grants.peek()) {
        match team.cmp(&&grant.subject) {
            Ordering::Less => drop(teams.next()),
            Ordering::Greater => drop(grants.next()),
            Ordering::Equal => {
                let better = best.is_none_or(|best| (grant.role, grant.ends_at) > (best.role, best.ends_at));
                if now < grant.ends_at && better {
                    best = Some(grant);
                }
                teams.next();
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

fn account_level(asker: Asker<'_>, account: &User) -> AccountLevel {
    let Asker::User(user) = asker else { return AccountLevel::Anyone };
    if !user.active {
        return AccountLevel::Anyone;
    }
    if user.id == account.id {
        return AccountLevel::OneSelf;
    }
    let manages = |role| role >= OrganizationRole::Admin;
    let belongs = |organization| account.role_in(organization).is_some();
    let shared = user.organizations.iter().any(|(organization, role)| manages(*role) && belongs(*organization));
    if shared { AccountLevel::OrganizationAdmin } else { AccountLevel::Registered }
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
