//! Brings what there is into the view before anybody asks for it, so that a replica that has just started is soon as quick as the
//! others. It serves meanwhile, and a check that comes first loads what it needs as ever.
//!
//! Newest first: what was made last is worked on most, and to go by ids takes an index that is there and nothing to sort. Each
//! project comes under its id and its path, with its owner and plan. What it loads goes the way of every load, so that no write
//! is missed.
//!
//! It is in nobody's way: it has a connection of its own, one batch under way, loads at most half of the time, and counts for
//! nothing in `--max-loading`. It ends where the memory is nearly full: beyond that it would push out what it has just brought.
//! What it brings is young until it is asked for, so it goes before anything that callers have asked for twice.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};
use uuid::Uuid;

use super::error::LoadError;
use super::glance::Failures;
use super::pauses::Pauses;
use super::table::Joined;
use super::{Standing, View, loader};
use crate::domain::change::EntryKey;
use crate::domain::ids::{AccountId, ProjectId};
use crate::store::{Client, Databases, StoreError, warm_up as pages};

/// How many accounts, or projects, are brought in together: few enough that whoever applies writes meanwhile, on the same thread,
/// is not held up.
const PAGE: i64 = 128;

/// How often it says how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// It leaves one of so many bytes of the memory to what callers ask for: what young entries may take of it once it is full.
const LEFT: usize = 8;

/// What a warm-up came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warmed {
    /// How much it brought.
    pub extent: Extent,
    /// In which epoch of the view.
    epoch: u64,
}

/// How much a warm-up brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All that there was.
    All,
    /// What fits.
    MemoryFull,
}

/// Why it goes no further.
enum Interruption {
    MemoryFull,
    /// The view has forgotten everything.
    StartedOver,
}

/// Warms the view up, and again whenever it has started over.
pub(super) async fn run(view: View, databases: Databases) {
    let mut applied = view.inner.progress.watch_applied();
    loop {
        let warmed = view.warm_up(&databases).await;
        // the sender lives as long as the view
        let _ = applied.wait_for(|position| position.epoch() != warmed.epoch).await;
    }
}

impl View {
    /// Brings accounts and projects into the view until all are there or its memory is nearly full. Waits while the view does not
    /// answer, and begins again where it starts over meanwhile.
    pub async fn warm_up(&self, databases: &Databases) -> Warmed {
        loop {
            self.until_fresh().await;
            let epoch = self.inner.progress.position().epoch();
            let mut warm_up = WarmUp::new(self, databases, epoch);
            let extent = match warm_up.bring_all().await {
                Ok(()) => Extent::All,
                Err(Interruption::MemoryFull) => Extent::MemoryFull,
                Err(Interruption::StartedOver) => {
                    info!("the view has started over: so does its warm-up");
                    continue;
                }
            };
            warm_up.tell_end(extent);
            return Warmed { extent, epoch };
        }
    }

    async fn until_fresh(&self) {
        while self.standing() != Standing::Fresh {
            self.standing_changed(self.standing()).await;
        }
    }
}

/// A warm-up under way.
struct WarmUp<'a> {
    view: &'a View,
    databases: &'a Databases,
    epoch: u64,
    accounts: u64,
    projects: u64,
    /// Those that could not be read.
    unreadable: u64,
    /// About how many accounts and projects there are.
    estimate: Option<f64>,
    begun: Instant,
    told: Instant,
}

impl<'a> WarmUp<'a> {
    fn new(view: &'a View, databases: &'a Databases, epoch: u64) -> Self {
        let now = Instant::now();
        Self { view, databases, epoch, accounts: 0, projects: 0, unreadable: 0, estimate: None, begun: now, told: now }
    }

    /// Pages of projects and of accounts in turn: a check needs one of each.
    async fn bring_all(&mut self) -> Result<(), Interruption> {
        self.estimate = self.read(|client| pages::estimate(client).boxed()).await?;
        info!(about = self.estimate, "warming the view up");
        // a UUID of the seventh version is before the last of all
        let (mut project, mut account) = (Some(ProjectId(Uuid::max())), Some(AccountId(i64::MAX)));
        while project.is_some() || account.is_some() {
            if let Some(before) = project {
                project = self.bring_projects(before).await?;
            }
            if let Some(before) = account {
                account = self.bring_accounts(before).await?;
            }
            self.tell();
        }
        Ok(())
    }

    /// Brings the projects before one; returns the last of them, unless there are no more.
    async fn bring_projects(&mut self, before: ProjectId) -> Result<Option<ProjectId>, Interruption> {
        let page = self.read(|client| pages::projects_before(client, before, PAGE).boxed()).await?;
        let (count, last) = (page.len(), page.last().map(|(id, ..)| *id));
        let keys = page.into_iter().flat_map(|(id, owner, name)| [EntryKey::Path(owner, name), EntryKey::Project(id)]);
        self.bring(keys.collect()).await?;
        self.projects += count as u64;
        Ok(last)
    }

    /// The same for accounts.
    async fn bring_accounts(&mut self, before: AccountId) -> Result<Option<AccountId>, Interruption> {
        let page = self.read(|client| pages::accounts_before(client, before, PAGE).boxed()).await?;
        let (count, last) = (page.len(), page.last().map(|(id, _)| *id));
        self.bring(page.into_iter().map(|(_, name)| EntryKey::Name(name)).collect()).await?;
        self.accounts += count as u64;
        Ok(last)
    }

    /// Reads something that says what there is, again and again until that succeeds.
    async fn read<T>(
        &self,
        read: impl for<'c> Fn(&'c Client) -> BoxFuture<'c, Result<T, StoreError>>,
    ) -> Result<T, Interruption> {
        let mut pauses = Pauses::default();
        loop {
            self.may_go_on().await?;
            let database = &self.databases.loads;
            let reading = async {
                let client = database.client().await?;
                let found = read(&client).await?;
                client.give_back();
                Ok::<_, StoreError>(found)
            };
            match timeout(self.view.inner.settings.lease / 2, reading).await {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(error)) => {
                    warn!(error = &error as &dyn std::error::Error, "the warm-up waits for the database");
                }
                Err(_) => warn!("the warm-up waits for the database"),
            }
            database.renew_connections();
            pauses.after(Duration::ZERO).await;
        }
    }

    /// Has keys loaded, and waits until all of them are there; but for those that can't be read, which the log has.
    async fn bring(&mut self, mut keys: Vec<EntryKey>) -> Result<(), Interruption> {
        let mut pauses = Pauses::default();
        while !keys.is_empty() {
            self.may_go_on().await?;
            let begun = Instant::now();
            let failures = self.load(&keys).await;
            self.view.inner.entries.make_room().await;
            let asked = keys.len();
            keys.retain(|key| failures.get(key) != Some(&LoadError::Internal));
            self.unreadable += (asked - keys.len()) as u64;
            keys.retain(|key| !self.view.inner.entries.has_arrived(key));
            tokio::time::sleep(begun.elapsed()).await;
            if !failures.is_empty() {
                pauses.after(Duration::ZERO).await;
            }
        }
        Ok(())
    }

    /// Loads what is not there, or waits for who does; what failed, and how.
    async fn load(&self, keys: &[EntryKey]) -> Failures {
        let entries = &self.view.inner.entries;
        let (mut waits, mut first, mut projects) = (Vec::new(), Vec::new(), Vec::new());
        for key in keys {
            let waiter = match entries.write().join_or_begin(key.clone()) {
                Joined::There => continue,
                Joined::Waits(waiter) => waiter,
                Joined::Begins(waiter) => {
                    let begun = if matches!(key, EntryKey::Project(_)) { &mut projects } else { &mut first };
                    begun.push(key.clone());
                    waiter
                }
            };
            waits.push((key.clone(), waiter));
        }
        self.load_begun(first).await;
        // a path has brought its project with it, but for one that was moved or written to meanwhile
        projects.retain(|project| entries.read().join(project).is_some());
        self.load_begun(projects).await;
        let mut failures = Failures::new();
        if !waits.is_empty() {
            self.view.wait_all(waits, &mut failures).await;
        }
        failures
    }

    async fn load_begun(&self, keys: Vec<EntryKey>) {
        if !keys.is_empty() {
            loader::load_all(self.view, self.databases, keys).await;
        }
    }

    /// Waits while the view does not answer.
    async fn may_go_on(&self) -> Result<(), Interruption> {
        self.view.until_fresh().await;
        if self.view.inner.progress.position().epoch() != self.epoch {
            return Err(Interruption::StartedOver);
        }
        let most = self.view.inner.settings.memory;
        if self.view.memory() >= most - most / LEFT { Err(Interruption::MemoryFull) } else { Ok(()) }
    }

    /// Says how far it is, now and then.
    fn tell(&mut self) {
        if self.told.elapsed() < TOLD_EVERY {
            return;
        }
        self.told = Instant::now();
        let Self { accounts, projects, estimate, .. } = *self;
        let share = estimate.map(|all| percent((accounts + projects) as f64, all));
        info!(accounts, projects, share, memory = self.memory(), "warming the view up");
    }

    fn tell_end(&self, extent: Extent) {
        let Self { accounts, projects, unreadable, .. } = *self;
        let (memory, seconds) = (self.memory(), self.begun.elapsed().as_secs_f64());
        match extent {
            Extent::All => info!(accounts, projects, unreadable, memory, seconds, "the view is warm: all is there"),
            Extent::MemoryFull => {
                info!(accounts, projects, unreadable, memory, seconds, "the view is warm: its memory is nearly full");
            }
        }
    }

    /// How much of the memory is taken.
    fn memory(&self) -> String {
        percent(self.view.memory() as f64, self.view.inner.settings.memory as f64)
    }
}

fn percent(part: f64, whole: f64) -> String {
    format!("{:.0}%", (100.0 * part / whole.max(1.0)).min(100.0))
}
