//! What the real system decided about people and projects.

use std::collections::{BTreeMap, BTreeSet};

use super::api::Api;
use super::asker::{Ask, Asker, Part};
use super::decided::{Effective, Pair, Picked};
use super::limits::Limits;
use super::mappings::{self, Asked, Kind};
use super::question::{Answer, ProjectQuestion, Question, bit, role_answer};
use super::rows::{Row, Rows};
use super::tally::Section;
use super::world::{Project, World};
use super::{ConformanceError, Resolution, at};
use crate::grpc::v1::check_item::Object;

/// What the decisions about the projects of a world are asked with.
pub(super) struct Projects<'a> {
    pub world: &'a World,
    pub api: &'a Api,
    pub left_out: &'a Rows,
    pub inactive: &'a BTreeSet<&'a str>,
    pub resolution: Resolution,
}

/// What a role may, by role, validity, restriction and template: as the real system decided it anywhere in the world.
type BitsByRole<'a> = BTreeMap<(u32, bool, bool, bool), &'a str>;

/// One pair under one policy.
struct Asking<'a> {
    person: &'a str,
    project: &'a Project,
    active: bool,
    resolution: Resolution,
    reference: String,
    picked: &'a Picked,
    /// The highest of several teams, where the real system took another one, and what it may.
    highest_team: Option<(Effective, Option<&'a str>)>,
    /// The limit is kept without the rows that were left out, and was not with them.
    recounted: bool,
}

impl<'a> Projects<'a> {
    /// Asks everything about every pair.
    pub async fn ask(&self, asker: &mut Asker<'a, '_>) -> Result<(), ConformanceError> {
        let decided = &self.world.decisions;
        let projects: BTreeMap<&str, &Project> =
            self.world.world.projects.iter().map(|project| (project.id.as_str(), project)).collect();
        let functions =
            decided.project_functions.iter().map(|name| Ok((name.as_str(), mappings::find(Kind::Project, name)?)));
        let functions: Vec<(&str, Asked)> = functions.collect::<Result<_, ConformanceError>>()?;
        let limits = Limits { world: self.world, left_out: self.left_out };
        let (touched, bits_by_role) = (self.touched(), bits_by_role(self.world, &projects));
        for pair in &decided.project {
            let (person, name) = (at(&decided.people, pair.person)?, at(&decided.projects, pair.project)?);
            let project = *projects.get(name).ok_or_else(|| ConformanceError::unknown(name))?;
            // what is given by owning or administering does not depend on rows of the project
            let given_before = pair.first.effective.is_some_and(|role| matches!(role.origin, 'P' | 'O' | 'A'));
            if touched.contains(&(person, name)) && !given_before {
                let mapped = functions.iter().filter(|(_, asked)| !matches!(asked, Asked::Nothing(_))).count();
                asker.tally.leave_out(asker.place(Section::Project), 1 + mapped as u64);
                asker.tally.not_mapped(asker.place(Section::Project), (functions.len() - mapped) as u64);
                continue;
            }
            let asking = Asking {
                person,
                project,
                active: !self.inactive.contains(person),
                resolution: self.resolution,
                reference: self.api.project(name),
                picked: if self.resolution == Resolution::Highest { &pair.highest } else { &pair.first },
                highest_team: highest_team(pair, project, &bits_by_role),
                recounted: limits.is_valid_again(project),
            };
            asking.role(asker).await?;
            for (index, (function, asked)) in functions.iter().enumerate() {
                asking.function(asker, index, function, *asked).await?;
            }
        }
        Ok(())
    }

    /// The people and projects that a row which was left out speaks of.
    fn touched(&self) -> BTreeSet<(&'a str, &'a str)> {
        let mut touched = BTreeSet::new();
        for row in self.left_out {
            let Row::Collaborator { project, who, .. } = row else { continue };
            match self.world.world.teams.iter().find(|team| team.id == *who) {
                Some(team) => touched.extend(team.members.iter().map(|person| (person.as_str(), project.as_str()))),
                None => {
                    touched.insert((who.as_str(), project.as_str()));
                }
            }
        }
        touched
    }
}

impl<'a> Asking<'a> {
    /// The role, and whether the project is within its limit.
    async fn role(&self, asker: &mut Asker<'a, '_>) -> Result<(), ConformanceError> {
        let team = self.highest_team.map(|(role, _)| role_answer(Some(role)));
        let real = role_answer(self.picked.effective);
        asker.ask(self.question(("role", "view_project"), None, Part::Role, team, real)).await?;
        match self.picked.effective {
            // only this policy goes by the count of the real system, which every role answers with
            Some(role) if self.resolution == Resolution::FirstOrigin && self.active => {
                if self.recounted {
                    asker.tally.leave_out(asker.place(Section::Project), 1);
                    return Ok(());
                }
                let real = bit(role.valid);
                asker.ask(self.question(("role is valid", "view_project"), Some(""), Part::Valid, None, real)).await
            }
            _ => Ok(()),
        }
    }

    async fn function(
        &self,
        asker: &mut Asker<'a, '_>,
        index: usize,
        function: &'a str,
        asked: Asked,
    ) -> Result<(), ConformanceError> {
        let place = asker.place(Section::Project);
        let (action, part) = match asked {
            Asked::Project(action) => (action, Part::Allowed),
            Asked::AnyRole => ("view_project", Part::AnyRole),
            Asked::Nothing(_) | Asked::Organization(_) | Asked::Account(_) | Asked::AddMember => {
                asker.tally.not_mapped(place, 1);
                return Ok(());
            }
        };
        let first_origin = self.resolution == Resolution::FirstOrigin;
        let untold = first_origin && matches!(self.highest_team, Some((_, None)));
        if untold || (first_origin && self.recounted && action == "view_project" && part == Part::Allowed) {
            asker.tally.leave_out(place, 1);
            return Ok(());
        }
        let team = self.highest_team.and_then(|(_, bits)| may(bits?, index)).map(bit);
        let real = may(&self.picked.bits, index).map(bit).ok_or_else(|| ConformanceError::unknown(function))?;
        asker.ask(self.question((function, action), Some(function), part, team, real)).await
    }

    fn question(
        &self,
        (function, action): (&'a str, &'static str),
        asked: Option<&'a str>,
        part: Part,
        highest_team: Option<Answer>,
        real: Answer,
    ) -> Ask<'a> {
        Ask {
            section: Section::Project,
            user: self.person,
            object: Object::Project(self.reference.clone()),
            name: &self.project.id,
            function,
            action,
            part,
            question: Question::Project(ProjectQuestion {
                resolution: self.resolution,
                active: self.active,
                function: asked,
                template: self.project.is_template(),
                effective: self.picked.effective,
                highest_team,
            }),
            real,
        }
    }
}

/// The highest of several teams where the first origin is theirs and the real system took another one.
fn highest_team<'a>(pair: &Pair, project: &Project, known: &BitsByRole<'a>) -> Option<(Effective, Option<&'a str>)> {
    let first = pair.first.effective.filter(|role| pair.tie && role.origin == 'T')?;
    let role = pair.rows.iter().filter(|row| row.origin == 'T').map(|row| row.role).max()?;
    let key = (role, first.valid, project.has_restricted_projectfiles, project.is_template());
    (role > first.role).then(|| (Effective { role, ..first }, known.get(&key).copied()))
}

fn bits_by_role<'a>(world: &'a World, projects: &BTreeMap<&str, &Project>) -> BitsByRole<'a> {
    let mut known = BitsByRole::new();
    for pair in &world.decisions.project {
        let name = world.decisions.projects.get(pair.project).map_or("", String::as_str);
        let Some(project) = projects.get(name) else { continue };
        for picked in [&pair.first, &pair.highest] {
            if let Some(role) = picked.effective {
                let key = (role.role, role.valid, project.has_restricted_projectfiles, project.is_template());
                known.insert(key, &picked.bits);
            }
        }
    }
    known
}

/// One bit of a row of them.
pub(super) fn may(bits: &str, index: usize) -> Option<bool> {
    match bits.as_bytes().get(index)? {
        b'1' => Some(true),
        b'0' => Some(false),
        _ => None,
    }
}
