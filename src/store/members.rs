//! Members of organizations: their rows, and pages of them.

use tokio_postgres::Row;

use super::database::Client;
use super::error::StoreError;
use super::rows::{execute, organization_role, query, query_one, query_opt};
use crate::domain::ids::AccountId;
use crate::domain::records::Member;
use crate::domain::roles::OrganizationRole;

/// What [`member`] reads.
macro_rules! columns {
    () => {
        "SELECT member.user_id, account.username, member.role, member.public, member.created_at"
    };
}

/// What those columns come from.
macro_rules! joins {
    () => {
        " FROM member JOIN account ON account.id = member.user_id "
    };
}

macro_rules! select_members {
    ($name:literal, $rest:literal) => {
        concat!("-- ", $name, "\n", columns!(), joins!(), $rest)
    };
}

/// One member.
pub async fn get(client: &Client, organization: AccountId, user: AccountId) -> Result<Option<Member>, StoreError> {
    const SQL: &str = select_members!("member", "WHERE member.organization_id = $1 AND member.user_id = $2");
    query_opt(client, SQL, &[&organization.0, &user.0]).await?.as_ref().map(member).transpose()
}

/// One member, where there are both an organization and a user.
pub async fn get_if_both(
    client: &Client,
    organization: Option<AccountId>,
    user: Option<AccountId>,
) -> Result<Option<Member>, StoreError> {
    match (organization, user) {
        (Some(organization), Some(user)) => get(client, organization, user).await,
        _ => Ok(None),
    }
}

/// A page of an organization's members, by name.
pub async fn page(
    client: &Client,
    organization: AccountId,
    include_hidden: bool,
    after: &str,
    size: i64,
) -> Result<Vec<Member>, StoreError> {
    const SQL: &str = select_members!(
        "members_page",
        "WHERE member.organization_id = $1 AND (member.public OR $2) AND account.username_key > $3
         ORDER BY account.username_key LIMIT $4"
    );
    query(client, SQL, &[&organization.0, &include_hidden, &after, &size]).await?.iter().map(member).collect()
}

/// How many members an organization has, as the database's triggers keep it. See `docs/adr/0019-kept-count.md`.
pub async fn count(client: &Client, organization: AccountId) -> Result<u32, StoreError> {
    const SQL: &str = "-- count_members
        SELECT coalesce(sum(members), 0)::bigint FROM member_count WHERE organization_id = $1";
    let counted: i64 = query_one(client, SQL, &[&organization.0]).await?.get(0);
    u32::try_from(counted).map_err(|_| StoreError::unreadable("count of members", &counted.to_string()))
}

/// Adds a member, and returns it.
pub async fn insert(
    client: &Client,
    organization: AccountId,
    user: AccountId,
    role: OrganizationRole,
    public: bool,
) -> Result<Member, StoreError> {
    const SQL: &str = concat!(
        "-- insert_member
        WITH member AS (
            INSERT INTO member (organization_id, user_id, role, public) VALUES ($1, $2, $3, $4) RETURNING *
        ) ",
        columns!(),
        joins!()
    );
    member(&query_one(client, SQL, &[&organization.0, &user.0, &role.name(), &public]).await?)
}

/// Gives a member these settings.
pub async fn update(client: &Client, organization: AccountId, member: &Member) -> Result<(), StoreError> {
    const SQL: &str = "-- update_member
        UPDATE member SET role = $3, public = $4 WHERE organization_id = $1 AND user_id = $2";
    execute(client, SQL, &[&organization.0, &member.user.0, &member.role.name(), &member.public]).await?;
    Ok(())
}

/// Removes a member, and nothing that hangs on it.
pub async fn delete(client: &Client, organization: AccountId, user: AccountId) -> Result<(), StoreError> {
    const SQL: &str = "-- delete_member
        DELETE FROM member WHERE organization_id = $1 AND user_id = $2";
    execute(client, SQL, &[&organization.0, &user.0]).await?;
    Ok(())
}

/// Removes all members of an organization, and returns them.
pub async fn delete_all(client: &Client, organization: AccountId) -> Result<Vec<Member>, StoreError> {
    const SQL: &str = concat!(
        "-- delete_all_members
        WITH member AS (DELETE FROM member WHERE organization_id = $1 RETURNING *) ",
        columns!(),
        joins!(),
        "ORDER BY member.user_id"
    );
    query(client, SQL, &[&organization.0]).await?.iter().map(member).collect()
}

/// Takes a user out of all organizations that it is a member of; returns what it was there.
pub async fn delete_everywhere(client: &Client, user: AccountId) -> Result<Vec<(AccountId, Member)>, StoreError> {
    const SQL: &str = concat!(
        "-- delete_member_everywhere
        WITH member AS (DELETE FROM member WHERE user_id = $1 RETURNING *) ",
        columns!(),
        ", member.organization_id",
        joins!()
    );
    let rows = query(client, SQL, &[&user.0]).await?;
    rows.iter().map(|row| Ok((AccountId(row.get(5)), member(row)?))).collect()
}

fn member(row: &Row) -> Result<Member, StoreError> {
    Ok(Member {
        user: AccountId(row.get(0)),
        username: row.get(1),
        role: organization_role(row.get(2))?,
        public: row.get(3),
        created_at: row.get(4),
    })
}
