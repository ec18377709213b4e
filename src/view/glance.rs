//! One glance at the view: entries looked up at one position of the log, and a note of what was missing.
//!
//! An answer is made from what one glance finds, and counts only if the position is still the same after it; else what
//! was missing is waited for, and another glance begins.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;
use tokio::time::Instant;

use super::cell::{Entry, LoadResult};
use super::error::{LoadError, ViewError};
use super::position::Position;
use super::{Answer, View, until};
use crate::domain::change::EntryKey;
use crate::domain::decision::{Asker, OwnedProject};
use crate::domain::facts::{Account, Named, Plan, Project, Time};
use crate::domain::ids::{AccountId, ProjectId};
use crate::domain::names::{NameKey, ProjectName};

/// A project as a question names it.
#[derive(Debug, Clone)]
pub enum ProjectKey {
    /// By id.
    Id(ProjectId),
    /// By owner and name.
    Path((NameKey, ProjectName)),
}

/// Why a glance does not show an entry.
#[derive(Debug)]
pub(super) enum Blank {
    /// It must be loaded, or another glance is needed.
    Missing,
    /// Its load failed while this question waited for it.
    Failed(LoadError),
    /// It is not, or is outside of what who asks is confined to.
    OutOfBounds,
}

/// The entry of a user's name; none for an anonymous visitor.
pub(super) struct UserEntry(Option<Arc<Entry<Named>>>);

/// The entries of a project and of its owner; none where it does not exist.
pub(super) struct ProjectEntries(Option<Owned>);

struct Owned {
    project: Arc<Entry<Project>>,
    owner: Arc<Entry<Account>>,
    plan: Arc<Entry<Plan>>,
}

/// Entries at one position.
pub(super) struct Glance<'a> {
    view: &'a View,
    at: Position,
    /// The time to judge by.
    pub(super) now: Time,
    failures: &'a Failures,
    waits: Vec<Wait>,
    /// The cells that were made for keys that are to be loaded.
    to_load: Vec<EntryKey>,
    /// How many may be loading, those of others included.
    most_loading: usize,
    pins: Option<Pins>,
}

/// What could not be loaded for one question, or for one of several that are asked together.
type Failures = HashMap<EntryKey, LoadError>;

/// Entries that must not be evicted before the question that needs them all is answered.
type Pins = Vec<Arc<dyn Any + Send + Sync>>;

/// Whether a question is asked alone. Batches and streams ask for much at once, and may not take all there is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Crowd {
    One,
    Many,
}

/// A load to wait for.
type Wait = (EntryKey, watch::Receiver<LoadResult>);

impl View {
    /// Makes an answer from entries that are all of one revision, loading what is missing; `answer` says `None` where
    /// something is. Cancel-safe: a load that was begun goes on for others.
    ///
    /// # Errors
    /// When the view may not answer, or the deadline passes.
    pub(super) async fn consistently<T>(
        &self,
        deadline: Option<Instant>,
        crowd: Crowd,
        mut answer: impl FnMut(&mut Glance<'_>) -> Option<T>,
    ) -> Result<Answer<T>, ViewError> {
        let most_loading = match crowd {
            Crowd::One => self.inner.settings.loading,
            Crowd::Many => self.inner.settings.loading.div_ceil(2),
        };
        let progress = &self.inner.progress;
        let mut failures = Failures::new();
        let mut pins: Option<Pins> = None;
        loop {
            let at = progress.position();
            let now = progress.now()?;
            // what the glance before found is held until this one has found it again
            let held = pins.take();
            let mut glance = Glance {
                view: self,
                at,
                now: now.time,
                failures: &failures,
                waits: Vec::new(),
                to_load: Vec::new(),
                most_loading,
                pins: held.as_ref().map(|held| Pins::with_capacity(held.len())),
            };
            let answer = answer(&mut glance);
            let waits = std::mem::take(&mut glance.waits);
            pins = glance.pins.take().or(Some(Pins::new()));
            drop(glance);
            match answer {
                Some(value) if progress.position() == at => {
                    return Ok(Answer { value, token: progress.token(at), stale: now.stale });
                }
                // a write was applied meanwhile: the entries may be of two moments
                Some(_) => until(deadline, tokio::task::yield_now()).await,
                None => until(deadline, self.wait_all(waits, &mut failures)).await,
            }
            .ok_or(ViewError::DeadlineExceeded)?;
        }
    }

    /// Waits for what a glance missed. Ends too where the view may not answer any more: the next glance says so.
    async fn wait_all(&self, waits: Vec<Wait>, failures: &mut Failures) {
        if waits.is_empty() {
            tokio::task::yield_now().await;
        }
        for (key, mut waiter) in waits {
            let ended = tokio::select! {
                ended = waiter.wait_for(Option::is_some) => ended.map(|result| result.clone()),
                () = self.silent() => return,
            };
            // a sender that is gone without a word: the cell was replaced, and the next glance looks again
            if let Ok(Some(Err(error))) = ended {
                failures.insert(key, error);
            }
        }
    }
}

impl Drop for Glance<'_> {
    /// Whatever becomes of the answer: others may have joined the loads that this glance began.
    fn drop(&mut self) {
        self.view.queue(std::mem::take(&mut self.to_load));
    }
}

impl Glance<'_> {
    /// Whom a question asks about.
    pub(super) fn user(&mut self, name: Option<&NameKey>) -> Result<UserEntry, Blank> {
        Ok(UserEntry(name.map(|name| self.named(name)).transpose()?))
    }

    /// What a name stands for.
    pub(super) fn named(&mut self, name: &NameKey) -> Result<Arc<Entry<Named>>, Blank> {
        self.usable(self.view.inner.entries.names.get(name), || EntryKey::Name(name.clone()))
    }

    /// What a question is about, by name: an organization or a user, within the bounds of who asks.
    pub(super) fn object(&mut self, name: &NameKey) -> Result<Arc<Entry<Named>>, Blank> {
        let named = self.named(name);
        let within = self.within(named.as_ref().ok().and_then(|named| named.value.as_ref()).map(Named::id));
        let named = named?;
        within.map(|()| named)
    }

    /// A project with what its owner adds to it, within the bounds of who asks.
    pub(super) fn project(&mut self, key: &ProjectKey) -> Result<ProjectEntries, Blank> {
        let found = self.find_project(key);
        let within = self.within(found.as_ref().ok().and_then(ProjectEntries::owner));
        let found = found?;
        within.map(|()| found)
    }

    /// Whether an account is one of those that who asks is confined to, by what their names stand for here and now. What does
    /// not exist is in no bounds.
    fn within(&mut self, account: Option<AccountId>) -> Result<(), Blank> {
        let Some(bounds) = self.view.bounds.clone() else { return Ok(()) };
        // all are looked at, so that those that are missing are loaded together
        let found: Vec<_> = bounds.accounts().iter().map(|name| self.named(name)).collect();
        let ids = found.into_iter().map(|named| named.map(|named| named.value.as_ref().map(Named::id)));
        let ids: Vec<Option<AccountId>> = ids.collect::<Result<_, _>>()?;
        if account.is_some() && ids.contains(&account) { Ok(()) } else { Err(Blank::OutOfBounds) }
    }

    fn find_project(&mut self, key: &ProjectKey) -> Result<ProjectEntries, Blank> {
        let entries = &self.view.inner.entries;
        let id = match key {
            ProjectKey::Id(id) => *id,
            ProjectKey::Path(path) => {
                let key = || EntryKey::Path(path.0.clone(), path.1.clone());
                match self.usable(entries.paths.get(path), key)?.value {
                    None => return Ok(ProjectEntries(None)),
                    Some(id) => id,
                }
            }
        };
        let project = self.usable(entries.projects.get(&id), || EntryKey::Project(id))?;
        let Some(owner) = project.value.as_ref().map(|project| project.owner) else {
            return Ok(ProjectEntries(None));
        };
        let owner = self.usable(entries.accounts.get(&owner), || EntryKey::Account(owner))?;
        // at one revision a project has an owner and the owner a plan; between two, another glance is needed
        let plan = owner.value.as_ref().map(|owner| owner.plan).ok_or(Blank::Missing)?;
        let plan = self.usable(entries.plans.get(&plan), || EntryKey::Plan(plan))?;
        Ok(ProjectEntries(Some(Owned { project, owner, plan })))
    }

    /// An entry, if it is there and of a revision that had been applied when this glance began.
    fn usable<V: Send + Sync + 'static>(
        &mut self,
        entry: Option<Arc<Entry<V>>>,
        key: impl FnOnce() -> EntryKey,
    ) -> Result<Arc<Entry<V>>, Blank> {
        let Some(entry) = entry else {
            return Err(self.load(key()));
        };
        if let Some(pins) = &mut self.pins {
            pins.push(Arc::<Entry<V>>::clone(&entry));
        }
        if entry.revision > self.at.revision() {
            // it has been applied since this glance began: the next one finds it
            return Err(Blank::Missing);
        }
        Ok(entry)
    }

    fn load(&mut self, key: EntryKey) -> Blank {
        if let Some(error) = self.failures.get(&key) {
            return Blank::Failed(error.clone());
        }
        let entries = &self.view.inner.entries;
        if self.view.inner.loading.load(Ordering::Relaxed) + self.to_load.len() >= self.most_loading {
            // one that is under way costs nobody anything more
            let Some(waiter) = entries.join(&key) else { return Blank::Failed(LoadError::Overloaded) };
            self.waits.push((key, waiter));
            return Blank::Missing;
        }
        let begun = entries.join_or_begin(&key);
        if begun.must_run {
            self.to_load.push(key.clone());
        }
        self.waits.push((key, begun.waiter));
        Blank::Missing
    }
}

/// What one question of a glance came to: `None` where something is missing.
pub(super) fn found<T>(seen: Result<T, Blank>) -> Option<Result<T, ViewError>> {
    match seen {
        Ok(seen) => Some(Ok(seen)),
        Err(Blank::Failed(error)) => Some(Err(error.into())),
        Err(Blank::OutOfBounds) => Some(Err(ViewError::OutOfBounds)),
        Err(Blank::Missing) => None,
    }
}

impl UserEntry {
    pub(super) fn asker(&self) -> Asker<'_> {
        match &self.0 {
            None => Asker::Anonymous,
            Some(entry) => Asker::named(entry.value.as_ref()),
        }
    }
}

impl ProjectEntries {
    fn owner(&self) -> Option<AccountId> {
        self.0.as_ref()?.owner.value.as_ref().map(|owner| owner.id)
    }

    pub(super) fn owned(&self) -> Option<OwnedProject<'_>> {
        let Owned { project, owner, plan } = self.0.as_ref()?;
        let (project, owner, plan) = (project.value.as_ref()?, owner.value.as_ref()?, plan.value.as_ref()?);
        Some(OwnedProject { project, owner, plan })
    }
}
