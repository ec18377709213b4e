//! Runs prepared statements and reads rows into the domain's types.

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::database::Client;
use super::error::StoreError;
use crate::domain::facts::Time;
use crate::domain::roles::{OrganizationRole, ProjectRole};

pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Runs a statement, prepared once a connection, and returns its rows.
pub(super) async fn query(client: &Client, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, StoreError> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, parameters).await?)
}

/// The same for at most one row.
pub(super) async fn query_opt(
    client: &Client,
    sql: &str,
    parameters: Parameters<'_>,
) -> Result<Option<Row>, StoreError> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query_opt(&statement, parameters).await?)
}

/// The same for exactly one row.
pub(super) async fn query_one(client: &Client, sql: &str, parameters: Parameters<'_>) -> Result<Row, StoreError> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query_one(&statement, parameters).await?)
}

/// The same for a statement without rows; returns how many it changed.
pub(super) async fn execute(client: &Client, sql: &str, parameters: Parameters<'_>) -> Result<u64, StoreError> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.execute(&statement, parameters).await?)
}

pub(super) fn project_role(text: &str) -> Result<ProjectRole, StoreError> {
    ProjectRole::parse(text).ok_or_else(|| StoreError::unreadable("project role", text))
}

pub(super) fn optional_project_role(text: Option<&str>) -> Result<Option<ProjectRole>, StoreError> {
    text.map(project_role).transpose()
}

pub(super) fn organization_role(text: &str) -> Result<OrganizationRole, StoreError> {
    OrganizationRole::parse(text).ok_or_else(|| StoreError::unreadable("organization role", text))
}

/// A limit is a small number in the store and has been checked there.
pub(super) fn limit(stored: Option<i32>) -> Option<u32> {
    stored.and_then(|limit| u32::try_from(limit).ok())
}

/// The end of a grant; none is never.
pub(super) fn end(expires_at: Option<Timestamp>) -> Time {
    expires_at.map_or(Time::NEVER, |time| Time(time.as_microsecond()))
}
