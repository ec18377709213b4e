//! One entry of the role view and the protocol that keeps it from ever being stale. Pure: no lock, no I/O.
//!
//! The race: a load reads the database, a write commits and invalidates, and only then does the load come to store what
//! it read. So a key that is loading has a cell before the load begins, an invalidation at revision r marks the cell
//! «not before r», and a load is kept only if its snapshot is at least that new. An entry that is held needs no mark: it is of a
//! revision, and an invalidation at a later one drops it.

use tokio::sync::watch;

use super::error::LoadError;
use crate::domain::ids::Revision;

/// What was read about a key, and at which revision. `None`: it did not exist.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<V> {
    pub value: Option<V>,
    /// The last revision that the snapshot of the read shows.
    pub revision: Revision,
}

/// How a load ended, for those who wait for it.
pub(super) type LoadResult = Option<Result<(), LoadError>>;

/// An entry that is there, or one that is being loaded.
#[derive(Debug)]
pub(super) enum Cell<V> {
    /// It is there. Nothing loads it: what no longer holds is dropped first.
    Held(Entry<V>),
    /// It is being loaded.
    Loading(Box<Load>),
}

/// A load under way.
#[derive(Debug)]
pub(super) struct Load {
    done: watch::Sender<LoadResult>,
    /// What a read must show to be kept: the last write that touched the key.
    not_before: Revision,
}

/// Whether a load was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is in the cell, or the cell has something as good.
    Yes,
    /// A write came between; the load must be run again for those who wait for it.
    TooOld,
    /// A write came between, and nobody waits.
    Unwanted,
}

impl<V> Cell<V> {
    /// A cell for a key that is about to be loaded. `seen` is the last revision whose invalidations have begun: those
    /// found no cell to mark.
    pub(super) fn loading(seen: Revision) -> (Self, watch::Receiver<LoadResult>) {
        let (done, waiter) = watch::channel(None);
        (Self::Loading(Box::new(Load { done, not_before: seen })), waiter)
    }

    /// What the cell holds.
    pub(super) fn entry(&self) -> Option<&Entry<V>> {
        match self {
            Self::Held(entry) => Some(entry),
            Self::Loading(_) => None,
        }
    }

    /// Joins the load under way, if there is one.
    pub(super) fn join(&self) -> Option<watch::Receiver<LoadResult>> {
        match self {
            Self::Held(_) => None,
            Self::Loading(load) => Some(load.done.subscribe()),
        }
    }

    /// A write at `revision` touched the key. Whether the cell still says anything after it.
    pub(super) fn invalidate(&mut self, revision: Revision) -> bool {
        match self {
            Self::Held(entry) => entry.revision >= revision,
            Self::Loading(load) => {
                load.not_before = load.not_before.max(revision);
                true
            }
        }
    }

    /// Takes what a load read; whether it was kept, and whether it is what the cell holds now.
    pub(super) fn complete(&mut self, entry: Entry<V>) -> (Kept, bool) {
        match self {
            Self::Held(present) if present.revision >= entry.revision => (Kept::Yes, false),
            Self::Loading(load) if entry.revision < load.not_before => (Kept::TooOld, false),
            Self::Held(_) => {
                *self = Self::Held(entry);
                (Kept::Yes, true)
            }
            Self::Loading(load) => {
                load.done.send_replace(Some(Ok(())));
                *self = Self::Held(entry);
                (Kept::Yes, true)
            }
        }
    }

    /// The load failed: those who wait are told. Whether there was one: then the cell says nothing any more.
    pub(super) fn fail(&self, error: &LoadError) -> bool {
        match self {
            Self::Held(_) => false,
            Self::Loading(load) => {
                load.done.send_replace(Some(Err(error.clone())));
                true
            }
        }
    }
}

#[cfg(test)]
impl<V> Cell<V> {
    /// What a load under way must show.
    pub(super) fn not_before(&self) -> Option<Revision> {
        match self {
            Self::Held(_) => None,
            Self::Loading(load) => {
                let Load { done: _, not_before } = &**load;
                Some(*not_before)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(revision: i64) -> Entry<i64> {
        Entry { value: Some(revision), revision: Revision(revision) }
    }

    #[test]
    fn a_load_older_than_an_invalidation_is_not_kept() {
        let (mut cell, waiter) = Cell::loading(Revision(5));
        assert!(cell.invalidate(Revision(7)), "the load goes on");
        assert_eq!(cell.complete(entry(6)), (Kept::TooOld, false));
        assert!(cell.entry().is_none() && waiter.borrow().is_none(), "and on");
        assert_eq!(cell.complete(entry(7)), (Kept::Yes, true));
        assert!(matches!(*waiter.borrow(), Some(Ok(()))));
    }

    #[test]
    fn a_load_older_than_what_was_applied_before_it_is_not_kept() {
        let (mut cell, _waiter) = Cell::loading(Revision(5));
        assert_eq!(cell.complete(entry(4)), (Kept::TooOld, false), "a lagging read");
    }

    #[test]
    fn an_invalidation_drops_only_what_is_older() {
        let mut cell = Cell::Held(entry(9));
        assert!(cell.invalidate(Revision(9)), "the entry shows that write already");
        assert!(!cell.invalidate(Revision(10)));
    }

    #[test]
    fn of_two_reads_the_newer_is_held_whichever_comes_first() {
        let mut cell = Cell::Held(entry(9));
        assert_eq!(cell.complete(entry(8)), (Kept::Yes, false));
        assert_eq!(cell.complete(entry(10)), (Kept::Yes, true));
        assert_eq!(cell.entry(), Some(&entry(10)));
    }

    #[test]
    fn waiters_share_a_load_and_learn_of_its_failure() {
        assert!(Cell::Held(entry(1)).join().is_none(), "nothing is under way");
        let (cell, first) = Cell::<i64>::loading(Revision(0));
        let second = cell.join().unwrap();
        assert!(cell.fail(&LoadError::Unavailable));
        assert!(matches!(*first.borrow(), Some(Err(LoadError::Unavailable))));
        assert!(matches!(*second.borrow(), Some(Err(LoadError::Unavailable))));
    }
}
