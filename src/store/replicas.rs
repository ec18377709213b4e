//! The leases of replicas: renewing one's own, reading those of all, and what was lost with a server. ADR 0010.

use std::time::Duration;

use tokio_postgres::{Client, Statement};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::connect::Hosts;
use super::error::StoreError;
use super::rows::Parameters;
use crate::domain::ids::{Place, Revision};

/// What replicas tell each other that they have applied, beside the log's own channel.
pub(super) const APPLIED_CHANNEL: &str = "rolegate_applied";

/// What leases rest on must not be lost in a crash, whatever the operator allows for writes; and a statement that is cut
/// short while it waits for a synchronous standby would read as one that the standby has.
pub(super) const DURABLE: &str = "SET synchronous_commit = on; SET statement_timeout = 0";

/// A replica as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaRow {
    /// Of one run of one process.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// Another number with each renewal.
    pub renewals: i64,
    /// How long a renewal holds.
    pub lease: Duration,
    /// What it had applied when it renewed, of this database's own log; -1: nothing.
    pub applied: Revision,
}

/// One renewal of a lease.
#[derive(Debug, Clone, Copy)]
pub struct Renewal<'a> {
    /// Of this run of this process.
    pub id: Uuid,
    /// What people call it.
    pub name: &'a str,
    /// A number that no other renewal of this replica had.
    pub number: i64,
    /// How long it shall hold.
    pub lease: Duration,
    /// What has been applied.
    pub applied: Place,
    /// The oldest revision of the log that is yet to be read.
    pub needs: Revision,
}

/// A connection that holds a lease. Nothing limits its statements but who waits for them.
pub struct LeaseHolder {
    client: Client,
    renew: Statement,
    publish: Statement,
    delete: Statement,
    _connection: AbortOnDropHandle<()>,
}

impl LeaseHolder {
    /// Connects to the primary.
    pub async fn connect(hosts: &Hosts, lease: Duration) -> Result<Self, StoreError> {
        const RENEW: &str = "-- renew_lease
            INSERT INTO replica (id, name, renewals, lease_ms, applied, needs)
            SELECT $1, $2, $3, $4,
                   CASE WHEN EXISTS (SELECT FROM change_set WHERE revision = $5 AND id = $6) THEN $5 ELSE -1 END, $7
            ON CONFLICT (id) DO UPDATE SET renewals = excluded.renewals, lease_ms = excluded.lease_ms,
                applied = excluded.applied, needs = excluded.needs, renewed_at = clock_timestamp()";
        // nothing is kept of it, so nothing need reach a disk
        const PUBLISH: &str = "-- publish_applied
            SELECT set_config('synchronous_commit', 'off', true), pg_notify('rolegate_applied', $1)
            WHERE EXISTS (SELECT FROM change_set WHERE revision = $2 AND id = $3)";
        // what a lost lease may have been as long as is over with the row that stood for it
        const DELETE: &str = "-- delete_replica
            WITH gone AS (
                DELETE FROM replica WHERE id = $1 AND renewals = $2 RETURNING renewals
            ), lowered AS (
                UPDATE revision SET longest_lease_ms = coalesce((SELECT max(lease_ms) FROM replica WHERE id <> $1), 0)
                FROM gone WHERE gone.renewals = 0
            )
            SELECT pg_notify('rolegate', '') FROM gone";
        // as long as it stands in the table a lease of that length may have been lost with a server
        const NOTE: &str = "-- note_longest_lease
            UPDATE revision SET longest_lease_ms = $1 WHERE longest_lease_ms < $1";
        let (client, connection) = hosts.connect().await?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            // ends with the client; its error is the client's
            let _ = connection.await;
        }));
        client.batch_execute(DURABLE).await?;
        client.execute(NOTE, &[&milliseconds(lease)]).await?;
        let renew = client.prepare(RENEW).await?;
        let publish = client.prepare(PUBLISH).await?;
        let delete = client.prepare(DELETE).await?;
        Ok(Self { client, renew, publish, delete, _connection: connection })
    }

    /// Renews a lease, or begins one; as durable as a write once it returns.
    pub async fn renew(&self, renewal: &Renewal<'_>) -> Result<(), StoreError> {
        let Renewal { id, name, number, applied, needs, .. } = *renewal;
        let lease = milliseconds(renewal.lease);
        let parameters: Parameters<'_> = &[&id, &name, &number, &lease, &applied.revision.0, &applied.id, &needs.0];
        self.client.execute(&self.renew, parameters).await?;
        Ok(())
    }

    /// Tells all replicas what this one has applied, if this database has it at all.
    pub async fn publish(&self, id: Uuid, applied: Place) -> Result<(), StoreError> {
        let message = Applied { id, revision: applied.revision }.encode();
        self.client.query(&self.publish, &[&message, &applied.revision.0, &applied.id]).await?;
        Ok(())
    }

    /// Whether the database answers.
    pub async fn answers(&self) -> bool {
        self.client.simple_query("").await.is_ok()
    }

    /// Ends a lease, and has those read the log who wait for it.
    pub async fn give_back(&self, id: Uuid) -> Result<(), StoreError> {
        const SQL: &str = "-- give_lease_back
            WITH gone AS (DELETE FROM replica WHERE id = $1 RETURNING id)
            SELECT pg_notify('rolegate', '') FROM gone";
        self.client.execute(SQL, &[&id]).await?;
        Ok(())
    }

    /// Deletes a lease that has ended, unless it was renewed since that number.
    pub async fn delete(&self, id: Uuid, number: i64) -> Result<(), StoreError> {
        self.client.execute(&self.delete, &[&id, &number]).await?;
        Ok(())
    }
}

/// What a replica says that it has applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Who.
    pub id: Uuid,
    /// Up to where.
    pub revision: Revision,
}

impl Applied {
    fn encode(self) -> String {
        format!("{} {}", self.id.simple(), self.revision)
    }

    /// Reads what another replica said; `None` where it makes no sense.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let (id, revision) = text.split_once(' ')?;
        Some(Self { id: Uuid::try_parse(id).ok()?, revision: Revision(revision.parse().ok()?) })
    }
}

/// Sees to it that leases which another server had, and this one may have lost, are waited for: see ADR 0010, 6.
pub(super) async fn recognize_server(client: &Client, lease: Duration) -> Result<(), StoreError> {
    const SQL: &str = "-- recognize_server
        WITH here AS (
            SELECT concat_ws(' ', system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8), pg_database.oid,
                             'replica'::regclass::oid) AS server
            FROM pg_control_system(), pg_database WHERE datname = current_database()
        ), known AS (
            SELECT server FROM revision
        ), noted AS (
            -- of several who see it at once, one writes it down
            UPDATE revision SET server = here.server FROM here, known
            WHERE known.server IS DISTINCT FROM here.server AND revision.server IS NOT DISTINCT FROM known.server
            RETURNING known.server
        )
        INSERT INTO replica (id, name, renewals, lease_ms, applied, needs)
        SELECT gen_random_uuid(), 'whoever was here before', 0,
               greatest($1, revision.longest_lease_ms), -1, revision.number
        FROM noted, revision WHERE noted.server IS NOT NULL";
    client.execute(SQL, &[&milliseconds(lease)]).await?;
    Ok(())
}

/// Gives the history another name, where the place that was reached in it is not in it any more. Whoever goes by what was
/// lost is waited for. `false` where nothing was lost.
pub(super) async fn rename_history(
    client: &Client,
    history: Uuid,
    reached: Place,
    lease: Duration,
) -> Result<bool, StoreError> {
    const SQL: &str = "-- rename_history
        WITH renamed AS (
            UPDATE revision SET history = gen_random_uuid()
            WHERE history = $1
              AND (number < $2 OR EXISTS (SELECT FROM change_set WHERE change_set.revision = $2 AND id <> $3))
            RETURNING number, longest_lease_ms
        )
        INSERT INTO replica (id, name, renewals, lease_ms, applied, needs)
        SELECT gen_random_uuid(), 'whoever was here before', 0,
               greatest($4, longest_lease_ms), -1, number
        FROM renamed";
    let parameters: Parameters<'_> = &[&history, &reached.revision.0, &reached.id, &milliseconds(lease)];
    Ok(client.execute(SQL, parameters).await? > 0)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
