//! The five tables of the view, and the one budget that bounds them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use super::cell::LoadResult;
use super::error::LoadError;
use super::table::{Begun, SHARDS, SWEEP, Shared, Table};
use crate::domain::change::EntryKey;
use crate::domain::facts::{Account, Named, Plan, Project};
use crate::domain::ids::{AccountId, PlanId, ProjectId, Revision};
use crate::domain::names::{NameKey, ProjectName};

/// Everything that the view knows.
pub(super) struct Entries {
    pub names: Table<NameKey, Named>,
    pub projects: Table<ProjectId, Project>,
    pub paths: Table<(NameKey, ProjectName), ProjectId>,
    pub accounts: Table<AccountId, Account>,
    pub plans: Table<PlanId, Plan>,
    shared: Arc<Shared>,
    memory: usize,
}

impl Entries {
    pub(super) fn new(memory: usize) -> Self {
        let shared = Arc::new(Shared::default());
        Self {
            names: Table::new(Arc::clone(&shared)),
            projects: Table::new(Arc::clone(&shared)),
            paths: Table::new(Arc::clone(&shared)),
            accounts: Table::new(Arc::clone(&shared)),
            plans: Table::new(Arc::clone(&shared)),
            shared,
            memory,
        }
    }

    /// Joins the load of a key, if there is one under way.
    pub(super) fn join(&self, key: &EntryKey) -> Option<watch::Receiver<LoadResult>> {
        match key {
            EntryKey::Name(name) => self.names.join(name),
            EntryKey::Project(project) => self.projects.join(project),
            EntryKey::Path(owner, name) => self.paths.join(&(owner.clone(), name.clone())),
            EntryKey::Account(account) => self.accounts.join(account),
            EntryKey::Plan(plan) => self.plans.join(plan),
        }
    }

    /// Joins the load of a key, or begins one.
    pub(super) fn join_or_begin(&self, key: &EntryKey) -> Begun {
        match key.clone() {
            EntryKey::Name(name) => self.names.join_or_begin(name),
            EntryKey::Project(project) => self.projects.join_or_begin(project),
            EntryKey::Path(owner, name) => self.paths.join_or_begin((owner, name)),
            EntryKey::Account(account) => self.accounts.join_or_begin(account),
            EntryKey::Plan(plan) => self.plans.join_or_begin(plan),
        }
    }

    /// Tells those who wait for a key that its load failed.
    pub(super) fn fail(&self, key: &EntryKey, error: &LoadError) {
        match key {
            EntryKey::Name(name) => self.names.fail(name, error),
            EntryKey::Project(project) => self.projects.fail(project, error),
            EntryKey::Path(owner, name) => self.paths.fail(&(owner.clone(), name.clone()), error),
            EntryKey::Account(account) => self.accounts.fail(account, error),
            EntryKey::Plan(plan) => self.plans.fail(plan, error),
        }
    }

    /// Says that invalidation up to a revision is about to begin. Must come before the first [`Self::invalidate`].
    pub(super) fn begin_invalidation(&self, revision: Revision) {
        self.shared.seen.store(revision.0, Ordering::SeqCst);
    }

    /// A write at `revision` touched the key.
    pub(super) fn invalidate(&self, key: &EntryKey, revision: Revision) {
        match key {
            EntryKey::Name(name) => self.names.invalidate(name, revision),
            EntryKey::Project(project) => self.projects.invalidate(project, revision),
            EntryKey::Path(owner, name) => self.paths.invalidate(&(owner.clone(), name.clone()), revision),
            EntryKey::Account(account) => self.accounts.invalidate(account, revision),
            EntryKey::Plan(plan) => self.plans.invalidate(plan, revision),
        }
    }

    /// Forgets everything and starts over at `revision`.
    pub(super) fn reset(&self, epoch: u64, revision: Revision) {
        self.begin_invalidation(revision);
        let error = &LoadError::Unavailable;
        self.names.reset(epoch, error);
        self.projects.reset(epoch, error);
        self.paths.reset(epoch, error);
        self.accounts.reset(epoch, error);
        self.plans.reset(epoch, error);
    }

    /// Drops what was not used for longest until the budget is kept. Comes by every entry once at the most, so that what
    /// was just loaded is still there for those who waited for it.
    pub(super) fn make_room(&self) {
        if self.used() <= self.memory {
            return;
        }
        for _ in 0..SHARDS + self.len() / SWEEP {
            if self.used() <= self.memory {
                return;
            }
            self.names.sweep();
            self.projects.sweep();
            self.paths.sweep();
            self.accounts.sweep();
            self.plans.sweep();
        }
    }

    pub(super) fn used(&self) -> usize {
        self.shared.used.load(Ordering::Relaxed)
    }

    pub(super) fn len(&self) -> usize {
        self.names.len() + self.projects.len() + self.paths.len() + self.accounts.len() + self.plans.len()
    }
}
