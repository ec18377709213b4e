//! What a run needs: a database with a world in it, and servers on it, all of it thrown away at the end; or a service that runs
//! already, of which nothing is started and nothing is ended.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};

use super::BenchError;
use super::load::Target;
use super::population;
use super::servers::Server;
use super::world::World;
use crate::server;
use crate::store::DatabaseAddress;
use crate::store::bulk;
use crate::store::embedded::{EmbeddedOptions, EmbeddedServer};
use crate::store::migrations;

/// What makes a private server fast: nothing in it outlives the command.
const THROW_AWAY: [(&str, &str); 5] = [
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("max_connections", "300"),
    ("max_wal_size", "8GB"),
];

/// How long a service that runs may take until it answers and serves.
const PATIENCE: Duration = Duration::from_secs(10);

/// Parts that each block of a world is written in: one a table.
pub const PARTS: u64 = 6;

/// A PostgreSQL server in a folder that is thrown away.
pub struct PrivateDatabase {
    server: EmbeddedServer,
    folder: TempDir,
}

impl PrivateDatabase {
    pub async fn start(binaries: Option<PathBuf>) -> Result<Self, BenchError> {
        // as root, PostgreSQL runs as another user, who must get through
        let folder = tempfile::Builder::new().prefix("rolegate-").permissions(Permissions::from_mode(0o755)).tempdir();
        let folder = folder.map_err(BenchError::Process)?;
        let settings = THROW_AWAY.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let data_dir = folder.path().join("data");
        let server = EmbeddedServer::start(EmbeddedOptions { data_dir, binaries, settings }).await?;
        Ok(Self { server, folder })
    }

    pub fn address(&self) -> DatabaseAddress {
        self.server.config().into()
    }

    /// How a server of ours is told to connect.
    pub fn url(&self) -> String {
        let folder = self.folder.path().join("data/socket");
        format!("host={} port=5432 user=rolegate dbname=rolegate", folder.display())
    }

    /// The process that all processes of the server are children of.
    pub fn process(&self) -> Option<u32> {
        first_line(&self.folder.path().join("data/postgres/postmaster.pid"))?.parse().ok()
    }

    pub async fn stop(self) -> Result<(), BenchError> {
        Ok(self.server.stop().await?)
    }
}

/// Brings an empty database's schema up to date, and writes a world into it; tells how many bytes it has sent.
pub async fn prepare(address: &DatabaseAddress, world: World, progress: impl FnMut(u64)) -> Result<(), BenchError> {
    migrations::migrate(address).await?;
    Ok(bulk::fill(address, population::tables(world), progress).await?)
}

/// Replicas of ours, and connections to them.
pub struct Stage {
    servers: Vec<Server>,
    pub target: Target,
}

impl Stage {
    /// Starts so many servers, each by these arguments, and connects to each in turn.
    pub async fn start(
        arguments: &[&str],
        (database, process): (&str, Option<u32>),
        replicas: usize,
        connections: usize,
    ) -> Result<Self, BenchError> {
        let mut servers = Vec::new();
        for _ in 0..replicas {
            servers.push(Server::start(arguments, database).await?);
        }
        let addresses: Vec<String> = servers.iter().map(Server::address).collect();
        let channels = connect(&addresses, connections).await?;
        let service = servers.iter().filter_map(Server::process).collect();
        Ok(Self { servers, target: Target { channels, replicas, service, database: process } })
    }

    pub async fn end(self) -> Result<(), BenchError> {
        for server in self.servers {
            server.end().await?;
        }
        Ok(())
    }
}

/// A service that runs already, at one address or several, once all of them serve.
pub async fn remote(addresses: &[String], connections: usize) -> Result<Target, BenchError> {
    let channels = connect(addresses, connections).await?;
    let target = Target { channels, replicas: addresses.len(), service: Vec::new(), database: None };
    for channel in target.each_replica() {
        let serving = timeout(PATIENCE, server::until_serving(channel.clone())).await;
        serving.map_err(|_| BenchError::NotServing(PATIENCE))?;
    }
    Ok(target)
}

/// So many connections, to each address in turn; at least one to each.
async fn connect(addresses: &[String], connections: usize) -> Result<Vec<Channel>, BenchError> {
    let mut channels = Vec::new();
    for address in addresses.iter().cycle().take(connections.max(addresses.len())) {
        let address = if address.contains("://") { address.clone() } else { format!("http://{address}") };
        let endpoint =
            Endpoint::from_shared(address).map_err(BenchError::Transport)?.tcp_nodelay(true).connect_timeout(PATIENCE);
        channels.push(endpoint.connect().await.map_err(BenchError::Transport)?);
    }
    Ok(channels)
}

fn first_line(file: &Path) -> Option<String> {
    fs::read_to_string(file).ok()?.lines().next().map(str::to_owned)
}
