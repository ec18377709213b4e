//! Reads the log, on a connection of its own that hears the doorbell.

use std::sync::Arc;

use futures::future::poll_fn;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Row, Statement};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::change::EntryKey;
use crate::domain::facts::Time;
use crate::domain::ids::{AccountId, PlanId, ProjectId, Revision};
use crate::domain::names::{NameKey, ProjectName};

/// How many revisions are read at once.
pub const BATCH: i64 = 500;

/// The state of the counter, and what came since.
#[derive(Debug)]
pub struct Tail {
    /// The last committed revision.
    pub counter: Revision,
    /// The history that the counter belongs to.
    pub history: Uuid,
    /// The database's clock at the read.
    pub now: Time,
    /// The writes from the asked revision on, that one included; at most [`BATCH`].
    pub entries: Vec<Entry>,
}

/// One write as the follower needs it.
#[derive(Debug)]
pub struct Entry {
    /// Its number.
    pub revision: Revision,
    /// Its random id.
    pub id: Uuid,
    /// The entries of the view that it touched.
    pub touched: Vec<EntryKey>,
}

/// A connection that follows the log.
pub struct LogReader {
    client: Client,
    follow: Statement,
    _connection: AbortOnDropHandle<()>,
}

impl LogReader {
    /// Connects, and has every commit of any process ring `bell` from then on, and the end of the connection too.
    pub async fn connect(config: &Config, bell: Arc<Notify>) -> Result<Self, StoreError> {
        const SQL: &str = "-- follow_log
            SELECT revision.number, revision.history, clock_timestamp(), entry.revision, entry.id, entry.names,
                   entry.projects, entry.path_owners, entry.path_names, entry.accounts, entry.plans
            FROM revision LEFT JOIN LATERAL (
                SELECT * FROM change_set WHERE change_set.revision >= least($1, revision.number)
                ORDER BY change_set.revision LIMIT $2
            ) AS entry ON true
            ORDER BY entry.revision";
        let (client, mut connection) = config.connect(NoTls).await?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if matches!(message, AsyncMessage::Notification(_)) {
                    bell.notify_one();
                }
            }
            bell.notify_one();
        }));
        client.batch_execute("LISTEN rolegate").await?;
        let follow = client.prepare(SQL).await?;
        Ok(Self { client, follow, _connection: connection })
    }

    /// Reads the counter and the log from `from` on, that revision included, in one snapshot. Where the counter is not
    /// as far, from the counter on: who is at that revision is always told.
    pub async fn tail(&self, from: Revision) -> Result<Tail, StoreError> {
        let rows = self.client.query(&self.follow, &[&from.0, &BATCH]).await?;
        let Some(first) = rows.first() else {
            return Err(StoreError::unreadable("counter", "no row"));
        };
        let now: Timestamp = first.get(2);
        Ok(Tail {
            counter: Revision(first.get(0)),
            history: first.get(1),
            now: Time(now.as_microsecond()),
            entries: rows.iter().filter_map(entry).collect(),
        })
    }
}

fn entry(row: &Row) -> Option<Entry> {
    let revision = Revision(row.get::<_, Option<i64>>(3)?);
    let names = row.get::<_, Vec<&str>>(5).into_iter().map(|name| EntryKey::Name(NameKey::from_stored(name)));
    let projects = row.get::<_, Vec<Uuid>>(6).into_iter().map(|id| EntryKey::Project(ProjectId(id)));
    let paths = row.get::<_, Vec<&str>>(7).into_iter().zip(row.get::<_, Vec<&str>>(8));
    let paths = paths.map(|(owner, name)| EntryKey::Path(NameKey::from_stored(owner), ProjectName::from_stored(name)));
    let accounts = row.get::<_, Vec<i64>>(9).into_iter().map(|id| EntryKey::Account(AccountId(id)));
    let plans = row.get::<_, Vec<i64>>(10).into_iter().map(|id| EntryKey::Plan(PlanId(id)));
    let touched = names.chain(projects).chain(paths).chain(accounts).chain(plans).collect();
    Some(Entry { revision, id: row.get(4), touched })
}
