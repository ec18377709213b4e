//! One check: look the entries up, decide, and be sure that all of it was true at one revision.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::cell::{Entry, LoadResult};
use super::error::{LoadError, ViewError};
use super::progress::{Position, Token};
use super::{View, until};
use crate::domain::actions::ProjectAction;
use crate::domain::change::EntryKey;
use crate::domain::decision::{Asker, Decision, OwnedProject, decide_project};
use crate::domain::facts::{Account, Named, Plan, Project};
use crate::domain::ids::{ProjectId, Revision};
use crate::domain::names::{NameKey, ProjectName};
use crate::domain::policy::Policy;

/// May this user do this on this project?
#[derive(Debug, Clone)]
pub struct ProjectQuestion {
    /// Who; `None` is an anonymous visitor.
    pub user: Option<NameKey>,
    /// On what.
    pub project: ProjectKey,
    /// What.
    pub action: ProjectAction,
}

/// A project as a question names it.
#[derive(Debug, Clone)]
pub enum ProjectKey {
    /// By id.
    Id(ProjectId),
    /// By owner and name.
    Path((NameKey, ProjectName)),
}

/// A decision, and what it is true at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The decision.
    pub decision: Decision,
    /// Where in the log.
    pub token: Token,
}

/// What one look at the view came to.
enum Look<T> {
    /// It is there.
    Found(T),
    /// It must be loaded, or the view must catch up with what was loaded.
    Missing(Vec<Wait>),
}

enum Wait {
    Load(watch::Receiver<LoadResult>),
    Applied(Revision),
}

/// The entries of a project and of its owner.
struct ProjectEntries {
    project: Arc<Entry<Project>>,
    owner: Arc<Entry<Account>>,
    plan: Arc<Entry<Plan>>,
}

impl View {
    /// Answers from the view, loading what it lacks. Cancel-safe: a load that was begun goes on for others.
    ///
    /// # Errors
    /// When the view may not answer, a load fails, or the deadline passes; never for a denial.
    pub async fn check_project(
        &self,
        policy: &Policy,
        question: &ProjectQuestion,
        deadline: Option<Instant>,
    ) -> Result<Answer, ViewError> {
        loop {
            let position = self.inner.progress.position();
            match self.look(policy, question, position)? {
                Look::Found(decision) if self.inner.progress.position() == position => {
                    return Ok(Answer { decision, token: self.inner.progress.token(position) });
                }
                // a write was applied meanwhile: the entries may be of two moments
                Look::Found(_) => tokio::task::yield_now().await,
                Look::Missing(waits) => {
                    let arrived = until(deadline, self.wait_all(waits)).await;
                    arrived.ok_or(ViewError::DeadlineExceeded)??;
                }
            }
        }
    }

    fn look(&self, policy: &Policy, question: &ProjectQuestion, at: Position) -> Result<Look<Decision>, ViewError> {
        let now = self.inner.progress.now()?;
        let user = question.user.as_ref().map(|name| self.name(name, at));
        let project = self.project(&question.project, at);
        let (user, project) = match (user, project) {
            (Some(Look::Missing(mut waits)), Look::Missing(more)) => {
                waits.extend(more);
                return Ok(Look::Missing(waits));
            }
            (Some(Look::Missing(waits)), _) | (_, Look::Missing(waits)) => return Ok(Look::Missing(waits)),
            (Some(Look::Found(user)), Look::Found(project)) => (Some(user), project),
            (None, Look::Found(project)) => (None, project),
        };
        let asker = match user.as_ref().map(|entry| &entry.value) {
            None => Asker::Anonymous,
            Some(Some(Named::User(user))) => Asker::User(user),
            Some(Some(Named::Organization(_)) | None) => Asker::NotFound,
        };
        let owned = project.as_ref().and_then(ProjectEntries::owned);
        Ok(Look::Found(decide_project(policy, asker, owned, question.action, now)))
    }

    fn name(&self, name: &NameKey, at: Position) -> Look<Arc<Entry<Named>>> {
        self.usable(self.inner.entries.names.get(name), at, || EntryKey::Name(name.clone()))
    }

    /// The entries of a project; `None` where it does not exist.
    fn project(&self, key: &ProjectKey, at: Position) -> Look<Option<ProjectEntries>> {
        let entries = &self.inner.entries;
        let id = match key {
            ProjectKey::Id(id) => *id,
            ProjectKey::Path(path) => {
                let key = || EntryKey::Path(path.0.clone(), path.1.clone());
                match self.usable(entries.paths.get(path), at, key) {
                    Look::Missing(waits) => return Look::Missing(waits),
                    Look::Found(entry) => match entry.value {
                        None => return Look::Found(None),
                        Some(id) => id,
                    },
                }
            }
        };
        let project = match self.usable(entries.projects.get(&id), at, || EntryKey::Project(id)) {
            Look::Missing(waits) => return Look::Missing(waits),
            Look::Found(project) => project,
        };
        let Some(owner) = project.value.as_ref().map(|project| project.owner) else {
            return Look::Found(None);
        };
        let owner = match self.usable(entries.accounts.get(&owner), at, || EntryKey::Account(owner)) {
            Look::Missing(waits) => return Look::Missing(waits),
            Look::Found(owner) => owner,
        };
        // at one revision a project has an owner and the owner a plan; between two, the check starts again
        let Some(plan) = owner.value.as_ref().map(|owner| owner.plan) else {
            return Look::Missing(Vec::new());
        };
        match self.usable(entries.plans.get(&plan), at, || EntryKey::Plan(plan)) {
            Look::Missing(waits) => Look::Missing(waits),
            Look::Found(plan) => Look::Found(Some(ProjectEntries { project, owner, plan })),
        }
    }

    /// An entry, if it is there and not of a revision that this replica has yet to apply.
    fn usable<V>(
        &self,
        entry: Option<Arc<Entry<V>>>,
        at: Position,
        key: impl FnOnce() -> EntryKey,
    ) -> Look<Arc<Entry<V>>> {
        match entry {
            Some(entry) if entry.revision <= at.revision() => Look::Found(entry),
            Some(entry) => Look::Missing(vec![Wait::Applied(entry.revision)]),
            None => Look::Missing(vec![Wait::Load(self.load(key()))]),
        }
    }

    fn load(&self, key: EntryKey) -> watch::Receiver<LoadResult> {
        let begun = self.inner.entries.join_or_begin(&key);
        if begun.must_run {
            self.queue(key);
        }
        begun.waiter
    }

    /// Waits for what a look missed. Ends too where the view may not answer any more: the next look says so.
    async fn wait_all(&self, waits: Vec<Wait>) -> Result<(), ViewError> {
        if waits.is_empty() {
            tokio::task::yield_now().await;
        }
        for wait in waits {
            tokio::select! {
                ended = self.wait_one(wait) => ended?,
                () = self.freshness_changed(true) => {}
            }
        }
        Ok(())
    }

    async fn wait_one(&self, wait: Wait) -> Result<(), LoadError> {
        match wait {
            Wait::Applied(revision) => self.applied(revision).await,
            Wait::Load(mut waiter) => {
                let ended = waiter.wait_for(Option::is_some).await.map(|result| result.clone());
                // a sender that is gone without a word: the cell was replaced, and the check looks again
                if let Ok(Some(ended)) = ended {
                    return ended;
                }
            }
        }
        Ok(())
    }
}

impl ProjectEntries {
    fn owned(&self) -> Option<OwnedProject<'_>> {
        let (project, owner, plan) = (&self.project.value, &self.owner.value, &self.plan.value);
        Some(OwnedProject { project: project.as_ref()?, owner: owner.as_ref()?, plan: plan.as_ref()? })
    }
}
