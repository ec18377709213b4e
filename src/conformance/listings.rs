//! How the real system lists a project's collaborators, and whether it calls the project over its limit.

use std::collections::{BTreeMap, BTreeSet};

use super::api::Api;
use super::asker::{Ask, Asker, Part};
use super::decided::Pair;
use super::limits::Limits;
use super::question::{Answer, Question, bit};
use super::rows::{Row, Rows, organization_of};
use super::tally::{Case, Section};
use super::world::World;
use super::{ConformanceError, read_back};
use crate::grpc::v1::check_item::Object;

/// Compares every project; `asker` goes by the policy that reports what is over its limit.
pub(super) async fn ask<'a>(
    world: &'a World,
    api: &Api,
    left_out: &Rows,
    inactive: &BTreeSet<&str>,
    asker: &mut Asker<'a, '_>,
) -> Result<(), ConformanceError> {
    let (place, limits) = (asker.place(Section::Listing), Limits { world, left_out });
    let organizations: BTreeMap<&str, &str> =
        world.world.organizations.iter().map(|one| (one.id.as_str(), one.owner.as_str())).collect();
    // the owner of the organization that owns the project
    let owners: BTreeMap<&str, &str> = world
        .world
        .projects
        .iter()
        .filter_map(|project| Some((project.id.as_str(), *organizations.get(project.owner.as_str())?)))
        .collect();
    for info in &world.decisions.project_info {
        let gone: BTreeSet<&str> = left_out_of(left_out, &info.project).collect();
        let reference = api.project(&info.project);
        let listed = read_back::collaborators(api, &reference, false).await?;
        let owner = owners.get(info.project.as_str()).copied();
        let counts = |who: &str| organization_of(who).is_none() && Some(who) != owner;
        let listed = || listed.iter().map(|row| row.collaborator.as_str());
        let kept = |names: &'a [String]| names.iter().map(String::as_str).filter(|who| !gone.contains(who)).collect();
        for (action, real, got) in [
            ("listed_collaborators (List)", kept(&info.listed_collaborators), listed().collect()),
            (
                "direct_collaborators (List)",
                kept(&info.direct_collaborators),
                listed().filter(|who| counts(who)).collect(),
            ),
        ] {
            let case = Case { place, user: "", object: &info.project, action, explanation: "" };
            asker.tally.compare(&case, &Question::Plain, &names(real), &names(got));
        }
        // two more answers about the project, on what rolegate does not know
        asker.tally.not_mapped(place, 2);
        let Some(status) = &info.status_code else { continue };
        let recounted = status == "too_many_collaborators" && limits.is_within_again(&info.project);
        let (Some(user), false) = (who_sees(world, &info.project, inactive), recounted) else {
            asker.tally.leave_out(place, 1);
            continue;
        };
        asker
            .ask(Ask {
                section: Section::Listing,
                user,
                object: Object::Project(reference),
                name: &info.project,
                function: "status_code",
                action: "view_project",
                part: Part::Valid,
                question: Question::Plain,
                real: bit(status != "too_many_collaborators"),
            })
            .await?;
    }
    Ok(())
}

fn left_out_of<'r>(left_out: &'r Rows, project: &str) -> impl Iterator<Item = &'r str> {
    left_out.iter().filter_map(move |row| match row {
        Row::Collaborator { project: of, who, .. } if of == project => Some(who.as_str()),
        _ => None,
    })
}

/// An active person with a role on a project that no row of it gives.
fn who_sees<'a>(world: &'a World, project: &str, inactive: &BTreeSet<&str>) -> Option<&'a str> {
    let decided = &world.decisions;
    let index = decided.projects.iter().position(|name| name == project)?;
    let holds = |pair: &&Pair| pair.first.effective.is_some_and(|role| !matches!(role.origin, 'C' | 'T'));
    let pairs = decided.project.iter().filter(|pair| pair.project == index).filter(holds);
    pairs
        .filter_map(|pair| decided.people.get(pair.person))
        .map(String::as_str)
        .find(|person| !inactive.contains(person))
}

fn names(mut names: Vec<&str>) -> Answer {
    names.sort_unstable();
    Answer::Owned(names.join(" "))
}
