//! The role view: what checks are answered from, kept true by following the log of changes.
//!
//! Entries are cut where writes are small (`entries`), kept by a protocol that no interleaving can make stale (`cell`),
//! loaded once for all who wait (`loader`), and invalidated by the log alone (`follower`). A check joins them at one
//! revision (`check`). See `docs/ARCHITECTURE.md`.

mod cell;
mod check;
mod entries;
mod error;
mod follower;
mod glance;
#[cfg(test)]
mod lease_model;
mod loader;
mod progress;
mod table;
mod weight;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::domain::change::EntryKey;
use crate::domain::ids::Revision;
use crate::store::Database;

use entries::Entries;
use progress::Progress;

pub use check::{Answer, LevelQuestion, ProjectQuestion, Question, Verdict};
pub use error::{LoadError, ViewError};
pub use glance::ProjectKey;
pub use progress::Token;

/// How the view is kept.
#[derive(Debug, Clone)]
pub struct ViewSettings {
    /// The most bytes that entries may take.
    pub memory: usize,
    /// How long the view answers without having heard from the database.
    pub lease: Duration,
    /// How often the log is read when nothing rings.
    pub heartbeat: Duration,
}

/// How fresh an answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// What the view has.
    Now,
    /// At least that revision of the view's history.
    AtLeast(Revision),
    /// All that was committed when the question arrived.
    Full,
}

/// The role view. Cheap to clone; every clone is the same view.
#[derive(Clone)]
pub struct View {
    inner: Arc<Inner>,
}

struct Inner {
    entries: Entries,
    progress: Progress,
    /// Rung to have the log read at once.
    bell: Arc<Notify>,
    loads: mpsc::UnboundedSender<Vec<EntryKey>>,
    settings: ViewSettings,
}

/// What keeps a view: nothing is known and nothing answered before it runs.
pub struct Keeper {
    view: View,
    database: Database,
    queue: mpsc::UnboundedReceiver<Vec<EntryKey>>,
}

impl Keeper {
    /// Follows the log and runs loads, for ever.
    pub async fn run(self) {
        let loads = loader::run(self.view.clone(), self.database.clone(), self.queue);
        tokio::join!(loads, follower::run(self.view, self.database));
    }
}

impl View {
    /// An empty view, and what keeps it once it runs.
    pub fn new(database: Database, settings: ViewSettings) -> (Self, Keeper) {
        let (loads, queue) = mpsc::unbounded_channel();
        let inner = Inner {
            entries: Entries::new(settings.memory),
            progress: Progress::new(),
            bell: Arc::new(Notify::new()),
            loads,
            settings,
        };
        let view = Self { inner: Arc::new(inner) };
        (view.clone(), Keeper { view, database, queue })
    }

    /// The revision that the view is at, and the history that it is in.
    pub fn token(&self) -> Token {
        let progress = &self.inner.progress;
        progress.token(progress.position())
    }

    /// The bytes that entries take.
    pub fn memory(&self) -> usize {
        self.inner.entries.used()
    }

    /// How many keys the view knows something about.
    pub fn len(&self) -> usize {
        self.inner.entries.len()
    }

    /// Whether it knows nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it may answer now.
    pub fn is_fresh(&self) -> bool {
        self.inner.progress.now().is_ok()
    }

    /// Waits until whether it may answer is no longer `fresh`. Cancel-safe.
    pub async fn freshness_changed(&self, fresh: bool) {
        let mut renewed = self.inner.progress.watch_lease();
        loop {
            let lease_ends = *renewed.borrow_and_update();
            if self.is_fresh() != fresh {
                return;
            }
            if fresh {
                tokio::time::sleep(lease_ends.remaining()).await;
            } else if renewed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until the view is as fresh as asked. Cancel-safe.
    ///
    /// # Errors
    /// [`ViewError::NotFresh`] once the view may not answer at all, [`ViewError::RevisionNotReached`] at the deadline.
    pub async fn wait_for(&self, freshness: Freshness, deadline: Option<Instant>) -> Result<(), ViewError> {
        let wanted = match freshness {
            Freshness::Now => return Ok(()),
            Freshness::AtLeast(revision) => revision,
            Freshness::Full => self.token().revision,
        };
        let reached = async {
            match freshness {
                Freshness::Now => {}
                Freshness::AtLeast(revision) => self.applied(revision).await,
                Freshness::Full => self.caught_up().await,
            }
        };
        let reached_or_stale = async {
            tokio::select! {
                () = reached => Ok(()),
                () = self.freshness_changed(true) => Err(ViewError::NotFresh),
            }
        };
        let late = || ViewError::RevisionNotReached { wanted, applied: self.token().revision };
        until(deadline, reached_or_stale).await.ok_or_else(late)?
    }

    /// Waits until the write that was just committed as `revision` can no longer be missed here: a read of the log that
    /// began after the commit has been applied, or the view may not answer before one has. Cancel-safe.
    ///
    /// # Errors
    /// [`ViewError::RevisionNotReached`] at the deadline.
    pub async fn wait_for_write(&self, revision: Revision, deadline: Option<Instant>) -> Result<(), ViewError> {
        let settled = async {
            tokio::select! {
                () = self.caught_up() => {}
                () = self.stale_and_barred() => {}
            }
        };
        let late = || ViewError::RevisionNotReached { wanted: revision, applied: self.token().revision };
        until(deadline, settled).await.ok_or_else(late)
    }

    async fn stale_and_barred(&self) {
        self.freshness_changed(true).await;
        while !self.inner.progress.bar_if_stale() {
            self.freshness_changed(true).await;
        }
    }

    async fn applied(&self, revision: Revision) {
        let mut applied = self.inner.progress.watch_applied();
        if applied.borrow().revision() < revision {
            self.inner.bell.notify_one();
            // the sender lives as long as the view
            let _ = applied.wait_for(|position| position.revision() >= revision).await;
        }
    }

    async fn caught_up(&self) {
        let mut reads = self.inner.progress.watch_reads();
        let next = self.inner.progress.next_read();
        self.inner.bell.notify_one();
        let _ = reads.wait_for(|applied| *applied >= next).await;
    }
}

/// Runs a future until the deadline; `None` where that comes first.
async fn until<T>(deadline: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}
