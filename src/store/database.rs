//! The door to PostgreSQL: a pool of connections, and transactions that end in the log.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, Manager, ManagerConfig, Pool, PoolBuilder, RecyclingMethod, Runtime, Timeouts,
};
use futures::FutureExt as _;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_postgres::Config;

use super::connect::Hosts;
use super::error::StoreError;
use super::standbys::Standbys;

/// A connection of the pool, with its prepared statements.
pub type Client = deadpool_postgres::Client;

/// A connection in use. Given back once what was asked of it is done. Dropped before that, as when a caller goes away, the
/// statement under way is cancelled, so that it holds no locks and no place in the pool, and the connection is closed.
pub struct PooledClient {
    client: Option<Client>,
    /// Where it leads.
    hosts: Hosts,
    is_committing: bool,
    /// Its place among those that share the pool.
    place: Option<OwnedSemaphorePermit>,
    /// Which generation of connections it was taken from, and which is the present one.
    generation: (u64, Arc<AtomicU64>),
}

impl PooledClient {
    /// Gives the connection back to the pool, unless those of its time have been given up.
    pub fn give_back(mut self) {
        let (taken, present) = &self.generation;
        let is_present = *taken == present.load(Ordering::SeqCst);
        match self.client.take() {
            Some(client) if !is_present => drop(Client::take(client)),
            client => drop(client),
        }
    }

    /// The client, and whether it is committing. A commit is never cancelled: one that waits for a synchronous standby would
    /// then be shown to everybody by the only server that has it.
    #[expect(clippy::expect_used, reason = "only giving it back takes the client, and consumes it")]
    pub fn parts(&mut self) -> (&mut Client, &mut bool) {
        (self.client.as_mut().expect("it holds a client"), &mut self.is_committing)
    }
}

impl Deref for PooledClient {
    type Target = Client;

    #[expect(clippy::expect_used, reason = "only giving it back takes the client, and consumes it")]
    fn deref(&self) -> &Client {
        self.client.as_ref().expect("it holds a client")
    }
}

impl DerefMut for PooledClient {
    #[expect(clippy::expect_used, reason = "only giving it back takes the client, and consumes it")]
    fn deref_mut(&mut self) -> &mut Client {
        self.client.as_mut().expect("it holds a client")
    }
}

impl Drop for PooledClient {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        if self.is_committing {
            return drop(Client::take(client));
        }
        // while the process ends there may be nobody left to cancel it
        let Ok(runtime) = Handle::try_current() else { return drop(Client::take(client)) };
        let (place, hosts) = (self.place.take(), self.hosts.clone());
        runtime.spawn(async move {
            // the server may act on it only later: on whatever the connection does by then, so nobody gets it any more
            let _ = timeout(CANCEL_WAIT, hosts.cancel(&client)).await;
            drop(Client::take(client));
            drop(place);
        });
    }
}

/// How long it may take to ask for a statement to be cancelled.
const CANCEL_WAIT: Duration = Duration::from_secs(1);

/// How long to wait for a connection, one to be made included.
const POOL_WAIT: Duration = Duration::from_secs(5);

/// How often a connection is taken before the plans that it keeps are made again: they go by how large the tables were.
const USES_OF_PLANS: usize = 100;

/// A pool of connections to the database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    hosts: Hosts,
    /// Counts how often the connections were given up.
    generation: Arc<AtomicU64>,
    /// The places of those who may not have all connections.
    share: Option<Arc<Semaphore>>,
}

impl Database {
    /// Prepares up to `connections` connections to such servers; none is made before it is needed.
    ///
    /// # Errors
    /// When the pool cannot be built.
    pub fn new(hosts: Hosts, connections: usize) -> Result<Self, StoreError> {
        let pool = Self::pool(&hosts, connections, "");
        Self::over(hosts, pool)
    }

    /// The same for loads of the view alone. They look up what they are asked for by keys, so one plan is right for all of them,
    /// and to make it takes several times as long as to run it: it is kept.
    ///
    /// # Errors
    /// When the pool cannot be built.
    pub fn for_loads(hosts: Hosts, connections: usize) -> Result<Self, StoreError> {
        let pool = Self::pool(&hosts, connections, "-c plan_cache_mode=force_generic_plan");
        Self::over(hosts, pool)
    }

    fn over(hosts: Hosts, pool: PoolBuilder) -> Result<Self, StoreError> {
        let pool = pool.build().map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        Ok(Self { pool, hosts, generation: Arc::default(), share: None })
    }

    fn pool(hosts: &Hosts, connections: usize, options: &str) -> PoolBuilder {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pooled = hosts.with_options(options).with_options(
            // What an index has in order must be read in that order, a page at a time: sorting what another index finds
            // looks as cheap to the planner, and reads all of it. No statement is worth compiling, whatever its estimate.
            "-c jit=off -c enable_incremental_sort=off \
             -c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=30s",
        );
        let manager = Manager::from_connect(Config::new(), pooled, recycling);
        let forget_plans = Hook::sync_fn(|client: &mut ClientWrapper, metrics| {
            if metrics.recycle_count % USES_OF_PLANS == 0 {
                // sent before whatever is asked of the client next; nobody waits for the answer
                let _ = client.batch_execute("DISCARD PLANS").now_or_never();
            }
            Ok(())
        });
        let wait = Some(POOL_WAIT);
        let timeouts = Timeouts { wait, create: wait, recycle: wait };
        let builder = Pool::builder(manager).max_size(connections).runtime(Runtime::Tokio1).timeouts(timeouts);
        builder.pre_recycle(forget_plans)
    }

    /// The same connections, of which those who hold this share, and its clones, have at most so many at a time: what one kind of
    /// work hangs on leaves some for the others.
    #[must_use]
    pub fn share(&self, connections: usize) -> Self {
        Self { share: Some(Arc::new(Semaphore::new(connections))), ..self.clone() }
    }

    /// A connection of the pool.
    ///
    /// # Errors
    /// When the database can't be reached, or all connections are busy for 5 seconds.
    pub async fn client(&self) -> Result<PooledClient, StoreError> {
        // read first: a connection that is given up while it is handed out counts as an old one
        let generation = (self.generation.load(Ordering::SeqCst), Arc::clone(&self.generation));
        let place = self.place().await?;
        let (client, hosts) = (Some(self.pool.get().await?), self.hosts.clone());
        Ok(PooledClient { client, hosts, is_committing: false, place, generation })
    }

    async fn place(&self) -> Result<Option<OwnedSemaphorePermit>, StoreError> {
        let Some(share) = &self.share else { return Ok(None) };
        let place = timeout(POOL_WAIT, Arc::clone(share).acquire_owned()).await;
        let busy = || StoreError::Unavailable("all connections of its share are busy".into());
        // the share is never closed
        place.map_err(|_| busy())?.map(Some).map_err(|_| busy())
    }

    /// Where to connect beside the pool, as the follower of the log does.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Gives up the connections, those in use once they are given back: they may lead to a server that is no longer the right
    /// one.
    pub fn renew_connections(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.pool.retain(|_, _| false);
    }

    /// Closes the pool: whoever holds a connection finishes, nobody gets another.
    pub fn close(&self) {
        self.pool.close();
    }
}

/// The pools of a process.
#[derive(Clone)]
pub struct Databases {
    /// For writes, and for reads of the resources.
    pub main: Database,
    /// For loads of the view alone, so that lists and writes never keep a check waiting.
    pub loads: Database,
    /// Standbys, for loads and lists, where there are some.
    pub standbys: Option<Standbys>,
}

impl Databases {
    /// Gives up the connections of all: they may lead to a server that is no longer the right one.
    pub fn renew_connections(&self) {
        self.all().for_each(Database::renew_connections);
    }

    /// Closes all.
    pub fn close(&self) {
        self.all().for_each(Database::close);
    }

    fn all(&self) -> impl Iterator<Item = &Database> {
        let standbys = self.standbys.as_ref().map(|standbys| &standbys.database);
        [&self.main, &self.loads].into_iter().chain(standbys)
    }
}
