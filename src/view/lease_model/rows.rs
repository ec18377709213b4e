//! What a server of the model keeps: the log of writes, and something by row of the table of replicas.

use std::array;

use super::world::{Claim, Known, RowId, Write};

/// How many rows each replica may have had, and how many of them all rows can be.
const EACH: usize = 2;
const ROWS: usize = 2 * EACH + UNKNOWN as usize;

/// How many rows for everybody unknown there may have been.
const UNKNOWN: u8 = 2;

/// The writes in their order, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Log([Option<Write>; 2]);

/// Something by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Rows<T>([Option<T>; ROWS]);

impl Log {
    pub(super) fn push(&mut self, write: Write) {
        if let Some(place) = self.0.iter_mut().find(|place| place.is_none()) {
            *place = Some(write);
        }
    }

    pub(super) fn contains(&self, write: Write) -> bool {
        self.0.contains(&Some(write))
    }

    pub(super) fn revision_of(&self, write: Write) -> Option<usize> {
        self.0.iter().position(|place| *place == Some(write)).map(|index| index + 1)
    }

    pub(super) fn last(&self) -> Claim {
        let index = self.0.iter().rposition(Option::is_some)?;
        Some((index + 1, self.0[index]?))
    }

    /// Whether it goes on where the other one is.
    pub(super) fn goes_on(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(own, other)| other.is_none() || own == other)
    }
}

impl<T: Copy> Default for Rows<T> {
    fn default() -> Self {
        Self([None; ROWS])
    }
}

impl<T: Copy> Rows<T> {
    pub(super) fn place(row: RowId) -> usize {
        match row {
            RowId::Of(replica, row) => usize::from(replica) * EACH + usize::from(row),
            RowId::Unknown(row) => 2 * EACH + usize::from(row),
        }
    }

    pub(super) fn id(place: usize) -> RowId {
        match place.checked_sub(2 * EACH) {
            Some(unknown) => RowId::Unknown(unknown as u8),
            None => RowId::Of((place / EACH) as u8, (place % EACH) as u8),
        }
    }

    pub(super) fn get(&self, row: RowId) -> Option<T> {
        self.0[Self::place(row)]
    }

    pub(super) fn set(&mut self, row: RowId, value: Option<T>) {
        self.0[Self::place(row)] = value;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (RowId, T)> {
        self.0.iter().enumerate().filter_map(|(place, value)| Some((Self::id(place), (*value)?)))
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flatten()
    }

    pub(super) fn map<U: Copy>(&self, change: impl Fn(RowId, T) -> U) -> Rows<U> {
        Rows(array::from_fn(|place| self.0[place].map(|value| change(Self::id(place), value))))
    }
}

impl Rows<Known> {
    /// Whether it tells somebody who knows that nothing new.
    pub(super) fn says_what(&self, known: &Self) -> bool {
        let said = |row: &Option<Known>| row.map(|row| (row.number, row.applied));
        self.0.iter().map(said).eq(known.0.iter().map(said))
    }
}
