//! How long a slot stays when room is needed: a clock, and a gate in front of it.
//!
//! What was asked for once is *young*, and young slots may take a share of the budget only: while they take more, they alone
//! are dropped. So a flood of names that nobody asks for again pushes itself out, and never what is asked for all the time,
//! however long the flood lasts. What is found again is *settled*, and goes by the clock: each time the sweep comes by takes a
//! life, each look-up gives one.

use std::sync::atomic::{AtomicU8, Ordering};

/// The most lives of a settled slot.
const MOST: u8 = 3;

/// Young, and found by whoever waited for it.
const FOUND: u8 = 16;

/// Young, and not yet found by anybody: the sweep comes by three times before it counts as not wanted.
const NEW: u8 = FOUND + 3;

/// What a slot is to the sweep.
#[derive(Debug)]
pub(super) struct Life(AtomicU8);

/// What a visit of the sweep comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// It stays.
    Stays,
    /// It may go.
    MayGo,
}

impl Life {
    pub(super) fn new() -> Self {
        Self(AtomicU8::new(NEW))
    }

    /// Whoever waited for it has it.
    pub(super) fn arrived(&self) {
        let life = self.0.load(Ordering::Relaxed);
        if life > FOUND {
            // lost to another who found it: that counts as well
            let _ = self.0.compare_exchange(life, FOUND, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// It was there when it was looked up. `true` once in its life: it has settled with that.
    pub(super) fn found(&self) -> bool {
        let life = self.0.load(Ordering::Relaxed);
        let next = match life {
            // nothing is written any more, so that cores share the line
            MOST => return false,
            FOUND => 1,
            _ if life > FOUND => FOUND,
            lives => lives + 1,
        };
        // of those who find it at once one counts
        let counts = self.0.compare_exchange(life, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        counts && life == FOUND
    }

    pub(super) fn is_settled(&self) -> bool {
        self.0.load(Ordering::Relaxed) <= MOST
    }

    /// The sweep comes by, and wants young slots, or settled ones.
    pub(super) fn visit(&mut self, wants_young: bool) -> Visit {
        let life = self.0.get_mut();
        match *life {
            _ if wants_young == (*life <= MOST) => Visit::Stays,
            0 | FOUND => Visit::MayGo,
            _ => {
                *life -= 1;
                Visit::Stays
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_again_settles_once() {
        let life = Life::new();
        (0..10).for_each(|_| life.arrived());
        assert!(!life.is_settled(), "whoever waited for it may look more than once");
        assert!(life.found() && life.is_settled());
        assert!((0..10).all(|_| !life.found()));
    }

    #[test]
    fn a_young_slot_goes_once_it_was_found_or_after_three_visits() {
        let (mut new, mut found) = (Life::new(), Life::new());
        found.arrived();
        assert_eq!(found.visit(true), Visit::MayGo);
        let visits = [(); 4].map(|()| new.visit(true));
        assert_eq!(visits, [Visit::Stays, Visit::Stays, Visit::Stays, Visit::MayGo]);
        assert_eq!(Life::new().visit(false), Visit::Stays, "settled ones were wanted");
    }

    #[test]
    fn a_settled_slot_goes_after_as_many_visits_as_it_has_lives_and_only_where_settled_ones_are_wanted() {
        let mut life = Life::new();
        assert_eq!((0..10).filter(|_| life.found()).count(), 1);
        assert!((0..100).all(|_| life.visit(true) == Visit::Stays));
        let visits = [(); 4].map(|()| life.visit(false));
        assert_eq!(visits, [Visit::Stays, Visit::Stays, Visit::Stays, Visit::MayGo]);
    }
}
