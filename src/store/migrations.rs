//! Brings the schema to what this build knows: forward only, one at a time even where several start at once.

use tokio_postgres::Client;

use super::address::DatabaseAddress;
use super::connect::{Hosts, Role};
use super::error::StoreError;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Any number that nothing else locks: held while migrating.
const MIGRATION_LOCK: i64 = 0x726f_6c65_6761_7465;

/// Why the schema is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A migration failed, or the database has been migrated by another build: a newer one, or a changed one.
    #[error("migrate the database: {0}")]
    Refused(#[from] refinery::Error),
    /// Migrations are pending and were not asked for.
    #[error("find the schema of this build (version {wanted}, the database has {found}); run `rolegate migrate`")]
    Pending { wanted: i32, found: i32 },
}

/// Applies what is pending, and says what was applied.
///
/// # Errors
/// When the database can't be reached, or was migrated by another build. What was applied before the failure stays.
pub async fn migrate(address: impl Into<DatabaseAddress>) -> Result<Vec<String>, MigrationError> {
    let mut client = connect(address).await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK]).await.map_err(StoreError::from)?;
    let report = embedded::migrations::runner().run_async(&mut client).await?;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
}

/// Checks that nothing is pending, and changes nothing.
///
/// # Errors
/// When something is pending, or the database can't be reached.
pub async fn check(address: impl Into<DatabaseAddress>) -> Result<(), MigrationError> {
    let mut client = connect(address).await?;
    let wanted = embedded::migrations::runner().get_migrations().iter().map(|one| one.version()).max().unwrap_or(0);
    let exists = client.query_one("SELECT to_regclass('refinery_schema_history') IS NOT NULL", &[]).await;
    let found = if exists.map_err(StoreError::from)?.get(0) {
        let last = embedded::migrations::runner().get_last_applied_migration_async(&mut client).await?;
        last.map_or(0, |migration| migration.version())
    } else {
        0
    };
    if found == wanted { Ok(()) } else { Err(MigrationError::Pending { wanted, found }) }
}

/// A connection whose statements may take as long as they like.
pub(super) async fn connect(address: impl Into<DatabaseAddress>) -> Result<Client, StoreError> {
    let hosts = Hosts::new(address, Role::Primary).with_options("-c statement_timeout=0 -c lock_timeout=0");
    let (client, connection) = hosts.connect().await?;
    // ends with the client; its error is the client's
    tokio::spawn(connection);
    Ok(client)
}
