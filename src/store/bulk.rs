//! Fills an empty database with very many rows at once, as a benchmark needs them. Nothing of it is in the log, so it is done
//! only where nobody has read anything yet.

use std::io::Cursor;
use std::pin::pin;

use futures::SinkExt as _;
use tokio_postgres::{Client, Transaction};

use super::address::DatabaseAddress;
use super::connect::{Hosts, Role};
use super::error::StoreError;

/// A table that is filled, in an order that leads from rows to those that refer to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// `id kind username plan_id owner_id`
    Account,
    /// `organization_id user_id role public`
    Member,
    /// `id organization_id name`
    Team,
    /// `team_id organization_id user_id`
    TeamMember,
    /// `id owner_id name public restricted_project_files template`
    Project,
    /// `project_id owner_id user_id team_id role incognito`
    Collaborator,
}

impl Table {
    fn copy(self) -> &'static str {
        const ACCOUNT: &str = "-- bulk_account
            COPY account (id, kind, username, plan_id, owner_id) FROM STDIN";
        const MEMBER: &str = "-- bulk_member
            COPY member (organization_id, user_id, role, public) FROM STDIN";
        const TEAM: &str = "-- bulk_team
            COPY team (id, organization_id, name) FROM STDIN";
        const TEAM_MEMBER: &str = "-- bulk_team_member
            COPY team_member (team_id, organization_id, user_id) FROM STDIN";
        const PROJECT: &str = "-- bulk_project
            COPY project (id, owner_id, name, public, restricted_project_files, template) FROM STDIN";
        const COLLABORATOR: &str = "-- bulk_collaborator
            COPY collaborator (project_id, owner_id, user_id, team_id, role, incognito) FROM STDIN";
        match self {
            Self::Account => ACCOUNT,
            Self::Member => MEMBER,
            Self::Team => TEAM,
            Self::TeamMember => TEAM_MEMBER,
            Self::Project => PROJECT,
            Self::Collaborator => COLLABORATOR,
        }
    }
}

/// Why a database was not filled.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// The database could not be reached, or refused a row.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are accounts in it, or a replica answers from it.
    #[error("find the database empty, and no replica on it: a world is written beside nothing else")]
    InUse,
}

/// Writes rows as PostgreSQL's text format has them, in parts of any size, all in one transaction; tells how many bytes it sent.
/// Foreign keys are not looked up where the user may leave that out: rows that are made by a rule fit each other.
///
/// # Errors
/// When the database is in use, can't be reached, or refuses a row; it is as it was then.
pub async fn fill<R: Iterator<Item = String>>(
    address: impl Into<DatabaseAddress>,
    tables: impl IntoIterator<Item = (Table, R)>,
    mut progress: impl FnMut(u64),
) -> Result<(), BulkError> {
    let mut client = connect(address).await?;
    let transaction = client.transaction().await.map_err(StoreError::from)?;
    claim(&transaction).await?;
    for (table, parts) in tables {
        let sink = transaction.copy_in::<_, Cursor<Vec<u8>>>(table.copy()).await.map_err(StoreError::from)?;
        let mut sink = pin!(sink);
        for part in parts {
            progress(part.len() as u64);
            sink.send(Cursor::new(part.into_bytes())).await.map_err(StoreError::from)?;
        }
        sink.finish().await.map_err(StoreError::from)?;
    }
    settle(&transaction).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    client.batch_execute("-- bulk_analyze\nVACUUM ANALYZE").await.map_err(StoreError::from)?;
    Ok(())
}

/// Sees that nobody uses the database, and that nobody can before the commit.
async fn claim(transaction: &Transaction<'_>) -> Result<(), BulkError> {
    const LOCK: &str = "-- bulk_lock
        LOCK TABLE revision, replica IN EXCLUSIVE MODE";
    const IN_USE: &str = "-- bulk_in_use
        SELECT EXISTS (SELECT FROM account) OR EXISTS (SELECT FROM replica)";
    const SUPERUSER: &str = "-- bulk_superuser
        SELECT current_setting('is_superuser') = 'on'";
    const WITHOUT_KEYS: &str = "-- bulk_without_keys
        SET LOCAL session_replication_role = replica";
    transaction.batch_execute(LOCK).await.map_err(StoreError::from)?;
    if transaction.query_one(IN_USE, &[]).await.map_err(StoreError::from)?.get(0) {
        return Err(BulkError::InUse);
    }
    if transaction.query_one(SUPERUSER, &[]).await.map_err(StoreError::from)?.get(0) {
        transaction.batch_execute(WITHOUT_KEYS).await.map_err(StoreError::from)?;
    }
    Ok(())
}

/// Has the next ids begin after those that were written, and members counted: where keys were left out, triggers were too.
async fn settle(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    const COUNT: &str = "-- bulk_count_members
        INSERT INTO member_count (organization_id, part, members)
        SELECT organization_id, 0, count(*) FROM member GROUP BY organization_id
        ON CONFLICT (organization_id, part) DO UPDATE SET members = excluded.members";
    const SETTLE: &str = "-- bulk_settle
        SELECT setval(pg_get_serial_sequence('account', 'id'), (SELECT max(id) FROM account)),
               setval(pg_get_serial_sequence('team', 'id'), (SELECT max(id) FROM team))";
    transaction.execute(COUNT, &[]).await?;
    transaction.query_one(SETTLE, &[]).await?;
    Ok(())
}

async fn connect(address: impl Into<DatabaseAddress>) -> Result<Client, StoreError> {
    let hosts = Hosts::new(address, Role::Primary).with_options("-c statement_timeout=0");
    let (client, connection) = hosts.connect().await?;
    // ends with the client; its error is the client's
    tokio::spawn(connection);
    Ok(client)
}
