//! Databases that are made for one purpose and dropped after it: copies of a template with the schema.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use tokio_postgres::Client;
use uuid::Uuid;

use super::address::DatabaseAddress;
use super::connect::{Hosts, Role};
use super::error::StoreError;
use super::migrations::{self, MigrationError};

/// The databases that were made on one server. End it with [`ScratchDatabases::clear`]: dropping it drops no database.
pub struct ScratchDatabases {
    server: DatabaseAddress,
    /// What the name of each begins with.
    prefix: String,
    template: String,
    made: Mutex<BTreeSet<String>>,
}

impl ScratchDatabases {
    /// Makes the template on a server; `server` leads to any database of it, by a user that may create others.
    ///
    /// # Errors
    /// When the server can't be reached, or the user may not. Nothing is left then but, at worst, an empty database.
    pub async fn new(server: impl Into<DatabaseAddress>, prefix: &str) -> Result<Self, MigrationError> {
        let template = format!("{prefix}_{}", Uuid::new_v4().simple());
        let made = Mutex::new(BTreeSet::new());
        let databases = Self { server: server.into(), prefix: prefix.to_owned(), template: template.clone(), made };
        databases.make(&template, "template0").await?;
        migrations::migrate(databases.server.dbname(&template)).await?;
        Ok(databases)
    }

    /// A new database, with the schema and nothing in it, and its name.
    ///
    /// # Errors
    /// When the server can't be reached.
    pub async fn create(&self) -> Result<(DatabaseAddress, String), StoreError> {
        let name = format!("{}_{}", self.prefix, Uuid::new_v4().simple());
        self.make(&name, &self.template).await?;
        Ok((self.server.dbname(&name), name))
    }

    /// Drops one of them, whoever is still connected.
    ///
    /// # Errors
    /// When the server can't be reached.
    pub async fn drop_one(&self, name: &str) -> Result<(), StoreError> {
        let drop = format!("-- scratch_drop_database\nDROP DATABASE IF EXISTS {name} WITH (FORCE)");
        self.connect().await?.batch_execute(&drop).await?;
        self.made.lock().remove(name);
        Ok(())
    }

    /// Drops all that are left.
    ///
    /// # Errors
    /// When the server can't be reached; the first failure is returned after all were tried.
    pub async fn clear(&self) -> Result<(), StoreError> {
        let left: Vec<String> = self.made.lock().iter().cloned().collect();
        let mut outcome = Ok(());
        for name in left {
            outcome = outcome.and(self.drop_one(&name).await);
        }
        outcome
    }

    async fn make(&self, name: &str, template: &str) -> Result<(), StoreError> {
        // noted before, as a caller that goes away does not stop the server from making it
        self.made.lock().insert(name.to_owned());
        let create = format!("-- scratch_create_database\nCREATE DATABASE {name} TEMPLATE {template}");
        Ok(self.connect().await?.batch_execute(&create).await?)
    }

    async fn connect(&self) -> Result<Client, StoreError> {
        let (client, connection) = Hosts::new(&self.server, Role::Primary).connect().await?;
        // ends with the client; its error is the client's
        tokio::spawn(connection);
        Ok(client)
    }
}
