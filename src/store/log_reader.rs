//! Reads the log, on a connection of its own that hears the doorbell.

use std::time::Duration;

use futures::future::poll_fn;
use jiff::Timestamp;
use tokio_postgres::{AsyncMessage, Client, Notification, Row, Statement};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::connect::Hosts;
use super::error::StoreError;
use super::replicas::{self, Applied, ReplicaRow};
use crate::domain::change::EntryKey;
use crate::domain::facts::Time;
use crate::domain::ids::{AccountId, Place, PlanId, ProjectId, Revision};
use crate::domain::names::{NameKey, ProjectName};

/// How many revisions are read at once.
pub const BATCH: i64 = 500;

/// The state of the counter, and what came since.
#[derive(Debug)]
pub struct Tail {
    /// The last committed write.
    pub counter: Place,
    /// The history that the counter belongs to.
    pub history: Uuid,
    /// The database's clock at the read.
    pub now: Time,
    /// The writes from the asked revision on, that one included; at most [`BATCH`].
    pub entries: Vec<Entry>,
    /// Which table the counter was in.
    pub table: u32,
    /// Who held a lease.
    pub replicas: Vec<ReplicaRow>,
}

/// One write as the follower needs it.
#[derive(Debug)]
pub struct Entry {
    /// Which it is.
    pub place: Place,
    /// The entries of the view that it touched.
    pub touched: Vec<EntryKey>,
}

/// What the database says unasked.
#[derive(Debug, Clone, Copy)]
pub enum Heard {
    /// There is something to read, or the connection has ended.
    Bell,
    /// A replica has applied something.
    Applied(Applied),
    /// A replica begins to hear, and asks what has been applied.
    Asked,
}

/// A connection that follows the log.
pub struct LogReader {
    client: Client,
    follow: Statement,
    /// Which table the counter is in: another one where a dump was restored.
    pub table: u32,
    _connection: AbortOnDropHandle<()>,
}

impl LogReader {
    /// Connects to the primary, and has every commit of any process heard from then on, and the end of the connection too.
    /// Where it is not the server that the log was last followed on, leases that may have been lost last for `lease`.
    pub async fn connect(
        hosts: &Hosts,
        lease: Duration,
        hear: impl Fn(Heard) + Send + 'static,
    ) -> Result<Self, StoreError> {
        const SQL: &str = "-- follow_log
            SELECT revision.number, revision.change_id, revision.history, clock_timestamp(), entry.revision, entry.id,
                   entry.names, entry.projects, entry.path_owners, entry.path_names, entry.accounts, entry.plans,
                   held.ids, held.names, held.renewals, held.leases, held.applied, revision.tableoid
            FROM revision LEFT JOIN LATERAL (
                SELECT *, row_number() OVER (ORDER BY change_set.revision) AS place
                FROM change_set WHERE change_set.revision >= least($1, revision.number)
                ORDER BY change_set.revision LIMIT $2
            ) AS entry ON true
            -- once, with the first row
            LEFT JOIN (
                SELECT array_agg(id) AS ids, array_agg(name) AS names, array_agg(renewals) AS renewals,
                       array_agg(lease_ms) AS leases, array_agg(applied) AS applied
                FROM replica
            ) AS held ON coalesce(entry.place, 1) = 1
            ORDER BY entry.revision";
        let (client, mut connection) = hosts.connect().await?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(message) = message {
                    heard(&message).map(&hear);
                }
            }
            hear(Heard::Bell);
        }));
        client.batch_execute(replicas::DURABLE).await?;
        replicas::recognize_server(&client, lease).await?;
        let applied = replicas::APPLIED_CHANNEL;
        // what was said while nobody listened is said again; nothing of that need reach a disk
        let listen = format!(
            "BEGIN; SET LOCAL synchronous_commit = off; LISTEN rolegate; LISTEN {applied}; NOTIFY {applied}; COMMIT"
        );
        client.batch_execute(&listen).await?;
        // its plan is the same whatever is asked, and to make it anew takes longer than to read
        client.batch_execute("SET plan_cache_mode = force_generic_plan").await?;
        let follow = client.prepare(SQL).await?;
        let table = recognize_tables(&client).await?;
        Ok(Self { client, follow, table, _connection: connection })
    }

    /// Reads the counter, the log from `from` on, that revision included, and who holds a lease, all in one snapshot. Where
    /// the counter is not as far, from the counter on: who is at that revision is always told.
    pub async fn tail(&self, from: Revision) -> Result<Tail, StoreError> {
        let rows = self.client.query(&self.follow, &[&from.0, &BATCH]).await?;
        let Some(first) = rows.first() else {
            return Err(StoreError::unreadable("counter", "no row"));
        };
        let now: Timestamp = first.get(3);
        Ok(Tail {
            counter: Place { revision: Revision(first.get(0)), id: first.get(1) },
            history: first.get(2),
            now: Time(now.as_microsecond()),
            entries: rows.iter().filter_map(entry).collect(),
            table: first.get(17),
            replicas: replicas(first),
        })
    }

    /// Gives the history another name, where what was reached in it has been lost. `false` where nothing was.
    pub async fn rename_history(&self, history: Uuid, reached: Place, lease: Duration) -> Result<bool, StoreError> {
        replicas::rename_history(&self.client, history, reached, lease).await
    }
}

/// Which table the counter is in.
///
/// # Errors
/// Where a dump is being restored: its data comes table by table, also after the counter, and foreign keys come last.
async fn recognize_tables(client: &Client) -> Result<u32, StoreError> {
    const SQL: &str = "-- recognize_tables
        SELECT 'revision'::regclass::oid, EXISTS (SELECT FROM pg_constraint WHERE conname = 'team_member_user_fk'
                                                  AND conrelid = 'team_member'::regclass)";
    let row = client.query_one(SQL, &[]).await?;
    if row.get(1) { Ok(row.get(0)) } else { Err(StoreError::Restoring) }
}

fn heard(message: &Notification) -> Option<Heard> {
    if message.channel() == replicas::APPLIED_CHANNEL {
        if message.payload().is_empty() {
            return Some(Heard::Asked);
        }
        Applied::decode(message.payload()).map(Heard::Applied)
    } else {
        Some(Heard::Bell)
    }
}

fn entry(row: &Row) -> Option<Entry> {
    let revision = Revision(row.get::<_, Option<i64>>(4)?);
    let names = row.get::<_, Vec<&str>>(6).into_iter().map(|name| EntryKey::Name(NameKey::from_stored(name)));
    let projects = row.get::<_, Vec<Uuid>>(7).into_iter().map(|id| EntryKey::Project(ProjectId(id)));
    let paths = row.get::<_, Vec<&str>>(8).into_iter().zip(row.get::<_, Vec<&str>>(9));
    let paths = paths.map(|(owner, name)| EntryKey::Path(NameKey::from_stored(owner), ProjectName::from_stored(name)));
    let accounts = row.get::<_, Vec<i64>>(10).into_iter().map(|id| EntryKey::Account(AccountId(id)));
    let plans = row.get::<_, Vec<i64>>(11).into_iter().map(|id| EntryKey::Plan(PlanId(id)));
    let touched = names.chain(projects).chain(paths).chain(accounts).chain(plans).collect();
    Some(Entry { place: Place { revision, id: row.get(5) }, touched })
}

fn replicas(row: &Row) -> Vec<ReplicaRow> {
    let ids = row.get::<_, Option<Vec<Uuid>>>(12).into_iter().flatten();
    let names = row.get::<_, Option<Vec<String>>>(13).into_iter().flatten();
    let numbers = |index| row.get::<_, Option<Vec<i64>>>(index).into_iter().flatten();
    let numbers = numbers(14).zip(numbers(15)).zip(numbers(16));
    let rows = ids.zip(names).zip(numbers);
    rows.map(|((id, name), ((renewals, lease), applied))| ReplicaRow {
        id,
        name,
        renewals,
        lease: Duration::from_millis(lease.unsigned_abs()),
        applied: Revision(applied),
    })
    .collect()
}
