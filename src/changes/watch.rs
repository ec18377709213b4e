//! A watch: reads on in the log as the view applies it, a bounded stretch at a time, and proves of each that it is whole.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::debug;

use super::Log;
use super::parts::{Event, Parts};
use crate::domain::change::LoggedChange;
use crate::domain::change_filter::ChangeFilter;
use crate::domain::ids::{Place, Revision};
use crate::store::changes::{self, Stretch};
use crate::store::{Client, StoreError};
use crate::view::{Hold, Standing, Token, ViewError};

/// How many changes are read at once.
const READ: usize = 512;

/// Before a read that failed is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a watch waits for a view that has fallen silent.
const SILENCE: Duration = Duration::from_secs(1);

/// Why a watch ends.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The log no longer reaches back to where the watch is.
    #[error("read the log after that revision: it is no longer kept")]
    Pruned(Token),
    /// The database is another one than it was, or has lost writes.
    #[error("go on: the database is not the one that it was")]
    HistoryChanged,
    /// The log can't be followed.
    #[error(transparent)]
    View(#[from] ViewError),
    /// A mistake of ours.
    #[error("read the log")]
    Store(#[source] StoreError),
}

/// Nothing of what was asked for, up to a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Everything up to here had been told before.
    pub previous: Token,
    /// And now up to here.
    pub now: Token,
}

/// An open watch. What it has yet to read is not pruned.
pub struct Watch {
    log: Log,
    filter: ChangeFilter,
    history: u64,
    hold: Hold,
    /// The first write that is not read to its end, and up to which of its changes it is.
    next: (Revision, i64),
    parts: Parts,
}

impl Log {
    /// Opens a watch that tells what was written after that.
    ///
    /// # Errors
    /// Any [`WatchError`].
    pub async fn watch(&self, after: Token, filter: ChangeFilter) -> Result<Watch, WatchError> {
        // held before it is looked whether it is there: see `retention`
        let hold = self.view.hold(after.revision);
        let client = self.database.client().await?;
        let start = changes::log_start(&client as &Client).await;
        client.give_back();
        let start = start?;
        if after.revision < start {
            return Err(WatchError::Pruned(Token { history: after.history, revision: start }));
        }
        let (next, parts) = ((next_after(after.revision), 0), Parts::after(after.revision));
        Ok(Watch { log: self.clone(), filter, history: after.history, hold, next, parts })
    }
}

impl Watch {
    /// Reads on, up to what the view has applied; what was asked for of that, in order. Where the database can't be read for
    /// a moment, nothing.
    ///
    /// # Errors
    /// Any [`WatchError`]: the watch is over.
    pub async fn read(&mut self) -> Result<Vec<Event>, WatchError> {
        self.check_view().await?;
        let Some(last) = self.unread() else { return Ok(Vec::new()) };
        match self.stretch(last).await {
            Ok(stretch) => self.take(last, stretch),
            Err(error @ (StoreError::Unavailable(_) | StoreError::Conflict)) => {
                debug!(error = &error as &dyn std::error::Error, "failed to read for a watch; trying again");
                sleep(PAUSE).await;
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until there may be more to read, but no longer than until then. Cancel-safe.
    pub async fn more(&self, until: Instant) {
        let view = &self.log.view;
        let seen = view.token();
        if self.unread().is_some() {
            return;
        }
        tokio::select! {
            () = view.moved_on(seen) => {}
            () = view.standing_changed(Standing::Fresh) => {}
            () = sleep_until(until) => {}
        }
    }

    /// Says that nothing more was asked for of what has been read.
    pub fn nothing(&mut self) -> Told {
        let (previous, now) = self.parts.nothing(self.whole());
        Told { previous: self.token(previous), now: self.token(now) }
    }

    /// A revision as callers hold it.
    pub fn token(&self, revision: Revision) -> Token {
        Token { history: self.history, revision }
    }

    /// The last revision that the view has applied, where that is not read yet.
    fn unread(&self) -> Option<Revision> {
        let applied = self.log.view.token();
        (applied.history == self.history && applied.revision >= self.next.0).then_some(applied.revision)
    }

    /// Makes sure that the view follows the log, and that it is the same log.
    async fn check_view(&self) -> Result<(), WatchError> {
        let view = &self.log.view;
        let standing = view.standing();
        if standing != Standing::Fresh {
            // it may have fallen silent only to start over, and then there is more to say
            let _ = timeout(SILENCE, view.standing_changed(standing)).await;
        }
        if view.token().history != self.history {
            return Err(WatchError::HistoryChanged);
        }
        if view.standing() == Standing::Fresh { Ok(()) } else { Err(ViewError::NotFresh.into()) }
    }

    async fn stretch(&self, last: Revision) -> Result<Stretch, StoreError> {
        // never closed
        let _turn = self.log.readers.acquire().await;
        let client = self.log.database.client().await?;
        let limit = i64::try_from(READ).unwrap_or(i64::MAX);
        let stretch = changes::read_on(&client as &Client, self.next, last, limit).await?;
        // what was read there has the very write that the view has applied, and so all before it
        if !self.log.view.vouches_for(Place { revision: last, id: stretch.last_id }).await {
            // the connection, which is not given back, may lead to a server that is no longer the right one
            return Err(StoreError::Conflict);
        }
        client.give_back();
        Ok(stretch)
    }

    fn take(&mut self, last: Revision, stretch: Stretch) -> Result<Vec<Event>, WatchError> {
        if !stretch.reaches_back {
            return Err(WatchError::Pruned(self.token(stretch.log_start)));
        }
        self.next = match stretch.changes.last() {
            Some(LoggedChange { revision, ordinal, .. }) if stretch.changes.len() == READ => (*revision, *ordinal),
            Some(_) | None => (next_after(last), 0),
        };
        let whole = self.whole();
        self.hold.advance(whole);
        let filter = &self.filter;
        Ok(self.parts.cut(stretch.changes.into_iter().filter(|change| filter.takes(change)), whole))
    }

    /// Everything up to here has been read.
    fn whole(&self) -> Revision {
        Revision(self.next.0.0 - 1)
    }
}

fn next_after(revision: Revision) -> Revision {
    Revision(revision.0 + 1)
}

impl From<StoreError> for WatchError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Conflict => {
                Self::View(ViewError::Load(crate::view::LoadError::Unavailable))
            }
            other => Self::Store(other),
        }
    }
}
