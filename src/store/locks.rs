//! Locks that make a write's facts hold until it commits. See `docs/adr/0004-locks.md`.
//!
//! Accounts are locked in the order of their ids, then a project, then the revision counter, so that writes seldom wait
//! in a circle; PostgreSQL ends a circle that forms all the same, and the write is run again.

use std::collections::BTreeMap;
use std::time::Instant;

use futures::future::{OptionFuture, join3, try_join};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::database::Client;
use super::deadlines::{bound_statements, statement_timeout};
use super::error::StoreError;
use super::projects;
use super::rows::{Parameters, query, query_one};
use crate::domain::facts::Time;
use crate::domain::ids::{AccountId, ProjectId};
use crate::domain::names::NameKey;
use crate::domain::records::Project;

/// How an account is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Its facts stay as they are; others may read them under the same lock.
    Shared,
    /// Its facts are about to change.
    Exclusive,
}

/// The ids of accounts by name, unlocked: they may be renamed before they are locked.
///
/// From here on no statement of the transaction, the locks among them, runs for long after the deadline; an operator's own limit
/// stays where it is shorter.
pub async fn look_up(
    client: &Client,
    keys: &[&str],
    deadline: Option<Instant>,
) -> Result<Vec<(NameKey, AccountId)>, StoreError> {
    const SQL: &str = concat!(
        "-- look_up_accounts
        SELECT bound.is_set, account.username_key, account.id FROM (SELECT ",
        bound_statements!("$2"),
        " AS is_set) AS bound LEFT JOIN account ON account.username_key = ANY ($1)"
    );
    let rows = query(client, SQL, &[&keys, &statement_timeout(deadline)]).await?;
    let found = |row: &Row| Some((NameKey::from_stored(row.get::<_, Option<&str>>(1)?), AccountId(row.get(2))));
    Ok(rows.iter().filter_map(found).collect())
}

/// What a write locks.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Accounts.
    pub accounts: &'a BTreeMap<AccountId, Strength>,
    /// A project.
    pub project: Option<ProjectId>,
}

/// Takes locks until the transaction ends, those of accounts in the order of their ids, then the project's; and runs `reads` under them.
/// Returns the project as it is then, if it is there. One round trip: the reads are sent without waiting for the locks.
///
/// Nothing of `reads` is sent before the locks are, as the statements that take them are prepared before anything is sent. On one
/// connection PostgreSQL begins with a statement, and takes its snapshot, once the one before it has ended. So what is read is read
/// under the locks; no statement may take them and read what they hold at once, as its snapshot would be from before it waited.
/// Only of the row that it waited for does a statement that locks rows show what has become of it.
///
/// Those of accounts are advisory locks, which every write takes, and not locks of rows: they are granted in the order in which
/// they were asked for, so that a steady stream of shared ones cannot keep an exclusive one waiting.
pub async fn hold<T>(
    client: &Client,
    wanted: Wanted<'_>,
    reads: impl Future<Output = Result<T, StoreError>>,
) -> Result<(Option<Project>, T), StoreError> {
    const ACCOUNTS: &str = "-- lock_accounts
        SELECT CASE WHEN is_exclusive THEN pg_advisory_xact_lock(id) ELSE pg_advisory_xact_lock_shared(id) END
        FROM unnest($1::bigint[], $2::boolean[]) AS in_order (id, is_exclusive)";
    let (accounts, project) = try_join(client.prepare_cached(ACCOUNTS), client.prepare_cached(projects::LOCK)).await?;
    let ids: Vec<i64> = wanted.accounts.keys().map(|id| id.0).collect();
    let exclusive: Vec<bool> = wanted.accounts.values().map(|strength| *strength == Strength::Exclusive).collect();
    let project_id = wanted.project.map(|project| project.0);
    let account_locks: Parameters<'_> = &[&ids, &exclusive];
    let project_lock: Parameters<'_> = &[&project_id];
    // polled in order, and so sent in order, on one connection
    let (accounts, project, read) = join3(
        OptionFuture::from((!ids.is_empty()).then(|| client.query(&accounts, account_locks))),
        OptionFuture::from(project_id.map(|_| client.query_opt(&project, project_lock))),
        reads,
    )
    .await;
    // what failed first is why the others did
    accounts.transpose()?;
    let project = project.transpose()?.flatten();
    Ok((project.as_ref().map(projects::project), read?))
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
