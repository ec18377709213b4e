//! One entry of the role view and the protocol that keeps it from ever being stale. Pure: no lock, no I/O.
//!
//! The race: a load reads the database, a write commits and invalidates, and only then does the load come to store what
//! it read. So a key that is loading has a cell before the load begins, an invalidation at revision r marks the cell
//! «not before r» whatever it holds, and a load is kept only if its snapshot is at least that new.

use std::sync::Arc;

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

/// An entry that is there, that is being loaded, or both.
#[derive(Debug)]
pub(super) struct Cell<V> {
    entry: Option<Arc<Entry<V>>>,
    load: Option<Load>,
    /// What a read must show to be kept: the last write that touched the key.
    not_before: Revision,
}

#[derive(Debug)]
struct Load {
    done: watch::Sender<LoadResult>,
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
        (Self { entry: None, load: Some(Load { done }), not_before: seen }, waiter)
    }

    /// A cell for an entry that came along with another key's load.
    pub(super) fn loaded(entry: Arc<Entry<V>>) -> Self {
        Self { not_before: entry.revision, entry: Some(entry), load: None }
    }

    /// What the cell holds.
    pub(super) fn entry(&self) -> Option<&Arc<Entry<V>>> {
        self.entry.as_ref()
    }

    /// Whether somebody waits for it.
    pub(super) fn is_loading(&self) -> bool {
        self.load.is_some()
    }

    /// Whether it can be dropped: not while somebody waits for it, or holds what is in it.
    pub(super) fn is_evictable(&self) -> bool {
        self.load.is_none() && self.entry.as_ref().is_none_or(|entry| Arc::strong_count(entry) == 1)
    }

    /// Whether it says nothing at all.
    pub(super) fn is_empty(&self) -> bool {
        self.entry.is_none() && self.load.is_none()
    }

    /// Joins the load under way, if there is one.
    pub(super) fn join(&self) -> Option<watch::Receiver<LoadResult>> {
        self.load.as_ref().map(|load| load.done.subscribe())
    }

    /// Joins the load under way, or begins one: `true` where the caller must run it.
    pub(super) fn join_or_begin(&mut self) -> (watch::Receiver<LoadResult>, bool) {
        if let Some(waiter) = self.join() {
            return (waiter, false);
        }
        let (done, waiter) = watch::channel(None);
        self.load = Some(Load { done });
        (waiter, true)
    }

    /// A write at `revision` touched the key. Returns the entry that no longer holds.
    pub(super) fn invalidate(&mut self, revision: Revision) -> Option<Arc<Entry<V>>> {
        self.not_before = self.not_before.max(revision);
        self.entry.take_if(|entry| entry.revision < revision)
    }

    /// Takes what a load read, and returns the entry that it replaces.
    pub(super) fn complete(&mut self, entry: Arc<Entry<V>>) -> (Kept, Option<Arc<Entry<V>>>) {
        if entry.revision < self.not_before {
            let kept = if self.load.is_some() { Kept::TooOld } else { Kept::Unwanted };
            return (kept, None);
        }
        if let Some(load) = self.load.take() {
            load.done.send_replace(Some(Ok(())));
        }
        match &self.entry {
            Some(present) if present.revision >= entry.revision => (Kept::Yes, None),
            _ => (Kept::Yes, self.entry.replace(entry)),
        }
    }

    /// The load failed: those who wait are told, the next one to ask begins another.
    pub(super) fn fail(&mut self, error: &LoadError) {
        if let Some(load) = self.load.take() {
            load.done.send_replace(Some(Err(error.clone())));
        }
    }
}

#[cfg(test)]
impl<V> Cell<V> {
    /// All that it is: what it holds, whether it is being loaded, and what a read must show.
    pub(super) fn parts(&self) -> (Option<&Arc<Entry<V>>>, bool, Revision) {
        let Self { entry, load, not_before } = self;
        (entry.as_ref(), load.is_some(), *not_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(revision: i64) -> Arc<Entry<i64>> {
        Arc::new(Entry { value: Some(revision), revision: Revision(revision) })
    }

    #[test]
    fn a_load_older_than_an_invalidation_is_not_kept() {
        let (mut cell, waiter) = Cell::loading(Revision(5));
        cell.invalidate(Revision(7));
        assert_eq!(cell.complete(entry(6)).0, Kept::TooOld);
        assert!(cell.entry().is_none() && waiter.borrow().is_none(), "the load goes on");
        assert_eq!(cell.complete(entry(7)).0, Kept::Yes);
        assert!(matches!(*waiter.borrow(), Some(Ok(()))));
    }

    #[test]
    fn a_load_older_than_what_was_applied_before_it_is_not_kept() {
        let (mut cell, _waiter) = Cell::loading(Revision(5));
        assert_eq!(cell.complete(entry(4)).0, Kept::TooOld, "a lagging read");
    }

    #[test]
    fn an_invalidation_drops_only_what_is_older() {
        let mut cell = Cell::loaded(entry(9));
        assert!(cell.invalidate(Revision(9)).is_none(), "the entry shows that write already");
        assert!(cell.invalidate(Revision(10)).is_some());
        assert!(cell.is_empty());
    }

    #[test]
    fn waiters_share_a_load_and_learn_of_its_failure() {
        assert!(Cell::loaded(entry(1)).join().is_none(), "nothing is under way");
        let (mut cell, first) = Cell::<i64>::loading(Revision(0));
        assert!(cell.join().is_some());
        let (second, must_run) = cell.join_or_begin();
        assert!(!must_run);
        cell.fail(&LoadError::Unavailable);
        assert!(matches!(*first.borrow(), Some(Err(LoadError::Unavailable))));
        assert!(matches!(*second.borrow(), Some(Err(LoadError::Unavailable))));
        assert!(cell.join_or_begin().1, "the next one begins another");
    }
}
