//! The rows of a world, as the store takes them: a block after the other, so that no size of world has to fit in memory.

use std::fmt::Write as _;

use super::world::{self, BLOCK, TEAMS, World};
use crate::store::bulk::Table;

/// An owner, an organization, and its members.
const ACCOUNTS: u64 = BLOCK + 2;
/// The plan that the first migration makes.
const PLAN: u64 = 1;

/// The rows of a table, in parts.
pub type Rows = Box<dyn Iterator<Item = String> + Send>;

/// All tables, in the order in which they are to be written.
pub fn tables(world: World) -> Vec<(Table, Rows)> {
    vec![
        (Table::Account, blocks(world, accounts)),
        (Table::Member, blocks(world, members)),
        (Table::Team, blocks(world, teams)),
        (Table::TeamMember, blocks(world, team_members)),
        (Table::Project, blocks(world, projects)),
        (Table::Collaborator, blocks(world, collaborators)),
    ]
}

fn blocks(world: World, rows: fn(&World, u64) -> String) -> Rows {
    Box::new((0..world.blocks).map(move |block| rows(&world, block)))
}

/// One line a row; writing to a string does not fail.
macro_rules! row {
    ($text:ident, $($format:tt)*) => {
        let _ = writeln!($text, $($format)*);
    };
}

fn accounts(_: &World, block: u64) -> String {
    let mut text = String::new();
    row!(text, "{}\tuser\t{}\t{PLAN}\t\\N", owner_id(block), world::owner(block));
    row!(text, "{}\torganization\t{}\t{PLAN}\t{}", organization_id(block), world::organization(block), owner_id(block));
    for member in 0..BLOCK {
        row!(text, "{}\tuser\t{}\t{PLAN}\t\\N", member_id(block, member), world::member(block, member));
    }
    text
}

fn members(_: &World, block: u64) -> String {
    let mut text = String::new();
    for member in 0..BLOCK {
        let role = if world::is_admin(member) { "admin" } else { "member" };
        row!(text, "{}\t{}\t{role}\tt", organization_id(block), member_id(block, member));
    }
    text
}

fn teams(_: &World, block: u64) -> String {
    let mut text = String::new();
    for team in 0..TEAMS {
        row!(text, "{}\t{}\tteam-{team}", team_id(block, team), organization_id(block));
    }
    text
}

fn team_members(_: &World, block: u64) -> String {
    let mut text = String::new();
    for member in 0..BLOCK {
        for team in world::teams_of(member) {
            row!(text, "{}\t{}\t{}", team_id(block, team), organization_id(block), member_id(block, member));
        }
    }
    text
}

fn projects(world: &World, block: u64) -> String {
    let mut text = String::new();
    for project in projects_of(block) {
        let (id, name) = (world.project_id(project), world::project_name(project));
        let public = if world::is_public(project) { 't' } else { 'f' };
        row!(text, "{id}\t{}\t{name}\t{public}\tf\tf", organization_id(block));
    }
    text
}

fn collaborators(world: &World, block: u64) -> String {
    let mut text = String::new();
    for project in projects_of(block) {
        let (id, owner) = (world.project_id(project), organization_id(block));
        for (place, member) in (0..).zip(world.collaborators(project)) {
            let role = world.role(project, place).name();
            row!(text, "{id}\t{owner}\t{}\t\\N\t{role}\tf", member_id(block, member));
        }
        for team in world.teams(project) {
            row!(text, "{id}\t{owner}\t\\N\t{}\treporter\tf", team_id(block, team));
        }
    }
    text
}

fn projects_of(block: u64) -> std::ops::Range<u64> {
    block * BLOCK..(block + 1) * BLOCK
}

fn owner_id(block: u64) -> u64 {
    1 + block * ACCOUNTS
}

fn organization_id(block: u64) -> u64 {
    owner_id(block) + 1
}

fn member_id(block: u64, member: u64) -> u64 {
    organization_id(block) + 1 + member
}

fn team_id(block: u64, team: u64) -> u64 {
    1 + block * TEAMS + team
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::world::Facts;

    #[test]
    fn a_world_has_the_facts_that_it_is_said_to_have() {
        let world = World::new(Facts(3_000), 1);
        let count = |wanted: Table| {
            let rows = tables(world).into_iter().filter(|(table, _)| *table == wanted).flat_map(|(_, rows)| rows);
            rows.map(|part| part.lines().count()).sum::<usize>()
        };
        assert_eq!([Table::Member, Table::TeamMember, Table::Collaborator].map(count), [300, 600, 2_100]);
        assert_eq!([Table::Account, Table::Team, Table::Project].map(count), [306, 30, 300]);
    }

    #[test]
    fn the_same_seed_makes_the_same_rows() {
        let rows =
            |seed| -> String { tables(World::new(Facts(2_000), seed)).into_iter().flat_map(|(_, r)| r).collect() };
        assert_eq!(rows(1), rows(1));
        assert_ne!(rows(1), rows(2));
    }
}
