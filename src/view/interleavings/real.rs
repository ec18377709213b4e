//! The real tables and the real progress, built as a state of the model says, and read back into it.
//!
//! They are built by what they offer themselves, not by reaching into them, so only what can come about is built; that
//! what was built reads back as the state that it was built from is asserted.

use tokio::sync::watch;
use uuid::Uuid;

use super::super::{Common, Joined, Table};
use super::world::{Cell, Told, World, place, truth};
use crate::domain::facts::Plan;
use crate::domain::ids::{PlanId, Revision};
use crate::view::cell::{Entry, Kept, LoadResult};
use crate::view::error::LoadError;
use crate::view::position::Position;
use crate::view::progress::Progress;

/// The one key of each table.
const KEY: PlanId = PlanId(1);

/// A table a key, as a check joins entries of several, and what they share. There is no room for anything that is not being
/// loaded.
pub(super) struct Real {
    pub tables: [Table<PlanId, Plan>; 2],
    pub common: Common,
    pub progress: Progress,
    loads: [Option<watch::Receiver<LoadResult>>; 2],
}

impl Real {
    pub(super) fn build(world: &World) -> Self {
        let tables = world.table_epochs.map(|epoch| Table::new(u64::from(epoch)));
        let progress = Progress::new(std::time::Duration::ZERO);
        progress.begin_epoch(u64::from(world.epoch), Uuid::nil());
        let places: Vec<_> = (world.epoch_from..=world.applied).map(|number| place(world.followed, number)).collect();
        progress.apply(Position::new(u64::from(world.epoch), revision(world.applied)), &places);
        if world.epoch_begun {
            progress.begin_epoch(u64::from(world.epoch), Uuid::nil());
        }
        let mut real = Self { tables, common: Common::new(0), progress, loads: [None, None] };
        for key in 0..2 {
            real.build_cell(world, key);
        }
        real.common.seen = revision(world.seen);
        assert_eq!(real.read(), (world.cells, world.seen), "built as it was: {world:?}");
        real
    }

    fn build_cell(&mut self, world: &World, key: usize) {
        let Some(cell) = world.cells[key] else { return };
        let not_before = if let Cell::Loading(not_before) = cell { not_before } else { 0 };
        self.common.seen = revision(not_before);
        self.join(key);
        if let Cell::Held(number, value) = cell {
            let entry = Entry { value: Some(Plan { collaborator_limit: Some(value) }), revision: revision(number) };
            let epoch = u64::from(world.table_epochs[key]);
            assert_eq!(self.tables[key].complete(&mut self.common, KEY, epoch, entry), Kept::Yes);
            self.loads[key] = None;
        }
    }

    /// What a check finds under a key: of which revision, and what.
    pub(super) fn get(&self, key: usize) -> Option<(u8, u32)> {
        let mut sought = self.tables[key].seek(&KEY);
        sought.guess();
        sought.get(&self.common, false).map(of)
    }

    /// Joins the load of a key, or begins one: whether the caller must run it. `None`: it has come meanwhile.
    pub(super) fn join(&mut self, key: usize) -> Option<bool> {
        let (waiter, must_run) = match self.tables[key].join_or_begin(&mut self.common, KEY) {
            Joined::There => return None,
            Joined::Waits(waiter) => (waiter, false),
            Joined::Begins(waiter) => (waiter, true),
        };
        self.loads[key] = Some(waiter);
        Some(must_run)
    }

    /// The same, as if no invalidation had ever begun.
    pub(super) fn join_unaware(&mut self, key: usize) {
        let seen = std::mem::replace(&mut self.common.seen, revision(0));
        self.join(key);
        self.common.seen = seen;
    }

    pub(super) fn complete(&mut self, key: usize, epoch: u8, branch: u8, number: u8) -> Kept {
        let value = Some(Plan { collaborator_limit: Some(truth(branch, number, key)) });
        let entry = Entry { value, revision: revision(number) };
        self.tables[key].complete(&mut self.common, KEY, u64::from(epoch), entry)
    }

    pub(super) fn invalidate(&mut self, key: usize, number: u8) {
        self.tables[key].invalidate(&mut self.common, &KEY, revision(number));
    }

    pub(super) fn fail(&mut self, key: usize) {
        self.tables[key].fail(&mut self.common, &KEY, &LoadError::Unavailable);
    }

    pub(super) fn reset(&mut self, key: usize, epoch: u8) {
        self.tables[key] = Table::new(u64::from(epoch));
    }

    /// Drops whatever may be dropped.
    pub(super) fn evict(&mut self) {
        for table in &mut self.tables {
            (0..5 * table.sweeps()).for_each(|_| table.sweep(&mut self.common));
        }
    }

    /// What one who waits for the load of a key has been told.
    pub(super) fn told(&self, key: usize) -> Told {
        let Some(waiter) = &self.loads[key] else { return Told::Nothing };
        let told = waiter.borrow().clone();
        match told {
            Some(Ok(())) => Told::Loaded,
            Some(Err(_)) => Told::Failed,
            // the sender is gone without a word: the next glance looks again
            None if waiter.has_changed().is_err() => Told::Loaded,
            None => Told::Nothing,
        }
    }

    /// Reads the cells back, and the last revision whose invalidations have begun.
    pub(super) fn read(&self) -> ([Option<Cell>; 2], u8) {
        (self.tables.each_ref().map(read_cell), self.common.seen.0 as u8)
    }
}

fn read_cell(table: &Table<PlanId, Plan>) -> Option<Cell> {
    let cell = &table.seek(&KEY).slot()?.cell;
    let held = cell.entry().map(of);
    let loading = cell.not_before().map(|not_before| Cell::Loading(not_before.0 as u8));
    held.map(|(number, value)| Cell::Held(number, value)).or(loading)
}

fn of(entry: &Entry<Plan>) -> (u8, u32) {
    (entry.revision.0 as u8, entry.value.and_then(|plan| plan.collaborator_limit).unwrap_or_default())
}

pub(super) fn revision(number: u8) -> Revision {
    Revision(i64::from(number))
}
