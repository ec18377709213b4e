//! Writes the log: every write ends by taking the next revision and saying under it what it changed.

use deadpool_postgres::GenericClient;
use serde_json::Value;
use uuid::Uuid;

use super::error::StoreError;
use super::rows::query_one;
use crate::domain::change::{Changes, EntryKey};
use crate::domain::ids::{Place, Revision};

/// Takes the next revision and records the changes under it. The last statement of a write: from here to the commit
/// no other write can commit. Returns which write it is, and in which history.
///
/// The commit may take as long as a synchronous standby does: cut short, it would read as one that the standby has.
pub async fn append(
    client: &impl GenericClient,
    operation: &str,
    actor: Option<&str>,
    changes: &Changes,
) -> Result<(Uuid, Place), StoreError> {
    const SQL: &str = "-- append_changes
        WITH next AS (
            UPDATE revision SET number = number + 1, change_id = gen_random_uuid() RETURNING number, change_id, history
        ), written AS (
            INSERT INTO change_set
                (revision, id, operation, actor, names, projects, path_owners, path_names, accounts, plans)
            SELECT number, change_id, $1, $2, $3, $4, $5, $6, $7, $8 FROM next
        ), listed AS (
            INSERT INTO change (revision, ordinal, object, name, subject, before, after)
            SELECT next.number, item.ordinal, item.object, item.name, item.subject, item.before, item.after
            FROM next, unnest($9::text[], $10::text[], $11::text[], $12::jsonb[], $13::jsonb[])
                WITH ORDINALITY AS item (object, name, subject, before, after, ordinal)
        )
        SELECT number, history, change_id, pg_notify('rolegate', ''), set_config('statement_timeout', '0', true) FROM next";
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
    Ok((row.get(1), Place { revision: Revision(row.get(0)), id: row.get(2) }))
}

/// The secret that page tokens are sealed with.
pub async fn page_secret(client: &impl GenericClient) -> Result<Uuid, StoreError> {
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
