//! Follows the log of changes: what it reads there, and nothing else, invalidates the view.
//!
//! The doorbell only saves waiting. What proves that nothing was missed is the read itself, which reaches the counter;
//! it is repeated with every heartbeat, so that the view always knows until when it is certainly fresh.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::View;
use super::progress::{BootTime, Position};
use crate::domain::ids::Revision;
use crate::store::log_reader::{BATCH, Entry, LogReader, Tail};
use crate::store::{Database, StoreError};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How far the follower has come: the revision, and the random id that it was logged under.
#[derive(Debug, Clone, Copy)]
struct Bookmark {
    revision: Revision,
    /// `None` at revision 0, which no write has.
    id: Option<Uuid>,
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
}

/// Follows the log for ever, through every loss of the connection.
pub(super) async fn run(view: View, database: Database) {
    let mut bookmark = None;
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = tokio::time::Instant::now();
        let Err(interruption) = follow(&view, &database, &mut bookmark).await;
        let source = std::error::Error::source(&interruption).map(ToString::to_string);
        warn!(%interruption, source, "failed to follow the log of changes; connecting again");
        // a session that lasted begins a new series of pauses
        pause = if begun.elapsed() > LONGEST_PAUSE { FIRST_PAUSE } else { LONGEST_PAUSE.min(pause * 2) };
        tokio::time::sleep(jittered(pause)).await;
    }
}

/// Follows the log on one connection until that is lost.
async fn follow(
    view: &View,
    database: &Database,
    bookmark: &mut Option<Bookmark>,
) -> Result<std::convert::Infallible, Interruption> {
    let settings = &view.inner.settings;
    let bell = Arc::clone(&view.inner.bell);
    let limit = settings.lease / 2;
    let within = |_| Interruption::TimedOut;
    let reader = timeout(limit, LogReader::connect(database.config(), bell)).await.map_err(within)??;
    let place = bookmark.map(|bookmark| bookmark.revision);
    info!(after = place.map(|revision| revision.0), "following the log of changes");
    loop {
        let (read, begun) = (view.inner.progress.begin_read(), BootTime::now());
        let now = loop {
            let from = bookmark.map_or(Revision(i64::MAX), |bookmark| bookmark.revision);
            let tail = timeout(limit, reader.tail(from)).await.map_err(within)??;
            let now = tail.now;
            if advance(view, database, bookmark, tail)? {
                break now;
            }
        };
        if view.inner.progress.refresh(read, begun, now, settings.lease) {
            // whichever comes first; the bell remembers a ring that came meanwhile
            let _ = timeout(settings.heartbeat, view.inner.bell.notified()).await;
        }
    }
}

/// Applies what was read; `true` once the counter is reached.
fn advance(
    view: &View,
    database: &Database,
    bookmark: &mut Option<Bookmark>,
    tail: Tail,
) -> Result<bool, Interruption> {
    let Some(at) = bookmark.as_mut() else {
        return start_over(view, bookmark, &tail);
    };
    if let Some(difference) = broken_history(at, &tail) {
        let applied = at.revision.0;
        error!(applied, counter = tail.counter.0, difference, "the database is not the one that it was; starting over");
        database.renew_connections();
        *bookmark = None;
        return Ok(false);
    }
    let new: Vec<&Entry> = tail.entries.iter().filter(|entry| entry.revision > at.revision).collect();
    let expected = (at.revision.0 + 1..).map(Revision);
    let has_hole = new.iter().zip(expected).any(|(entry, expected)| entry.revision != expected);
    let cut_short =
        (tail.entries.len() as i64) < BATCH && new.last().map_or(at.revision, |last| last.revision) != tail.counter;
    if has_hole || cut_short {
        let after = at.revision;
        *bookmark = None;
        return Err(Interruption::Hole(after));
    }
    if let Some(last) = new.last() {
        view.inner.entries.begin_invalidation(last.revision);
        for entry in &new {
            entry.touched.iter().for_each(|key| view.inner.entries.invalidate(key, entry.revision));
        }
        (at.revision, at.id) = (last.revision, Some(last.id));
        let epoch = view.inner.progress.position().epoch();
        view.inner.progress.apply(Position::new(epoch, at.revision));
    }
    Ok(at.revision == tail.counter)
}

/// Whether the log is another one than the one followed so far, and how that shows.
fn broken_history(at: &Bookmark, tail: &Tail) -> Option<&'static str> {
    if tail.history != at.history {
        return Some("its history has another name");
    }
    if tail.counter < at.revision {
        return Some("its counter went back");
    }
    let same = at.id.is_none_or(|id| tail.entries.first().is_some_and(|entry| entry.id == id));
    (!same).then_some("its last applied revision is another write")
}

/// Empties the view and goes on from the counter.
fn start_over(view: &View, bookmark: &mut Option<Bookmark>, tail: &Tail) -> Result<bool, Interruption> {
    let revision = tail.counter;
    let id = tail.entries.iter().find(|entry| entry.revision == revision).map(|entry| entry.id);
    if id.is_none() && revision != Revision(0) {
        return Err(Interruption::Hole(Revision(revision.0 - 1)));
    }
    let progress = &view.inner.progress;
    let epoch = progress.position().epoch() + 1;
    progress.begin_epoch(epoch, tail.history);
    view.inner.entries.reset(epoch, revision);
    progress.apply(Position::new(epoch, revision));
    *bookmark = Some(Bookmark { revision, id, history: tail.history });
    Ok(true)
}

fn jittered(pause: Duration) -> Duration {
    let random = Uuid::new_v4().as_u64_pair().1 % 1_000;
    pause / 2 + pause.mul_f64(random as f64 / 2_000.0)
}
