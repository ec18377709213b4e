//! Collaborators of projects: their rows, and pages of them.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::database::Client;
use super::error::StoreError;
use super::rows::{project_role, query, query_one, query_opt};
use crate::domain::ids::{AccountId, ProjectId, TeamId};
use crate::domain::records::{Account, Collaborator, GrantSettings, Project, Subject};
use crate::domain::roles::ProjectRole;

/// What [`collaborator`] reads, of rows that are called `row`.
macro_rules! columns {
    () => {
        "SELECT row.project_id, row.user_id, row.team_id, row.role, row.incognito, row.expires_at, row.created_by,
                row.created_at, row.updated_by, row.updated_at,
                coalesce(account.username, '@' || organization.username || '/' || team.name),
                owner.username || '/' || project.name "
    };
}

/// What those columns come from, besides the rows.
macro_rules! joins {
    () => {
        " JOIN project ON project.id = row.project_id
        JOIN account AS owner ON owner.id = project.owner_id
        LEFT JOIN account ON account.id = row.user_id
        LEFT JOIN team ON team.id = row.team_id
        LEFT JOIN account AS organization ON organization.id = team.organization_id "
    };
}

macro_rules! select_collaborators {
    ($name:literal, $rest:literal) => {
        concat!("-- ", $name, "\n", columns!(), "FROM collaborator AS row", joins!(), $rest)
    };
}

/// Which rows to take away.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    /// One subject's on one project.
    Of(ProjectId, Subject),
    /// All of a project.
    Project(ProjectId),
    /// All of a team.
    Team(TeamId),
    /// All of a user.
    User(AccountId),
    /// A user's on the projects of one owner.
    UserAtOwner(AccountId, AccountId),
    /// All on the projects of one owner.
    Owner(AccountId),
}

/// One subject's row on a project.
pub async fn get(client: &Client, project: ProjectId, subject: Subject) -> Result<Option<Collaborator>, StoreError> {
    const OF_USER: &str = select_collaborators!("collaborator_user", "WHERE row.project_id = $1 AND row.user_id = $2");
    const OF_TEAM: &str = select_collaborators!("collaborator_team", "WHERE row.project_id = $1 AND row.team_id = $2");
    let row = match subject {
        Subject::User(user) => query_opt(client, OF_USER, &[&project.0, &user.0]).await?,
        Subject::Team(team) => query_opt(client, OF_TEAM, &[&project.0, &team.0]).await?,
    };
    row.as_ref().map(collaborator).transpose()
}

/// What a user was given on a project, without what the two are called: for who knows that.
#[derive(Debug)]
pub struct Given {
    grant: GrantSettings,
    created_by: Option<String>,
    created_at: Timestamp,
    updated_by: Option<String>,
    updated_at: Timestamp,
}

/// What a user was given on a project.
pub async fn given(client: &Client, project: ProjectId, user: AccountId) -> Result<Option<Given>, StoreError> {
    const SQL: &str = "-- given
        SELECT role, incognito, expires_at, created_by, created_at, updated_by, updated_at FROM collaborator
        WHERE project_id = $1 AND user_id = $2";
    let given = |row: Row| {
        let grant = GrantSettings { role: project_role(row.get(0))?, incognito: row.get(1), expires_at: row.get(2) };
        let (created_by, created_at, updated_by, updated_at) = (row.get(3), row.get(4), row.get(5), row.get(6));
        Ok(Given { grant, created_by, created_at, updated_by, updated_at })
    };
    query_opt(client, SQL, &[&project.0, &user.0]).await?.map(given).transpose()
}

impl Given {
    /// The row, of that project and user.
    pub fn to(self, project: &Project, user: &Account) -> Collaborator {
        let Self { grant, created_by, created_at, updated_by, updated_at } = self;
        let (subject, name) = (Subject::User(user.id), user.username.clone());
        let (project, project_path) = (project.id, project.path());
        Collaborator { project, subject, grant, created_by, created_at, updated_by, updated_at, name, project_path }
    }
}

/// A page of a project's collaborators: teams, then users, each by name.
pub async fn page(
    client: &Client,
    project: ProjectId,
    include_incognito: bool,
    after: &str,
    size: i64,
) -> Result<Vec<Collaborator>, StoreError> {
    const SQL: &str = select_collaborators!(
        "collaborators_page",
        "WHERE row.project_id = $1 AND (NOT row.incognito OR $2)
         AND coalesce(account.username_key, '@' || team.name_key) > $3
         ORDER BY coalesce(account.username_key, '@' || team.name_key) LIMIT $4"
    );
    let rows = query(client, SQL, &[&project.0, &include_incognito, &after, &size]).await?;
    rows.iter().map(collaborator).collect()
}

/// The collaborators that cannot follow a project to another owner: teams, that owner itself, and, where it is an
/// organization, users who are neither its members nor its owner.
pub async fn strangers_to(
    client: &Client,
    project: ProjectId,
    new_owner: AccountId,
) -> Result<Vec<Collaborator>, StoreError> {
    const SQL: &str = select_collaborators!(
        "strangers_to_new_owner",
        "JOIN account AS heir ON heir.id = $2
         WHERE row.project_id = $1 AND (
             row.team_id IS NOT NULL OR row.user_id = heir.id
             OR heir.kind = 'organization' AND row.user_id <> heir.owner_id
                AND NOT EXISTS (SELECT FROM member WHERE organization_id = heir.id AND user_id = row.user_id)
         )
         ORDER BY row.team_id, row.user_id"
    );
    query(client, SQL, &[&project.0, &new_owner.0]).await?.iter().map(collaborator).collect()
}

/// How many collaborators of a project a plan counts: users, not incognito, not the organization's owner.
pub async fn count(client: &Client, project: &Project) -> Result<u32, StoreError> {
    const SQL: &str = "-- count_collaborators
        SELECT count(*) FROM collaborator AS row JOIN account AS owner ON owner.id = row.owner_id
        WHERE row.project_id = $1 AND row.user_id IS NOT NULL AND NOT row.incognito
            AND row.user_id IS DISTINCT FROM owner.owner_id";
    let counted: i64 = query_one(client, SQL, &[&project.id.0]).await?.get(0);
    Ok(u32::try_from(counted).unwrap_or(u32::MAX))
}

/// The roles that a team has on projects now.
pub async fn roles_of_team(client: &Client, team: TeamId) -> Result<Vec<ProjectRole>, StoreError> {
    const SQL: &str = "-- roles_of_team
        SELECT DISTINCT role FROM collaborator
        WHERE team_id = $1 AND (expires_at IS NULL OR expires_at > clock_timestamp())";
    query(client, SQL, &[&team.0]).await?.iter().map(|row| project_role(row.get(0))).collect()
}

/// Adds a collaborator, and returns it.
pub async fn insert(
    client: &Client,
    project: &Project,
    subject: Subject,
    grant: &GrantSettings,
    actor: Option<&str>,
) -> Result<Collaborator, StoreError> {
    const SQL: &str = concat!(
        "-- insert_collaborator
        WITH added AS (
            INSERT INTO collaborator
                (project_id, owner_id, user_id, team_id, role, incognito, expires_at, created_by, updated_by)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING *
        ) ",
        columns!(),
        "FROM added AS row",
        joins!()
    );
    let (user, team) = subject.columns();
    let (role, incognito, expires_at) = (grant.role.name(), grant.incognito, grant.expires_at);
    let (id, owner) = (project.id.0, project.owner.0);
    let row = query_one(client, SQL, &[&id, &owner, &user, &team, &role, &incognito, &expires_at, &actor]).await?;
    collaborator(&row)
}

macro_rules! update_collaborator {
    ($name:literal, $subject:literal) => {
        concat!(
            "-- ",
            $name,
            "
            UPDATE collaborator SET role = $3, incognito = $4, expires_at = $5, updated_by = $6, updated_at = now(),
                expiry_logged = expiry_logged AND expires_at IS NOT DISTINCT FROM $5
            WHERE project_id = $1 AND ",
            $subject,
            " = $2 RETURNING updated_at"
        )
    };
}

/// Gives a collaborator these settings, and says when that was. Another end is one that the log does not have yet.
pub async fn update(
    client: &Client,
    project: ProjectId,
    subject: Subject,
    grant: &GrantSettings,
    actor: Option<&str>,
) -> Result<Timestamp, StoreError> {
    const OF_USER: &str = update_collaborator!("update_collaborator_user", "user_id");
    const OF_TEAM: &str = update_collaborator!("update_collaborator_team", "team_id");
    let (sql, id) = match subject {
        Subject::User(user) => (OF_USER, user.0),
        Subject::Team(team) => (OF_TEAM, team.0),
    };
    let (role, incognito, expires_at) = (grant.role.name(), grant.incognito, grant.expires_at);
    Ok(query_one(client, sql, &[&project.0, &id, &role, &incognito, &expires_at, &actor]).await?.get(0))
}

macro_rules! delete_collaborators {
    ($name:literal, $which:literal) => {
        concat!(
            "-- ",
            $name,
            "\nWITH gone AS (DELETE FROM collaborator WHERE ",
            $which,
            " RETURNING *) ",
            columns!(),
            "FROM gone AS row",
            joins!(),
            "ORDER BY row.project_id, row.user_id, row.team_id"
        )
    };
}

/// Takes rows away, and returns them.
pub async fn delete(client: &Client, which: Which) -> Result<Vec<Collaborator>, StoreError> {
    const OF_USER: &str = delete_collaborators!("delete_collaborator_user", "project_id = $1 AND user_id = $2");
    const OF_TEAM: &str = delete_collaborators!("delete_collaborator_team", "project_id = $1 AND team_id = $2");
    const PROJECT: &str = delete_collaborators!("delete_collaborators_of_project", "project_id = $1");
    const TEAM: &str = delete_collaborators!("delete_collaborations_of_team", "team_id = $1");
    const USER: &str = delete_collaborators!("delete_collaborations_of_user", "user_id = $1");
    const USER_AT_OWNER: &str =
        delete_collaborators!("delete_collaborations_of_user_at_owner", "user_id = $1 AND owner_id = $2");
    const OWNER: &str = delete_collaborators!(
        "delete_collaborators_at_owner",
        "project_id IN (SELECT id FROM project WHERE owner_id = $1)"
    );
    let rows = match which {
        Which::Of(project, Subject::User(user)) => query(client, OF_USER, &[&project.0, &user.0]).await?,
        Which::Of(project, Subject::Team(team)) => query(client, OF_TEAM, &[&project.0, &team.0]).await?,
        Which::Project(project) => query(client, PROJECT, &[&project.0]).await?,
        Which::Team(team) => query(client, TEAM, &[&team.0]).await?,
        Which::User(user) => query(client, USER, &[&user.0]).await?,
        Which::UserAtOwner(user, owner) => query(client, USER_AT_OWNER, &[&user.0, &owner.0]).await?,
        Which::Owner(owner) => query(client, OWNER, &[&owner.0]).await?,
    };
    rows.iter().map(collaborator).collect()
}

impl Subject {
    /// As the columns `user_id` and `team_id` have it.
    pub(super) fn columns(self) -> (Option<i64>, Option<i64>) {
        match self {
            Self::User(user) => (Some(user.0), None),
            Self::Team(team) => (None, Some(team.0)),
        }
    }
}

fn collaborator(row: &Row) -> Result<Collaborator, StoreError> {
    let user = row.get::<_, Option<i64>>(1).map(|user| Subject::User(AccountId(user)));
    let team = row.get::<_, Option<i64>>(2).map(|team| Subject::Team(TeamId(team)));
    Ok(Collaborator {
        project: ProjectId(row.get(0)),
        subject: user.or(team).ok_or_else(|| StoreError::unreadable("collaborator", "nobody"))?,
        grant: GrantSettings { role: project_role(row.get(3))?, incognito: row.get(4), expires_at: row.get(5) },
        created_by: row.get(6),
        created_at: row.get(7),
        updated_by: row.get(8),
        updated_at: row.get(9),
        name: row.get(10),
        project_path: row.get(11),
    })
}
