//! Follows the log of changes: what it reads there, and nothing else, invalidates the view.
//!
//! The doorbell only saves waiting. What proves that nothing was missed is the read itself, which reaches the counter;
//! it is repeated with every heartbeat, so that the view always knows until when it is certainly fresh.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracing::{error, info, warn};
use uuid::Uuid;

use super::boot_time::BootTime;
use super::pauses::Pauses;
use super::position::Position;
use super::progress::AppliedRead;
use super::{Inner, View};
use crate::domain::ids::{Place, Revision};
use crate::store::log_reader::{BATCH, Entry, Heard, LogReader, Tail};
use crate::store::replicas::Applied;
use crate::store::{CONNECTION_WAIT, Databases, StoreError};

/// How far the follower has come, and in which history.
#[derive(Debug, Clone, Copy)]
struct Bookmark {
    place: Place,
    history: Uuid,
}

/// Why following stopped.
#[derive(Debug, thiserror::Error)]
enum Interruption {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("read the log in time")]
    TimedOut,
    #[error("find every revision in the log; one is missing after {0}")]
    Hole(Revision),
    /// A connection that is made anew finds out which server this is now.
    #[error("go on in the history that was followed")]
    OtherHistory,
    /// The same.
    #[error("go on in the tables that were followed; a dump is being restored")]
    OtherTables,
}

/// Follows the log for ever, through every loss of the connection.
pub(super) async fn run(view: View, databases: Databases) {
    let mut follower = Follower { view, databases, bookmark: None, table: None, is_restored: false };
    let mut pauses = Pauses::default();
    loop {
        let begun = Instant::now();
        let Err(interruption) = follower.follow().await;
        let source = std::error::Error::source(&interruption).map(ToString::to_string);
        warn!(%interruption, source, "failed to follow the log of changes; connecting again");
        pauses.after(begun.elapsed()).await;
    }
}

struct Follower {
    view: View,
    databases: Databases,
    bookmark: Option<Bookmark>,
    /// Which table the counter was last in, and whether it is another one since the view began.
    table: Option<u32>,
    is_restored: bool,
}

impl Follower {
    /// Follows the log on one connection until that is lost.
    async fn follow(&mut self) -> Result<Infallible, Interruption> {
        let settings = self.view.inner.settings.clone();
        let limit = settings.lease / 2;
        let within = |_| Interruption::TimedOut;
        let reader = self.connect(limit + CONNECTION_WAIT).await?;
        self.is_restored |= self.table.replace(reader.table).is_some_and(|table| table != reader.table);
        let after = self.bookmark.map(|bookmark| bookmark.place.revision.0);
        info!(after, "following the log of changes");
        if after.is_some() {
            // where they lead may hang, or have become a primary of the past
            self.databases.renew_connections();
        }
        loop {
            let Inner { id, progress, .. } = &*self.view.clone().inner;
            let (number, begun) = (progress.begin_read(), BootTime::now());
            let (now, renewal) = loop {
                let from = self.bookmark.map_or(Revision(i64::MAX), |bookmark| bookmark.place.revision);
                let tail = timeout(limit, reader.tail(from)).await.map_err(within)??;
                if tail.table != reader.table {
                    return Err(Interruption::OtherTables);
                }
                let own = tail.replicas.iter().find(|row| row.id == *id).map(|row| row.renewals);
                let now = tail.now;
                if self.advance(&reader, tail).await? {
                    break (now, own);
                }
            };
            progress.refresh(AppliedRead { number, epoch: progress.position().epoch(), renewal }, begun, now);
            // whichever comes first; the bell remembers a ring that came meanwhile
            let _ = timeout(settings.heartbeat, self.view.inner.bell.notified()).await;
        }
    }

    async fn connect(&self, limit: Duration) -> Result<LogReader, Interruption> {
        let (view, hearing) = (self.view.clone(), self.view.hear_anew());
        let hear = move |heard| match heard {
            Heard::Bell => view.inner.bell.notify_one(),
            Heard::Applied(Applied { id, revision }) => view.acknowledge(hearing, id, revision),
            Heard::Asked => view.inner.asked.notify_one(),
        };
        let connected = LogReader::connect(self.databases.loads.hosts(), self.view.inner.settings.lease, hear);
        Ok(timeout(limit, connected).await.map_err(|_| Interruption::TimedOut)??)
    }

    /// Applies what was read; `true` once the counter is reached.
    async fn advance(&mut self, reader: &LogReader, tail: Tail) -> Result<bool, Interruption> {
        let Some(at) = self.bookmark.as_mut() else {
            self.start_over(&tail);
            return Ok(true);
        };
        if let Some(difference) = broken_history(at, &tail) {
            let (applied, history, place) = (at.place.revision.0, at.history, at.place);
            let counter = tail.counter.revision.0;
            error!(applied, counter, difference, "the database is not the one that it was; starting over");
            self.databases.renew_connections();
            let lease = self.view.inner.settings.lease;
            // what is followed so far is known to be over: nothing is answered from it while the other one gets its name
            self.view.inner.progress.end_lease();
            let renamed = timeout(lease / 2, reader.rename_history(history, place, lease)).await;
            renamed.map_err(|_| Interruption::TimedOut)??;
            // not before: this place is what proves the loss
            self.bookmark = None;
            return Err(Interruption::OtherHistory);
        }
        if std::mem::take(&mut self.is_restored) {
            // its rows came one after the other, maybe while the counter was already there
            error!(
                applied = at.place.revision.0,
                "the tables are not those that they were: a dump was restored; starting over"
            );
            self.databases.renew_connections();
            self.bookmark = None;
            return Ok(false);
        }
        let after = at.place.revision;
        if is_pruned(at, &tail) {
            warn!(applied = after.0, "the log no longer reaches back to where this replica was; starting over");
            self.bookmark = None;
            return Ok(false);
        }
        let new: Vec<&Entry> = tail.entries.iter().filter(|entry| entry.place.revision > after).collect();
        let expected = (after.0 + 1..).map(Revision);
        let has_hole = new.iter().zip(expected).any(|(entry, expected)| entry.place.revision != expected);
        let last = new.last().map_or(at.place, |last| last.place);
        let cut_short = (tail.entries.len() as i64) < BATCH && last != tail.counter;
        if has_hole || cut_short {
            self.bookmark = None;
            return Err(Interruption::Hole(after));
        }
        at.place = last;
        // not before the tail is known to be of this history, and before anybody can see what it applies
        self.view.observe_replicas(&tail.replicas);
        if !new.is_empty() {
            self.apply(&new, last);
        }
        Ok(last == tail.counter)
    }

    /// Invalidates what was written, then says that it has.
    fn apply(&self, new: &[&Entry], last: Place) {
        let Inner { entries, progress, .. } = &*self.view.inner;
        entries.begin_invalidation(last.revision);
        for entry in new {
            entry.touched.iter().for_each(|key| entries.invalidate(key, entry.place.revision));
        }
        let places: Vec<Place> = new.iter().map(|entry| entry.place).collect();
        progress.apply(Position::new(progress.position().epoch(), last.revision), &places);
    }

    /// Empties the view and goes on from the counter.
    fn start_over(&mut self, tail: &Tail) {
        let Inner { entries, progress, .. } = &*self.view.inner;
        let revision = tail.counter.revision;
        let epoch = progress.position().epoch() + 1;
        progress.begin_epoch(epoch, tail.history);
        // who waits for a write of the epoch before sees that it is over before it sees these
        self.view.forget_replicas(&tail.replicas);
        let forgotten = entries.reset(epoch, revision);
        progress.apply(Position::new(epoch, revision), &[tail.counter]);
        // to free a large view takes longer than anybody should wait for
        tokio::task::spawn_blocking(|| drop(forgotten));
        self.bookmark = Some(Bookmark { place: tail.counter, history: tail.history });
    }
}

/// Whether the log is another one than the one followed so far, and how that shows.
fn broken_history(at: &Bookmark, tail: &Tail) -> Option<&'static str> {
    if tail.history != at.history {
        return Some("its history has another name");
    }
    if tail.counter.revision < at.place.revision {
        return Some("its counter went back");
    }
    let first = tail.entries.first().map(|entry| entry.place);
    match first {
        _ if at.place.id.is_none() || is_pruned(at, tail) => None,
        Some(first) if first == at.place => None,
        _ => Some("its last applied revision is another write"),
    }
}

/// Whether what comes next in the log is no longer kept.
fn is_pruned(at: &Bookmark, tail: &Tail) -> bool {
    // before the first write there is no place that could be kept
    let kept = if at.place.id.is_some() { at.place.revision.0 } else { at.place.revision.0 + 1 };
    tail.entries.first().is_some_and(|first| first.place.revision.0 > kept)
}
