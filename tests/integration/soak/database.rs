//! A run's own PostgreSQL, which can be stopped at once and started again, and whose clock can be set.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rolegate::store::embedded::{EmbeddedOptions, EmbeddedServer};
use tokio::sync::Mutex;
use tokio_postgres::Config;

use super::clock::{Preload, WallClock};
use crate::support::postgres::{connect, end_with_this_process, open_to_others, scratch_folder, server};

/// The server, in a folder that goes with this process.
pub struct Database {
    folder: PathBuf,
    running: Mutex<Option<EmbeddedServer>>,
    pub config: Config,
    pub clock: WallClock,
    pub preload: Preload,
}

impl Database {
    pub async fn start() -> Self {
        let folder = scratch_folder();
        end_with_this_process(&folder);
        open_to_others(&folder);
        let preload = Preload::build(&folder);
        let clock = preload.clock("database");
        wrap_programs(&folder.join("bin"), &clock).await;
        let running = launch(&folder).await;
        let config = running.config();
        Self { folder, running: Mutex::new(Some(running)), config, clock, preload }
    }

    /// Ends it at once, as a crash would, and starts it again after a while.
    pub async fn crash(&self, away: Duration) {
        let mut running = self.running.lock().await;
        let server = running.take();
        tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
        tokio::time::sleep(away).await;
        *running = Some(launch(&self.folder).await);
    }

    /// Ends it in order.
    pub async fn stop(self) {
        if let Some(running) = self.running.into_inner() {
            running.stop().await.unwrap();
        }
    }
}

async fn launch(folder: &Path) -> EmbeddedServer {
    // as durable as it is, but for the way in which a crashed one makes sure of its files when it starts: that takes seconds
    let settings = [("max_connections", "200"), ("recovery_init_sync_method", "syncfs")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let options = EmbeddedOptions { data_dir: folder.join("data"), binaries: Some(folder.join("bin")), settings };
    EmbeddedServer::start(options).await.unwrap()
}

/// Puts programs into a folder that run PostgreSQL's by that clock.
async fn wrap_programs(folder: &Path, clock: &WallClock) {
    let sql = "SELECT setting FROM pg_config() WHERE name = 'BINDIR'";
    let programs: String = connect(&server().await).await.query_one(sql, &[]).await.unwrap().get(0);
    fs::create_dir(folder).unwrap();
    open_to_others(folder);
    let environment = clock.environment().map(|(name, value)| format!("{name}='{value}'")).join(" ");
    for name in ["postgres", "initdb", "pg_ctl"] {
        let script = folder.join(name);
        fs::write(&script, format!("#!/bin/sh\n{environment} exec '{programs}/{name}' \"$@\"\n")).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    }
}
