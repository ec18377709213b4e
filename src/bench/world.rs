//! The world that is asked about: any size, and all of it arithmetic, so that who may what need not be kept to be known.
//!
//! It is made of like blocks of 1,000 facts. A block is an organization with an owner and 100 members (100 facts), two of them
//! admins; ten teams of 20 members (200); and 100 projects, a tenth of them public, each with five collaborators and two teams
//! (700). How far a member's number is from a project's first collaborator, modulo ten, says what joins them.

use std::str::FromStr;

use uuid::{Builder, Uuid};

use super::mix::Kind;
use super::random::mix;
use crate::domain::roles::ProjectRole;

/// Members of a block's organization, and its projects.
pub const BLOCK: u64 = 100;
/// Of the members, those that are admins.
const ADMINS: u64 = 2;
pub const TEAMS: u64 = 10;
/// Users that are added to a project.
pub const COLLABORATORS: u64 = 5;
const FACTS: u64 = 1_000;
const MOST_FACTS: u64 = 1_000_000_000;
/// The moment that ids of projects begin at, in milliseconds.
const EPOCH: u64 = 1_700_000_000_000;

/// How many facts a world has: members, members of teams and collaborators together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts(pub u64);

impl FromStr for Facts {
    type Err = String;

    /// Reads `1000`, `1k` or `10m`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = match text.to_ascii_lowercase().strip_suffix(['k', 'm']) {
            Some(number) if text.ends_with(['k', 'K']) => (number.to_owned(), 1_000),
            Some(number) => (number.to_owned(), 1_000_000),
            None => (text.to_owned(), 1),
        };
        let number: u64 = number.parse().map_err(|_| "is no number of facts; write it as 1k or 10m".to_owned())?;
        let facts = number.saturating_mul(unit);
        let fits = (FACTS..=MOST_FACTS).contains(&facts) && facts.is_multiple_of(FACTS);
        fits.then_some(Self(facts)).ok_or_else(|| "must be whole thousands, from 1k to 1000m".to_owned())
    }
}

/// A world.
#[derive(Debug, Clone, Copy)]
pub struct World {
    pub seed: u64,
    /// Organizations, each with what is its own.
    pub blocks: u64,
}

impl World {
    pub fn new(facts: Facts, seed: u64) -> Self {
        Self { seed, blocks: (facts.0 / FACTS).max(1) }
    }

    pub fn facts(&self) -> u64 {
        self.blocks * FACTS
    }

    pub fn projects(&self) -> u64 {
        self.blocks * BLOCK
    }

    /// A project's id: made as the service makes them, so that they lie in an index as they would.
    pub fn project_id(&self, project: u64) -> Uuid {
        let (one, other) = (mix(self.seed, 2 * project).to_be_bytes(), mix(self.seed, 2 * project + 1).to_be_bytes());
        let mut random = [0; 10];
        random.iter_mut().zip(one.into_iter().chain(other)).for_each(|(byte, chance)| *byte = chance);
        Builder::from_unix_timestamp_millis(EPOCH + project, &random).into_uuid()
    }

    /// The collaborators of a project, as numbers of members of its block.
    pub fn collaborators(&self, project: u64) -> impl Iterator<Item = u64> {
        let first = self.first(project);
        (0..COLLABORATORS).map(move |step| (first + step * BLOCK / COLLABORATORS) % BLOCK)
    }

    /// What the collaborator of that place on a project was given at first.
    pub fn role(&self, project: u64, place: u64) -> ProjectRole {
        match mix(self.seed ^ project, place) % 3 {
            0 => ProjectRole::Reader,
            1 => ProjectRole::Reporter,
            _ => ProjectRole::Editor,
        }
    }

    /// The two teams of a project, as numbers of teams of its block.
    pub fn teams(&self, project: u64) -> [u64; 2] {
        [2, 3].map(|step| (self.first(project) + step) % TEAMS)
    }

    /// The project nearest to this one that a question of that kind can be about.
    pub fn fitting(&self, kind: Kind, project: u64) -> u64 {
        match kind {
            Kind::Public => project - project % TEAMS,
            Kind::Denied if is_public(project) => project + 1,
            Kind::Denied | Kind::Direct | Kind::Team | Kind::Admin => project,
        }
    }

    /// Who is asked about on a project that fits, by a number of any size.
    pub fn user(&self, kind: Kind, project: u64, pick: u64) -> String {
        let (block, first) = (project / BLOCK, self.first(project));
        match kind {
            Kind::Direct => {
                let step = BLOCK / COLLABORATORS;
                member(block, beyond_admins(first + pick % COLLABORATORS * step, step))
            }
            Kind::Team => member(block, beyond_admins(first + 1 + pick % 3 + pick / 3 % 10 * TEAMS, TEAMS)),
            Kind::Admin if pick % (ADMINS + 1) == ADMINS => owner(block),
            Kind::Admin => member(block, pick % (ADMINS + 1)),
            Kind::Public if self.blocks > 1 => {
                let elsewhere = (block + 1 + pick % (self.blocks - 1)) % self.blocks;
                member(elsewhere, ADMINS + (pick >> 32) % (BLOCK - ADMINS))
            }
            Kind::Public | Kind::Denied => {
                member(block, beyond_admins(first + 4 + pick % 6 + pick / 6 % 10 * TEAMS, TEAMS))
            }
        }
    }

    /// The member that is the first collaborator of a project.
    fn first(&self, project: u64) -> u64 {
        (mix(self.seed, project / BLOCK) % BLOCK + project) % BLOCK
    }
}

pub fn is_public(project: u64) -> bool {
    project.is_multiple_of(TEAMS)
}

pub fn is_admin(member: u64) -> bool {
    member < ADMINS
}

/// The two teams of a member.
pub fn teams_of(member: u64) -> [u64; 2] {
    [member % TEAMS, (member + 1) % TEAMS]
}

pub fn organization(block: u64) -> String {
    format!("org-{block:07}")
}

pub fn owner(block: u64) -> String {
    format!("owner-{block:07}")
}

pub fn member(block: u64, member: u64) -> String {
    format!("user-{:08}", block * BLOCK + member)
}

pub fn project_name(project: u64) -> String {
    format!("project-{project:08}")
}

pub fn path(project: u64) -> String {
    format!("{}/{}", organization(project / BLOCK), project_name(project))
}

/// That member, or the next in steps that is no admin.
fn beyond_admins(member: u64, step: u64) -> u64 {
    let member = member % BLOCK;
    if is_admin(member) { member + step } else { member }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// What joins a member to a project of its block, by the facts as they are written.
    fn joined(world: &World, project: u64, who: u64) -> Kind {
        let by_team = teams_of(who).iter().any(|team| world.teams(project).contains(team));
        match () {
            () if is_admin(who) => Kind::Admin,
            () if world.collaborators(project).any(|one| one == who) => Kind::Direct,
            () if by_team => Kind::Team,
            () if is_public(project) => Kind::Public,
            () => Kind::Denied,
        }
    }

    #[test]
    fn whoever_is_asked_about_is_joined_as_the_kind_says() {
        for (seed, facts) in [(1, 1_000), (2, 3_000)] {
            let world = World::new(Facts(facts), seed);
            let names = |block| (0..BLOCK).map(move |one| (member(block, one), one));
            for project in 0..world.projects() {
                for (kind, pick) in Kind::ALL.into_iter().flat_map(|kind| (0..60).map(move |pick| (kind, pick))) {
                    let fitting = world.fitting(kind, project);
                    let user = world.user(kind, fitting, pick);
                    let block = fitting / BLOCK;
                    let known = names(block).find(|(name, _)| *name == user).map(|(_, one)| one);
                    let found = match known {
                        Some(one) => joined(&world, fitting, one),
                        None if user == owner(block) => Kind::Admin,
                        None if is_public(fitting) => Kind::Public,
                        None => Kind::Denied,
                    };
                    assert_eq!(found, kind, "{user} on {fitting}, pick {pick}");
                }
            }
        }
    }

    #[test]
    fn ids_of_projects_differ_by_number_and_by_seed() {
        let worlds = [1, 2].map(|seed| World::new(Facts(10_000), seed));
        let ids: HashSet<Uuid> =
            worlds.iter().flat_map(|world| (0..world.projects()).map(|project| world.project_id(project))).collect();
        assert_eq!(ids.len(), 2_000);
    }

    #[test]
    fn facts_are_read_in_thousands_and_millions() {
        assert_eq!("1k".parse(), Ok(Facts(1_000)));
        assert_eq!("10M".parse(), Ok(Facts(10_000_000)));
        assert_eq!("25000".parse(), Ok(Facts(25_000)));
        for nonsense in ["", "k", "-1k", "1500", "2000m", "1g"] {
            assert!(nonsense.parse::<Facts>().is_err(), "{nonsense}");
        }
    }
}
