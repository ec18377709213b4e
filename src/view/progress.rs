//! How far this replica has come in the log, until when that is certainly fresh, and what time the database has.
//!
//! Read by every check without a lock; written by the follower of the log alone.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch;
use uuid::Uuid;

use super::error::ViewError;
use crate::domain::facts::Time;
use crate::domain::ids::Revision;

/// Bits of a position that hold the revision; the rest count how often the view started over.
const REVISION_BITS: u32 = 48;

/// A place in the log, in one history: two are the same place only if nothing came between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Position(u64);

/// Microseconds of a clock that also runs while the machine sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BootTime(pub i64);

/// What the follower has come to know.
#[derive(Debug)]
pub(super) struct Progress {
    /// The position that every invalidation up to has been applied for.
    position: AtomicU64,
    /// The same, for those who wait for it.
    applied: watch::Sender<Position>,
    /// Until when (boot time) the position is certainly fresh enough.
    fresh_until: AtomicI64,
    /// How far the database's clock may at most be ahead of boot time.
    clock_ahead: AtomicI64,
    /// The first bytes of the UUID of the history that positions are in: one place for even epochs, one for odd ones,
    /// so that a position and its history are never of two epochs.
    histories: [AtomicU64; 2],
    /// Counts the reads of the log that have begun, and those that have been applied to the end.
    reads_begun: AtomicU64,
    reads_applied: watch::Sender<u64>,
    /// The last read that must not renew the lease. A lock, because whether the lease has run out and which read may
    /// renew it must be decided together.
    barrier: Mutex<u64>,
    lease_renewed: watch::Sender<BootTime>,
}

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

impl BootTime {
    pub(super) fn now() -> Self {
        #[cfg(target_os = "linux")]
        let time = clock_gettime(ClockId::Boottime);
        #[cfg(not(target_os = "linux"))]
        let time = clock_gettime(ClockId::Monotonic);
        Self(time.tv_sec * 1_000_000 + time.tv_nsec / 1_000)
    }

    pub(super) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long until then; zero once it has passed.
    pub(super) fn remaining(self) -> Duration {
        Duration::from_micros(u64::try_from(self.0 - Self::now().0).unwrap_or(0))
    }
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            position: AtomicU64::new(0),
            applied: watch::Sender::new(Position::default()),
            fresh_until: AtomicI64::new(i64::MIN),
            clock_ahead: AtomicI64::new(0),
            histories: [AtomicU64::new(0), AtomicU64::new(0)],
            reads_begun: AtomicU64::new(0),
            reads_applied: watch::Sender::new(0),
            barrier: Mutex::new(0),
            lease_renewed: watch::Sender::new(BootTime(i64::MIN)),
        }
    }

    /// Where the view is.
    pub(super) fn position(&self) -> Position {
        Position(self.position.load(Ordering::Acquire))
    }

    /// The moment to judge by, and proof that the view may answer.
    ///
    /// The time is the latest that the database's clock can show now: a grant ends a little early, never late.
    ///
    /// # Errors
    /// [`ViewError::NotFresh`] once the lease has run out.
    pub(super) fn now(&self) -> Result<Time, ViewError> {
        let now = BootTime::now();
        if now.0 >= self.fresh_until.load(Ordering::Acquire) {
            return Err(ViewError::NotFresh);
        }
        Ok(Time(now.0 + self.clock_ahead.load(Ordering::Acquire)))
    }

    /// A position as callers hold it.
    pub(super) fn token(&self, at: Position) -> Token {
        let [even, odd] = &self.histories;
        let history = if at.epoch().is_multiple_of(2) { even } else { odd };
        Token { history: history.load(Ordering::Acquire), revision: at.revision() }
    }

    /// Publishes that everything up to `position` has been applied.
    pub(super) fn apply(&self, position: Position) {
        self.position.store(position.0, Ordering::Release);
        self.applied.send_replace(position);
    }

    /// Begins another epoch, in which no entry is usable until a position in it is applied.
    pub(super) fn begin_epoch(&self, epoch: u64, history: Uuid) {
        let [even, odd] = &self.histories;
        let place = if epoch.is_multiple_of(2) { even } else { odd };
        place.store(short(history), Ordering::Release);
        self.position.store(Position::new(epoch, Revision(0)).0, Ordering::Release);
    }

    /// Publishes that a read of the log, begun at `begun`, reached its end and found the clock at `database`. `false`
    /// where the read began too early to vouch for anything: see [`Self::bar_if_stale`].
    pub(super) fn refresh(&self, read: u64, begun: BootTime, database: Time, lease: Duration) -> bool {
        let until = begun.after(lease);
        let barrier = self.barrier.lock();
        if read <= *barrier {
            return false;
        }
        self.clock_ahead.store(database.0 - begun.0, Ordering::Release);
        self.fresh_until.store(until.0, Ordering::Release);
        drop(barrier);
        self.lease_renewed.send_replace(until);
        self.reads_applied.send_replace(read);
        true
    }

    /// Where the lease has run out, sees to it that no read that has begun renews it: the view then answers again only
    /// after a read that began later than this. `false` where the lease still runs.
    pub(super) fn bar_if_stale(&self) -> bool {
        let mut barrier = self.barrier.lock();
        let stale = self.now().is_err();
        if stale {
            *barrier = self.reads_begun.load(Ordering::SeqCst);
        }
        stale
    }

    /// Counts a read of the log that is about to begin.
    pub(super) fn begin_read(&self) -> u64 {
        self.reads_begun.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The number of the first read of the log that begins after now.
    pub(super) fn next_read(&self) -> u64 {
        self.reads_begun.load(Ordering::SeqCst) + 1
    }

    pub(super) fn watch_applied(&self) -> watch::Receiver<Position> {
        self.applied.subscribe()
    }

    pub(super) fn watch_reads(&self) -> watch::Receiver<u64> {
        self.reads_applied.subscribe()
    }

    pub(super) fn watch_lease(&self) -> watch::Receiver<BootTime> {
        self.lease_renewed.subscribe()
    }
}

/// The first bytes of a history's UUID.
fn short(history: Uuid) -> u64 {
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

    #[test]
    fn the_view_answers_only_within_its_lease() {
        let progress = Progress::new();
        assert_eq!(progress.now(), Err(ViewError::NotFresh), "before the first read");
        progress.refresh(1, BootTime::now(), Time(5_000_000), Duration::from_secs(60));
        assert!(progress.now().is_ok_and(|time| time >= Time(5_000_000)));
        progress.refresh(2, BootTime(BootTime::now().0 - 2_000_000), Time(5_000_000), Duration::from_secs(1));
        assert_eq!(progress.now(), Err(ViewError::NotFresh));
    }

    #[test]
    fn a_read_from_before_a_barrier_does_not_renew_the_lease() {
        let progress = Progress::new();
        let (read, begun) = (progress.begin_read(), BootTime::now());
        assert!(progress.bar_if_stale(), "a write is confirmed because the view may not answer");
        assert!(!progress.refresh(read, begun, Time(0), Duration::from_secs(60)));
        assert_eq!(progress.now(), Err(ViewError::NotFresh));
        assert!(progress.refresh(progress.begin_read(), begun, Time(0), Duration::from_secs(60)));
        assert!(!progress.bar_if_stale(), "it answers now, so a write must wait");
    }
}
