//! One decision to be compared: what is asked, with the facts of the world that a ruling may look at.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::Resolution;
use super::decided::Effective;
use super::rows::{Row, Rows};
use super::world::{Operation, World};

/// What the real system or rolegate says: `yes`, `no`, a role with its origin, `ok`, the reason of a refusal, ….
pub(super) type Answer = Cow<'static, str>;

pub(super) const YES: Answer = Cow::Borrowed("yes");
pub(super) const NO: Answer = Cow::Borrowed("no");
pub(super) const OK: Answer = Cow::Borrowed("ok");
pub(super) const REFUSED: Answer = Cow::Borrowed("refused");
pub(super) const NONE: Answer = Cow::Borrowed("none");
/// A row after an event.
pub(super) const THERE: Answer = Cow::Borrowed("there");
/// A row after an event.
pub(super) const GONE: Answer = Cow::Borrowed("gone");

/// A question with what a ruling may look at.
pub(super) enum Question<'a> {
    Project(ProjectQuestion<'a>),
    Organization(OrganizationQuestion<'a>),
    Account {
        active: bool,
    },
    /// Asked by an anonymous visitor or an unknown user.
    Stranger,
    NewMember {
        known: &'a Known<'a>,
        organization: &'a str,
        candidate: &'a str,
    },
    NewCollaborator(Candidate<'a>),
    CleanCollaborator {
        candidate: Candidate<'a>,
        allowed: bool,
    },
    CleanMember(CleanMember<'a>),
    /// Whether an event is refused.
    Event(EventQuestion<'a>),
    /// Whether a row is there after an event.
    Effect {
        event: EventQuestion<'a>,
        row: &'a Row,
        fits: bool,
    },
    /// Nothing that a ruling is about.
    Plain,
}

/// A person and a project.
pub(super) struct ProjectQuestion<'a> {
    pub resolution: Resolution,
    pub active: bool,
    /// `None`: which role is held.
    pub function: Option<&'a str>,
    pub template: bool,
    /// The role that the real system decided by.
    pub effective: Option<Effective>,
    /// What the real system says of the highest of several teams, where it took another one.
    pub highest_team: Option<Answer>,
}

/// A person and an organization.
pub(super) struct OrganizationQuestion<'a> {
    pub active: bool,
    /// `None`: what the person is there.
    pub function: Option<&'a str>,
    pub owner: bool,
}

/// Somebody who would be added to a project, and what `check_can_become_collaborator` says.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub known: &'a Known<'a>,
    pub project: &'a str,
    pub who: &'a str,
    pub class: &'a str,
}

/// Somebody who would be written as a member.
pub(super) struct CleanMember<'a> {
    pub known: &'a Known<'a>,
    pub organization: &'a str,
    pub member: &'a str,
    pub role: &'a str,
    pub is_new: bool,
    /// What the real model says: `ok`, or a reason.
    pub real: &'a str,
}

/// A write of the real system.
#[derive(Clone, Copy)]
pub(super) struct EventQuestion<'a> {
    /// The world as it was before.
    pub known: &'a Known<'a>,
    pub operation: &'a Operation,
    /// What the real system said: `ok`, or a reason.
    pub real: &'a str,
    pub inactive: &'a BTreeSet<&'a str>,
}

/// Who owns and belongs to what, looked up by name.
pub(super) struct Known<'a> {
    /// Whether the world is of the later version.
    pub later: bool,
    pub people: BTreeSet<&'a str>,
    pub organizations: BTreeMap<&'a str, OrganizationFacts<'a>>,
    /// Owner by project.
    pub projects: BTreeMap<&'a str, &'a str>,
}

pub(super) struct OrganizationFacts<'a> {
    pub owner: &'a str,
    pub members: BTreeMap<&'a str, &'a str>,
    /// `None`: as many as wanted.
    pub member_limit: Option<usize>,
    /// How many seats are paid for, after the events.
    pub seats: Option<usize>,
}

impl<'a> Known<'a> {
    pub fn new(world: &'a World, rows: &'a Rows) -> Self {
        let limits: BTreeMap<&str, i32> =
            world.plans.iter().map(|plan| (plan.code.as_str(), plan.max_organization_members)).collect();
        let seats: BTreeMap<&str, usize> = world
            .world
            .organizations
            .iter()
            .filter_map(|one| Some((one.id.as_str(), one.subscription.purchased_seats?)))
            .collect();
        let (mut people, mut organizations, mut projects) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        for row in rows {
            match row {
                Row::Person { id, .. } => {
                    people.insert(id.as_str());
                }
                Row::Organization { id, owner, plan, .. } => {
                    let member_limit = limits.get(plan.as_str()).and_then(|limit| usize::try_from(*limit).ok());
                    let seats = seats.get(id.as_str()).copied();
                    let facts = OrganizationFacts { owner, members: BTreeMap::new(), member_limit, seats };
                    organizations.insert(id.as_str(), facts);
                }
                Row::Project { id, owner, .. } => {
                    projects.insert(id.as_str(), owner.as_str());
                }
                Row::Member { organization, person, role } => {
                    // organizations come before their members
                    if let Some(facts) = organizations.get_mut(organization.as_str()) {
                        facts.members.insert(person, role);
                    }
                }
                Row::Team { .. } | Row::TeamMember { .. } | Row::Collaborator { .. } => {}
            }
        }
        Self { later: world.is_later(), people, organizations, projects }
    }

    /// Whether somebody is member or owner of an organization.
    pub fn belongs(&self, organization: &str, person: &str) -> bool {
        let facts = self.organizations.get(organization);
        facts.is_some_and(|facts| facts.owner == person || facts.members.contains_key(person))
    }
}

impl OrganizationFacts<'_> {
    /// Whether the plan allows no more members.
    pub fn is_full(&self) -> bool {
        self.member_limit.is_some_and(|limit| self.members.len() >= limit)
    }

    /// Whether the later version sees it full: it counts the owner, and seats where they are paid for.
    pub fn is_full_with_owner(&self) -> bool {
        self.seats.or(self.member_limit).is_some_and(|limit| self.members.len() + 1 >= limit)
    }
}

/// A role with its origin as an answer.
pub(super) fn role_answer(role: Option<Effective>) -> Answer {
    let Some(Effective { origin, role, .. }) = role else { return NONE };
    let role = match role {
        1 => "reader",
        2 => "reporter",
        3 => "editor",
        4 => "manager",
        _ => "admin",
    };
    let origin = match origin {
        'P' => "project_owner",
        'O' => "organization_owner",
        'A' => "organization_admin",
        'C' => "collaborator",
        'T' => "team_member",
        'M' => "organization_member",
        _ => "public",
    };
    Cow::Owned(format!("{role} as {origin}"))
}

/// A bit as an answer.
pub(super) fn bit(may: bool) -> Answer {
    if may { YES } else { NO }
}
