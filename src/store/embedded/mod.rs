//! The embedded PostgreSQL: a server of our own in a data folder, reachable by a Unix socket only.
//!
//! It finds the server's programs (`binaries`, `download`), guards the data folder (`folder`), runs
//! the cluster (`cluster`) and, for root, does all that as an unprivileged user (`account`). It knows
//! nothing of rolegate's tables: it hands out an empty database.

mod account;
mod binaries;
mod cluster;
mod download;
mod error;
mod folder;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use tokio_postgres::{Config, NoTls};
use tracing::{info, warn};

use account::Account;
use binaries::Search;
use cluster::Cluster;
use folder::DataFolder;

pub use error::EmbeddedError;
pub use folder::default_data_dir;

/// What an embedded server is made from.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The folder that everything lives in: `postgres/` (PGDATA), `socket/`, `postgres.log`,
    /// `rolegate.lock`, and `binaries/` if a server had to be downloaded.
    pub data_dir: PathBuf,
    /// The folder that holds `postgres`, `initdb` and `pg_ctl`; `None` looks for them.
    pub binaries: Option<PathBuf>,
    /// Settings given to the server at start, such as `("fsync", "off")` in tests.
    pub settings: Vec<(String, String)>,
}

/// A running PostgreSQL server that belongs to this process.
///
/// End it with [`EmbeddedServer::stop`]. A value that is merely dropped, as in a panic, blocks for up
/// to five seconds to stop the server at once, which the next start recovers from; after a `kill -9`
/// of this process the server lives on, and the next start stops and replaces it.
#[derive(Debug)]
pub struct EmbeddedServer {
    cluster: Cluster,
    /// Dropped last, so that the lock outlives the server.
    folder: DataFolder,
    stopped: bool,
}

impl EmbeddedServer {
    /// Makes the cluster if there is none, starts the server, and makes the database.
    ///
    /// Dropping the future stops what it has started; the next start tidies up the rest.
    ///
    /// # Errors
    /// Any [`EmbeddedError`] but [`EmbeddedError::NoHome`]; the server is not running then.
    pub async fn start(options: EmbeddedOptions) -> Result<Self, EmbeddedError> {
        Self::start_with(options, &Search::everywhere()).await
    }

    /// How to connect: user and database `rolegate`, through the server's Unix socket.
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        config.user("rolegate").dbname("rolegate").host_path(self.folder.socket()).port(5432);
        config
    }

    /// Stops the server, and ends its open transactions. Takes at most some twenty seconds.
    ///
    /// # Errors
    /// [`EmbeddedError::Stop`] if even an immediate stop was of no use.
    pub async fn stop(mut self) -> Result<(), EmbeddedError> {
        self.cluster.stop().await?;
        self.stopped = true;
        info!("stopped PostgreSQL");
        Ok(())
    }

    async fn start_with(options: EmbeddedOptions, search: &Search) -> Result<Self, EmbeddedError> {
        let account = Account::choose()?;
        let folder = DataFolder::claim(&options.data_dir, &account)?;
        let needed = folder.major()?;
        let named = options.binaries.as_deref();
        let binaries = search.find(named, folder.path(), needed, &account).await?;
        info!(binaries = %binaries.display(), folder = %folder.path().display(), "starting PostgreSQL");
        let (path, settings) = (folder.path().to_path_buf(), options.settings);
        let cluster = Cluster { folder: path, binaries, account, settings };
        cluster.initialize().await?;
        // From here on, dropping the value stops whatever has been started.
        let server = Self { cluster, folder, stopped: false };
        server.cluster.start().await?;
        server.create_database().await?;
        Ok(server)
    }

    async fn create_database(&self) -> Result<(), EmbeddedError> {
        let (client, connection) = self.config().dbname("postgres").connect(NoTls).await?;
        let connection = tokio::spawn(connection);
        let exists = "-- embedded_database_exists\n\
                      SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'rolegate')";
        if !client.query_one(exists, &[]).await?.try_get::<_, bool>(0)? {
            client.batch_execute("-- embedded_create_database\nCREATE DATABASE rolegate").await?;
        }
        drop(client);
        // The connection must be gone before it can be in the way of a shutdown.
        let _ = connection.await;
        Ok(())
    }
}

impl Drop for EmbeddedServer {
    fn drop(&mut self) {
        if self.stopped {
            return;
        }
        warn!("stopping PostgreSQL at once");
        if let Err(error) = self.cluster.kill() {
            warn!(%error, "failed to stop PostgreSQL");
        }
    }
}
