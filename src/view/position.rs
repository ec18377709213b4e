//! Places in the log as the view goes by them, and as answers name them.

use uuid::Uuid;

use crate::domain::ids::Revision;

/// Bits of a position that hold the revision; the rest count how often the view started over.
const REVISION_BITS: u32 = 48;

/// A place in the log, in one history: two are the same place only if nothing came between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Position(pub u64);

/// What an answer is true at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Names the history of the database.
    pub history: u64,
    /// The revision in it.
    pub revision: Revision,
}

impl Token {
    /// A revision in a history.
    pub fn new(history: Uuid, revision: Revision) -> Self {
        Self { history: short(history), revision }
    }
}

impl Position {
    pub(super) fn new(epoch: u64, revision: Revision) -> Self {
        Self(epoch << REVISION_BITS | revision.0.unsigned_abs())
    }

    pub(super) fn revision(self) -> Revision {
        Revision((self.0 & ((1 << REVISION_BITS) - 1)).cast_signed())
    }

    pub(super) fn epoch(self) -> u64 {
        self.0 >> REVISION_BITS
    }
}

/// The first bytes of a history's UUID.
pub(super) fn short(history: Uuid) -> u64 {
    history.as_u64_pair().0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_keeps_its_parts_and_its_order() {
        let position = Position::new(3, Revision(1 << 40));
        assert_eq!((position.epoch(), position.revision()), (3, Revision(1 << 40)));
        assert!(Position::new(4, Revision(0)) > position);
    }
}
