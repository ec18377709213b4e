//! A sharded table of cells, bounded together with its siblings by a budget of bytes.
//!
//! A shard's lock is a `parking_lot::RwLock`: reads share it, it is held for a look-up or a mark and never across
//! anything that waits.

use std::hash::{BuildHasher, Hash};
use std::mem::size_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicUsize, Ordering};

use foldhash::quality::RandomState;
use indexmap::{Equivalent, IndexMap};
use parking_lot::RwLock;
use tokio::sync::watch;

use super::cell::{Cell, Entry, Kept, LoadResult};
use super::error::LoadError;
use super::weight::Weight;
use crate::domain::ids::Revision;

pub(super) const SHARDS: usize = 64;

/// How many slots one step of eviction looks at.
pub(super) const SWEEP: usize = 32;

/// Lives of a slot: each time the sweep comes by takes one, looking it up gives one, up to [`MOST`]. So what is used again and
/// again outlives a flood of names that are asked for once, however often the flood makes the sweep come by in between.
const MOST: u8 = 4;

/// What the first look-up leaves: whoever waited for the entry has found it.
const FOUND: u8 = 1;

/// Lives of a slot that nobody has looked up yet: the sweep comes by three times before it counts as not used.
const NEW: u8 = MOST + 3;

/// What tables share: how much they hold, and how far invalidation has come.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The bytes that all tables hold.
    pub used: AtomicUsize,
    /// The last revision whose invalidations have begun; set before the first cell is marked.
    pub seen: AtomicI64,
}

/// Cells by key.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    shards: Box<[RwLock<Shard<K, V>>]>,
    hasher: RandomState,
    shared: Arc<Shared>,
    next_sweep: AtomicUsize,
}

#[derive(Debug)]
struct Shard<K, V> {
    slots: IndexMap<K, Slot<V>, RandomState>,
    /// Where the sweep goes on.
    hand: usize,
    /// Counts resets: a load from before one is not kept.
    epoch: u64,
}

#[derive(Debug)]
struct Slot<V> {
    cell: Cell<V>,
    /// How often the sweep may yet come by before it goes.
    lives: AtomicU8,
}

/// A load to wait for.
#[derive(Debug)]
pub(super) struct Begun {
    pub waiter: watch::Receiver<LoadResult>,
    /// The caller must see to it that the load is run.
    pub must_run: bool,
}

impl<K: Eq + Hash + Weight, V: Weight> Table<K, V> {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let hasher = RandomState::default();
        let slots = || IndexMap::with_hasher(hasher.clone());
        let shard = || RwLock::new(Shard { slots: slots(), hand: 0, epoch: 0 });
        let shards = (0..SHARDS).map(|_| shard()).collect();
        Self { shards, hasher, shared, next_sweep: AtomicUsize::new(0) }
    }

    /// What is known about a key.
    pub(super) fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Arc<Entry<V>>> {
        let shard = self.shard(key).read();
        let slot = shard.slots.get(key)?;
        let entry = slot.cell.entry()?;
        let lives = slot.lives.load(Ordering::Relaxed);
        // once it has them all a look-up writes nothing, so that cores share the line
        if lives != MOST {
            slot.lives.store(if lives > MOST { FOUND } else { lives + 1 }, Ordering::Relaxed);
        }
        Some(Arc::clone(entry))
    }

    /// Joins the load of a key, if there is one under way.
    pub(super) fn join(&self, key: &K) -> Option<watch::Receiver<LoadResult>> {
        self.shard(key).read().slots.get(key)?.cell.join()
    }

    /// Joins the load of a key, or begins one.
    pub(super) fn join_or_begin(&self, key: K) -> Begun {
        let mut shard = self.shard(&key).write();
        if let Some(slot) = shard.slots.get_mut(&key) {
            let (waiter, must_run) = slot.cell.join_or_begin();
            return Begun { waiter, must_run };
        }
        let (cell, waiter) = Cell::loading(self.seen());
        self.add(Self::slot_weight(&key) as isize);
        shard.slots.insert(key, Slot { cell, lives: AtomicU8::new(NEW) });
        Begun { waiter, must_run: true }
    }

    /// Takes what a load that began in `epoch` read. A key without a cell is taken in as well, if no write can have
    /// touched it since the read.
    pub(super) fn complete(&self, key: K, epoch: u64, entry: Arc<Entry<V>>) -> Kept {
        let mut shard = self.shard(&key).write();
        if shard.epoch != epoch {
            let awaited = shard.slots.get(&key).is_some_and(|slot| slot.cell.is_loading());
            return if awaited { Kept::TooOld } else { Kept::Unwanted };
        }
        if let Some(slot) = shard.slots.get_mut(&key) {
            let added = entry.value.weight();
            let (kept, replaced) = slot.cell.complete(Arc::clone(&entry));
            if slot.cell.entry().is_some_and(|present| Arc::ptr_eq(present, &entry)) {
                self.add(added as isize);
            }
            self.subtract_entry(replaced);
            return kept;
        }
        if entry.revision < self.seen() {
            return Kept::Unwanted;
        }
        self.add((Self::slot_weight(&key) + entry.value.weight()) as isize);
        shard.slots.insert(key, Slot { cell: Cell::loaded(entry), lives: AtomicU8::new(NEW) });
        Kept::Yes
    }

    /// Tells those who wait for a key that its load failed.
    pub(super) fn fail(&self, key: &K, error: &LoadError) {
        let mut shard = self.shard(key).write();
        let Some(slot) = shard.slots.get_mut(key) else { return };
        slot.cell.fail(error);
        self.remove_if_empty(&mut shard, key);
    }

    /// A write at `revision` touched the key.
    pub(super) fn invalidate(&self, key: &K, revision: Revision) {
        let mut shard = self.shard(key).write();
        let Some(slot) = shard.slots.get_mut(key) else { return };
        let dropped = slot.cell.invalidate(revision);
        self.subtract_entry(dropped);
        self.remove_if_empty(&mut shard, key);
    }

    /// Forgets everything: the database is not the one that it was. Loads under way are not kept.
    pub(super) fn reset(&self, epoch: u64, error: &LoadError) {
        for shard in &self.shards {
            let mut shard = shard.write();
            shard.epoch = epoch;
            shard.hand = 0;
            for (key, mut slot) in shard.slots.drain(..) {
                slot.cell.fail(error);
                self.add(-(Self::slot_weight(&key) as isize));
                self.subtract_entry(slot.cell.entry().cloned());
            }
        }
    }

    /// Looks at some slots of one shard and drops those that have not been used for long enough.
    pub(super) fn sweep(&self) {
        let turn = self.next_sweep.fetch_add(1, Ordering::Relaxed);
        let Some(shard) = self.shards.get(turn % SHARDS) else { return };
        let shard = &mut *shard.write();
        for _ in 0..SWEEP.min(shard.slots.len()) {
            shard.hand = if shard.hand < shard.slots.len() { shard.hand } else { 0 };
            let Some((_, slot)) = shard.slots.get_index(shard.hand) else { break };
            let lives = slot.lives.load(Ordering::Relaxed);
            if !slot.cell.is_evictable() || lives > 0 {
                let left = if lives == MOST + 1 { 0 } else { lives.saturating_sub(1) };
                slot.lives.store(left, Ordering::Relaxed);
                shard.hand += 1;
            } else if let Some((key, slot)) = shard.slots.swap_remove_index(shard.hand) {
                self.add(-(Self::slot_weight(&key) as isize));
                self.subtract_entry(slot.cell.entry().cloned());
            }
        }
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().slots.len()).sum()
    }

    #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of shards")]
    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> &RwLock<Shard<K, V>> {
        // the map inside uses the low bits
        let hash = self.hasher.hash_one(key).rotate_left(16) as usize;
        &self.shards[hash % SHARDS]
    }

    /// What a key takes without its entry: its place in the map, which may be half empty, and the key's own memory.
    fn slot_weight(key: &K) -> usize {
        2 * (size_of::<(K, Slot<V>)>() + 2 * size_of::<usize>()) + key.heap()
    }

    fn seen(&self) -> Revision {
        Revision(self.shared.seen.load(Ordering::SeqCst))
    }

    fn remove_if_empty(&self, shard: &mut Shard<K, V>, key: &K) {
        if shard.slots.get(key).is_some_and(|slot| slot.cell.is_empty()) {
            shard.slots.swap_remove(key);
            self.add(-(Self::slot_weight(key) as isize));
        }
    }

    fn subtract_entry(&self, entry: Option<Arc<Entry<V>>>) {
        if let Some(entry) = entry {
            self.add(-(entry.value.weight() as isize));
        }
    }

    fn add(&self, bytes: isize) {
        if bytes >= 0 {
            self.shared.used.fetch_add(bytes.unsigned_abs(), Ordering::Relaxed);
        } else {
            self.shared.used.fetch_sub(bytes.unsigned_abs(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
#[path = "interleavings/mod.rs"]
mod interleavings;
