//! Forgetting the oldest of the log: first nobody begins to read there any more, then it is deleted.

use std::time::Duration;

use super::database::Client;
use super::error::StoreError;
use super::rows::{execute, query_one};
use super::transaction::{Purpose, Transaction};
use crate::domain::ids::Revision;

/// About how many changes, and at most how many writes, are deleted in one transaction. No write is deleted by halves.
const BATCH: i64 = 1_000;

/// Where the log starts.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// Writes up to this one may be deleted once a lease has passed.
    pub revision: Revision,
    /// The longest lease of all replicas; who began to read before this start is known to all by then.
    pub longest_lease: Duration,
}

/// Moves the start of the log on to the first write that is younger than `age`, but never past what somebody still reads.
pub async fn raise_start(client: &Client, age: Duration) -> Result<Start, StoreError> {
    const SQL: &str = "-- raise_log_start
        WITH wanted AS (
            SELECT least(
                coalesce(
                    -- in the order of time, so that it is found at once
                    (SELECT change_set.revision - 1 FROM change_set WHERE committed_at >= now() - $1 * interval '1 second'
                     ORDER BY committed_at, change_set.revision LIMIT 1),
                    number
                ),
                number - 1,
                (SELECT min(needs) - 1 FROM replica)
            ) AS revision FROM revision
        ), raised AS (
            UPDATE log_start SET revision = wanted.revision FROM wanted WHERE wanted.revision > log_start.revision
            RETURNING log_start.revision
        )
        SELECT coalesce((SELECT revision FROM raised), log_start.revision),
               (SELECT coalesce(max(lease_ms), 0) FROM replica)
        FROM log_start";
    let row = query_one(client, SQL, &[&age.as_secs_f64()]).await?;
    let longest_lease = Duration::from_millis(row.get::<_, i64>(1).unsigned_abs());
    Ok(Start { revision: Revision(row.get(0)), longest_lease })
}

/// Deletes some of the oldest writes up to that one, but none that somebody still reads; says how many. 0: all are gone that
/// may go.
pub async fn prune(client: &mut Client, start: Revision) -> Result<u64, StoreError> {
    const LAST: &str = "-- prunable
        WITH bound AS (
            SELECT least($1, number - 1, (SELECT min(needs) - 1 FROM replica)) AS revision FROM revision
        )
        SELECT least(
            bound.revision,
            (SELECT revision FROM change_set ORDER BY revision OFFSET $2 LIMIT 1),
            (SELECT change.revision FROM change ORDER BY change.revision, change.ordinal OFFSET $2 LIMIT 1)
        ) FROM bound";
    // what is kept stays chained to what was forgotten
    const CHAIN: &str = "-- move_chain_start
        UPDATE chain_start SET revision = last.revision, hash = last.hash FROM change_set AS last
        WHERE last.revision = $1 AND last.revision > chain_start.revision AND last.hash IS NOT NULL";
    const CHANGES: &str = "-- prune_changes
        DELETE FROM change WHERE revision <= $1";
    const WRITES: &str = "-- prune_writes
        DELETE FROM change_set WHERE revision <= $1";
    let transaction = Transaction::begin(client, Purpose::Prune).await?;
    let last: i64 = query_one(&transaction, LAST, &[&start.0, &BATCH]).await?.get(0);
    execute(&transaction, CHAIN, &[&last]).await?;
    execute(&transaction, CHANGES, &[&last]).await?;
    let gone = execute(&transaction, WRITES, &[&last]).await?;
    transaction.commit().await?;
    Ok(gone)
}
