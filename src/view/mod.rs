//! The role view: what checks are answered from, kept true by following the log of changes.
//!
//! Entries are cut where writes are small (`entries`), kept by a protocol that no interleaving can make stale (`cell`),
//! loaded once for all who wait (`loader`), and invalidated by the log alone (`follower`). A check joins them at one
//! revision (`check`). See `docs/ARCHITECTURE.md`.

mod answering;
mod boot_time;
mod cell;
mod check;
mod confirm;
mod entries;
mod error;
mod follower;
mod glance;
mod growing;
mod holds;
mod lease;
#[cfg(test)]
mod lease_model;
mod life;
mod loader;
mod pauses;
mod position;
mod progress;
mod replicas;
mod sought;
mod table;
mod warm_up;
mod weight;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures::future::OptionFuture;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::bounds::Bounds;
use crate::domain::change::EntryKey;
use crate::domain::ids::{Place, Revision};
use crate::store::Databases;

use entries::Entries;
use holds::Holds;
use lease::LeaseKeeper;
use progress::Progress;
use replicas::Replicas;

pub use check::{Answer, LevelQuestion, ProjectQuestion, Question, Verdict};
pub use confirm::KnownReplica;
pub use error::{LoadError, Unconfirmed, ViewError};
pub use glance::ProjectKey;
pub use holds::Hold;
pub use position::Token;
pub use progress::Standing;
pub use warm_up::{Extent, Warmed};

/// How long a standby may take: the primary can be asked as well.
const STANDBY_LIMIT: Duration = Duration::from_millis(500);

/// How the view is kept.
#[derive(Debug, Clone)]
pub struct ViewSettings {
    /// The most bytes that entries may take.
    pub memory: usize,
    /// The most keys that may wait to be loaded, or be loading, at a time.
    pub loading: usize,
    /// What people call this replica.
    pub name: String,
    /// How long the view answers without having heard from the database, and how long others wait for it.
    pub lease: Duration,
    /// For how long after that it answers all the same, and marks the answers.
    pub stale_for: Duration,
    /// How often the lease is renewed, and the log read when nothing rings.
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
    /// What the answers of this clone are confined to.
    bounds: Option<Bounds>,
}

struct Inner {
    /// Of this run of this process.
    id: Uuid,
    entries: Entries,
    progress: Progress,
    replicas: watch::Sender<Replicas>,
    /// Rung to have the log read at once.
    bell: Arc<Notify>,
    /// Rung when another replica asks what this one has applied.
    asked: Notify,
    loads: mpsc::UnboundedSender<Vec<EntryKey>>,
    /// How many keys wait to be loaded, or are loading. Counted with the load and not with who waits for it: callers who go away
    /// take their loads with them no more than their place.
    loading: AtomicUsize,
    settings: ViewSettings,
    holds: Holds,
}

/// What keeps a view: nothing is known and nothing answered before it runs.
pub struct Keeper {
    view: View,
    databases: Databases,
    queue: mpsc::UnboundedReceiver<Vec<EntryKey>>,
    /// What it is warmed up from, where it is.
    warm_up: Option<Databases>,
}

impl Keeper {
    /// Has the view warmed up as well, from these: over connections of its own, so that it never takes one of what checks wait for.
    #[must_use]
    pub fn with_warm_up(self, databases: Databases) -> Self {
        Self { warm_up: Some(databases), ..self }
    }

    /// Follows the log, runs loads and holds the lease until told to stop; then nothing is answered any more, and the lease is
    /// given back.
    pub async fn run(self, stop: CancellationToken) {
        let Self { view, databases, queue, warm_up } = self;
        // before what it is held for, so that it ends after that has
        let mut lease = LeaseKeeper::new(view.clone(), databases.loads.hosts().clone());
        let loads = loader::run(view.clone(), databases.clone(), queue);
        let warm_up = OptionFuture::from(warm_up.map(|databases| warm_up::run(view.clone(), databases)));
        let growth = view.inner.entries.grow();
        let kept = async { tokio::join!(loads, growth, follower::run(view.clone(), databases), lease.run(), warm_up) };
        stop.run_until_cancelled(kept).await;
        lease.give_back().await;
    }
}

impl View {
    /// An empty view, and what keeps it once it runs.
    pub fn new(databases: Databases, settings: ViewSettings) -> (Self, Keeper) {
        let (loads, queue) = mpsc::unbounded_channel();
        let inner = Inner {
            id: Uuid::new_v4(),
            entries: Entries::new(settings.memory),
            progress: Progress::new(settings.stale_for),
            replicas: watch::Sender::new(Replicas::default()),
            bell: Arc::new(Notify::new()),
            asked: Notify::new(),
            loads,
            loading: AtomicUsize::new(0),
            settings,
            holds: Holds::default(),
        };
        let view = Self { inner: Arc::new(inner), bounds: None };
        (view.clone(), Keeper { view, databases, queue, warm_up: None })
    }

    /// The view as somebody sees it who is confined to these accounts: what lies outside is [`ViewError::OutOfBounds`].
    pub fn within(&self, bounds: Option<&Bounds>) -> Cow<'_, Self> {
        match bounds {
            None => Cow::Borrowed(self),
            Some(bounds) => Cow::Owned(Self { inner: Arc::clone(&self.inner), bounds: Some(bounds.clone()) }),
        }
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

    /// How it stands to the truth now.
    pub fn standing(&self) -> Standing {
        self.inner.progress.standing()
    }

    /// Waits until it stands otherwise. Cancel-safe.
    pub async fn standing_changed(&self, from: Standing) {
        let mut renewed = self.inner.progress.watch_lease();
        loop {
            renewed.mark_unchanged();
            let lasts = self.inner.progress.stands_for();
            if self.standing() != from {
                return;
            }
            tokio::select! {
                changed = renewed.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(lasts.unwrap_or_default()), if lasts.is_some() => {}
            }
        }
    }

    /// Waits until it refuses to answer. Cancel-safe.
    async fn silent(&self) {
        loop {
            match self.standing() {
                Standing::Silent => return,
                standing => self.standing_changed(standing).await,
            }
        }
    }

    /// Waits until the view is at another place in the log than that. Cancel-safe.
    pub async fn moved_on(&self, from: Token) {
        let mut applied = self.inner.progress.watch_applied();
        // the sender lives as long as the view
        let _ = applied.wait_for(|_| self.token() != from).await;
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
        let reached_or_silent = async {
            tokio::select! {
                () = reached => Ok(()),
                () = self.silent() => Err(ViewError::NotFresh),
            }
        };
        let late = || ViewError::RevisionNotReached { wanted, applied: self.token().revision };
        until(deadline, reached_or_silent).await.ok_or_else(late)?
    }

    /// Whether what was read at that place is of the history that is followed. Waits, for a moment, until it can be known.
    pub async fn vouches_for(&self, place: Place) -> bool {
        let reached = tokio::time::timeout(STANDBY_LIMIT, self.applied(place.revision)).await;
        reached.is_ok() && self.inner.progress.has_applied(place)
    }

    async fn applied(&self, revision: Revision) {
        let mut applied = self.inner.progress.watch_applied();
        if applied.borrow().revision() < revision {
            self.inner.bell.notify_one();
            // the sender lives as long as the view
            let _ = applied.wait_for(|position| position.revision() >= revision).await;
        }
    }

    /// Waits until a read of the log that begins after now has been applied.
    async fn caught_up(&self) {
        let mut reads = self.inner.progress.watch_reads();
        let next = self.inner.progress.next_read();
        self.inner.bell.notify_one();
        let _ = reads.wait_for(|last| last.number >= next).await;
    }
}

/// Runs a future until the deadline; `None` where that comes first.
async fn until<T>(deadline: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}
