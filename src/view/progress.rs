//! How far this replica has come in the log, until when that is certainly fresh, and what time the database has.
//!
//! Read by every check without a lock; written by the follower of the log, and the lease by who holds it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

use super::boot_time::BootTime;
use super::error::ViewError;
use super::position::{Position, Token, short};
use crate::domain::facts::Time;
use crate::domain::ids::{Place, Revision};

/// What the follower has come to know.
#[derive(Debug)]
pub(super) struct Progress {
    /// The position that every invalidation up to has been applied for.
    position: AtomicU64,
    /// The same, for those who wait for it.
    applied: watch::Sender<Position>,
    /// Until when (boot time) this replica's lease runs.
    fresh_until: AtomicI64,
    /// For how many microseconds after that answers are given all the same, marked as stale.
    stale_for: i64,
    /// How far the database's clock may at most be ahead of boot time.
    clock_ahead: AtomicI64,
    /// The first bytes of the UUID of the history that positions are in: one place for even epochs, one for odd ones,
    /// so that a position and its history are never of two epochs.
    histories: [AtomicU64; 2],
    /// Counts the reads of the log that have begun.
    reads_begun: AtomicU64,
    /// The last that was applied to the end.
    last_read: watch::Sender<AppliedRead>,
    lease_renewed: watch::Sender<BootTime>,
    /// The last writes that were applied, without gaps. A lock, because a load asks for one of several, and because the lease
    /// and the epoch change under it; never on the way of a check that finds everything.
    recent: Mutex<VecDeque<Place>>,
}

/// How many of the last writes are known by their random ids. A load that takes longer than so many is run again.
const RECENT: usize = 4_096;

/// A read of the log that was applied up to the counter which it showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct AppliedRead {
    /// Which one, in the order in which they began.
    pub number: u64,
    /// In which epoch.
    pub epoch: u64,
    /// The renewal of this replica's own lease that it showed, where it showed one.
    pub renewal: Option<i64>,
}

/// How a view stands to the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its lease runs: it answers.
    Fresh,
    /// Its lease has ended: it answers all the same for a while, as it was set to, and marks the answers.
    Stale,
    /// It refuses to answer.
    Silent,
}

/// The moment to judge by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// The latest that the database's clock can show now: a grant ends a little early, never late.
    pub time: Time,
    /// The lease has ended: what is answered may have been taken away.
    pub stale: bool,
}

impl Progress {
    pub(super) fn new(stale_for: Duration) -> Self {
        Self {
            position: AtomicU64::new(0),
            applied: watch::Sender::new(Position::default()),
            fresh_until: AtomicI64::new(i64::MIN),
            stale_for: i64::try_from(stale_for.as_micros()).unwrap_or(i64::MAX),
            clock_ahead: AtomicI64::new(0),
            histories: [AtomicU64::new(0), AtomicU64::new(0)],
            reads_begun: AtomicU64::new(0),
            last_read: watch::Sender::default(),
            lease_renewed: watch::Sender::new(BootTime(i64::MIN)),
            recent: Mutex::new(VecDeque::new()),
        }
    }

    /// Where the view is.
    pub(super) fn position(&self) -> Position {
        Position(self.position.load(Ordering::Acquire))
    }

    /// The moment to judge by, and proof that the view may answer.
    ///
    /// # Errors
    /// [`ViewError::NotFresh`] where it may not.
    pub(super) fn now(&self) -> Result<Moment, ViewError> {
        let now = BootTime::now();
        let stale = match self.standing_at(now) {
            Standing::Fresh => false,
            Standing::Stale => true,
            Standing::Silent => return Err(ViewError::NotFresh),
        };
        Ok(Moment { time: Time(now.0 + self.clock_ahead.load(Ordering::Acquire)), stale })
    }

    /// How the view stands now.
    pub(super) fn standing(&self) -> Standing {
        self.standing_at(BootTime::now())
    }

    fn standing_at(&self, now: BootTime) -> Standing {
        let until = self.fresh_until.load(Ordering::Acquire);
        if now.0 < until {
            Standing::Fresh
        } else if now.0 < until.saturating_add(self.stale_for) {
            Standing::Stale
        } else {
            Standing::Silent
        }
    }

    /// How long the view stands as it does, if nothing is heard; `None`: for ever.
    pub(super) fn stands_for(&self) -> Option<Duration> {
        let until = BootTime(self.fresh_until.load(Ordering::Acquire));
        match self.standing() {
            Standing::Fresh => Some(until.remaining()),
            Standing::Stale => Some(BootTime(until.0.saturating_add(self.stale_for)).remaining()),
            Standing::Silent => None,
        }
    }

    /// A position as callers hold it.
    pub(super) fn token(&self, at: Position) -> Token {
        let [even, odd] = &self.histories;
        let history = if at.epoch().is_multiple_of(2) { even } else { odd };
        Token { history: history.load(Ordering::Acquire), revision: at.revision() }
    }

    /// Publishes that everything up to `position` has been applied, `new` having come since the position before.
    pub(super) fn apply(&self, position: Position, new: &[Place]) {
        let mut recent = self.recent.lock();
        recent.extend(new);
        let surplus = recent.len().saturating_sub(RECENT);
        recent.drain(..surplus);
        // under the lock: what is told to others as applied is what answers name
        self.position.store(position.0, Ordering::Release);
        drop(recent);
        self.applied.send_replace(position);
    }

    /// Begins another epoch, in which no entry is usable until a position in it is applied; and in which nothing is answered
    /// until the lease is renewed, as the position may go back behind what others were told.
    pub(super) fn begin_epoch(&self, epoch: u64, history: Uuid) {
        let [even, odd] = &self.histories;
        let place = if epoch.is_multiple_of(2) { even } else { odd };
        place.store(short(history), Ordering::Release);
        let mut recent = self.recent.lock();
        recent.clear();
        self.run_lease(BootTime(i64::MIN));
        self.position.store(Position::new(epoch, Revision(0)).0, Ordering::Release);
    }

    /// The last write that was applied.
    pub(super) fn place(&self) -> Place {
        self.recent.lock().back().copied().unwrap_or_default()
    }

    /// Whether that very write is one of the last that were applied.
    pub(super) fn has_applied(&self, place: Place) -> bool {
        let recent = self.recent.lock();
        let first = recent.front().map_or(0, |first| first.revision.0);
        let index = usize::try_from(place.revision.0 - first);
        index.is_ok_and(|index| recent.get(index) == Some(&place))
    }

    /// Publishes that a read of the log, begun at `begun`, reached its end and found the clock at `database`.
    pub(super) fn refresh(&self, read: AppliedRead, begun: BootTime, database: Time) {
        self.clock_ahead.store(database.0 - begun.0, Ordering::Release);
        self.last_read.send_replace(read);
    }

    /// Publishes until when the lease runs, by a read of that epoch. Where the view has started over since, it does not.
    pub(super) fn extend_lease(&self, epoch: u64, until: BootTime) {
        let _order = self.recent.lock();
        if self.position().epoch() == epoch {
            self.run_lease(until);
        }
    }

    /// Gives the lease up: nothing is answered until it is renewed.
    pub(super) fn end_lease(&self) {
        let _order = self.recent.lock();
        self.run_lease(BootTime(i64::MIN));
    }

    fn run_lease(&self, until: BootTime) {
        self.fresh_until.store(until.0, Ordering::Release);
        self.lease_renewed.send_replace(until);
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

    pub(super) fn watch_reads(&self) -> watch::Receiver<AppliedRead> {
        self.last_read.subscribe()
    }

    pub(super) fn watch_lease(&self) -> watch::Receiver<BootTime> {
        self.lease_renewed.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_answers_only_within_its_lease() {
        let progress = Progress::new(Duration::ZERO);
        assert_eq!(progress.now(), Err(ViewError::NotFresh), "before the first renewal");
        progress.refresh(AppliedRead::default(), BootTime::now(), Time(5_000_000));
        assert_eq!(progress.now(), Err(ViewError::NotFresh), "a read is no renewal");
        progress.extend_lease(0, BootTime::now().after(Duration::from_secs(60)));
        assert!(progress.now().is_ok_and(|now| now.time >= Time(5_000_000) && !now.stale));
        progress.extend_lease(0, BootTime::now());
        assert_eq!(progress.now(), Err(ViewError::NotFresh));
    }

    #[test]
    fn where_it_is_allowed_it_answers_beyond_its_lease_and_says_so() {
        let progress = Progress::new(Duration::from_secs(60));
        assert_eq!(progress.standing(), Standing::Silent, "it never had a lease");
        progress.extend_lease(0, BootTime::now());
        assert!(progress.now().is_ok_and(|now| now.stale));
        progress.extend_lease(0, BootTime(BootTime::now().0 - 61_000_000));
        assert_eq!(progress.standing(), Standing::Silent);
        progress.extend_lease(0, BootTime::now());
        progress.end_lease();
        assert_eq!(progress.standing(), Standing::Silent, "it gave the lease up");
    }

    #[test]
    fn a_view_that_started_over_answers_only_once_its_lease_is_renewed_in_the_new_epoch() {
        let progress = Progress::new(Duration::from_secs(60));
        let until = BootTime::now().after(Duration::from_secs(60));
        progress.extend_lease(0, until);
        progress.begin_epoch(1, Uuid::from_u128(1));
        assert_eq!(progress.standing(), Standing::Silent);
        progress.extend_lease(0, until);
        assert_eq!(progress.standing(), Standing::Silent, "that renewal was shown by a read of the old history");
        progress.extend_lease(1, until);
        assert_eq!(progress.standing(), Standing::Fresh);
    }

    #[test]
    fn only_the_very_writes_that_were_applied_vouch_for_a_load() {
        let progress = Progress::new(Duration::ZERO);
        let place = |number: i64, id| Place { revision: Revision(number), id: Some(Uuid::from_u128(id)) };
        assert!(!progress.has_applied(Place::default()), "nothing is known yet");
        progress.apply(Position::new(1, Revision(7)), &[place(7, 70)]);
        progress.apply(Position::new(1, Revision(9)), &[place(8, 80), place(9, 90)]);
        assert!([place(7, 70), place(8, 80), place(9, 90)].into_iter().all(|one| progress.has_applied(one)));
        assert!(!progress.has_applied(place(9, 91)), "another write of the same number");
        assert!(!progress.has_applied(place(6, 60)) && !progress.has_applied(place(10, 100)));
        assert_eq!(progress.place(), place(9, 90));
        let many: Vec<Place> = (10..10 + RECENT as i64).map(|number| place(number, 1)).collect();
        progress.apply(Position::new(1, Revision(9 + RECENT as i64)), &many);
        assert!(!progress.has_applied(place(9, 90)) && progress.has_applied(place(10, 1)));
        progress.begin_epoch(2, Uuid::from_u128(2));
        assert!(!progress.has_applied(place(10, 1)), "another history");
    }
}
