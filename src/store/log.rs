//! Writes the log: every write ends by taking the next revision and saying under it what it changed.

use serde_json::Value;
use uuid::Uuid;

use super::database::Client;
use super::error::StoreError;
use super::rows::query_one;
use crate::domain::chain::Content;
use crate::domain::change::{Changes, EntryKey};
use crate::domain::ids::{Place, Revision};

/// What is kept of a write under the id that its caller gave it.
#[derive(Debug, Clone, Copy)]
pub struct Remembered<'a> {
    /// Of what was asked.
    pub digest: &'a [u8],
    /// What it answers.
    pub answer: &'a [u8],
}

/// Keeps what a write answers, where there is a digest of what was asked, as of the write that is called `$of`.
macro_rules! remember {
    ($caller:literal, $id:literal, $digest:literal, $answer:literal, $of:literal) => {
        concat!(
            "remembered AS (
                INSERT INTO request (caller, id, digest, answer, revision)
                SELECT ",
            $caller,
            ", ",
            $id,
            ", ",
            $digest,
            ", ",
            $answer,
            ", number FROM ",
            $of,
            " WHERE ",
            $digest,
            " IS NOT NULL
                -- one of more than a day ago
                ON CONFLICT ON CONSTRAINT request_pk DO UPDATE
                SET digest = excluded.digest, answer = excluded.answer, revision = excluded.revision,
                    written_at = excluded.written_at
            ) "
        )
    };
}

/// Takes the next revision, records the changes under it, and chains it to the one before. The last statement of a write: from
/// here to the commit no other write can commit. Returns which write it is, and in which history.
///
/// The hash before is that of the row which is updated, as it is once its lock is held: the query that the columns are set
/// to is run again on what another write has left there.
///
/// The commit may take as long as a synchronous standby does: cut short, it would read as one that the standby has.
pub async fn append(
    client: &Client,
    content: &Content<'_>,
    changes: &Changes,
    remembered: Option<Remembered<'_>>,
) -> Result<(Uuid, Place), StoreError> {
    const SQL: &str = concat!(
        "-- append_changes
        WITH next AS (
            UPDATE revision SET (number, change_id, committed_at, hash) = (
                SELECT revision.number + 1, write.id, write.at,
                       sha256(revision.hash || int8send(revision.number + 1) || uuid_send(write.id)
                              || timestamptz_send(write.at) || $14::bytea)
                FROM (SELECT gen_random_uuid() AS id, clock_timestamp() AS at) AS write
            ) RETURNING number, change_id, committed_at, hash, history
        ), written AS (
            INSERT INTO change_set (revision, id, committed_at, hash, operation, actor, caller, request_id,
                                    names, projects, path_owners, path_names, accounts, plans)
            SELECT number, change_id, committed_at, hash, $1, $2, $15::text, $16::text, $3, $4, $5, $6, $7, $8 FROM next
        ), listed AS (
            INSERT INTO change (revision, ordinal, object, name, subject, before, after)
            SELECT next.number, item.ordinal, item.object, item.name, item.subject, item.before, item.after
            FROM next, unnest($9::text[], $10::text[], $11::text[], $12::jsonb[], $13::jsonb[])
                WITH ORDINALITY AS item (object, name, subject, before, after, ordinal)
        ), ",
        remember!("coalesce($15::text, '')", "$16::text", "$17::bytea", "$18::bytea", "next"),
        "SELECT number, history, change_id, pg_notify('rolegate', ''), set_config('statement_timeout', '0', true) FROM next"
    );
    let touched = Touched::of(changes);
    let column = |field: fn(&crate::domain::change::Change) -> &str| changes.list.iter().map(field).collect::<Vec<_>>();
    let before: Vec<Option<&Value>> = changes.list.iter().map(|change| change.before.as_ref()).collect();
    let after: Vec<Option<&Value>> = changes.list.iter().map(|change| change.after.as_ref()).collect();
    let digest = content.digest(&changes.list);
    let row = query_one(
        client,
        SQL,
        &[
            &content.operation,
            &content.actor,
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
            &digest.0.as_slice(),
            &content.caller,
            &content.request_id,
            &remembered.map(|remembered| remembered.digest),
            &remembered.map(|remembered| remembered.answer),
        ],
    )
    .await?;
    Ok((row.get(1), Place { revision: Revision(row.get(0)), id: row.get(2) }))
}

/// Keeps what a write answered that had nothing to change. Returns the last write, at which that is true, and its history.
pub async fn remember(
    client: &Client,
    caller: &str,
    id: &str,
    remembered: Remembered<'_>,
) -> Result<(Uuid, Place), StoreError> {
    const SQL: &str = concat!(
        "-- remember_request
        WITH last AS (
            SELECT number, history, change_id FROM revision
        ), ",
        remember!("$1::text", "$2::text", "$3::bytea", "$4::bytea", "last"),
        "-- the commit may take as long as a synchronous standby does, as that of any write
        SELECT number, history, change_id, set_config('statement_timeout', '0', true) FROM last"
    );
    let row = query_one(client, SQL, &[&caller, &id, &remembered.digest, &remembered.answer]).await?;
    Ok((row.get(1), Place { revision: Revision(row.get(0)), id: row.get(2) }))
}

/// The secret that page tokens are sealed with.
pub async fn page_secret(client: &Client) -> Result<Uuid, StoreError> {
    const SQL: &str = "-- read_page_secret
        SELECT page_secret FROM revision";
    Ok(query_one(client, SQL, &[]).await?.get(0))
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
