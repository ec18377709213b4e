//! What there is, for a view that is brought up before it is asked: page by page, in the order of ids and the newest first, each
//! page as cheap as the one before.

use tokio_postgres::Row;

use super::database::Client;
use super::error::StoreError;
use super::rows::{query, query_one};
use crate::domain::ids::{AccountId, ProjectId};
use crate::domain::names::{NameKey, ProjectName};

/// Users and organizations before one, at most so many.
pub async fn accounts_before(
    client: &Client,
    before: AccountId,
    most: i64,
) -> Result<Vec<(AccountId, NameKey)>, StoreError> {
    const SQL: &str = "-- accounts_before
        SELECT id, username_key FROM account WHERE id < $1 ORDER BY id DESC LIMIT $2";
    let rows = query(client, SQL, &[&before.0, &most]).await?;
    Ok(rows.iter().map(|row| (AccountId(row.get(0)), NameKey::from_stored(row.get(1)))).collect())
}

/// Projects before one, at most so many, with the `owner/name` of each.
pub async fn projects_before(
    client: &Client,
    before: ProjectId,
    most: i64,
) -> Result<Vec<(ProjectId, NameKey, ProjectName)>, StoreError> {
    const SQL: &str = "-- projects_before
        SELECT page.id, owner.username_key, page.name
        FROM (SELECT id, owner_id, name FROM project WHERE id < $1 ORDER BY id DESC LIMIT $2) AS page
        CROSS JOIN LATERAL (SELECT username_key FROM account WHERE account.id = page.owner_id LIMIT 1) AS owner
        ORDER BY page.id DESC";
    let rows = query(client, SQL, &[&before.0, &most]).await?;
    let project =
        |row: &Row| (ProjectId(row.get(0)), NameKey::from_stored(row.get(1)), ProjectName::from_stored(row.get(2)));
    Ok(rows.iter().map(project).collect())
}

/// About how many accounts and projects there are, by PostgreSQL's own estimate: to count them would take longer the more there
/// are. `None` where it has none yet.
pub async fn estimate(client: &Client) -> Result<Option<f64>, StoreError> {
    const SQL: &str = "-- estimate_entries
        SELECT CASE WHEN min(reltuples) >= 0 THEN sum(reltuples)::float8 END
        FROM pg_class WHERE oid IN ('account'::regclass, 'project'::regclass)";
    Ok(query_one(client, SQL, &[]).await?.get(0))
}
