//! The log of changes: every write ends by taking the next revision and saying under it what it changed.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::error::StoreError;
use super::rows::{query, query_one};
use crate::domain::change::{Changes, EntryKey};
use crate::domain::facts::Time;
use crate::domain::ids::{AccountId, PlanId, ProjectId, Revision};
use crate::domain::names::{NameKey, ProjectName};

/// The channel on which a commit rings; the log itself is the truth.
pub const DOORBELL: &str = "rolegate";

/// How many revisions a follower reads at once.
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

/// What names this database.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// Its history.
    pub history: Uuid,
    /// The secret that page tokens are sealed with.
    pub page_secret: Uuid,
}

/// Takes the next revision and records the changes under it. The last statement of a write: from here to the commit
/// no other write can commit.
pub async fn append(
    client: &impl GenericClient,
    operation: &str,
    actor: Option<&str>,
    changes: &Changes,
) -> Result<Revision, StoreError> {
    const SQL: &str = "-- append_changes
        WITH next AS (
            UPDATE revision SET number = number + 1 RETURNING number
        ), written AS (
            INSERT INTO change_set (revision, operation, actor, names, projects, path_owners, path_names, accounts, plans)
            SELECT number, $1, $2, $3, $4, $5, $6, $7, $8 FROM next
        ), listed AS (
            INSERT INTO change (revision, ordinal, object, name, subject, before, after)
            SELECT next.number, item.ordinal, item.object, item.name, item.subject, item.before, item.after
            FROM next, unnest($9::text[], $10::text[], $11::text[], $12::jsonb[], $13::jsonb[])
                WITH ORDINALITY AS item (object, name, subject, before, after, ordinal)
        )
        SELECT number, pg_notify('rolegate', '') FROM next";
    let touched = Touched::of(changes);
    let column = |field: fn(&crate::domain::change::Change) -> &str| changes.list.iter().map(field).collect::<Vec<_>>();
    let before: Vec<Option<&Value>> = changes.list.iter().map(|change| change.before.as_ref()).collect();
    let after: Vec<Option<&Value>> = changes.list.iter().map(|change| change.after.as_ref()).collect();
    let row = query_one(
        client,
        SQL,
        &[
            &operation,
            &actor,
            &touched.names,
            &touched.projects,
            &touched.path_owners,
            &touched.path_names,
            &touched.accounts,
            &touched.plans,
            &column(|change| change.object.name()),
            &column(|change| &change.name),
            &column(|change| &change.subject),
            &before,
            &after,
        ],
    )
    .await?;
    Ok(Revision(row.get(0)))
}

/// Reads the counter and the log from `from` on, that revision included, in one snapshot.
pub async fn tail(client: &impl GenericClient, from: Revision) -> Result<Tail, StoreError> {
    const SQL: &str = "-- follow_log
        SELECT revision.number, revision.history, clock_timestamp(), entry.revision, entry.id, entry.names,
               entry.projects, entry.path_owners, entry.path_names, entry.accounts, entry.plans
        FROM revision LEFT JOIN LATERAL (
            SELECT * FROM change_set WHERE change_set.revision >= $1 ORDER BY change_set.revision LIMIT $2
        ) AS entry ON true
        ORDER BY entry.revision";
    let rows = query(client, SQL, &[&from.0, &BATCH]).await?;
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

/// The last committed revision.
pub async fn counter(client: &impl GenericClient) -> Result<Revision, StoreError> {
    const SQL: &str = "-- read_counter
        SELECT number FROM revision";
    Ok(Revision(query_one(client, SQL, &[]).await?.get(0)))
}

/// What names this database.
pub async fn identity(client: &impl GenericClient) -> Result<Identity, StoreError> {
    const SQL: &str = "-- read_identity
        SELECT history, page_secret FROM revision";
    let row = query_one(client, SQL, &[]).await?;
    Ok(Identity { history: row.get(0), page_secret: row.get(1) })
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

/// The touched entries as columns.
#[derive(Default)]
struct Touched<'a> {
    names: Vec<&'a str>,
    projects: Vec<Uuid>,
    path_owners: Vec<&'a str>,
    path_names: Vec<&'a str>,
    accounts: Vec<i64>,
    plans: Vec<i64>,
}

impl<'a> Touched<'a> {
    fn of(changes: &'a Changes) -> Self {
        let mut touched = Self::default();
        for key in &changes.touched {
            match key {
                EntryKey::Name(name) => touched.names.push(name.as_str()),
                EntryKey::Project(project) => touched.projects.push(project.0),
                EntryKey::Path(owner, name) => {
                    touched.path_owners.push(owner.as_str());
                    touched.path_names.push(name.as_str());
                }
                EntryKey::Account(account) => touched.accounts.push(account.0),
                EntryKey::Plan(plan) => touched.plans.push(plan.0),
            }
        }
        touched
    }
}
