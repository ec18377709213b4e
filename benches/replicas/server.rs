//! The PostgreSQL that is measured on: of this run alone, durable as in production, and telling when each commit was.

use rolegate::store::embedded::{EmbeddedOptions, EmbeddedServer};
use rolegate::store::migrations;
use tokio_postgres::Config;

use crate::support::postgres::{connect, end_with_this_process, open_to_others, scratch_folder};

/// A running PostgreSQL.
pub struct Server {
    config: Config,
    _server: EmbeddedServer,
}

impl Server {
    /// A server with a database to copy.
    pub async fn start() -> Self {
        let folder = scratch_folder();
        end_with_this_process(&folder);
        open_to_others(&folder);
        let settings = [
            ("fsync", "on"),
            ("synchronous_commit", "on"),
            ("full_page_writes", "on"),
            ("max_connections", "300"),
            ("track_commit_timestamp", "on"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let options = EmbeddedOptions { data_dir: folder.join("data"), binaries: None, settings };
        let server = EmbeddedServer::start(options).await.unwrap();
        let config = server.config();
        migrations::migrate(&config).await.unwrap();
        Self { config, _server: server }
    }

    /// A database with the schema and nothing in it.
    pub async fn database(&self, name: &str) -> Config {
        let maintenance = connect(self.config.clone().dbname("postgres")).await;
        maintenance.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE rolegate")).await.unwrap();
        self.config.clone().dbname(name).clone()
    }
}
