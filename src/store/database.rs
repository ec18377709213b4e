//! The door to PostgreSQL: a pool of connections, and transactions that end in the log.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio::runtime::Handle;
use tokio_postgres::{Config, NoTls};

use super::error::StoreError;

/// A connection of the pool, with its prepared statements.
pub type Client = deadpool_postgres::Client;

/// Adds settings of the session to those that the operator gave.
pub(super) fn add_options(config: &mut Config, options: &str) {
    let given = config.get_options().unwrap_or_default();
    let both = format!("{options} {given}");
    config.options(both.trim_end());
}

/// A connection in use. Given back once what was asked of it is done. Dropped before that, as when a caller goes away, the
/// statement under way is cancelled, so that it holds no locks and no place in the pool, and the connection is closed.
pub struct Lease {
    client: Option<Client>,
}

impl Lease {
    /// Gives the connection back to the pool.
    pub fn give_back(mut self) {
        drop(self.client.take());
    }
}

impl Deref for Lease {
    type Target = Client;

    #[expect(clippy::expect_used, reason = "only giving it back takes the client, and consumes the lease")]
    fn deref(&self) -> &Client {
        self.client.as_ref().expect("a lease holds a client")
    }
}

impl DerefMut for Lease {
    #[expect(clippy::expect_used, reason = "only giving it back takes the client, and consumes the lease")]
    fn deref_mut(&mut self) -> &mut Client {
        self.client.as_mut().expect("a lease holds a client")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        // while the process ends there may be nobody left to cancel it
        let Ok(runtime) = Handle::try_current() else { return drop(Client::take(client)) };
        runtime.spawn(async move {
            // the server may act on it only later: on whatever the connection does by then, so nobody gets it any more
            let _ = tokio::time::timeout(CANCEL_WAIT, client.cancel_token().cancel_query(NoTls)).await;
            drop(Client::take(client));
        });
    }
}

/// How long it may take to ask for a statement to be cancelled.
const CANCEL_WAIT: Duration = Duration::from_secs(1);

/// How long to wait for a connection, one to be made included.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    config: Config,
}

impl Database {
    /// Prepares up to `connections` connections; none is made before it is needed.
    ///
    /// # Errors
    /// When the pool cannot be built.
    pub fn new(mut config: Config, connections: usize) -> Result<Self, StoreError> {
        config
            .application_name("rolegate")
            .connect_timeout(CONNECTION_WAIT)
            .tcp_user_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(10));
        add_options(
            &mut config,
            // What an index has in order must be read in that order, a page at a time: sorting what another index finds
            // looks as cheap to the planner, and reads all of it. No statement is worth compiling, whatever its estimate.
            "-c jit=off -c enable_incremental_sort=off \
             -c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=30s",
        );
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config.clone(), NoTls, recycling);
        let wait = Some(CONNECTION_WAIT);
        let pool = Pool::builder(manager)
            .max_size(connections)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts { wait, create: wait, recycle: wait })
            .build()
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        Ok(Self { pool, config })
    }

    /// A connection of the pool.
    ///
    /// # Errors
    /// When the database can't be reached, or all connections are busy for 5 seconds.
    pub async fn client(&self) -> Result<Lease, StoreError> {
        Ok(Lease { client: Some(self.pool.get().await?) })
    }

    /// How to connect beside the pool, as the follower of the log does.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Gives up the idle connections: they may lead to a server that is no longer the right one.
    pub fn renew_connections(&self) {
        self.pool.retain(|_, _| false);
    }

    /// Closes the pool: whoever holds a connection finishes, nobody gets another.
    pub fn close(&self) {
        self.pool.close();
    }
}
