//! The five tables of the view behind one lock, and the budget that bounds them.
//!
//! The lock is a `ShardedLock`: to look up takes a lock of one's own thread's, so that readers on many cores share nothing that
//! is written; a change takes all of them, so each change is kept small, and nothing large is freed under it. Whoever holds
//! the lock waits for nothing else.

use std::hash::Hash;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use crossbeam_utils::sync::{ShardedLock, ShardedLockReadGuard, ShardedLockWriteGuard};
use tokio::sync::watch;

use super::cell::{Entry, Kept, LoadResult};
use super::error::LoadError;
use super::table::{Common, Joined, Table};
use super::weight::Weight;
use crate::domain::change::EntryKey;
use crate::domain::facts::{Account, Named, Plan, Project};
use crate::domain::ids::{AccountId, PlanId, ProjectId, Revision};
use crate::domain::names::{NameKey, ProjectName};

/// After how many steps of a sweep the lock is let go: some hundred slots.
const HOLD: usize = 5;

/// After how many such holds others have their turn: some thousand slots.
const TURN: usize = 16;

/// How often what has begun to grow is looked for.
const PAUSE: Duration = Duration::from_millis(200);

/// Everything that the view knows.
pub(super) struct Entries(ShardedLock<Tables>);

/// The tables, for whoever holds the lock.
pub(super) struct Tables {
    pub names: Table<NameKey, Named>,
    pub projects: Table<ProjectId, Project>,
    pub paths: Table<(NameKey, ProjectName), ProjectId>,
    pub accounts: Table<AccountId, Account>,
    pub plans: Table<PlanId, Plan>,
    pub common: Common,
}

/// What a table holds under its keys.
pub(super) trait Stored: Sized {
    type Key;

    fn table(tables: &mut Tables) -> (&mut Table<Self::Key, Self>, &mut Common);
}

macro_rules! stored {
    ($($value:ty, $key:ty, $table:ident;)+) => {
        $(impl Stored for $value {
            type Key = $key;

            fn table(tables: &mut Tables) -> (&mut Table<$key, Self>, &mut Common) {
                (&mut tables.$table, &mut tables.common)
            }
        })+
    };
}

stored! {
    Named, NameKey, names;
    Project, ProjectId, projects;
    ProjectId, (NameKey, ProjectName), paths;
    Account, AccountId, accounts;
    Plan, PlanId, plans;
}

impl Entries {
    pub(super) fn new(memory: usize) -> Self {
        Self(ShardedLock::new(Tables::new(0, Common::new(memory))))
    }

    /// Looks up, beside others who do.
    pub(super) fn read(&self) -> ShardedLockReadGuard<'_, Tables> {
        // nothing that changes them can panic half-way
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes, alone.
    pub(super) fn write(&self) -> ShardedLockWriteGuard<'_, Tables> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what a load that began in `epoch` read.
    pub(super) fn complete<V: Stored + Weight>(&self, key: V::Key, epoch: u64, entry: Entry<V>) -> Kept
    where
        V::Key: Eq + Hash + Weight,
    {
        let mut tables = self.write();
        let (table, common) = V::table(&mut tables);
        table.complete(common, key, epoch, entry)
    }

    /// Tells those who wait for a key that its load failed.
    pub(super) fn fail(&self, key: &EntryKey, error: &LoadError) {
        let Tables { names, projects, paths, accounts, plans, common } = &mut *self.write();
        match key {
            EntryKey::Name(name) => names.fail(common, name, error),
            EntryKey::Project(project) => projects.fail(common, project, error),
            EntryKey::Path(owner, name) => paths.fail(common, &(owner.clone(), name.clone()), error),
            EntryKey::Account(account) => accounts.fail(common, account, error),
            EntryKey::Plan(plan) => plans.fail(common, plan, error),
        }
    }

    /// Says that invalidation up to a revision is about to begin. Must come before the first [`Self::invalidate`].
    pub(super) fn begin_invalidation(&self, revision: Revision) {
        self.write().common.seen = revision;
    }

    /// A write at `revision` touched the key.
    pub(super) fn invalidate(&self, key: &EntryKey, revision: Revision) {
        let Tables { names, projects, paths, accounts, plans, common } = &mut *self.write();
        match key {
            EntryKey::Name(name) => names.invalidate(common, name, revision),
            EntryKey::Project(project) => projects.invalidate(common, project, revision),
            EntryKey::Path(owner, name) => paths.invalidate(common, &(owner.clone(), name.clone()), revision),
            EntryKey::Account(account) => accounts.invalidate(common, account, revision),
            EntryKey::Plan(plan) => plans.invalidate(common, plan, revision),
        }
    }

    /// Forgets everything and starts over at `revision`: the database is not the one that it was. Who waits for a load looks
    /// again once that is dropped, which takes the longer the more it was.
    #[must_use = "to be dropped where nobody is held up by it"]
    pub(super) fn reset(&self, epoch: u64, revision: Revision) -> Tables {
        let mut tables = self.write();
        let mut common = Common::new(tables.common.most);
        common.seen = revision;
        std::mem::replace(&mut *tables, Tables::new(epoch, common))
    }

    /// Drops what is least wanted until the budget is kept. Comes by every slot once at the most, or little more, so that what was
    /// just loaded is still there for those who waited for it. Lets others have their turn meanwhile: in a large view it may take
    /// long, and the thread that does it keeps the lease too.
    pub(super) async fn make_room(&self) {
        let Some(steps) = self.read().sweeps() else { return };
        for hold in 1..=steps.div_ceil(HOLD) {
            if !self.write().sweep(HOLD) {
                return;
            }
            if hold % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Goes on with what has begun to grow, again and again. What is added goes on with it too, so there is no hurry.
    pub(super) async fn grow(&self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            self.end_growth().await;
        }
    }

    async fn end_growth(&self) {
        while self.grow_some().is_some() {
            tokio::task::yield_now().await;
        }
    }

    /// `None`: nothing grows. What it leaves behind is dropped without the lock.
    fn grow_some(&self) -> Option<impl Sized + use<>> {
        self.write().grow()
    }

    /// Whether a key is there that was loaded for nobody but to be there.
    pub(super) fn has_arrived(&self, key: &EntryKey) -> bool {
        let Tables { names, projects, paths, accounts, plans, common } = &*self.read();
        match key {
            EntryKey::Name(name) => names.seek(name).get(common, true).is_some(),
            EntryKey::Project(project) => projects.seek(project).get(common, true).is_some(),
            EntryKey::Path(owner, name) => paths.seek(&(owner.clone(), name.clone())).get(common, true).is_some(),
            EntryKey::Account(account) => accounts.seek(account).get(common, true).is_some(),
            EntryKey::Plan(plan) => plans.seek(plan).get(common, true).is_some(),
        }
    }

    pub(super) fn used(&self) -> usize {
        self.read().common.used
    }

    pub(super) fn len(&self) -> usize {
        self.read().len()
    }
}

impl Tables {
    fn new(epoch: u64, common: Common) -> Self {
        Self {
            names: Table::new(epoch),
            projects: Table::new(epoch),
            paths: Table::new(epoch),
            accounts: Table::new(epoch),
            plans: Table::new(epoch),
            common,
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

    /// How many questions hold what is under a key, so that it is not evicted.
    pub(super) fn pins(&self, key: &EntryKey) -> Option<&AtomicU32> {
        match key {
            EntryKey::Name(name) => self.names.pins(name),
            EntryKey::Project(project) => self.projects.pins(project),
            EntryKey::Path(owner, name) => self.paths.pins(&(owner.clone(), name.clone())),
            EntryKey::Account(account) => self.accounts.pins(account),
            EntryKey::Plan(plan) => self.plans.pins(plan),
        }
    }

    /// Joins the load of a key, or begins one, where it is not there.
    pub(super) fn join_or_begin(&mut self, key: EntryKey) -> Joined {
        let Self { names, projects, paths, accounts, plans, common } = self;
        match key {
            EntryKey::Name(name) => names.join_or_begin(common, name),
            EntryKey::Project(project) => projects.join_or_begin(common, project),
            EntryKey::Path(owner, name) => paths.join_or_begin(common, (owner, name)),
            EntryKey::Account(account) => accounts.join_or_begin(common, account),
            EntryKey::Plan(plan) => plans.join_or_begin(common, plan),
        }
    }

    /// How many steps of the sweep come by every slot. `None`: the budget is kept.
    fn sweeps(&self) -> Option<usize> {
        let Self { names, projects, paths, accounts, plans, common } = self;
        let sweeps = [names.sweeps(), projects.sweeps(), paths.sweeps(), accounts.sweeps(), plans.sweeps()];
        common.is_over().then(|| sweeps.into_iter().sum())
    }

    /// Goes on with what grows, in each table. `None`: nothing does. What it leaves behind is to be dropped by whoever has let go of the lock.
    fn grow(&mut self) -> Option<impl Sized + use<>> {
        let Self { names, projects, paths, accounts, plans, .. } = self;
        let left = (names.grow(), projects.grow(), paths.grow(), accounts.grow(), plans.grow());
        let grew = [left.0.is_some(), left.1.is_some(), left.2.is_some(), left.3.is_some(), left.4.is_some()];
        grew.contains(&true).then_some(left)
    }

    /// Takes so many steps of the sweep, unless the budget is kept: then there is nothing to do. Each is in the table that it has
    /// come least far in, so that it comes by all of them equally often: an entry loses no lives for being one of few.
    fn sweep(&mut self, steps: usize) -> bool {
        let Self { names, projects, paths, accounts, plans, common } = self;
        for _ in 0..steps {
            if !common.is_over() {
                return false;
            }
            let passed = [names.passed(), projects.passed(), paths.passed(), accounts.passed(), plans.passed()];
            let least = passed.into_iter().min();
            match passed.map(|passed| Some(passed) == least) {
                [true, ..] => names.sweep(common),
                [_, true, ..] => projects.sweep(common),
                [_, _, true, ..] => paths.sweep(common),
                [_, _, _, true, _] => accounts.sweep(common),
                [_, _, _, _, _] => plans.sweep(common),
            }
        }
        true
    }

    fn len(&self) -> usize {
        self.names.len() + self.projects.len() + self.paths.len() + self.accounts.len() + self.plans.len()
    }
}

#[cfg(test)]
#[path = "entries_tests.rs"]
mod tests;
