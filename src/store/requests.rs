//! Requests that were given an id by their callers: found again for a day, so that what is sent twice is done once.

use futures::future::try_join;
use uuid::Uuid;

use super::database::Client;
use super::error::StoreError;
use super::rows::{Parameters, execute};
use crate::domain::ids::{Place, Revision};

/// At most so many are forgotten in one statement.
const BATCH: i64 = 1_000;

/// A write that was asked for before.
#[derive(Debug)]
pub struct FoundRequest {
    /// Of what was asked then.
    pub digest: Vec<u8>,
    /// What was answered.
    pub answer: Vec<u8>,
    /// The number of the write.
    pub revision: Revision,
    /// The history that it is in.
    pub history: Uuid,
    /// The last write that was committed when it was found: that one, or one after it.
    pub last: Place,
}

// two numbers: apart from the locks of accounts, which have one
const LOCK: &str = "-- lock_request
    SELECT pg_advisory_xact_lock(hashtext($1), hashtext($2))";
const FIND: &str = "-- find_request
    SELECT request.digest, request.answer, request.revision, revision.history, revision.number, revision.change_id
    FROM request CROSS JOIN revision
    WHERE request.caller = $1 AND request.id = $2 AND request.written_at > clock_timestamp() - interval '1 day'";

/// Prepares what [`hold`] asks, so that it is sent before whatever is asked together with it.
pub async fn prepare(client: &Client) -> Result<(), StoreError> {
    try_join(client.prepare_cached(LOCK), client.prepare_cached(FIND)).await?;
    Ok(())
}

/// Waits for whoever is at the same request, and says what it came to, if it came to anything within a day. Held until the
/// transaction ends, so that the next one waits.
///
/// The first lock of a write, and the only one of its kind that a write has: nobody waits for it who holds another.
pub async fn hold(client: &Client, caller: &str, id: &str) -> Result<Option<FoundRequest>, StoreError> {
    let (lock, find) = (client.prepare_cached(LOCK).await?, client.prepare_cached(FIND).await?);
    let key: Parameters<'_> = &[&caller, &id];
    // polled in order, and so sent in order, on one connection: the second sees what was there once the lock was granted
    let (_, found) = try_join(client.query_one(&lock, key), client.query_opt(&find, key)).await?;
    Ok(found.map(|row| FoundRequest {
        digest: row.get(0),
        answer: row.get(1),
        revision: Revision(row.get(2)),
        history: row.get(3),
        last: Place { revision: Revision(row.get(4)), id: row.get(5) },
    }))
}

/// Forgets some of those that are older than a day; says how many. 0: there are no more.
pub async fn forget(client: &Client) -> Result<u64, StoreError> {
    const SQL: &str = "-- forget_requests
        DELETE FROM request WHERE (caller, id) IN (
            SELECT caller, id FROM request WHERE written_at <= clock_timestamp() - interval '1 day'
            ORDER BY written_at LIMIT $1
        ) AND written_at <= clock_timestamp() - interval '1 day'";
    execute(client, SQL, &[&BATCH]).await
}
