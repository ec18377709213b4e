//! What lists of «who may» and «on what» walk through, in one snapshot of the database, by ids that never change.
//!
//! These are candidates: every one who may is among them, and not all of them may.
//!
//! A page must cost the same wherever it is, whatever the planner takes the rows for. So what is walked through is given
//! as a range of an index, from (what it is of, after which) on, in the order of both columns: with `=` on the first one
//! the planner may take another index that has the right order, and walk past all that is of others. And what is looked
//! up for a page has `LIMIT 1`, or the planner may read a whole table to join it.

use std::time::Instant;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::database::Client;
use super::deadlines::{bound_statements, statement_timeout};
use super::error::StoreError;
use super::rows::{query, query_one};
use super::transaction::{Purpose, Transaction};
use crate::domain::facts::{Time, User};
use crate::domain::ids::{AccountId, Place, ProjectId, Revision, TeamId};
use crate::domain::names::NameKey;
use crate::domain::roles::OrganizationRole;

/// Begins to read, all in one snapshot.
pub async fn begin_snapshot(client: &mut Client) -> Result<Transaction<'_>, StoreError> {
    Transaction::begin(client, Purpose::Read).await
}

/// Which history and write the snapshot shows, and the database's clock. From then on no statement of the transaction runs for
/// long after that deadline; an operator's own limit stays where it is shorter.
pub async fn read_moment(client: &Client, deadline: Option<Instant>) -> Result<(Uuid, Place, Time), StoreError> {
    const SQL: &str = concat!(
        "-- read_moment
        SELECT history, number, change_id, clock_timestamp(), ",
        bound_statements!("$1"),
        " FROM revision"
    );
    let row = query_one(client, SQL, &[&statement_timeout(deadline)]).await?;
    let place = Place { revision: Revision(row.get(1)), id: row.get(2) };
    let now: Timestamp = row.get(3);
    Ok((row.get(0), place, Time(now.as_microsecond())))
}

/// A project that a user may hold a role on.
#[derive(Debug, Clone)]
pub struct CandidateProject {
    /// Its id.
    pub id: ProjectId,
    /// Its owner's name.
    pub owner: String,
    /// Its name.
    pub name: String,
}

/// Through what a user may hold roles on projects. Whatever is left out is not looked at.
#[derive(Debug, Clone, Default)]
pub struct Ways {
    /// The user, where it may have been added itself.
    pub user: Option<i64>,
    /// Accounts on all of whose projects it holds one: itself, and organizations that it owns or is an admin of.
    pub accounts: Vec<i64>,
    /// Organizations that may have a default role for it.
    pub memberships: Vec<i64>,
    /// Its teams.
    pub teams: Vec<i64>,
    /// Whether public projects count.
    pub public: bool,
}

impl Ways {
    /// All through which a user may hold roles.
    pub fn of(user: &User, public: bool) -> Self {
        let with = |place: fn(OrganizationRole) -> bool| {
            user.organizations.iter().filter(move |(_, role)| place(*role)).map(|(AccountId(id), _)| *id)
        };
        Self {
            user: Some(user.id.0),
            accounts: [user.id.0].into_iter().chain(with(|role| role >= OrganizationRole::Admin)).collect(),
            memberships: with(|role| role < OrganizationRole::Admin).collect(),
            teams: user.teams.iter().map(|team| team.0).collect(),
            public,
        }
    }
}

/// The page of the candidates, with what projects are called.
macro_rules! page_of_projects {
    () => {
        "page (id) AS (SELECT id FROM candidate ORDER BY id LIMIT $7)
        SELECT page.id, owner.username, found.name
        FROM page CROSS JOIN LATERAL (
            SELECT owner_id, name FROM project WHERE project.id = page.id LIMIT 1
        ) AS found CROSS JOIN LATERAL (
            SELECT username FROM account WHERE account.id = found.owner_id LIMIT 1
        ) AS owner
        ORDER BY page.id"
    };
}

const OF_ANY_OWNER: &str = concat!(
    "-- candidate_projects
    WITH source (id) AS (
        SELECT unnest($2::bigint[])
        UNION SELECT account.id FROM account WHERE account.id = ANY ($3) AND account.default_project_role IS NOT NULL
    ), candidate (id) AS (
        SELECT owned.id FROM source CROSS JOIN LATERAL (
            SELECT project.id FROM project
            WHERE (owner_id, project.id) > (source.id, $6) AND owner_id <= source.id
            ORDER BY owner_id, project.id LIMIT $7
        ) AS owned
        UNION
        (SELECT project_id FROM collaborator
         WHERE (user_id, project_id) > ($1, $6) AND user_id <= $1 ORDER BY user_id, project_id LIMIT $7)
        UNION
        SELECT shared.project_id FROM unnest($4::bigint[]) AS team (id) CROSS JOIN LATERAL (
            SELECT project_id FROM collaborator
            WHERE (team_id, project_id) > (team.id, $6) AND team_id <= team.id
            ORDER BY team_id, project_id LIMIT $7
        ) AS shared
        UNION
        (SELECT project.id FROM project WHERE $5 AND public AND project.id > $6 ORDER BY project.id LIMIT $7)
    ), ",
    page_of_projects!()
);

const OF_ONE_OWNER: &str = concat!(
    "-- candidate_projects_of_owner
    WITH candidate (id) AS (
        (SELECT project.id FROM project
         WHERE (owner_id, project.id) > ($8, $6) AND owner_id <= $8 AND (
             $8 = ANY ($2::bigint[])
             OR $8 = ANY ($3::bigint[])
                AND (SELECT default_project_role FROM account WHERE account.id = $8) IS NOT NULL)
         ORDER BY owner_id, project.id LIMIT $7)
        UNION
        (SELECT project_id FROM collaborator
         WHERE (user_id, owner_id, project_id) > ($1, $8, $6) AND (user_id, owner_id) <= ($1, $8) AND user_id <= $1
         ORDER BY user_id, owner_id, project_id LIMIT $7)
        UNION
        SELECT shared.project_id FROM team CROSS JOIN LATERAL (
            SELECT project_id FROM collaborator
            WHERE (team_id, project_id) > (team.id, $6) AND team_id <= team.id
            ORDER BY team_id, project_id LIMIT $7
        ) AS shared
        WHERE team.id = ANY ($4::bigint[]) AND team.organization_id = $8
        UNION
        (SELECT project.id FROM project
         WHERE $5 AND public AND (owner_id, project.id) > ($8, $6) AND owner_id <= $8
         ORDER BY owner_id, project.id LIMIT $7)
    ), ",
    page_of_projects!()
);

/// Projects that a user may hold a role on, after one and in the order of their ids, at most so many.
pub async fn candidate_projects(
    client: &Client,
    ways: &Ways,
    owner: Option<AccountId>,
    after: ProjectId,
    most: i64,
) -> Result<Vec<CandidateProject>, StoreError> {
    let Ways { user, accounts, memberships, teams, public } = ways;
    let rows = match owner {
        None => query(client, OF_ANY_OWNER, &[user, accounts, memberships, teams, public, &after.0, &most]).await?,
        Some(owner) => {
            query(client, OF_ONE_OWNER, &[user, accounts, memberships, teams, public, &after.0, &most, &owner.0])
                .await?
        }
    };
    let candidate = |row: &Row| CandidateProject { id: ProjectId(row.get(0)), owner: row.get(1), name: row.get(2) };
    Ok(rows.iter().map(candidate).collect())
}

/// A user who may hold a role on a project otherwise than by its being public.
#[derive(Debug, Clone)]
pub struct CandidateUser {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// Its name as it is looked up.
    pub key: NameKey,
}

/// Users who may hold a role on a project, after one and in the order of their ids, at most so many.
pub async fn candidate_users(
    client: &Client,
    project: ProjectId,
    after: AccountId,
    most: i64,
) -> Result<Vec<CandidateUser>, StoreError> {
    const SQL: &str = "-- candidate_users
        WITH owner AS (
            SELECT owner.* FROM project CROSS JOIN LATERAL (
                SELECT account.id, coalesce(account.owner_id, account.id) AS user_id, account.default_project_role
                FROM account WHERE account.id = project.owner_id LIMIT 1
            ) AS owner
            WHERE project.id = $1
        ), candidate (id) AS (
            SELECT user_id FROM owner WHERE user_id > $2
            UNION
            SELECT admin.user_id FROM owner CROSS JOIN LATERAL (
                SELECT user_id FROM member
                WHERE role = 'admin' AND (organization_id, user_id) > (owner.id, $2) AND organization_id <= owner.id
                ORDER BY organization_id, user_id LIMIT $3
            ) AS admin
            UNION
            SELECT other.user_id FROM owner CROSS JOIN LATERAL (
                SELECT user_id FROM member
                WHERE owner.default_project_role IS NOT NULL
                      AND (organization_id, user_id) > (owner.id, $2) AND organization_id <= owner.id
                ORDER BY organization_id, user_id LIMIT $3
            ) AS other
            UNION
            (SELECT user_id FROM collaborator
             WHERE (project_id, user_id) > ($1, $2) AND project_id <= $1 ORDER BY project_id, user_id LIMIT $3)
            UNION
            SELECT mate.user_id FROM collaborator CROSS JOIN LATERAL (
                SELECT user_id FROM team_member
                WHERE (team_member.team_id, user_id) > (collaborator.team_id, $2)
                      AND team_member.team_id <= collaborator.team_id
                ORDER BY team_member.team_id, user_id LIMIT $3
            ) AS mate
            WHERE project_id = $1 AND team_id IS NOT NULL
        ), page (id) AS (SELECT id FROM candidate ORDER BY id LIMIT $3)
        SELECT page.id, found.username, found.username_key
        FROM page CROSS JOIN LATERAL (
            SELECT username, username_key FROM account WHERE account.id = page.id LIMIT 1
        ) AS found
        ORDER BY page.id";
    let rows = query(client, SQL, &[&project.0, &after.0, &most]).await?;
    let candidate = |row: &Row| CandidateUser {
        id: AccountId(row.get(0)),
        name: row.get(1),
        key: NameKey::from_stored(row.get(2)),
    };
    Ok(rows.iter().map(candidate).collect())
}

/// A team as an explanation names it.
#[derive(Debug, Clone)]
pub struct NamedTeam {
    /// Its id.
    pub id: TeamId,
    /// The organization that it is of.
    pub organization: AccountId,
    /// `@organization/team`.
    pub path: String,
}

/// What teams are called.
pub async fn name_teams(client: &Client, teams: &[TeamId]) -> Result<Vec<NamedTeam>, StoreError> {
    const SQL: &str = "-- name_teams
        SELECT team.id, team.organization_id, '@' || account.username || '/' || team.name
        FROM team JOIN account ON account.id = team.organization_id
        WHERE team.id = ANY ($1) ORDER BY team.id";
    let teams: Vec<i64> = teams.iter().map(|team| team.0).collect();
    let rows = query(client, SQL, &[&teams]).await?;
    let named = |row: &Row| NamedTeam { id: TeamId(row.get(0)), organization: AccountId(row.get(1)), path: row.get(2) };
    Ok(rows.iter().map(named).collect())
}
