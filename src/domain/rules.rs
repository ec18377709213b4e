//! The rules of a write: facts in, leave or a refusal out. Source: the permission model, «What a write must refuse».
//!
//! Who may write at all is asked before, in [`super::decision`]; these rules hold for everybody.

use super::ids::AccountId;
use super::refusal::{Refusal, RoleName};
use super::roles::ProjectRole;

/// What a plan allows, as far as writes ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRules {
    /// Its users may be added to private projects that a user owns.
    pub premium: bool,
    /// How many collaborators a private project may have.
    pub collaborator_limit: Option<u32>,
    /// How many members an organization may have.
    pub member_limit: Option<u32>,
    /// On a project that a user owns nobody gets a role above reporter.
    pub personal_projects_up_to_reporter: bool,
}

/// The project that somebody is added to.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// The account that owns it.
    pub owner: AccountId,
    /// Its owner's name.
    pub owner_name: &'a str,
    /// Whether that is an organization.
    pub owned_by_organization: bool,
    /// Whether every active user is a reader.
    pub public: bool,
    /// How many collaborators it has that count.
    pub counted: u32,
    /// The plan of its owner.
    pub plan: &'a PlanRules,
}

/// Who is added.
#[derive(Debug, Clone)]
pub enum Candidate {
    /// A user.
    User {
        /// Its id.
        id: AccountId,
        /// Whether its plan is premium.
        premium: bool,
        /// Whether it is a member or the owner of the organization that owns the project.
        belongs: bool,
        /// Whether the plan's limit counts it: not where it is incognito or the organization's owner.
        counts: bool,
    },
    /// A team.
    Team {
        /// The organization that it is of.
        organization: AccountId,
    },
}

/// May `candidate`, called `name`, become a collaborator? The first refusal in the order: owner, duplicate, team or
/// membership, limit, premium, personal role.
///
/// # Errors
/// The refusal.
pub fn may_become_collaborator(
    target: &Target<'_>,
    candidate: &Candidate,
    name: &str,
    role: ProjectRole,
    already: bool,
) -> Result<(), Refusal> {
    if matches!(candidate, Candidate::User { id, .. } if *id == target.owner) {
        return Err(Refusal::OwnerCannotBeCollaborator(name.to_owned()));
    }
    if already {
        return Err(Refusal::AlreadyCollaborator(name.to_owned()));
    }
    match candidate {
        Candidate::Team { organization } => {
            if !target.owned_by_organization || *organization != target.owner {
                return Err(Refusal::TeamNotInOrganization(name.to_owned()));
            }
        }
        Candidate::User { premium, belongs, counts, .. } => {
            if target.owned_by_organization && !belongs {
                let (user, organization) = (name.to_owned(), target.owner_name.to_owned());
                return Err(Refusal::NotOrganizationMember { user, organization });
            }
            if *counts {
                below_collaborator_limit(target)?;
            }
            if !target.owned_by_organization && !target.public && !premium {
                return Err(Refusal::PremiumRequired(name.to_owned()));
            }
        }
    }
    role_allowed(target, role)
}

/// What somebody was given on a project, as far as these rules ask.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    /// The role.
    pub role: ProjectRole,
    /// Whether it is neither listed unasked nor counted.
    pub incognito: bool,
    /// Whether it gives nothing any more.
    pub ended: bool,
}

/// May what `candidate`, called `name`, was given become another? `candidate` is as it would be if it were not incognito.
///
/// What has ended gives nothing: to have it give something again is to add somebody, and is asked for all that this is. What
/// goes on is asked for what it gets besides.
///
/// # Errors
/// The refusal.
pub fn may_change_collaborator(
    target: &Target<'_>,
    candidate: &Candidate,
    name: &str,
    (before, after): (Given, Given),
) -> Result<(), Refusal> {
    let as_given = |given: Given| match *candidate {
        Candidate::User { id, premium, belongs, counts } => {
            Candidate::User { id, premium, belongs, counts: counts && !given.incognito }
        }
        Candidate::Team { organization } => Candidate::Team { organization },
    };
    let counts = |given| matches!(as_given(given), Candidate::User { counts: true, .. });
    if before.ended && !after.ended {
        let others = target.counted.saturating_sub(u32::from(counts(before)));
        let target = Target { counted: others, ..target.clone() };
        return may_become_collaborator(&target, &as_given(after), name, after.role, false);
    }
    if before.incognito && counts(after) {
        below_collaborator_limit(target)?;
    }
    if after.role > before.role { role_allowed(target, after.role) } else { Ok(()) }
}

/// Is there room for one more collaborator that counts?
///
/// # Errors
/// The refusal.
pub fn below_collaborator_limit(target: &Target<'_>) -> Result<(), Refusal> {
    match target.plan.collaborator_limit {
        Some(limit) if !target.public && target.counted >= limit => {
            Err(Refusal::CollaboratorLimitReached { counted: target.counted, limit })
        }
        _ => Ok(()),
    }
}

/// May anybody have this role on the project?
///
/// # Errors
/// The refusal.
pub fn role_allowed(target: &Target<'_>, role: ProjectRole) -> Result<(), Refusal> {
    let capped = !target.owned_by_organization && target.plan.personal_projects_up_to_reporter;
    if capped && role > ProjectRole::Reporter { Err(Refusal::RoleNotAllowedOnPersonalProject) } else { Ok(()) }
}

/// Is there room for one more member? `counted` leaves the owner out.
///
/// # Errors
/// The refusal.
pub fn below_member_limit(plan: &PlanRules, counted: u32) -> Result<(), Refusal> {
    match plan.member_limit {
        Some(limit) if counted >= limit => Err(Refusal::MemberLimitReached { counted, limit }),
        _ => Ok(()),
    }
}

/// May an actor whose own role is `own` give `role`?
///
/// # Errors
/// `ROLE_ABOVE_OWN`.
pub fn may_give<R: Ord + Copy + Into<RoleName>>(actor: &str, own: Option<R>, role: R) -> Result<(), Refusal> {
    if own >= Some(role) { Ok(()) } else { Err(Refusal::role_above_own(actor, role.into())) }
}

/// May an actor whose own role is `own` change or remove somebody who has `target`?
///
/// # Errors
/// `TARGET_ROLE_ABOVE_OWN`.
pub fn may_touch<R: Ord + Copy + Into<RoleName>>(actor: &str, own: Option<R>, target: R) -> Result<(), Refusal> {
    if own >= Some(target) { Ok(()) } else { Err(Refusal::target_role_above_own(actor, target.into())) }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
