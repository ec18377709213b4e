//! Teams and who is in them: their rows, and pages of them.

use tokio_postgres::Row;

use super::database::Client;
use super::error::StoreError;
use super::rows::{execute, query, query_one, query_opt};
use crate::domain::ids::{AccountId, TeamId};
use crate::domain::names::NameKey;
use crate::domain::records::{Team, TeamMember};

/// A place in a team that was taken away.
#[derive(Debug)]
pub struct RemovedTeamMember {
    /// The user who had it.
    pub user: AccountId,
    /// That user's name.
    pub username: String,
    /// The team, as `@organization/team`.
    pub team: String,
}

macro_rules! select_teams {
    ($name:literal, $rest:literal) => {
        concat!(
            "-- ",
            $name,
            "
            SELECT team.id, team.organization_id, account.username, team.name, team.created_at
            FROM team JOIN account ON account.id = team.organization_id ",
            $rest
        )
    };
}

/// A team by its organization's and its own name.
pub async fn by_name(client: &Client, organization: &NameKey, name: &NameKey) -> Result<Option<Team>, StoreError> {
    const SQL: &str = select_teams!("team_by_name", "WHERE account.username_key = $1 AND team.name_key = $2");
    Ok(query_opt(client, SQL, &[&organization.as_str(), &name.as_str()]).await?.as_ref().map(team))
}

/// A page of an organization's teams, by name.
pub async fn page(client: &Client, organization: AccountId, after: &str, size: i64) -> Result<Vec<Team>, StoreError> {
    const SQL: &str = select_teams!(
        "teams_page",
        "WHERE team.organization_id = $1 AND team.name_key > $2 ORDER BY team.name_key LIMIT $3"
    );
    Ok(query(client, SQL, &[&organization.0, &after, &size]).await?.iter().map(team).collect())
}

/// All teams of an organization.
pub async fn all(client: &Client, organization: AccountId) -> Result<Vec<Team>, StoreError> {
    const SQL: &str = select_teams!("all_teams", "WHERE team.organization_id = $1 ORDER BY team.id");
    Ok(query(client, SQL, &[&organization.0]).await?.iter().map(team).collect())
}

/// Adds a team.
///
/// # Errors
/// The constraint `team_name_unique` where the name is taken.
pub async fn insert(client: &Client, organization: AccountId, name: &str) -> Result<(), StoreError> {
    const SQL: &str = "-- insert_team
        INSERT INTO team (organization_id, name) VALUES ($1, $2)";
    execute(client, SQL, &[&organization.0, &name]).await?;
    Ok(())
}

/// Renames a team.
///
/// # Errors
/// The constraint `team_name_unique` where the name is taken.
pub async fn rename(client: &Client, team: TeamId, name: &str) -> Result<(), StoreError> {
    const SQL: &str = "-- rename_team
        UPDATE team SET name = $2 WHERE id = $1";
    execute(client, SQL, &[&team.0, &name]).await?;
    Ok(())
}

/// Deletes all teams of an organization, to which nothing refers any more.
pub async fn delete_all(client: &Client, organization: AccountId) -> Result<(), StoreError> {
    const SQL: &str = "-- delete_all_teams
        DELETE FROM team WHERE organization_id = $1";
    execute(client, SQL, &[&organization.0]).await?;
    Ok(())
}

/// Deletes a team that nothing refers to any more.
pub async fn delete(client: &Client, team: TeamId) -> Result<(), StoreError> {
    const SQL: &str = "-- delete_team
        DELETE FROM team WHERE id = $1";
    execute(client, SQL, &[&team.0]).await?;
    Ok(())
}

/// A user's place in a team.
pub async fn get_member(client: &Client, team: TeamId, user: AccountId) -> Result<Option<TeamMember>, StoreError> {
    const SQL: &str = "-- team_member
        SELECT account.username, team_member.created_at
        FROM team_member JOIN account ON account.id = team_member.user_id
        WHERE team_member.team_id = $1 AND team_member.user_id = $2";
    Ok(query_opt(client, SQL, &[&team.0, &user.0]).await?.as_ref().map(team_member))
}

/// A page of a team's people, by name.
pub async fn page_of_members(
    client: &Client,
    team: TeamId,
    after: &str,
    size: i64,
) -> Result<Vec<TeamMember>, StoreError> {
    const SQL: &str = "-- team_members_page
        SELECT account.username, team_member.created_at
        FROM team_member JOIN account ON account.id = team_member.user_id
        WHERE team_member.team_id = $1 AND account.username_key > $2
        ORDER BY account.username_key LIMIT $3";
    Ok(query(client, SQL, &[&team.0, &after, &size]).await?.iter().map(team_member).collect())
}

/// Puts a user into a team.
pub async fn insert_member(client: &Client, team: &Team, user: AccountId) -> Result<TeamMember, StoreError> {
    const SQL: &str = "-- insert_team_member
        WITH added AS (
            INSERT INTO team_member (team_id, organization_id, user_id) VALUES ($1, $2, $3)
            RETURNING user_id, created_at
        )
        SELECT account.username, added.created_at FROM added JOIN account ON account.id = added.user_id";
    Ok(team_member(&query_one(client, SQL, &[&team.id.0, &team.organization.0, &user.0]).await?))
}

/// Which places in teams to take away.
#[derive(Debug, Clone, Copy)]
pub enum Places {
    /// All of an organization's teams.
    OfOrganization(AccountId),
    /// All of a team.
    OfTeam(TeamId),
    /// A user's, in all teams.
    OfUser(AccountId),
    /// A user's, in an organization's teams.
    OfUserAt(AccountId, AccountId),
    /// A user's, in one team.
    OfUserIn(AccountId, TeamId),
}

macro_rules! delete_team_members {
    ($name:literal, $which:literal) => {
        concat!(
            "-- ",
            $name,
            "
            WITH gone AS (DELETE FROM team_member WHERE ",
            $which,
            " RETURNING *)
            SELECT gone.user_id, account.username, organization.username, team.name
            FROM gone JOIN account ON account.id = gone.user_id JOIN team ON team.id = gone.team_id
            JOIN account AS organization ON organization.id = gone.organization_id ORDER BY team.id, gone.user_id"
        )
    };
}

/// Takes places in teams away, and returns them.
pub async fn delete_members(client: &Client, which: Places) -> Result<Vec<RemovedTeamMember>, StoreError> {
    const ORGANIZATION: &str = delete_team_members!(
        "delete_team_members_of_organization",
        "team_id IN (SELECT id FROM team WHERE organization_id = $1)"
    );
    const TEAM: &str = delete_team_members!("delete_team_members_of_team", "team_id = $1");
    const USER: &str = delete_team_members!("delete_team_members_of_user", "user_id = $1");
    const USER_AT: &str =
        delete_team_members!("delete_team_members_of_user_at", "user_id = $1 AND organization_id = $2");
    const USER_IN: &str = delete_team_members!("delete_team_member", "user_id = $1 AND team_id = $2");
    let rows = match which {
        Places::OfOrganization(organization) => query(client, ORGANIZATION, &[&organization.0]).await?,
        Places::OfTeam(team) => query(client, TEAM, &[&team.0]).await?,
        Places::OfUser(user) => query(client, USER, &[&user.0]).await?,
        Places::OfUserAt(user, organization) => query(client, USER_AT, &[&user.0, &organization.0]).await?,
        Places::OfUserIn(user, team) => query(client, USER_IN, &[&user.0, &team.0]).await?,
    };
    Ok(rows.iter().map(removed).collect())
}

fn team(row: &Row) -> Team {
    Team {
        id: TeamId(row.get(0)),
        organization: AccountId(row.get(1)),
        organization_name: row.get(2),
        name: row.get(3),
        created_at: row.get(4),
    }
}

fn team_member(row: &Row) -> TeamMember {
    TeamMember { username: row.get(0), created_at: row.get(1) }
}

fn removed(row: &Row) -> RemovedTeamMember {
    let (organization, team): (&str, &str) = (row.get(2), row.get(3));
    RemovedTeamMember { user: AccountId(row.get(0)), username: row.get(1), team: format!("@{organization}/{team}") }
}
