//! Questions whose entries are sought before one of them is looked up: what they wait for in memory they wait for together, and
//! not one after the other. What is looked at ahead decides nothing.

use std::hint::black_box;

use smallvec::SmallVec;

use super::check::{LevelQuestion, ProjectQuestion, Question, Verdict};
use super::entries::Tables;
use super::glance::{Blank, Glance, ProjectKey};
use super::table::Sought;
use crate::domain::decision::{Decision, LevelDecision, decide_account, decide_organization, decide_project};
use crate::domain::facts::{Named, Project, User};
use crate::domain::ids::ProjectId;
use crate::domain::names::{NameKey, ProjectName};
use crate::domain::policy::{Policy, ProjectRule};
use crate::domain::roles::{AccountLevel, OrganizationLevel};

/// How many questions are sought together, under one hold of the lock: each waits for several places at a time, so that these are as many as a
/// core can wait for.
pub(super) const TOGETHER: usize = 8;

/// One for each of them.
type Row<T> = SmallVec<[T; TOGETHER]>;

/// A name that was sought.
pub(super) type SoughtName<'t> = Sought<'t, 't, NameKey, Named>;

/// A project that was sought, as a question names it.
pub(super) enum SoughtProject<'t> {
    Id(Sought<'t, 't, ProjectId, Project>),
    Path(Sought<'t, 't, (NameKey, ProjectName), ProjectId>),
}

/// What a question about a project names, sought.
pub(super) struct SoughtProjectQuestion<'t> {
    user: Option<SoughtName<'t>>,
    project: SoughtProject<'t>,
    rule: &'t ProjectRule,
}

/// What a question about an organization or an account names, sought.
pub(super) struct SoughtLevelQuestion<'t, L> {
    user: Option<SoughtName<'t>>,
    name: SoughtName<'t>,
    required: L,
}

/// What a question of any kind names, sought.
pub(super) enum SoughtQuestion<'t> {
    Project(SoughtProjectQuestion<'t>),
    Organization(SoughtLevelQuestion<'t, OrganizationLevel>),
    Account(SoughtLevelQuestion<'t, AccountLevel>),
}

impl Tables {
    /// Seeks what these questions need, which should be no more than [`TOGETHER`]. Each step is taken for all of them before the next: none of it
    /// depends on another's, so that a core waits for many at a time.
    pub(super) fn seek_all<'t>(&'t self, questions: &'t [Question<'_>]) -> Row<SoughtQuestion<'t>> {
        let mut sought: Row<_> = questions.iter().map(|question| question.seek(self)).collect();
        sought.iter_mut().for_each(|one| _ = one.guess());
        sought.iter().for_each(SoughtQuestion::look_at_names);
        let ids: Row<ProjectId> = sought.iter().filter_map(SoughtQuestion::guessed_id).collect();
        let mut by_path: Row<_> = ids.iter().map(|id| self.projects.seek(id)).collect();
        by_path.iter_mut().for_each(Sought::guess);
        let by_path = by_path.iter().filter_map(guessed);
        let projects: Row<&Project> =
            sought.iter().filter_map(SoughtQuestion::guessed_project).chain(by_path).collect();
        let mut owners: Row<_> = projects.iter().map(|project| self.accounts.seek(&project.owner)).collect();
        owners.iter_mut().for_each(Sought::guess);
        for Project { collaborators, teams, .. } in &projects {
            // places that a search in each comes by
            black_box(collaborators.get(collaborators.len() / 2).map(|grant| grant.subject));
            black_box(teams.first().map(|grant| grant.subject));
        }
        owners.iter().filter_map(guessed).for_each(|owner| {
            black_box(owner.plan);
        });
        sought
    }
}

fn guessed<'t, K: Eq, V>(sought: &Sought<'t, '_, K, V>) -> Option<&'t V> {
    sought.guessed()?.value.as_ref()
}

/// Looks at what a name probably stands for.
fn look_at_name(name: &SoughtName<'_>) {
    if let Some(Named::User(User { id, organizations, teams, .. })) = guessed(name) {
        black_box((*id, organizations.first().copied(), teams.first().copied()));
    }
}

impl ProjectKey {
    pub(super) fn seek<'t>(&'t self, tables: &'t Tables) -> SoughtProject<'t> {
        match self {
            Self::Id(id) => SoughtProject::Id(tables.projects.seek(id)),
            Self::Path(path) => SoughtProject::Path(tables.paths.seek(path)),
        }
    }
}

impl ProjectQuestion<'_> {
    pub(super) fn seek<'t>(&'t self, tables: &'t Tables) -> SoughtProjectQuestion<'t> {
        let user = self.user.as_ref().map(|name| tables.names.seek(name));
        SoughtProjectQuestion { user, project: self.project.seek(tables), rule: self.rule }
    }
}

impl<L: Copy> LevelQuestion<L> {
    pub(super) fn seek<'t>(&'t self, tables: &'t Tables) -> SoughtLevelQuestion<'t, L> {
        let user = self.user.as_ref().map(|name| tables.names.seek(name));
        SoughtLevelQuestion { user, name: tables.names.seek(&self.name), required: self.required }
    }
}

impl Question<'_> {
    pub(super) fn seek<'t>(&'t self, tables: &'t Tables) -> SoughtQuestion<'t> {
        match self {
            Self::Project(question) => SoughtQuestion::Project(question.seek(tables)),
            Self::Organization(question) => SoughtQuestion::Organization(question.seek(tables)),
            Self::Account(question) => SoughtQuestion::Account(question.seek(tables)),
        }
    }
}

impl<'t> SoughtQuestion<'t> {
    pub(super) fn decide(&self, policy: &Policy, glance: &mut Glance<'_>, tables: &Tables) -> Result<Verdict, Blank> {
        Ok(match self {
            Self::Project(question) => Verdict::Project(question.decide(policy, glance, tables)?),
            Self::Organization(question) => Verdict::Organization(question.decide(glance, tables)?),
            Self::Account(question) => Verdict::Account(question.decide(glance, tables)?),
        })
    }

    fn look_at_names(&self) {
        let (user, object) = match self {
            Self::Project(SoughtProjectQuestion { user, .. }) => (user, None),
            Self::Organization(SoughtLevelQuestion { user, name, .. }) => (user, Some(name)),
            Self::Account(SoughtLevelQuestion { user, name, .. }) => (user, Some(name)),
        };
        user.iter().chain(object).for_each(look_at_name);
    }

    /// Guesses where all that it names is, before any of it is looked at.
    pub(super) fn guess(&mut self) -> &Self {
        match self {
            Self::Project(question) => _ = question.guess(),
            Self::Organization(question) => _ = question.guess(),
            Self::Account(question) => _ = question.guess(),
        }
        self
    }

    fn guessed_id(&self) -> Option<ProjectId> {
        match self {
            Self::Project(SoughtProjectQuestion { project: SoughtProject::Path(path), .. }) => guessed(path).copied(),
            _ => None,
        }
    }

    fn guessed_project(&self) -> Option<&'t Project> {
        match self {
            Self::Project(SoughtProjectQuestion { project: SoughtProject::Id(project), .. }) => guessed(project),
            _ => None,
        }
    }
}

impl SoughtProjectQuestion<'_> {
    pub(super) fn guess(&mut self) -> &Self {
        self.user.iter_mut().for_each(Sought::guess);
        match &mut self.project {
            SoughtProject::Id(project) => project.guess(),
            SoughtProject::Path(path) => path.guess(),
        }
        self
    }

    pub(super) fn decide(&self, policy: &Policy, glance: &mut Glance<'_>, tables: &Tables) -> Result<Decision, Blank> {
        let (user, project) = (glance.user(tables, self.user.as_ref()), glance.project(tables, &self.project));
        let (user, project) = (user?, project?);
        Ok(decide_project(policy, user.asker(), project.owned(), self.rule, glance.now))
    }
}

impl<L> SoughtLevelQuestion<'_, L> {
    pub(super) fn guess(&mut self) -> &Self {
        self.user.iter_mut().chain([&mut self.name]).for_each(Sought::guess);
        self
    }
}

impl SoughtLevelQuestion<'_, OrganizationLevel> {
    pub(super) fn decide(
        &self,
        glance: &mut Glance<'_>,
        tables: &Tables,
    ) -> Result<LevelDecision<OrganizationLevel>, Blank> {
        let (user, named) = (glance.user(tables, self.user.as_ref()), glance.object(tables, &self.name));
        let (user, named) = (user?, named?);
        let organization = named.and_then(Named::organization);
        Ok(decide_organization(user.asker(), organization, self.required))
    }
}

impl SoughtLevelQuestion<'_, AccountLevel> {
    pub(super) fn decide(
        &self,
        glance: &mut Glance<'_>,
        tables: &Tables,
    ) -> Result<LevelDecision<AccountLevel>, Blank> {
        let (user, named) = (glance.user(tables, self.user.as_ref()), glance.object(tables, &self.name));
        let (user, named) = (user?, named?);
        Ok(decide_account(user.asker(), named, self.required))
    }
}
