//! Brings the service back in line with a world after a write that departed by a ruling, so that one departure does not
//! make others.

use std::collections::{BTreeMap, BTreeSet};

use super::ConformanceError;
use super::api::{Api, Mode};
use super::load::{OPEN_PLAN, must};
use super::read_back;
use super::rows::{Row, Rows};

/// How often to try: handing something over has effects of its own.
const ROUNDS: usize = 4;

/// Writes what is missing from `target` and takes away what is too much; `inactive` people stay so.
pub(super) async fn align(
    api: &Api,
    mut actual: Rows,
    target: &Rows,
    inactive: &BTreeSet<&str>,
) -> Result<(), ConformanceError> {
    for _ in 0..ROUNDS {
        if actual == *target {
            return Ok(());
        }
        let missing: Vec<&Row> = target.difference(&actual).collect();
        let surplus: Vec<&Row> = actual.difference(target).collect();
        let before: BTreeMap<String, &Row> = surplus.iter().map(|row| (key(row), *row)).collect();
        let relaxed = open_plans(api, &missing, &actual, target).await?;
        // handing over has effects of its own, which are read before anything else is written
        if !hand_over(api, &missing, &before, inactive).await? {
            let changed: BTreeSet<String> = missing.iter().map(|row| key(row)).collect();
            for row in surplus.iter().rev().filter(|row| !changed.contains(&key(row))) {
                take_away(api, row).await?;
            }
            for row in missing {
                write(api, row, before.get(&key(row)).copied()).await?;
            }
        }
        for row in target {
            let (Row::Person { id, plan } | Row::Organization { id, plan, .. }) = row else { continue };
            if relaxed.contains(id) {
                must(row, api.set_plan(id, plan, matches!(row, Row::Organization { .. })).await)?;
            }
        }
        actual = read_back::read(api).await?;
    }
    let difference = actual.symmetric_difference(target).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if difference.is_empty() { Ok(()) } else { Err(ConformanceError::Astray(difference)) }
}

/// What a row is about: a row with the same key is another state of the same thing.
fn key(row: &Row) -> String {
    match row {
        Row::Person { id, .. } => id.clone(),
        Row::Organization { id, .. } => id.clone(),
        Row::Member { organization, person, .. } => format!("{organization} {person}"),
        Row::Team { id, .. } => id.clone(),
        Row::TeamMember { team, person } => format!("{team} {person}"),
        Row::Project { id, .. } => id.clone(),
        Row::Collaborator { project, who, .. } => format!("{project} {who}"),
    }
}

/// Puts the accounts that limits of missing rows are asked of on the plan that forbids nothing.
async fn open_plans(
    api: &Api,
    missing: &[&Row],
    actual: &Rows,
    target: &Rows,
) -> Result<BTreeSet<String>, ConformanceError> {
    let owner_of = |project: &str| {
        target.iter().find_map(|row| match row {
            Row::Project { id, owner, .. } if id == project => Some(owner.clone()),
            _ => None,
        })
    };
    let mut asked = BTreeSet::new();
    for row in missing {
        match row {
            Row::Collaborator { project, who, .. } => asked.extend(owner_of(project).into_iter().chain([who.clone()])),
            Row::Member { organization, .. } => asked.extend([organization.clone()]),
            Row::Organization { id, .. } => asked.extend([id.clone()]),
            Row::Person { .. } | Row::Team { .. } | Row::TeamMember { .. } | Row::Project { .. } => {}
        }
    }
    for row in actual {
        match row {
            Row::Person { id, .. } if asked.contains(id) => must(row, api.set_plan(id, OPEN_PLAN, false).await)?,
            Row::Organization { id, .. } if asked.contains(id) => must(row, api.set_plan(id, OPEN_PLAN, true).await)?,
            _ => {}
        }
    }
    Ok(asked)
}

async fn take_away(api: &Api, row: &Row) -> Result<(), ConformanceError> {
    let answer = match row {
        Row::Person { id, .. } => api.delete_user(id).await,
        Row::Organization { id, .. } => api.delete_organization(id).await,
        Row::Member { organization, person, .. } => api.remove_member(organization, person).await,
        Row::Team { id, .. } => api.delete_team(id).await,
        Row::TeamMember { team, person } => api.remove_team_member(team, person).await,
        Row::Project { id, .. } => api.delete_project(id).await,
        Row::Collaborator { project, who, .. } => api.remove_collaborator(project, who).await,
    };
    must(row, answer)
}

async fn write(api: &Api, row: &Row, before: Option<&Row>) -> Result<(), ConformanceError> {
    match (row, before) {
        (Row::Organization { id, plan, default_role, .. }, Some(_)) => {
            must(row, api.set_default_role(id, default_role.as_deref()).await)?;
            must(row, api.set_plan(id, plan, true).await)
        }
        (Row::Person { id, plan }, Some(_)) => must(row, api.set_plan(id, plan, false).await),
        (Row::Project { id, owner, public }, Some(_)) => {
            must(row, api.transfer_project(id, owner).await)?;
            must(row, api.set_public(id, *public).await)
        }
        (Row::Member { organization, person, role }, Some(_)) => {
            must(row, api.set_member_role((organization, person, role), Mode::Write).await)
        }
        (Row::Member { organization, person, role }, None) => {
            must(row, api.add_member((organization, person, role), true, Mode::Write).await)
        }
        (Row::TeamMember { team, person }, _) => must(row, api.add_team_member(team, person, Mode::Write).await),
        (Row::Collaborator { project, who, role, .. }, Some(_)) => {
            must(row, api.set_collaborator_role((project, who, role), Mode::Write).await)
        }
        (Row::Collaborator { project, who, role, incognito }, None) => {
            must(row, api.add_collaborator((project, who, role), *incognito, Mode::Write).await)
        }
        // no event makes any of these
        (Row::Person { .. } | Row::Organization { .. } | Row::Team { .. } | Row::Project { .. }, _) => Ok(()),
    }
}

/// Gives organizations the owners that they have in the missing rows; returns whether there were any.
async fn hand_over(
    api: &Api,
    missing: &[&Row],
    before: &BTreeMap<String, &Row>,
    inactive: &BTreeSet<&str>,
) -> Result<bool, ConformanceError> {
    let mut any = false;
    for row in missing {
        let Row::Organization { id, owner, .. } = row else { continue };
        let former = before.get(id).copied();
        if !matches!(former, Some(Row::Organization { owner: former, .. }) if former != owner) {
            continue;
        }
        let asleep = inactive.contains(owner.as_str());
        if asleep {
            must(owner, api.set_active(owner, true).await)?;
        }
        must(id, api.transfer_organization(id, owner).await)?;
        if asleep {
            must(owner, api.set_active(owner, false).await)?;
        }
        any = true;
    }
    Ok(any)
}
