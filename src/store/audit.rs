//! Reads the log from end to end, to have its chain verified.

use futures::StreamExt as _;
use tokio_postgres::{IsolationLevel, Row, Transaction};

use super::address::DatabaseAddress;
use super::error::StoreError;
use super::migrations;
use crate::domain::audit::{Audit, AuditReport, AuditedWrite, Ends, Head};
use crate::domain::chain::Hash;
use crate::domain::change::{Change, Object};
use crate::domain::ids::Revision;

/// How many writes are read at once.
const BATCH: i64 = 500;

/// Verifies the log of a database, all of it as it is at one moment; `kept` is a head that was kept elsewhere. Says after each
/// batch up to which revision it has come, and which is the last one.
///
/// # Errors
/// When the database can't be reached, or has no such tables.
pub async fn verify(
    address: impl Into<DatabaseAddress>,
    kept: Option<Head>,
    progress: impl Fn(Revision, Revision),
) -> Result<AuditReport, StoreError> {
    let mut client = migrations::connect(address).await?;
    let transaction = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let snapshot = transaction.start().await?;
    let ends = ends(&snapshot).await?;
    let mut audit = Audit::new(ends, kept);
    // before all numbers, so that what was put in before the first one is found
    let mut last = Revision(i64::MIN);
    while let Some(reached) = batch(&snapshot, last, &mut audit).await? {
        progress(reached, ends.head.revision);
        last = reached;
    }
    Ok(audit.finish())
}

async fn ends(snapshot: &Transaction<'_>) -> Result<Ends, StoreError> {
    const SQL: &str = "-- read_chain_ends
        SELECT chain_start.began, chain_start.revision, chain_start.hash, revision.number, revision.hash
        FROM chain_start CROSS JOIN revision";
    let row = snapshot.query_one(SQL, &[]).await?;
    let head =
        |number, place| Ok::<_, StoreError>(Head { revision: Revision(row.get(number)), hash: hash(row.get(place))? });
    Ok(Ends { began: Revision(row.get(0)), start: head(1, 2)?, head: head(3, 4)? })
}

/// Reads on after a write; says which is the last one that was read, and `None` where there was none.
async fn batch(snapshot: &Transaction<'_>, after: Revision, audit: &mut Audit) -> Result<Option<Revision>, StoreError> {
    // the time as bytes: whatever was made of it can be read
    const WRITES: &str = "-- read_audited_writes
        SELECT revision, id, timestamptz_send(committed_at), operation, actor, caller, request_id, hash
        FROM change_set WHERE revision > $1 ORDER BY revision LIMIT $2";
    const CHANGES: &str = "-- read_audited_changes
        SELECT revision, ordinal, object, name, subject, before, after
        FROM change WHERE revision > $1 AND revision <= $2 ORDER BY revision, ordinal";
    let writes = snapshot.query(WRITES, &[&after.0, &BATCH]).await?;
    let Some(last) = writes.last().map(|row| row.get::<_, i64>(0)) else { return Ok(None) };
    // a write may have changed very much: no more than one is held at a time
    let mut changes = Box::pin(snapshot.query_raw(CHANGES, [after.0, last]).await?.peekable());
    for row in &writes {
        let revision: i64 = row.get(0);
        let is_its = |next: &Result<Row, _>| next.as_ref().map_or(true, |next| next.get::<_, i64>(0) <= revision);
        let mut read = Some(Vec::new());
        while let Some(next) = changes.as_mut().next_if(is_its).await {
            let next = next?;
            read = read.and_then(|read| with(read, &next, revision));
        }
        audit.take(&write(row, read)?);
    }
    Ok(Some(Revision(last)))
}

fn write(row: &Row, changes: Option<Vec<Change>>) -> Result<AuditedWrite, StoreError> {
    Ok(AuditedWrite {
        revision: Revision(row.get(0)),
        id: row.get(1),
        committed_at: i64::from_be_bytes(fixed("time", row.get(2))?),
        operation: row.get(3),
        actor: row.get(4),
        caller: row.get(5),
        request_id: row.get(6),
        changes,
        // one of another length is none that will ever do
        hash: row.get::<_, Option<&[u8]>>(7).map(|bytes| hash(bytes).unwrap_or_default()),
    })
}

/// Adds a change to those of its write; `None` where it is none that a write leaves behind: out of place, of no known sort, or
/// with something in it that no record has.
fn with(mut changes: Vec<Change>, row: &Row, revision: i64) -> Option<Vec<Change>> {
    let place = i64::try_from(changes.len() + 1).ok()?;
    if (row.get::<_, i64>(0), row.get::<_, i64>(1)) != (revision, place) {
        return None;
    }
    changes.push(Change {
        object: Object::parse(row.get(2))?,
        name: row.get(3),
        subject: row.get(4),
        before: row.try_get(5).ok()?,
        after: row.try_get(6).ok()?,
    });
    Some(changes)
}

fn hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    fixed("hash", bytes).map(Hash)
}

fn fixed<const LENGTH: usize>(what: &'static str, bytes: &[u8]) -> Result<[u8; LENGTH], StoreError> {
    bytes.try_into().map_err(|_| StoreError::unreadable(what, &format!("{bytes:?}")))
}
