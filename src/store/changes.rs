//! The log as callers read it: page by page through an index, and on from a revision.
//!
//! As in `access`, what is walked through is given as a range of an index, and in its order, so that a page costs the same
//! wherever it is.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::database::Client;
use super::error::StoreError;
use super::rows::{query, query_one};
use crate::domain::change::{Change, LogKey, LoggedChange, Object};
use crate::domain::ids::Revision;

/// Through which index of the log to go.
#[derive(Debug, Clone, Copy)]
pub enum Walk<'a> {
    /// Changes of what has this name, in lower case.
    Name(&'a str),
    /// Changes of the places and roles of this one, in lower case.
    Subject(&'a str),
    /// What was written on behalf of this user, in lower case, up to that time.
    Actor(&'a str, Timestamp),
    /// Everything, up to that time.
    All(Timestamp),
}

/// What [`logged`] reads, of a change that is called `item` and its write.
macro_rules! columns {
    () => {
        "item.revision, item.ordinal, change_set.committed_at, change_set.operation, change_set.actor, item.object, item.name,
         item.subject, item.before, item.after, change_set.caller, change_set.request_id "
    };
}

/// The write of each item. With the limit it is looked up: without, the planner may read all writes to join them.
macro_rules! write_of_item {
    () => {
        "CROSS JOIN LATERAL (SELECT * FROM change_set WHERE change_set.revision = item.revision LIMIT 1) AS change_set"
    };
}

/// Walks through changes by one of their own columns. `$order` is the direction, `$beyond` and `$not_past` compare in it.
macro_rules! walk_changes {
    ($name:literal, $condition:literal, $column:literal, $beyond:literal, $not_past:literal, $order:literal) => {
        concat!(
            "-- ",
            $name,
            "
            SELECT ",
            columns!(),
            "FROM (
                SELECT * FROM change
                WHERE (lower(",
            $column,
            "), revision, ordinal) ",
            $beyond,
            " ($1, $2, $3) AND lower(",
            $column,
            ") ",
            $not_past,
            " $1 AND ",
            $condition,
            " ORDER BY lower(",
            $column,
            ") ",
            $order,
            ", revision ",
            $order,
            ", ordinal ",
            $order,
            " LIMIT $4
            ) AS item ",
            write_of_item!(),
            "
            ORDER BY item.revision ",
            $order,
            ", item.ordinal ",
            $order
        )
    };
}

/// Walks through writes, and through the changes of each: a nested loop, as what is joined depends on what it is joined to.
/// `$key` is what comes before the time in the index.
macro_rules! walk_writes {
    ($name:literal, $condition:literal, $key:literal, $beyond:literal, $not_past:literal, $end:literal, $order:literal) => {
        concat!(
            "-- ",
            $name,
            "
            SELECT ",
            columns!(),
            "FROM change_set CROSS JOIN LATERAL (
                SELECT * FROM change
                WHERE change.revision = change_set.revision AND (change_set.revision <> $2 OR change.ordinal ",
            $beyond,
            " $3)
                ORDER BY change.ordinal ",
            $order,
            " LIMIT $4
            ) AS item
            WHERE ",
            $condition,
            " AND (",
            $key,
            "change_set.committed_at, change_set.revision) ",
            $not_past,
            $end,
            $order,
            ", change_set.revision ",
            $order,
            " LIMIT $4"
        )
    };
}

/// The changes that come after a place in a walk, in its order.
pub async fn walk(
    client: &Client,
    walk: Walk<'_>,
    oldest_first: bool,
    after: LogKey,
    limit: i64,
) -> Result<Vec<LoggedChange>, StoreError> {
    const BY_NAME: &str = walk_changes!("changes_of_name", "true", "name", ">", "<=", "ASC");
    const BY_NAME_BACK: &str = walk_changes!("changes_of_name_newest_first", "true", "name", "<", ">=", "DESC");
    const BY_SUBJECT: &str = walk_changes!("changes_of_subject", "subject <> ''", "subject", ">", "<=", "ASC");
    const BY_SUBJECT_BACK: &str =
        walk_changes!("changes_of_subject_newest_first", "subject <> ''", "subject", "<", ">=", "DESC");
    const BY_ACTOR: &str = walk_writes!(
        "changes_of_actor",
        "actor IS NOT NULL",
        "lower(change_set.actor), ",
        ">",
        ">=",
        " ($5, $1, $2) AND (lower(change_set.actor), change_set.committed_at) < ($5, $6)
          ORDER BY lower(change_set.actor), change_set.committed_at ",
        "ASC"
    );
    const BY_ACTOR_BACK: &str = walk_writes!(
        "changes_of_actor_newest_first",
        "actor IS NOT NULL",
        "lower(change_set.actor), ",
        "<",
        "<=",
        " ($5, $1, $2) AND (lower(change_set.actor), change_set.committed_at) >= ($5, $6)
          ORDER BY lower(change_set.actor) DESC, change_set.committed_at ",
        "DESC"
    );
    const ALL: &str = walk_writes!(
        "changes_of_all",
        "true",
        "",
        ">",
        ">=",
        " ($1, $2) AND change_set.committed_at < $5 ORDER BY change_set.committed_at ",
        "ASC"
    );
    const ALL_BACK: &str = walk_writes!(
        "changes_of_all_newest_first",
        "true",
        "",
        "<",
        "<=",
        " ($1, $2) AND change_set.committed_at >= $5 ORDER BY change_set.committed_at ",
        "DESC"
    );
    let pick = |forward, back| if oldest_first { forward } else { back };
    let LogKey { committed_at: at, revision: Revision(revision), ordinal } = after;
    let rows = match walk {
        Walk::Name(name) => query(client, pick(BY_NAME, BY_NAME_BACK), &[&name, &revision, &ordinal, &limit]).await?,
        Walk::Subject(subject) => {
            query(client, pick(BY_SUBJECT, BY_SUBJECT_BACK), &[&subject, &revision, &ordinal, &limit]).await?
        }
        Walk::Actor(actor, end) => {
            let parameters: super::rows::Parameters<'_> = &[&at, &revision, &ordinal, &limit, &actor, &end];
            query(client, pick(BY_ACTOR, BY_ACTOR_BACK), parameters).await?
        }
        Walk::All(end) => query(client, pick(ALL, ALL_BACK), &[&at, &revision, &ordinal, &limit, &end]).await?,
    };
    rows.iter().map(|row| logged(row, 0)).collect()
}

/// How far back the log is kept: writes up to that one may be gone.
pub async fn log_start(client: &Client) -> Result<Revision, StoreError> {
    const SQL: &str = "-- read_log_start
        SELECT revision FROM log_start";
    Ok(Revision(query_one(client, SQL, &[]).await?.get(0)))
}

/// A stretch of the log, and what proves that it is whole, all of one snapshot.
#[derive(Debug)]
pub struct Stretch {
    /// Which history the database is in.
    pub history: Uuid,
    /// The random id of the last write that was asked for; `None` where there is no such write.
    pub last_id: Option<Uuid>,
    /// The first write that was asked for is still there, and so are all after it.
    pub reaches_back: bool,
    /// How far back the log is kept.
    pub log_start: Revision,
    /// The changes, in order; with as many as were asked for there may be more.
    pub changes: Vec<LoggedChange>,
}

/// Reads on from a place in the log: the changes of `first` after `ordinal`, and those of the writes up to `last`.
pub async fn read_on(
    client: &Client,
    (first, ordinal): (Revision, i64),
    last: Revision,
    limit: i64,
) -> Result<Stretch, StoreError> {
    const SQL: &str = concat!(
        "-- read_changes
        SELECT revision.history, (SELECT id FROM change_set WHERE change_set.revision = $3),
               EXISTS (SELECT FROM change_set WHERE change_set.revision = $1), log_start.revision, entry.*
        FROM revision CROSS JOIN log_start LEFT JOIN LATERAL (
            SELECT ",
        columns!(),
        "FROM (
                SELECT * FROM change WHERE (revision, ordinal) > ($1, $2) AND revision <= $3
                ORDER BY revision, ordinal LIMIT $4
            ) AS item ",
        write_of_item!(),
        "
        ) AS entry ON true
        ORDER BY entry.revision, entry.ordinal"
    );
    let rows = query(client, SQL, &[&first.0, &ordinal, &last.0, &limit]).await?;
    let Some(head) = rows.first() else { return Err(StoreError::unreadable("counter", "no row")) };
    let there = rows.iter().filter(|row| row.get::<_, Option<i64>>(STRETCH_COLUMNS).is_some());
    Ok(Stretch {
        history: head.get(0),
        last_id: head.get(1),
        reaches_back: head.get(2),
        log_start: Revision(head.get(3)),
        changes: there.map(|row| logged(row, STRETCH_COLUMNS)).collect::<Result<_, _>>()?,
    })
}

/// How many columns of a stretch come before those of a change.
const STRETCH_COLUMNS: usize = 4;

/// Reads the columns of a change, the first of which has this number.
fn logged(row: &Row, first: usize) -> Result<LoggedChange, StoreError> {
    let object: &str = row.get(first + 5);
    Ok(LoggedChange {
        revision: Revision(row.get(first)),
        ordinal: row.get(first + 1),
        committed_at: row.get(first + 2),
        operation: row.get(first + 3),
        actor: row.get(first + 4),
        caller: row.get(first + 10),
        request_id: row.get(first + 11),
        change: Change {
            object: Object::parse(object).ok_or_else(|| StoreError::unreadable("object", object))?,
            name: row.get(first + 6),
            subject: row.get(first + 7),
            before: row.get(first + 8),
            after: row.get(first + 9),
        },
    })
}
