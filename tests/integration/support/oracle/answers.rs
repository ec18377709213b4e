//! What the questions about projects must answer: checks, lists, and the origins of an explanation.

use jiff::Timestamp;
use rolegate::grpc::v1::{
    CheckResponse, DecisionReason, ListedProject, ListedUser, Origin, OriginExplanation, OriginStanding, ProjectRole,
};

use super::rules::VIEW;
use super::{ACTIONS, Held, Matrix, Project};

/// What a check must answer, but for its revision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    pub allowed: bool,
    pub reason: DecisionReason,
    pub role: ProjectRole,
    pub origin: Origin,
    pub required: ProjectRole,
    pub over_limit: bool,
    pub expires_at: Option<Timestamp>,
}

/// Which of a user's projects are listed.
#[derive(Debug, Clone, Default)]
pub struct ProjectFilter {
    pub owner: String,
    pub origin: Origin,
    pub include_public: bool,
}

impl Matrix {
    /// What a check of this user, this project by id or path, and one of [`ACTIONS`] must answer.
    pub fn verdict(&self, user: &str, project: &str, action: &str) -> Verdict {
        let (_, lowest, never_on_template, restricted) = ACTIONS.into_iter().find(|rule| rule.0 == action).unwrap();
        let project = self.project(project);
        let held = project.and_then(|project| self.held(user, project));
        let on_template = never_on_template && project.is_some_and(|project| project.template);
        let over_limit = project.is_some_and(|project| project.over_limit);
        let not_shown = self.rules.refuse_view && action == VIEW && over_limit;
        let needed = if project.is_some_and(|project| project.restricted) { restricted } else { lowest };
        let reason = match (self.nobody(user), project, held) {
            (Some(nobody), _, _) => nobody,
            (None, None, _) => DecisionReason::ProjectNotFound,
            (None, Some(_), None) => DecisionReason::NoRole,
            (None, Some(_), Some(held)) if !held.reaches(lowest) => DecisionReason::RoleTooLow,
            _ if on_template => DecisionReason::TemplateProject,
            (None, Some(_), Some(held)) if !held.reaches(needed) => DecisionReason::RestrictedProjectFiles,
            _ if not_shown => DecisionReason::OverLimit,
            _ => DecisionReason::Granted,
        };
        Verdict {
            allowed: reason == DecisionReason::Granted,
            reason,
            role: held.map(|held| held.role).unwrap_or_default(),
            origin: held.map(|held| held.origin).unwrap_or_default(),
            required: if on_template || not_shown { ProjectRole::Unspecified } else { needed },
            over_limit,
            expires_at: held.and_then(|held| held.ends),
        }
    }

    /// All that a user may do on a project.
    pub fn actions(&self, user: &str, project: &str) -> Vec<&'static str> {
        let names = ACTIONS.iter().map(|rule| rule.0);
        names.filter(|action| self.verdict(user, project, action).allowed).collect()
    }

    /// The projects that a user may do that on, or why there are none; `None` where there is no such owner.
    pub fn projects_of(
        &self,
        user: &str,
        action: &str,
        filter: &ProjectFilter,
    ) -> Option<(Vec<ListedProject>, DecisionReason)> {
        let owner = filter.owner.to_lowercase();
        if !owner.is_empty() && !self.accounts.contains_key(&owner) {
            return None;
        }
        let wanted = |origin| match filter.origin {
            Origin::Unspecified => filter.include_public || origin != Origin::Public,
            wanted => origin == wanted,
        };
        let mut listed = Vec::new();
        for id in self.project_ids() {
            let (verdict, project) = (self.verdict(user, id, action), &self.projects[id]);
            let of_owner = owner.is_empty() || project.owner.to_lowercase() == owner;
            if verdict.allowed && of_owner && wanted(verdict.origin) {
                listed.push(ListedProject {
                    project: id.to_owned(),
                    owner: project.owner.clone(),
                    name: project.name.clone(),
                    role: verdict.role.into(),
                    origin: verdict.origin.into(),
                    expires_at: verdict.expires_at.map(on_the_wire),
                });
            }
        }
        Some((listed, self.nobody(user).unwrap_or_default()))
    }

    /// The users that may do that on a project, or hold any role there, and whether besides them everybody may; `None`
    /// where there is no such project.
    pub fn users_of(&self, project: &str, action: Option<&str>, incognito: bool) -> Option<(Vec<ListedUser>, bool)> {
        let project = self.project(project)?;
        let mut listed = Vec::new();
        for name in self.users() {
            let Some(held) = self.held(name, project) else { continue };
            let may = action.is_none_or(|action| self.verdict(name, &project.id, action).allowed);
            if may && held.origin != Origin::Public && (incognito || !held.incognito) {
                listed.push(ListedUser {
                    user: name.to_owned(),
                    role: held.role.into(),
                    origin: held.origin.into(),
                    incognito: held.incognito,
                    expires_at: held.ends.map(on_the_wire),
                });
            }
        }
        // a public project is never over its limit, and files are restricted only for what needs more than a reader
        let for_readers = action.is_none_or(|action| {
            ACTIONS
                .iter()
                .any(|rule| rule.0 == action && rule.1 == ProjectRole::Reader && !(rule.2 && project.template))
        });
        Some((listed, project.public && for_readers))
    }

    /// What each origin must be explained to give. Where one gives nothing the standing is left open, but for nobody's.
    pub fn origins(&self, user: &str, project: &str) -> Vec<OriginExplanation> {
        let project = self.project(project).filter(|_| self.nobody(user).is_none());
        (1..=7).map(|origin| self.origin(user, project, Origin::try_from(origin).unwrap())).collect()
    }

    fn origin(&self, user: &str, project: Option<&Project>, origin: Origin) -> OriginExplanation {
        let nothing = OriginExplanation { origin: origin.into(), ..Default::default() };
        let Some(project) = project else {
            return OriginExplanation { standing: OriginStanding::Nobody.into(), ..nothing };
        };
        let ways = self.ways.get(&(user.to_lowercase(), project.id.clone()));
        let ways = || ways.into_iter().flatten().filter(|way| way.origin == origin);
        let Some(role) = ways().map(|way| i32::from(way.role)).max() else { return nothing };
        let best = || ways().filter(|way| i32::from(way.role) == role);
        let lasting = best().any(|way| way.ends.is_none());
        let ends = best().filter_map(|way| way.ends).max().filter(|_| !lasting);
        let mut teams: Vec<String> = best().filter_map(|way| way.team.clone()).collect();
        teams.sort();
        let winner = self.held(user, project).unwrap();
        let standing = if winner.origin == origin {
            OriginStanding::Wins
        } else if !self.rules.first_origin && i32::from(winner.role) > role {
            OriginStanding::LowerRole
        } else {
            OriginStanding::LaterOrigin
        };
        OriginExplanation { role, expires_at: ends.map(on_the_wire), standing: standing.into(), teams, ..nothing }
    }
}

impl Held {
    fn reaches(&self, level: ProjectRole) -> bool {
        match level {
            ProjectRole::Owner => matches!(self.origin, Origin::ProjectOwner | Origin::OrganizationOwner),
            level => i32::from(self.role) >= i32::from(level),
        }
    }
}

impl From<&CheckResponse> for Verdict {
    fn from(answer: &CheckResponse) -> Self {
        Self {
            allowed: answer.allowed,
            reason: answer.reason(),
            role: answer.role(),
            origin: answer.origin(),
            required: answer.required_role(),
            over_limit: answer.over_limit,
            expires_at: answer.expires_at.map(|time| Timestamp::new(time.seconds, time.nanos).unwrap()),
        }
    }
}

/// A moment as messages have it.
pub fn on_the_wire(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}
