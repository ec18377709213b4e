//! A hash table that grows some places at a time: who adds to it waits for these, however large it is, and for the larger table's index, a byte
//! a place.
//!
//! Beside what was there, which is moved little by little, stands the larger table that it is moved to. Whoever looks something up
//! looks into both. Who keeps it goes on with that when nothing is added as well, so that it comes to an end.

use std::mem;

use hashbrown::HashTable;
use hashbrown::hash_table::{Entry, OccupiedEntry};

/// How many places are moved at a time. When something is added as well, so that all have been long before there is no room again.
const MOVED: usize = 32;

/// For how many there is room at first.
const LEAST: usize = 4;

/// Things by their hashes.
#[derive(Debug)]
pub(super) struct Growing<T> {
    current: HashTable<T>,
    /// While it grows: what was there before, and has not been moved yet.
    older: Option<HashTable<T>>,
    /// Up to which place that has been moved.
    moved: usize,
}

impl<T> Growing<T> {
    pub(super) fn new() -> Self {
        Self { current: HashTable::new(), older: None, moved: 0 }
    }

    /// What is there of that hash and is it.
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(&T) -> bool) -> Option<&T> {
        self.current.find(hash, &mut is_it).or_else(|| self.older.as_ref()?.find(hash, is_it))
    }

    /// The same, to be changed or removed.
    pub(super) fn find_entry(&mut self, hash: u64, mut is_it: impl FnMut(&T) -> bool) -> Option<OccupiedEntry<'_, T>> {
        match self.current.find_entry(hash, &mut is_it) {
            Ok(found) => Some(found),
            Err(_) => self.older.as_mut()?.find_entry(hash, is_it).ok(),
        }
    }

    /// The same, or where it is to be added.
    pub(super) fn entry(
        &mut self,
        hash: u64,
        mut is_it: impl FnMut(&T) -> bool,
        hash_of: impl Fn(&T) -> u64,
    ) -> Entry<'_, T> {
        self.begin_to_grow();
        self.move_some(&hash_of);
        match self.older.as_mut().and_then(|older| older.find_entry(hash, &mut is_it).ok()) {
            Some(found) => Entry::Occupied(found),
            None => self.current.entry(hash, is_it, hash_of),
        }
    }

    /// Goes on growing. `None`: there is nothing to do. What it has emptied is to be dropped where nobody is held up by it.
    pub(super) fn grow(&mut self, hash_of: impl Fn(&T) -> u64) -> Option<HashTable<T>> {
        self.move_some(hash_of);
        match &self.older {
            Some(older) if older.is_empty() => self.older.take(),
            Some(_) => Some(HashTable::new()),
            None => None,
        }
    }

    /// Moves some of what is older to where it belongs.
    fn move_some(&mut self, hash_of: impl Fn(&T) -> u64) {
        let Self { current, older: Some(older), moved } = self else { return };
        for _ in 0..MOVED {
            if older.is_empty() {
                return;
            }
            if let Ok(place) = older.get_bucket_entry(*moved) {
                let one = place.remove().0;
                current.insert_unique(hash_of(&one), one, &hash_of);
            }
            *moved += 1;
        }
    }

    /// How many places there are.
    pub(super) fn places(&self) -> usize {
        self.current.num_buckets()
    }

    /// What is at a place.
    pub(super) fn at(&mut self, place: usize) -> Option<OccupiedEntry<'_, T>> {
        self.current.get_bucket_entry(place).ok()
    }

    /// How much is there.
    pub(super) fn len(&self) -> usize {
        self.current.len() + self.older.as_ref().map_or(0, HashTable::len)
    }

    /// Begins where nothing more can be added. What was removed may have left places that can't be used again: then it grows by
    /// less, or not at all.
    fn begin_to_grow(&mut self) {
        let has_moved = self.older.as_ref().is_none_or(HashTable::is_empty);
        if has_moved && self.current.len() == self.current.capacity() {
            let larger = HashTable::with_capacity((2 * self.current.len()).max(LEAST));
            self.older = Some(mem::replace(&mut self.current, larger));
            self.moved = 0;
        }
    }
}

#[cfg(test)]
#[path = "growing_tests.rs"]
mod tests;
