//! Says something the first time, and then once a minute at the most: what a flood causes must not flood the log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Seconds between two times.
const PAUSE: u64 = 60;

/// Remembers when it was said last, and how often it would have been.
#[derive(Debug)]
pub(super) struct Seldom {
    begun: Instant,
    /// The first second, counted from the beginning, at which it may be said again.
    due: AtomicU64,
    kept_back: AtomicU64,
}

impl Seldom {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), due: AtomicU64::new(0), kept_back: AtomicU64::new(0) }
    }

    /// How often it happened since it was said last, this time included, if it is time to say so.
    pub(super) fn due(&self) -> Option<u64> {
        let count = self.kept_back.fetch_add(1, Ordering::Relaxed) + 1;
        let (now, due) = (self.begun.elapsed().as_secs(), self.due.load(Ordering::Relaxed));
        let is_mine =
            now >= due && self.due.compare_exchange(due, now + PAUSE, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        is_mine.then(|| {
            self.kept_back.store(0, Ordering::Relaxed);
            count
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_says_something_once() {
        let seldom = Seldom::new();
        assert_eq!(seldom.due(), Some(1));
        assert!((0..1_000).all(|_| seldom.due().is_none()));
        seldom.due.store(0, Ordering::Relaxed);
        assert_eq!(seldom.due(), Some(1_001), "and then says how often it happened");
    }
}
