//! The real tables and the real progress, built as a state of the model says, and read back into it.
//!
//! They are built by what they offer themselves, not by reaching into them, so only what can come about is built; that
//! what was built reads back as the state that it was built from is asserted.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;
use uuid::Uuid;

use super::super::{SHARDS, Shared, Table};
use super::world::{Cell, Told, World, place, truth};
use crate::domain::facts::Plan;
use crate::domain::ids::{PlanId, Revision};
use crate::view::cell::{Entry, Kept, LoadResult};
use crate::view::error::LoadError;
use crate::view::position::Position;
use crate::view::progress::Progress;

/// The one key of each table.
const KEY: PlanId = PlanId(1);

/// A table a key, as a check joins entries of several, and what they share.
pub(super) struct Real {
    pub tables: [Table<PlanId, Plan>; 2],
    pub shared: Arc<Shared>,
    pub progress: Progress,
    loads: [Option<watch::Receiver<LoadResult>>; 2],
}

impl Real {
    pub(super) fn build(world: &World) -> Self {
        let shared = Arc::new(Shared::default());
        let tables = [Table::new(Arc::clone(&shared)), Table::new(Arc::clone(&shared))];
        let progress = Progress::new(std::time::Duration::ZERO);
        progress.begin_epoch(u64::from(world.epoch), Uuid::nil());
        let places: Vec<_> = (world.epoch_from..=world.applied).map(|number| place(world.followed, number)).collect();
        progress.apply(Position::new(u64::from(world.epoch), revision(world.applied)), &places);
        if world.epoch_begun {
            progress.begin_epoch(u64::from(world.epoch), Uuid::nil());
        }
        let mut real = Self { tables, shared, progress, loads: [None, None] };
        for key in 0..2 {
            real.build_cell(world, key);
        }
        real.shared.seen.store(i64::from(world.seen), Ordering::SeqCst);
        assert_eq!(real.read(), (world.cells, world.seen), "built as it was: {world:?}");
        real
    }

    fn build_cell(&mut self, world: &World, key: usize) {
        let table = &self.tables[key];
        table.shard(&KEY).write().epoch = u64::from(world.shard_epochs[key]);
        let Some(Cell { entry, loading, not_before }) = world.cells[key] else { return };
        self.shared.seen.store(i64::from(not_before), Ordering::SeqCst);
        let mut begun = table.join_or_begin(KEY);
        if let Some((number, value)) = entry {
            let entry = Entry { value: Some(Plan { collaborator_limit: Some(value) }), revision: revision(number) };
            assert_eq!(table.complete(KEY, u64::from(world.shard_epochs[key]), Arc::new(entry)), Kept::Yes);
            if loading {
                begun = table.join_or_begin(KEY);
            }
        }
        self.loads[key] = loading.then_some(begun.waiter);
    }

    /// What a check finds under a key: of which revision, and what.
    pub(super) fn get(&self, key: usize) -> Option<(u8, u32)> {
        self.tables[key].get(&KEY).map(|entry| of(&entry))
    }

    /// Joins the load of a key, or begins one: whether the caller must run it.
    pub(super) fn join(&mut self, key: usize) -> bool {
        let begun = self.tables[key].join_or_begin(KEY);
        self.loads[key] = Some(begun.waiter);
        begun.must_run
    }

    /// The same, as if no invalidation had ever begun.
    pub(super) fn join_unaware(&mut self, key: usize) {
        let seen = self.shared.seen.swap(0, Ordering::SeqCst);
        self.join(key);
        self.shared.seen.store(seen, Ordering::SeqCst);
    }

    pub(super) fn complete(&self, key: usize, epoch: u8, branch: u8, number: u8) -> Kept {
        let value = Some(Plan { collaborator_limit: Some(truth(branch, number, key)) });
        let entry = Entry { value, revision: revision(number) };
        self.tables[key].complete(KEY, u64::from(epoch), Arc::new(entry))
    }

    pub(super) fn invalidate(&self, key: usize, number: u8) {
        self.tables[key].invalidate(&KEY, revision(number));
    }

    pub(super) fn fail(&self, key: usize) {
        self.tables[key].fail(&KEY, &LoadError::Unavailable);
    }

    pub(super) fn reset(&self, key: usize, epoch: u8) {
        self.tables[key].reset(u64::from(epoch), &LoadError::Unavailable);
    }

    /// Drops whatever may be dropped.
    pub(super) fn evict(&self) {
        (0..SHARDS * 5).for_each(|_| self.tables.iter().for_each(Table::sweep));
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
        (self.tables.each_ref().map(read_cell), self.shared.seen.load(Ordering::SeqCst) as u8)
    }
}

fn read_cell(table: &Table<PlanId, Plan>) -> Option<Cell> {
    let shard = table.shard(&KEY).read();
    let (entry, loading, not_before) = shard.slots.get(&KEY)?.cell.parts();
    Some(Cell { entry: entry.map(|entry| of(entry)), loading, not_before: not_before.0 as u8 })
}

fn of(entry: &Entry<Plan>) -> (u8, u32) {
    (entry.revision.0 as u8, entry.value.and_then(|plan| plan.collaborator_limit).unwrap_or_default())
}

pub(super) fn revision(number: u8) -> Revision {
    Revision(i64::from(number))
}
