//! A table of cells, in parts that grow some places at a time (`growing`), however large they are. It has no lock of its own: all tables of
//! a view are behind one (`entries`).

use std::hash::{BuildHasher, Hash};
use std::hint::black_box;
use std::mem::size_of;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use foldhash::quality::RandomState;
use hashbrown::hash_table::{self, VacantEntry};
use tokio::sync::watch;

use super::cell::{Cell, Entry, Kept, LoadResult};
use super::error::LoadError;
use super::growing::Growing;
use super::life::{Life, Visit};
use super::weight::Weight;
use crate::domain::ids::Revision;

/// Parts of a table, as a power of two. The more there are, the farther apart are their indices, which checks wait for.
const PARTS: usize = 16;

/// How many places one step of the sweep looks at.
const SWEEP: usize = 64;

/// What a load under way takes: its channel, mostly.
const LOAD: usize = 400;

/// Young slots may take one of so many bytes of the budget.
const YOUNG_SHARE: usize = 8;

/// What tables share: how much they hold and may, and how far invalidation has come.
#[derive(Debug)]
pub(super) struct Common {
    /// The bytes that all tables hold.
    pub used: usize,
    /// Of these, what settled slots hold. Slots settle as they are looked up, beside each other.
    settled: AtomicUsize,
    /// The bytes that they should hold at most.
    pub most: usize,
    /// The last revision whose invalidations have begun; set before the first cell is marked.
    pub seen: Revision,
}

/// Cells by key.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    parts: Box<[Part<K, V>]>,
    hasher: RandomState,
    /// How many parts the sweep has come by, however often: it goes on in the one after these.
    passed: usize,
    /// Counts resets: a load from before one is not kept.
    epoch: u64,
}

#[derive(Debug)]
struct Part<K, V> {
    slots: Growing<Slot<K, V>>,
    /// Where the sweep goes on in it.
    hand: usize,
}

#[derive(Debug)]
struct Slot<K, V> {
    key: K,
    cell: Cell<V>,
    life: Life,
    /// How many questions hold it until they are answered.
    pins: AtomicU32,
}

/// A key that is looked for.
#[derive(Debug)]
pub(super) struct Sought<'t, 'k, K, V> {
    table: &'t Table<K, V>,
    pub key: &'k K,
    hash: u64,
    guess: Guess<'t, K, V>,
}

/// What the index alone says of a key. It tells keys apart by seven bits: what it does not have is not there, what it has may be
/// another.
#[derive(Debug)]
enum Guess<'t, K, V> {
    NotMade,
    NotThere,
    Probably(&'t Slot<K, V>),
}

/// What one who misses a key is to do.
#[derive(Debug)]
pub(super) enum Joined {
    /// Look again: it has come.
    There,
    /// Wait for a load that is under way.
    Waits(watch::Receiver<LoadResult>),
    /// See to it that it is loaded, and wait for that.
    Begins(watch::Receiver<LoadResult>),
}

impl Common {
    pub(super) fn new(most: usize) -> Self {
        Self { used: 0, settled: AtomicUsize::new(0), most, seen: Revision(0) }
    }

    /// Whether they hold more than they should.
    pub(super) fn is_over(&self) -> bool {
        self.used > self.most
    }

    /// Whether slots that were asked for once take more than their share.
    fn has_many_young(&self) -> bool {
        self.used.saturating_sub(self.settled.load(Ordering::Relaxed)) > self.most / YOUNG_SHARE
    }

    fn settle(&self, bytes: usize) {
        self.settled.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A slot is gone.
    fn forget<K: Weight, V: Weight>(&mut self, slot: &Slot<K, V>) {
        self.release(slot.weight(), &slot.life);
    }

    /// So much is no longer held by a slot.
    fn release(&mut self, bytes: usize, life: &Life) {
        self.used -= bytes;
        if life.is_settled() {
            *self.settled.get_mut() -= bytes;
        }
    }
}

impl<K: Eq + Hash + Weight, V: Weight> Table<K, V> {
    /// An empty table, in which loads that began before this epoch are not kept.
    pub(super) fn new(epoch: u64) -> Self {
        let part = || Part { slots: Growing::new(), hand: 0 };
        Self { parts: (0..PARTS).map(|_| part()).collect(), hasher: RandomState::default(), passed: 0, epoch }
    }

    /// Begins to look for a key. Waits for none of the table's memory.
    pub(super) fn seek<'t, 'k>(&'t self, key: &'k K) -> Sought<'t, 'k, K, V> {
        Sought { table: self, key, hash: self.hasher.hash_one(key), guess: Guess::NotMade }
    }

    /// How many questions hold what is there: meanwhile it is not evicted. A write drops it all the same.
    pub(super) fn pins(&self, key: &K) -> Option<&AtomicU32> {
        self.seek(key).slot().map(|slot| &slot.pins)
    }

    /// Joins the load of a key, if there is one under way.
    pub(super) fn join(&self, key: &K) -> Option<watch::Receiver<LoadResult>> {
        self.seek(key).slot()?.cell.join()
    }

    /// Joins the load of a key, or begins one, where it is not there.
    pub(super) fn join_or_begin(&mut self, common: &mut Common, key: K) -> Joined {
        match self.place(&key) {
            Place::Taken(slot) => slot.cell.join().map_or(Joined::There, Joined::Waits),
            Place::Vacant(vacant) => {
                let (cell, waiter) = Cell::loading(common.seen);
                common.used += insert(vacant, key, cell);
                Joined::Begins(waiter)
            }
        }
    }

    /// Takes what a load that began in `epoch` read. A key without a cell is taken in as well, if no write can have
    /// touched it since the read.
    pub(super) fn complete(&mut self, common: &mut Common, key: K, epoch: u64, entry: Entry<V>) -> Kept {
        let is_outdated = self.epoch != epoch;
        match self.place(&key) {
            Place::Taken(Slot { cell: Cell::Loading(_), .. }) if is_outdated => Kept::TooOld,
            _ if is_outdated => Kept::Unwanted,
            Place::Taken(slot) => {
                let before = slot.weight();
                let (kept, is_held) = slot.cell.complete(entry);
                if is_held {
                    common.release(before, &slot.life);
                    slot.life = Life::new();
                    common.used += slot.weight();
                }
                kept
            }
            Place::Vacant(_) if entry.revision < common.seen => Kept::Unwanted,
            Place::Vacant(vacant) => {
                common.used += insert(vacant, key, Cell::Held(entry));
                Kept::Yes
            }
        }
    }

    /// Tells those who wait for a key that its load failed; the next one to ask begins another.
    pub(super) fn fail(&mut self, common: &mut Common, key: &K, error: &LoadError) {
        self.remove_if(common, key, |cell| cell.fail(error));
    }

    /// A write at `revision` touched the key.
    pub(super) fn invalidate(&mut self, common: &mut Common, key: &K, revision: Revision) {
        self.remove_if(common, key, |cell| !cell.invalidate(revision));
    }

    /// Goes on with a part that is growing. `None`: none is. What it leaves behind is to be dropped by whoever has let go of the lock.
    pub(super) fn grow(&mut self) -> Option<impl Sized + use<K, V>> {
        let Self { parts, hasher, .. } = self;
        parts.iter_mut().find_map(|part| part.slots.grow(|slot| hasher.hash_one(&slot.key)))
    }

    /// Looks at some slots, and drops those that have lost their last life.
    pub(super) fn sweep(&mut self, common: &mut Common) {
        let wants_young = common.has_many_young();
        let Some(part) = self.parts.get_mut(self.passed % PARTS) else { return };
        for _ in 0..SWEEP {
            if part.hand >= part.slots.places() {
                part.hand = 0;
                self.passed += 1;
                return;
            }
            if let Some(mut place) = part.slots.at(part.hand) {
                let slot = place.get_mut();
                if slot.is_evictable() && slot.life.visit(wants_young) == Visit::MayGo {
                    common.forget(&place.remove().0);
                }
            }
            part.hand += 1;
        }
    }

    /// How far the sweep has come, in what is the same share of every table.
    pub(super) fn passed(&self) -> usize {
        self.passed
    }

    /// How many steps of the sweep come by every slot.
    pub(super) fn sweeps(&self) -> usize {
        self.parts.iter().map(|part| part.slots.places() / SWEEP + 1).sum()
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.slots.len()).sum()
    }

    #[expect(clippy::indexing_slicing, reason = "a part's number is below the number of parts")]
    fn place(&mut self, key: &K) -> Place<'_, K, V> {
        let Self { parts, hasher, .. } = self;
        let hash = hasher.hash_one(key);
        let entry = parts[part(hash)].slots.entry(hash, |slot| slot.key == *key, |slot| hasher.hash_one(&slot.key));
        match entry {
            hash_table::Entry::Occupied(taken) => Place::Taken(taken.into_mut()),
            hash_table::Entry::Vacant(vacant) => Place::Vacant(vacant),
        }
    }

    fn remove_if(&mut self, common: &mut Common, key: &K, is_over: impl FnOnce(&mut Cell<V>) -> bool) {
        let hash = self.hasher.hash_one(key);
        let Some(part) = self.parts.get_mut(part(hash)) else { return };
        let Some(mut place) = part.slots.find_entry(hash, |slot| slot.key == *key) else { return };
        if is_over(&mut place.get_mut().cell) {
            common.forget(&place.remove().0);
        }
    }
}

/// Where a key stands, or would.
enum Place<'a, K, V> {
    Taken(&'a mut Slot<K, V>),
    Vacant(VacantEntry<'a, Slot<K, V>>),
}

/// Puts a new slot there, and returns what it weighs.
fn insert<K: Weight, V: Weight>(vacant: VacantEntry<'_, Slot<K, V>>, key: K, cell: Cell<V>) -> usize {
    vacant.insert(Slot { key, cell, life: Life::new(), pins: AtomicU32::new(0) }).into_mut().weight()
}

/// In which part a key is. The table inside goes by the lowest bits and the highest seven.
fn part(hash: u64) -> usize {
    (hash >> 40) as usize % PARTS
}

impl<'t, K: Eq, V> Sought<'t, '_, K, V> {
    /// Guesses where the key is: waits for the index, and not for what stands there.
    pub(super) fn guess(&mut self) {
        self.guess = self.find(|_| true).map_or(Guess::NotThere, Guess::Probably);
    }

    /// What is where the key was guessed to be: to be looked at ahead, and not to be gone by.
    pub(super) fn guessed(&self) -> Option<&'t Entry<V>> {
        let Guess::Probably(slot) = self.guess else { return None };
        // so that all of the slot is waited for now, whatever of it whoever asks looks at
        black_box(slot.pins.load(Ordering::Relaxed));
        slot.cell.entry()
    }

    /// What is known about the key. `waited`: for one who waited for it, or for something beside it, which does not make it wanted
    /// any more than before.
    pub(super) fn get(&self, common: &Common, waited: bool) -> Option<&'t Entry<V>>
    where
        K: Weight,
        V: Weight,
    {
        let slot = self.slot()?;
        let entry = slot.cell.entry()?;
        if waited {
            slot.life.arrived();
        } else if slot.life.found() {
            common.settle(slot.weight());
        }
        Some(entry)
    }

    fn slot(&self) -> Option<&'t Slot<K, V>> {
        match self.guess {
            Guess::NotThere => None,
            Guess::Probably(slot) if slot.key == *self.key => Some(slot),
            Guess::Probably(_) | Guess::NotMade => self.find(|slot| slot.key == *self.key),
        }
    }

    fn find(&self, is_it: impl FnMut(&Slot<K, V>) -> bool) -> Option<&'t Slot<K, V>> {
        self.table.parts.get(part(self.hash))?.slots.find(self.hash, is_it)
    }
}

impl<K, V> Slot<K, V> {
    /// Whether it can be dropped: not while somebody waits for it, or holds it.
    fn is_evictable(&mut self) -> bool {
        self.cell.entry().is_some() && *self.pins.get_mut() == 0
    }
}

impl<K: Weight, V: Weight> Slot<K, V> {
    /// The bytes that it takes with all that is behind it. Its place counts twice: a table is half empty when it has grown.
    fn weight(&self) -> usize {
        let place = 2 * (size_of::<Self>() + 1);
        let cell = match &self.cell {
            Cell::Held(entry) => entry.heap(),
            Cell::Loading(_) => LOAD,
        };
        place + self.key.heap() + cell
    }
}

#[cfg(test)]
#[path = "interleavings/mod.rs"]
mod interleavings;

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
