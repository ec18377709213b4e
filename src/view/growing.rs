//! A hash table that grows some places at a time: whoever adds to it takes as long as these take, however large it is.
//!
//! Beside what was there, which is moved little by little, stands the larger table that it is moved to. Whoever looks something up
//! looks into both. Who keeps it goes on with that as soon as it has begun, so that it is soon over.

use std::mem;

use hashbrown::HashTable;
use hashbrown::hash_table::{Entry, OccupiedEntry};

/// How many places are moved at a time. When something is added as well: so all have been before there is no room again.
const MOVED: usize = 32;

/// Things by their hashes.
#[derive(Debug)]
pub(super) struct Growing<T> {
    current: HashTable<T>,
    /// What was there before it grew, and has not been moved yet.
    older: HashTable<T>,
    /// Up to which place that has been moved.
    moved: usize,
}

impl<T> Growing<T> {
    pub(super) fn new() -> Self {
        Self { current: HashTable::new(), older: HashTable::new(), moved: 0 }
    }

    /// What is there of that hash and is it.
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(&T) -> bool) -> Option<&T> {
        self.current.find(hash, &mut is_it).or_else(|| self.older.find(hash, is_it))
    }

    /// The same, to be changed or removed.
    pub(super) fn find_entry(&mut self, hash: u64, mut is_it: impl FnMut(&T) -> bool) -> Option<OccupiedEntry<'_, T>> {
        match self.current.find_entry(hash, &mut is_it) {
            Ok(found) => Some(found),
            Err(_) => self.older.find_entry(hash, is_it).ok(),
        }
    }

    /// The same, or where it is to be added.
    pub(super) fn entry(
        &mut self,
        hash: u64,
        mut is_it: impl FnMut(&T) -> bool,
        hash_of: impl Fn(&T) -> u64,
    ) -> Entry<'_, T> {
        self.make_room();
        self.move_some(&hash_of);
        match self.older.find_entry(hash, &mut is_it) {
            Ok(found) => Entry::Occupied(found),
            Err(_) => self.current.entry(hash, is_it, hash_of),
        }
    }

    /// Goes on growing. `None`: there is nothing to do. What it has emptied is to be dropped where nobody is held up by it.
    pub(super) fn grow(&mut self, hash_of: impl Fn(&T) -> u64) -> Option<HashTable<T>> {
        if self.older.capacity() == 0 {
            return None;
        }
        self.move_some(hash_of);
        Some(if self.older.is_empty() { mem::take(&mut self.older) } else { HashTable::new() })
    }

    /// Moves some of what is older to where it belongs.
    fn move_some(&mut self, hash_of: impl Fn(&T) -> u64) {
        for _ in 0..MOVED {
            if self.older.is_empty() {
                return;
            }
            if let Ok(place) = self.older.get_bucket_entry(self.moved) {
                let one = place.remove().0;
                self.current.insert_unique(hash_of(&one), one, &hash_of);
            }
            self.moved += 1;
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
        self.current.len() + self.older.len()
    }

    /// Begins to grow where nothing more can be added. What was removed may have left places that can't be used again: then it grows by
    /// less, or not at all.
    fn make_room(&mut self) {
        if self.current.len() == self.current.capacity() && self.older.is_empty() {
            let larger = HashTable::with_capacity((2 * self.current.len()).max(MOVED));
            self.older = mem::replace(&mut self.current, larger);
            self.moved = 0;
        }
    }
}

#[cfg(test)]
#[path = "growing_tests.rs"]
mod tests;
