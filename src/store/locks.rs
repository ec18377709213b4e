//! Locks that make a write's facts hold until it commits. See `docs/adr/0004-locks.md`.
//!
//! Accounts are locked in the order of their ids, then a project, then the revision counter, so that writes seldom wait
//! in a circle; PostgreSQL ends a circle that forms all the same, and the write is run again.

use std::time::Instant;

use futures::future::{try_join, try_join_all};
use jiff::Timestamp;
use uuid::Uuid;

use super::database::Client;
use super::deadlines::statement_timeout;
use super::error::StoreError;
use super::rows::{query, query_one, query_opt};
use crate::domain::facts::Time;
use crate::domain::ids::{AccountId, ProjectId};
use crate::domain::names::NameKey;

/// How an account is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Its facts stay as they are; others may read them under the same lock.
    Shared,
    /// Its facts are about to change.
    Exclusive,
}

/// The ids of accounts by name, unlocked: they may be renamed before they are locked.
pub async fn resolve(client: &Client, keys: &[&str]) -> Result<Vec<(NameKey, AccountId)>, StoreError> {
    const SQL: &str = "-- resolve_accounts
        SELECT username_key, id FROM account WHERE username_key = ANY($1)";
    let rows = query(client, SQL, &[&keys]).await?;
    Ok(rows.iter().map(|row| (NameKey::from_stored(row.get(0)), AccountId(row.get(1)))).collect())
}

/// Locks accounts until the transaction ends, in the order given: that of their ids. One round trip.
///
/// These are advisory locks, which every write takes, and not locks of rows: they are granted in the order in which they
/// were asked for, so that a steady stream of shared ones cannot keep an exclusive one waiting.
///
/// From here on no statement of the transaction, the locks among them, runs for long after the deadline; an operator's own limit
/// stays where it is shorter.
pub async fn lock_accounts(
    client: &Client,
    accounts: &[(AccountId, Strength)],
    deadline: Option<Instant>,
) -> Result<(), StoreError> {
    const BOUND: &str = "-- bound_statements
        SELECT set_config('statement_timeout', $1::bigint::text, true)
        WHERE current_setting('statement_timeout')::interval
              NOT BETWEEN interval '1 millisecond' AND $1::bigint * interval '1 millisecond'";
    const EXCLUSIVE: &str = "-- lock_account
        SELECT pg_advisory_xact_lock($1)";
    const SHARED: &str = "-- lock_account_shared
        SELECT pg_advisory_xact_lock_shared($1)";
    let exclusive = client.prepare_cached(EXCLUSIVE).await?;
    let shared = client.prepare_cached(SHARED).await?;
    let bound = client.prepare_cached(BOUND).await?;
    let timeout = statement_timeout(deadline);
    // polled in order, and so sent in order, on one connection
    let bounded = async { client.query_opt(&bound, &[&timeout]).await };
    let locked = try_join_all(accounts.iter().map(|(id, strength)| {
        let statement = if *strength == Strength::Exclusive { &exclusive } else { &shared };
        async move { client.query_one(statement, &[&id.0]).await }
    }));
    try_join(bounded, locked).await?;
    Ok(())
}

/// Keeps these accounts from being renamed until the transaction ends, and returns their names.
pub async fn hold_names(client: &Client, accounts: &[AccountId]) -> Result<Vec<NameKey>, StoreError> {
    const SQL: &str = "-- hold_names
        SELECT username_key FROM account WHERE id = ANY($1) ORDER BY id FOR KEY SHARE";
    let ids: Vec<i64> = accounts.iter().map(|account| account.0).collect();
    let rows = query(client, SQL, &[&ids]).await?;
    Ok(rows.iter().map(|row| NameKey::from_stored(row.get(0))).collect())
}

/// The database's clock.
pub async fn now(client: &Client) -> Result<Time, StoreError> {
    const SQL: &str = "-- read_clock
        SELECT clock_timestamp()";
    let now: Timestamp = query_one(client, SQL, &[]).await?.get(0);
    Ok(Time(now.as_microsecond()))
}

/// Locks what is called so until the transaction ends, in one order whatever order it is given in. One round trip.
///
/// The numbers are below zero: apart from the locks of accounts. Two names may come to have the same number, which then has the
/// stronger of their locks.
pub async fn lock_names(client: &Client, names: &[(&str, Strength)]) -> Result<(), StoreError> {
    const SQL: &str = "-- lock_names
        SELECT CASE WHEN is_exclusive THEN pg_advisory_xact_lock(number) ELSE pg_advisory_xact_lock_shared(number) END
        FROM (
            SELECT hashtextextended(name, 0) | (1::bigint << 63) AS number, bool_or(exclusive) AS is_exclusive
            FROM unnest($1::text[], $2::boolean[]) AS wanted (name, exclusive) GROUP BY number ORDER BY number
        ) AS in_order";
    let (names, strengths): (Vec<&str>, Vec<Strength>) = names.iter().copied().unzip();
    let exclusive: Vec<bool> = strengths.iter().map(|strength| *strength == Strength::Exclusive).collect();
    query(client, SQL, &[&names, &exclusive]).await?;
    Ok(())
}

/// Locks projects' rows until the transaction ends, in the order of their ids, as far as there are any.
pub async fn lock_projects(client: &Client, projects: &[ProjectId]) -> Result<(), StoreError> {
    const SQL: &str = "-- lock_projects
        SELECT FROM project WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE";
    let ids: Vec<Uuid> = projects.iter().map(|project| project.0).collect();
    query(client, SQL, &[&ids]).await?;
    Ok(())
}

/// Locks a project's row until the transaction ends; `false` where it is gone.
pub async fn lock_project(client: &Client, project: ProjectId) -> Result<bool, StoreError> {
    const SQL: &str = "-- lock_project
        SELECT FROM project WHERE id = $1 FOR NO KEY UPDATE";
    Ok(query_opt(client, SQL, &[&project.0]).await?.is_some())
}
