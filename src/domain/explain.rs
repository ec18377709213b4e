//! Explains what a user holds on a project: what each of the seven origins gives, and how it stands beside the others.

use super::decision::{Asker, Held, OwnedProject, held_role, highest_team_grant};
use super::facts::{Time, User};
use super::ids::TeamId;
use super::policy::Resolution;
use super::roles::{OrganizationRole, Origin, ProjectRole};

/// What one origin gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The origin.
    pub origin: Origin,
    /// What it gives.
    pub held: Option<Held>,
    /// Whether that is what the user holds, or why not.
    pub standing: Standing,
    /// The teams that give that role.
    pub teams: Vec<TeamId>,
}

/// How an origin stands beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its role is what the user holds.
    Wins,
    /// Another gives a higher role.
    LowerRole,
    /// One before it wins.
    LaterOrigin,
    /// The user or the project is not there, or the user is not active.
    Nobody,
    /// The user does not own it.
    NotOwner,
    /// The project is not owned by an organization.
    NoOrganization,
    /// The user is no admin of the organization.
    NotAdmin,
    /// Neither the user nor, for teams, one of its teams was added.
    NotAdded,
    /// The grant has ended.
    Ended,
    /// The user is no member, or more than one.
    NotMember,
    /// The organization sets no default role.
    NoDefaultRole,
    /// The project is private.
    NotPublic,
}

/// What each origin gives, in their order.
pub fn explain_origins(
    resolution: Resolution,
    asker: Asker<'_>,
    project: Option<OwnedProject<'_>>,
    now: Time,
) -> Vec<Finding> {
    let (Ok(user), Some(owned)) = (asker.active(), project) else {
        let nobody = |origin: &Origin| Finding::nothing(*origin, Standing::Nobody);
        return Origin::ALL.iter().map(nobody).collect();
    };
    let winner = held_role(resolution, user, owned.project, owned.owner, now);
    Origin::ALL.iter().map(|origin| find(resolution, user, owned, now, *origin, winner)).collect()
}

fn find(
    resolution: Resolution,
    user: &User,
    owned: OwnedProject<'_>,
    now: Time,
    origin: Origin,
    winner: Option<Held>,
) -> Finding {
    let held = match given(user, owned, now, origin) {
        Ok(held) => held,
        Err(standing) => return Finding::nothing(origin, standing),
    };
    let winner = winner.filter(|winner| winner.origin != origin);
    let standing = match winner {
        None => Standing::Wins,
        Some(winner) if resolution == Resolution::Highest && winner.role > held.role => Standing::LowerRole,
        Some(_) => Standing::LaterOrigin,
    };
    let teams = if origin == Origin::TeamMember { teams_that_give(held, user, owned, now) } else { Vec::new() };
    Finding { origin, held: Some(held), standing, teams }
}

/// What an origin gives by itself, or why nothing.
fn given(user: &User, owned: OwnedProject<'_>, now: Time, origin: Origin) -> Result<Held, Standing> {
    let OwnedProject { project, owner, .. } = owned;
    let of_organization = owner.organization_owner.is_some();
    let place = user.role_in(project.owner);
    let lasting = |role| Held { role, origin, ends_at: Time::NEVER, incognito: false };
    let admin = lasting(ProjectRole::Admin);
    let live = |held: Held| if now < held.ends_at { Ok(held) } else { Err(Standing::Ended) };
    match origin {
        Origin::ProjectOwner if project.owner == user.id => Ok(admin),
        Origin::OrganizationOwner if place == Some(OrganizationRole::Owner) => Ok(admin),
        Origin::OrganizationAdmin if place == Some(OrganizationRole::Admin) => Ok(admin),
        Origin::OrganizationOwner | Origin::OrganizationAdmin | Origin::OrganizationMember if !of_organization => {
            Err(Standing::NoOrganization)
        }
        Origin::ProjectOwner | Origin::OrganizationOwner => Err(Standing::NotOwner),
        Origin::OrganizationAdmin => Err(Standing::NotAdmin),
        Origin::Collaborator => live(project.direct_grant(user.id).ok_or(Standing::NotAdded)?.held(origin)),
        Origin::TeamMember => match highest_team_grant(&user.teams, &project.teams, now) {
            Some(grant) => Ok(grant.held(origin)),
            None if project.teams.iter().any(|grant| user.teams.contains(&grant.subject)) => Err(Standing::Ended),
            None => Err(Standing::NotAdded),
        },
        Origin::OrganizationMember => match place {
            Some(OrganizationRole::Member | OrganizationRole::Creator) => {
                owner.default_project_role.map(lasting).ok_or(Standing::NoDefaultRole)
            }
            Some(OrganizationRole::Admin | OrganizationRole::Owner) | None => Err(Standing::NotMember),
        },
        Origin::Public if project.public => Ok(lasting(ProjectRole::Reader)),
        Origin::Public => Err(Standing::NotPublic),
    }
}

fn teams_that_give(held: Held, user: &User, owned: OwnedProject<'_>, now: Time) -> Vec<TeamId> {
    let gives = |team: &TeamId| {
        let mut grants = owned.project.teams.iter();
        grants.any(|grant| grant.subject == *team && grant.role() == held.role && now < grant.ends_at())
    };
    user.teams.iter().copied().filter(gives).collect()
}

impl Finding {
    fn nothing(origin: Origin, standing: Standing) -> Self {
        Self { origin, held: None, standing, teams: Vec::new() }
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
