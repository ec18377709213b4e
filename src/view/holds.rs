//! What those who read the log from this process still need of it: nobody may prune that.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::View;
use crate::domain::ids::Revision;

/// The places that readers of the log are at. A lock, because they are many and come and go; never on the way of a check.
#[derive(Debug, Default)]
pub(super) struct Holds {
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    last: u64,
    by_reader: BTreeMap<u64, Revision>,
}

/// A reader's hold on the log, given up when it is dropped.
pub struct Hold {
    view: View,
    reader: u64,
}

impl Hold {
    /// Nothing up to that revision is needed any more.
    pub fn advance(&self, read: Revision) {
        self.view.inner.holds.places.lock().by_reader.insert(self.reader, read);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.view.inner.holds.places.lock().by_reader.remove(&self.reader);
    }
}

impl View {
    /// Holds the log from that revision on, for as long as this replica's lease runs.
    pub fn hold(&self, from: Revision) -> Hold {
        let mut places = self.inner.holds.places.lock();
        places.last += 1;
        let reader = places.last;
        places.by_reader.insert(reader, from);
        Hold { view: self.clone(), reader }
    }

    /// The oldest revision of the log that is still to be read here.
    pub fn needs(&self) -> Revision {
        let applied = self.token().revision;
        self.inner.holds.places.lock().by_reader.values().copied().fold(applied, Revision::min)
    }
}
