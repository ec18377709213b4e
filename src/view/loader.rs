//! Runs the loads of the view: what is asked for while others load goes together, in one round trip.
//!
//! A load belongs to nobody who asked for it: a caller that goes away cancels nothing, and takes nothing with it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::{OptionFuture, try_join5};
use futures::stream::{self, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{debug, error, warn};

use super::cell::{Entry, Kept};
use super::error::LoadError;
use super::{STANDBY_LIMIT, View};
use crate::domain::change::EntryKey;
use crate::domain::facts::{Account, Named, Plan, Project};
use crate::domain::ids::{AccountId, Place, PlanId, ProjectId, Revision};
use crate::domain::names::{NameKey, ProjectName};
use crate::store::loads::{self, Loaded, LoadedProject};
use crate::store::{Client, Database, Databases, PooledClient, Standbys, StoreError};

/// How many keys go into one round trip.
const BATCH: usize = 512;

/// How many round trips run at once.
const CONCURRENCY: usize = 4;

/// How long to wait before a database that is behind the view is asked again.
const PAUSE: Duration = Duration::from_millis(20);

/// Runs loads until the view is gone.
pub(super) async fn run(view: View, databases: Databases, queue: mpsc::UnboundedReceiver<Vec<EntryKey>>) {
    let queue = Queue { view: view.clone(), groups: queue, keys: Vec::new() };
    let batches = stream::unfold(queue, async |mut queue| Some((queue.next_batch().await?, queue)));
    // no tasks of their own: what panics here must not go unseen
    let run = batches.for_each_concurrent(CONCURRENCY, async |keys| {
        let count = keys.len();
        load_all(&view, &databases, keys).await;
        view.inner.loading.fetch_sub(count, Ordering::Relaxed);
        // before the next batch: what is loaded faster than room is made for it would have no bound
        view.inner.entries.make_room().await;
    });
    run.await;
}

/// Loads a batch. Where something in it can't be read it is loaded by halves: one key must not take the others with it.
pub(super) async fn load_all(view: &View, databases: &Databases, keys: Vec<EntryKey>) {
    let mut groups = vec![keys];
    while let Some(mut keys) = groups.pop() {
        let loaded = tokio::spawn(load(view.clone(), databases.clone(), keys.clone())).await;
        match loaded.unwrap_or(Err(LoadError::Internal)) {
            Ok(()) => {}
            Err(LoadError::Internal) if keys.len() > 1 => {
                let others = keys.split_off(keys.len() / 2);
                groups.extend([keys, others]);
            }
            Err(error) => keys.iter().for_each(|key| view.inner.entries.fail(key, &error)),
        }
    }
}

/// The keys to load. Whoever waits for one that will not be loaded any more is told so.
struct Queue {
    view: View,
    /// Keys as they were asked for, together.
    groups: mpsc::UnboundedReceiver<Vec<EntryKey>>,
    /// Those that did not fit into the batch before.
    keys: Vec<EntryKey>,
}

impl Queue {
    /// What waits, as much as fits into a batch; `None` once nobody can ask any more.
    async fn next_batch(&mut self) -> Option<Vec<EntryKey>> {
        if self.keys.is_empty() {
            self.keys = self.groups.recv().await?;
        }
        while self.keys.len() < BATCH
            && let Ok(group) = self.groups.try_recv()
        {
            self.keys.extend(group);
        }
        let rest = self.keys.split_off(self.keys.len().min(BATCH));
        Some(std::mem::replace(&mut self.keys, rest))
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.groups.close();
        let mut unloaded = std::mem::take(&mut self.keys);
        while let Ok(group) = self.groups.try_recv() {
            unloaded.extend(group);
        }
        unloaded.iter().for_each(|key| self.view.inner.entries.fail(key, &LoadError::Unavailable));
    }
}

async fn load(view: View, databases: Databases, keys: Vec<EntryKey>) -> Result<(), LoadError> {
    let keys = match &databases.standbys {
        Some(standbys) => load_from_standby(&view, standbys, keys).await,
        None => keys,
    };
    if keys.is_empty() { Ok(()) } else { load_from_primary(&view, &databases.loads, keys).await }
}

/// Loads what a standby has that is fresh enough, and returns the other keys.
async fn load_from_standby(view: &View, standbys: &Standbys, keys: Vec<EntryKey>) -> Vec<EntryKey> {
    let Some(client) = standbys.client().await else { return keys };
    let batch = Batch::sort(keys.clone());
    match fetch(view, client, &batch, STANDBY_LIMIT).await {
        Ok(Some((read, epoch))) => read.store(view, epoch),
        Ok(None) => keys,
        Err(_) => {
            standbys.rest();
            keys
        }
    }
}

async fn load_from_primary(view: &View, database: &Database, keys: Vec<EntryKey>) -> Result<(), LoadError> {
    let batch = Batch::sort(keys.clone());
    // without a connection no key can be read, whatever is in the way
    let client = database.client().await.map_err(|failure| {
        failed(failure);
        LoadError::Unavailable
    })?;
    let newest_before = view.inner.progress.position().revision();
    let too_old = match fetch(view, client, &batch, view.inner.settings.lease / 2).await? {
        // the primary has all that the log was followed up to: who is behind it is a primary of the past
        Some((read, epoch)) if read.places().iter().all(|place| place.revision >= newest_before) => {
            read.store(view, epoch)
        }
        _ => {
            warn!("a load was read from a server that is not the primary which is followed; loading again");
            database.renew_connections();
            keys
        }
    };
    if !too_old.is_empty() {
        debug!(count = too_old.len(), "a write came between: loading again");
        if view.inner.progress.position().revision() == newest_before {
            tokio::time::sleep(PAUSE).await;
        }
        view.queue(too_old);
    }
    Ok(())
}

/// Reads a batch, and asks whether what was read is of the history that is followed: an old primary, or a standby of one,
/// may still answer. Waits until that can be known. `None` where it is not, or from before all that this replica remembers;
/// else what was read, and in which epoch.
async fn fetch(
    view: &View,
    client: PooledClient,
    batch: &Batch,
    limit: Duration,
) -> Result<Option<(Read, u64)>, LoadError> {
    let progress = &view.inner.progress;
    // after the connection was chosen: one chosen before the view started over may lead to another history
    let epoch = progress.position().epoch();
    let Ok(read) = timeout(limit, batch.read(&client)).await else {
        warn!(seconds = limit.as_secs_f64(), "a load got no answer from the database in time");
        return Err(LoadError::Unavailable);
    };
    client.give_back();
    let read = read.map_err(failed)?;
    let places = read.places();
    let newest = places.iter().map(|place| place.revision).max().unwrap_or_default();
    if timeout(limit, view.applied(newest)).await.is_err() {
        warn!(revision = newest.0, "a load could not be used: the log of changes is not followed up to it");
        return Err(LoadError::Unavailable);
    }
    let vouched = places.into_iter().all(|place| progress.has_applied(place));
    Ok(vouched.then_some((read, epoch)))
}

fn failed(failure: StoreError) -> LoadError {
    error!(error = &failure as &dyn std::error::Error, "failed to load entries of the view");
    match failure {
        StoreError::Unavailable(_) | StoreError::Conflict => LoadError::Unavailable,
        _ => LoadError::Internal,
    }
}

impl View {
    /// Has keys loaded whose cells are waiting for it.
    pub(super) fn queue(&self, keys: Vec<EntryKey>) {
        if keys.is_empty() {
            return;
        }
        let count = keys.len();
        self.inner.loading.fetch_add(count, Ordering::Relaxed);
        if let Err(mpsc::error::SendError(keys)) = self.inner.loads.send(keys) {
            self.inner.loading.fetch_sub(count, Ordering::Relaxed);
            keys.iter().for_each(|key| self.inner.entries.fail(key, &LoadError::Unavailable));
        }
    }
}

/// Keys by kind.
#[derive(Default)]
struct Batch {
    names: Vec<NameKey>,
    projects: Vec<ProjectId>,
    paths: Vec<(NameKey, ProjectName)>,
    accounts: Vec<AccountId>,
    plans: Vec<PlanId>,
}

/// What was read, by kind; each in a snapshot of its own.
struct Read {
    names: Option<Loaded<NameKey, Named>>,
    projects: Option<Loaded<ProjectId, LoadedProject>>,
    paths: Option<Loaded<(NameKey, ProjectName), LoadedProject>>,
    accounts: Option<Loaded<AccountId, Account>>,
    plans: Option<Loaded<PlanId, Plan>>,
}

impl Batch {
    fn sort(keys: Vec<EntryKey>) -> Self {
        let mut batch = Self::default();
        for key in keys {
            match key {
                EntryKey::Name(name) => batch.names.push(name),
                EntryKey::Project(project) => batch.projects.push(project),
                EntryKey::Path(owner, name) => batch.paths.push((owner, name)),
                EntryKey::Account(account) => batch.accounts.push(account),
                EntryKey::Plan(plan) => batch.plans.push(plan),
            }
        }
        batch
    }

    /// Reads all kinds at once: the statements go out together on one connection.
    async fn read(&self, client: &Client) -> Result<Read, StoreError> {
        let (names, projects, paths, accounts, plans) = try_join5(
            wanted(&self.names, loads::load_names(client, &self.names)),
            wanted(&self.projects, loads::load_projects(client, &self.projects)),
            wanted(&self.paths, loads::load_paths(client, &self.paths)),
            wanted(&self.accounts, loads::load_accounts(client, &self.accounts)),
            wanted(&self.plans, loads::load_plans(client, &self.plans)),
        )
        .await?;
        Ok(Read { names, projects, paths, accounts, plans })
    }
}

impl Read {
    /// The snapshots that were read.
    fn places(&self) -> Vec<Place> {
        let names = self.names.as_ref().map(|loaded| loaded.place);
        let projects = self.projects.as_ref().map(|loaded| loaded.place);
        let paths = self.paths.as_ref().map(|loaded| loaded.place);
        let accounts = self.accounts.as_ref().map(|loaded| loaded.place);
        let plans = self.plans.as_ref().map(|loaded| loaded.place);
        [names, projects, paths, accounts, plans].into_iter().flatten().collect()
    }

    /// Puts what was read into the view, and returns the keys that a write came between for.
    fn store(self, view: &View, epoch: u64) -> Vec<EntryKey> {
        let entries = &view.inner.entries;
        let mut too_old = Vec::new();
        let mut check = |kept: Kept, key: EntryKey| {
            if kept == Kept::TooOld {
                too_old.push(key);
            }
        };
        for (name, entry) in each(self.names) {
            check(entries.complete(name.clone(), epoch, entry), EntryKey::Name(name));
        }
        for (account, entry) in each(self.accounts) {
            check(entries.complete(account, epoch, entry), EntryKey::Account(account));
        }
        for (plan, entry) in each(self.plans) {
            check(entries.complete(plan, epoch, entry), EntryKey::Plan(plan));
        }
        if let Some(Loaded { place: Place { revision, .. }, entries: loaded }) = self.paths {
            for (path, project) in loaded {
                let found = Entry { value: project.as_ref().map(|loaded| loaded.project.id), revision };
                let key = EntryKey::Path(path.0.clone(), path.1.clone());
                // before the path: whoever waits for that looks for the project next, and would have it loaded again
                if let Some(project) = project {
                    store_project(view, epoch, revision, project);
                }
                check(entries.complete(path, epoch, found), key);
            }
        }
        if let Some(Loaded { place: Place { revision, .. }, entries: loaded }) = self.projects {
            for (id, project) in loaded {
                let kept = match project {
                    Some(project) => store_project(view, epoch, revision, project),
                    None => entries.complete(id, epoch, Entry::<Project> { value: None, revision }),
                };
                check(kept, EntryKey::Project(id));
            }
        }
        too_old
    }
}

/// Puts a project into the view, and its owner and plan with it: where those are not kept, a check will ask for them.
fn store_project(view: &View, epoch: u64, revision: Revision, loaded: LoadedProject) -> Kept {
    let entries = &view.inner.entries;
    let LoadedProject { project, owner, plan } = loaded;
    let (id, account, plan_id) = (project.id, owner.id, owner.plan);
    entries.complete(account, epoch, Entry { value: Some(owner), revision });
    entries.complete(plan_id, epoch, Entry { value: Some(plan), revision });
    entries.complete(id, epoch, Entry { value: Some(project), revision })
}

fn each<K, V>(loaded: Option<Loaded<K, V>>) -> impl Iterator<Item = (K, Entry<V>)> {
    loaded.into_iter().flat_map(|Loaded { place: Place { revision, .. }, entries }| {
        entries.into_iter().map(move |(key, value)| (key, Entry { value, revision }))
    })
}

async fn wanted<K, T>(keys: &[K], load: impl Future<Output = Result<T, StoreError>>) -> Result<Option<T>, StoreError> {
    let load = (!keys.is_empty()).then_some(load);
    OptionFuture::from(load).await.transpose()
}
