//! The database that a command works on: one that is named, or a private server that is started for it.

use std::error::Error;

use tracing::{info, warn};

use crate::config::DatabaseOptions;
use crate::store::DatabaseAddress;
use crate::store::embedded::{EmbeddedOptions, EmbeddedServer, default_data_dir};

/// A database, and the server that was started for it.
pub(super) struct OpenDatabase {
    pub address: DatabaseAddress,
    server: Option<EmbeddedServer>,
}

impl OpenDatabase {
    /// Takes the database that is named, or starts a private server. Dropped on the way, what was started is stopped.
    pub(super) async fn open(options: &DatabaseOptions) -> Result<Self, Box<dyn Error>> {
        if let Some(url) = &options.database_url {
            let address = url.address("--database-url")?;
            if let Some(danger) = address.danger() {
                warn!(danger, "--database-url is INSECURE");
            }
            return Ok(Self { address, server: None });
        }
        let data_dir = match &options.data_dir {
            Some(folder) => folder.clone(),
            None => default_data_dir()?,
        };
        let binaries = options.postgres_bin_dir.clone();
        let server = EmbeddedServer::start(EmbeddedOptions { data_dir, binaries, settings: Vec::new() }).await?;
        info!("the private PostgreSQL server runs");
        Ok(Self { address: server.config().into(), server: Some(server) })
    }

    /// Stops the server that was started.
    pub(super) async fn close(self) -> Result<(), Box<dyn Error>> {
        match self.server {
            Some(server) => Ok(server.stop().await?),
            None => Ok(()),
        }
    }
}
