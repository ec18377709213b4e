//! Users and organizations: their rows, and pages of them.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::database::Client;
use super::error::StoreError;
use super::plans;
use super::rows::{execute, optional_project_role, query, query_one, query_opt};
use crate::domain::facts::Time;
use crate::domain::ids::{AccountId, PlanId};
use crate::domain::names::NameKey;
use crate::domain::records::{Account, AccountKind};
use crate::domain::roles::ProjectRole;

/// What an account is to be.
#[derive(Debug)]
pub struct NewAccount<'a> {
    /// Its name.
    pub username: &'a str,
    /// The plan that it is on.
    pub plan: PlanId,
    /// Whether it holds roles at all.
    pub active: bool,
    /// The user that owns it: an organization. `None`: a user.
    pub owner: Option<AccountId>,
    /// The role that members get on every project.
    pub default_project_role: Option<ProjectRole>,
}

/// Which sort of account to list.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// People.
    User,
    /// Organizations.
    Organization,
}

/// What [`account`] reads.
macro_rules! columns {
    () => {
        "account.id, account.username, account.kind, account.active, account.owner_id, owner.username,
                   account.default_project_role, account.created_at,
                   plan.id, plan.code, plan.premium, plan.collaborator_limit, plan.member_limit,
                   plan.personal_projects_up_to_reporter"
    };
}

/// What those columns come from.
macro_rules! joins {
    () => {
        "account JOIN plan ON plan.id = account.plan_id LEFT JOIN account AS owner ON owner.id = account.owner_id "
    };
}

macro_rules! select_accounts {
    ($name:literal, $rest:literal) => {
        concat!("-- ", $name, "\nSELECT ", columns!(), " FROM ", joins!(), $rest)
    };
}

/// Accounts by id.
pub async fn by_ids(client: &Client, ids: &[AccountId]) -> Result<Vec<Account>, StoreError> {
    const SQL: &str = select_accounts!("accounts_by_ids", "WHERE account.id = ANY($1)");
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    query(client, SQL, &[&ids]).await?.iter().map(account).collect()
}

/// Accounts by id, and the database's clock.
pub async fn by_ids_now(client: &Client, ids: &[AccountId]) -> Result<(Vec<Account>, Time), StoreError> {
    const SQL: &str = concat!(
        "-- accounts_by_ids_now\nSELECT ",
        columns!(),
        ", clock.now FROM (SELECT clock_timestamp() AS now) AS clock LEFT JOIN (",
        joins!(),
        ") ON account.id = ANY ($1)"
    );
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows = query(client, SQL, &[&ids]).await?;
    let now: Timestamp = rows.first().ok_or_else(|| StoreError::unreadable("clock", "no row"))?.get("now");
    // without any there is one row, for the clock
    let found = rows.iter().filter(|row| row.get::<_, Option<i64>>(0).is_some());
    Ok((found.map(account).collect::<Result<_, _>>()?, Time(now.as_microsecond())))
}

/// An account by name.
pub async fn by_name(client: &Client, key: &NameKey) -> Result<Option<Account>, StoreError> {
    const SQL: &str = select_accounts!("account_by_name", "WHERE account.username_key = $1");
    query_opt(client, SQL, &[&key.as_str()]).await?.as_ref().map(account).transpose()
}

/// A page of one sort of accounts, by name.
pub async fn page(client: &Client, kind: Kind, after: &str, size: i64) -> Result<Vec<Account>, StoreError> {
    const SQL: &str = select_accounts!(
        "accounts_page",
        "WHERE account.kind = $1 AND account.username_key > $2 ORDER BY account.username_key LIMIT $3"
    );
    let kind = match kind {
        Kind::User => "user",
        Kind::Organization => "organization",
    };
    query(client, SQL, &[&kind, &after, &size]).await?.iter().map(account).collect()
}

/// The organizations that a user owns.
pub async fn owned_organizations(client: &Client, user: AccountId) -> Result<Vec<AccountId>, StoreError> {
    const SQL: &str = "-- owned_organizations
        SELECT id FROM account WHERE owner_id = $1 ORDER BY id";
    Ok(query(client, SQL, &[&user.0]).await?.iter().map(|row| AccountId(row.get(0))).collect())
}

/// Adds an account.
///
/// # Errors
/// The constraint `account_username_unique` where the name is taken.
pub async fn insert(client: &Client, account: &NewAccount<'_>) -> Result<AccountId, StoreError> {
    const SQL: &str = "-- insert_account
        INSERT INTO account (kind, username, plan_id, active, owner_id, default_project_role)
        VALUES (CASE WHEN $4::bigint IS NULL THEN 'user' ELSE 'organization' END, $1, $2, $3, $4, $5) RETURNING id";
    let owner = account.owner.map(|owner| owner.0);
    let role = account.default_project_role.map(ProjectRole::name);
    let row = query_one(client, SQL, &[&account.username, &account.plan.0, &account.active, &owner, &role]).await?;
    Ok(AccountId(row.get(0)))
}

/// Gives an account these settings.
///
/// # Errors
/// The constraint `account_username_unique` where the name is taken.
pub async fn update(client: &Client, account: &Account) -> Result<(), StoreError> {
    const SQL: &str = "-- update_account
        UPDATE account SET username = $2, plan_id = $3, active = $4, owner_id = $5, default_project_role = $6
        WHERE id = $1";
    let (active, owner, role) = match &account.kind {
        AccountKind::User { active } => (*active, None, None),
        AccountKind::Organization { owner, default_project_role, .. } => (true, Some(owner.0), *default_project_role),
    };
    let role = role.map(ProjectRole::name);
    execute(client, SQL, &[&account.id.0, &account.username, &account.plan.id.0, &active, &owner, &role]).await?;
    Ok(())
}

/// Deletes an account that nothing refers to any more.
pub async fn delete(client: &Client, account: AccountId) -> Result<(), StoreError> {
    const SQL: &str = "-- delete_account
        DELETE FROM account WHERE id = $1";
    execute(client, SQL, &[&account.0]).await?;
    Ok(())
}

fn account(row: &Row) -> Result<Account, StoreError> {
    let kind = match row.get::<_, Option<i64>>(4) {
        None => AccountKind::User { active: row.get(3) },
        Some(owner) => AccountKind::Organization {
            owner: AccountId(owner),
            owner_name: row.get::<_, Option<String>>(5).unwrap_or_default(),
            default_project_role: optional_project_role(row.get(6))?,
        },
    };
    let created_at: Timestamp = row.get(7);
    Ok(Account { id: AccountId(row.get(0)), username: row.get(1), kind, plan: plans::plan(row, 8), created_at })
}
