//! Loads for the role view: many keys a statement, each with the place in the log of the snapshot that it was read in.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::database::Client;
use super::error::StoreError;
use super::rows::{end, limit, optional_project_role, organization_role, project_role, query, query_opt};
use crate::domain::decision::OwnedProject;
use crate::domain::facts::{Account, Grant, Named, Organizations, Plan, Project, User};
use crate::domain::ids::{AccountId, Place, PlanId, ProjectId, Revision, TeamId};
use crate::domain::names::{NameKey, ProjectName};

/// Entries as read in one snapshot. What does not exist is there as `None`.
#[derive(Debug)]
pub struct Loaded<K, V> {
    /// The last write that the snapshot shows.
    pub place: Place,
    /// What was asked for.
    pub entries: Vec<(K, Option<V>)>,
}

/// A project as loaded: with what its owner adds, so that a cold check costs one round trip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedProject {
    /// The project.
    pub project: Project,
    /// Its owner.
    pub owner: Account,
    /// Its owner's plan.
    pub plan: Plan,
}

impl LoadedProject {
    /// As decisions take it.
    pub fn owned(&self) -> OwnedProject<'_> {
        OwnedProject { project: &self.project, owner: &self.owner, plan: &self.plan }
    }
}

/// The columns of a project as loaded; [`project`] reads them. `counts` has how many users are its collaborators, and how
/// many of them are listed.
macro_rules! project_columns {
    ($counts:literal) => {
        concat!(
            "project.id, project.owner_id, project.public, project.restricted_project_files, project.template,
             direct.ids, direct.roles, direct.incognito, direct.ends,
             by_team.ids, by_team.roles, by_team.incognito, by_team.ends,
             owner.id, owner.owner_id, owner.default_project_role, owner.plan_id, plan.collaborator_limit, ",
            $counts,
            ".users, ",
            $counts,
            ".listed"
        )
    };
}

/// What those columns come from: `direct` has the users that were added, and the condition is on the teams. An owner is looked
/// up with `LIMIT 1`, or the planner may read all accounts to join it.
macro_rules! project_joins {
    ($direct:literal, $and_team:literal) => {
        concat!(
            "LEFT JOIN LATERAL (
                SELECT id, owner_id, default_project_role, plan_id FROM account WHERE account.id = project.owner_id LIMIT 1
            ) AS owner ON true
            LEFT JOIN plan ON plan.id = owner.plan_id
            LEFT JOIN LATERAL (
                SELECT array_agg(user_id ORDER BY user_id) AS ids, array_agg(role ORDER BY user_id) AS roles,
                       array_agg(incognito ORDER BY user_id) AS incognito, array_agg(expires_at ORDER BY user_id) AS ends,
                       count(*) AS users, count(*) FILTER (WHERE NOT incognito) AS listed
                FROM ",
            $direct,
            ") AS direct ON true
            LEFT JOIN LATERAL (
                SELECT array_agg(team_id ORDER BY team_id) AS ids, array_agg(role ORDER BY team_id) AS roles,
                       array_agg(incognito ORDER BY team_id) AS incognito, array_agg(expires_at ORDER BY team_id) AS ends
                FROM collaborator WHERE project_id = project.id AND team_id IS NOT NULL ",
            $and_team,
            ") AS by_team ON true"
        )
    };
}

/// The columns of what a name stands for; [`named`] reads them.
macro_rules! name_columns {
    () => {
        "account.id, account.kind, account.active, membership.organizations, membership.roles, team.ids"
    };
}

/// What those columns come from, besides the account.
macro_rules! name_joins {
    () => {
        "LEFT JOIN LATERAL (
            SELECT array_agg(belongs.id ORDER BY belongs.id) AS organizations,
                   array_agg(belongs.role ORDER BY belongs.id) AS roles
            FROM (
                SELECT organization_id AS id, role FROM member WHERE user_id = account.id
                UNION ALL
                SELECT owned.id, 'owner' FROM account AS owned WHERE owned.owner_id = account.id
            ) AS belongs
        ) AS membership ON true
        LEFT JOIN LATERAL (
            SELECT array_agg(team_id ORDER BY team_id) AS ids FROM team_member WHERE user_id = account.id
        ) AS team ON true"
    };
}

/// What usernames stand for.
pub async fn load_names(client: &Client, keys: &[NameKey]) -> Result<Loaded<NameKey, Named>, StoreError> {
    const SQL: &str = concat!(
        "-- load_names
        SELECT revision.number, wanted.key, ",
        name_columns!(),
        ", revision.change_id
        FROM revision
        CROSS JOIN unnest($1::text[]) AS wanted (key)
        LEFT JOIN account ON account.username_key = wanted.key ",
        name_joins!()
    );
    let wanted: Vec<&str> = keys.iter().map(NameKey::as_str).collect();
    let rows = query(client, SQL, &[&wanted]).await?;
    loaded(&rows, |row| NameKey::from_stored(row.get(1)), |row| named(row, 2))
}

/// What one username stands for. A statement of its own: what is asked by one key is planned once for all.
pub async fn load_name(client: &Client, key: &NameKey) -> Result<Option<Named>, StoreError> {
    const SQL: &str = concat!(
        "-- load_name
        SELECT ",
        name_columns!(),
        " FROM account ",
        name_joins!(),
        " WHERE account.username_key = $1"
    );
    query_opt(client, SQL, &[&key.as_str()]).await?.map_or(Ok(None), |row| named(&row, 0))
}

/// Projects by id.
pub async fn load_projects(client: &Client, ids: &[ProjectId]) -> Result<Loaded<ProjectId, LoadedProject>, StoreError> {
    const SQL: &str = concat!(
        "-- load_projects
        SELECT revision.number, wanted.id, ",
        project_columns!("direct"),
        ", revision.change_id FROM revision
        CROSS JOIN unnest($1::uuid[]) AS wanted (id)
        LEFT JOIN project ON project.id = wanted.id ",
        project_joins!("collaborator WHERE project_id = project.id AND user_id IS NOT NULL", "")
    );
    let wanted: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = query(client, SQL, &[&wanted]).await?;
    loaded(&rows, |row| ProjectId(row.get(1)), |row| project(row, 2))
}

/// One project by id, in a statement of its own as well.
pub async fn load_project(client: &Client, id: ProjectId) -> Result<Option<LoadedProject>, StoreError> {
    const SQL: &str = concat!(
        "-- load_project
        SELECT ",
        project_columns!("direct"),
        " FROM project ",
        project_joins!("collaborator WHERE project_id = project.id AND user_id IS NOT NULL", ""),
        " WHERE project.id = $1"
    );
    query_opt(client, SQL, &[&id.0]).await?.map_or(Ok(None), |row| project(&row, 0))
}

/// Projects by id, as far as these users and teams are concerned: their collaborators are those among them, and the owner
/// of the organization that owns the project, who never counts. What does not exist is not there. Costs the same however
/// many collaborators there are: they are counted no further than to see whether they exceed the owner's limit.
pub async fn load_projects_for(
    client: &Client,
    ids: &[ProjectId],
    users: &[AccountId],
    teams: &[TeamId],
) -> Result<Vec<LoadedProject>, StoreError> {
    const SQL: &str = concat!(
        "-- load_projects_for
        SELECT ",
        project_columns!("counted"),
        " FROM unnest($1::uuid[]) AS wanted (id)
        CROSS JOIN LATERAL (SELECT * FROM project WHERE project.id = wanted.id LIMIT 1) AS project ",
        project_joins!(
            "(SELECT unnest($2::bigint[]) UNION SELECT owner.owner_id) AS wanted (id) CROSS JOIN LATERAL (
                    SELECT user_id, role, incognito, expires_at FROM collaborator
                    WHERE project_id = project.id AND user_id = wanted.id LIMIT 1) AS added",
            "AND team_id = ANY ($3)"
        ),
        " LEFT JOIN LATERAL (
            SELECT (SELECT count(*) FROM (
                        SELECT FROM collaborator WHERE project_id = project.id AND user_id IS NOT NULL
                        LIMIT CASE WHEN project.public THEN 0 ELSE coalesce(plan.collaborator_limit::bigint + 2, 0) END) AS bounded) AS users,
                   (SELECT count(*) FROM (
                        SELECT FROM collaborator WHERE project_id = project.id AND user_id IS NOT NULL AND NOT incognito
                        LIMIT CASE WHEN project.public THEN 0 ELSE coalesce(plan.collaborator_limit::bigint + 2, 0) END) AS bounded) AS listed
        ) AS counted ON true
        ORDER BY project.id"
    );
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let users: Vec<i64> = users.iter().map(|user| user.0).collect();
    let teams: Vec<i64> = teams.iter().map(|team| team.0).collect();
    let rows = query(client, SQL, &[&ids, &users, &teams]).await?;
    rows.iter().filter_map(|row| project(row, 0).transpose()).collect()
}

/// Projects by `owner/name`.
pub async fn load_paths(
    client: &Client,
    paths: &[(NameKey, ProjectName)],
) -> Result<Loaded<(NameKey, ProjectName), LoadedProject>, StoreError> {
    const SQL: &str = concat!(
        "-- load_paths
        SELECT revision.number, wanted.owner, wanted.name, ",
        project_columns!("direct"),
        ", revision.change_id FROM revision
        CROSS JOIN unnest($1::text[], $2::text[]) AS wanted (owner, name)
        LEFT JOIN account AS named ON named.username_key = wanted.owner
        LEFT JOIN project ON project.owner_id = named.id AND project.name = wanted.name ",
        project_joins!("collaborator WHERE project_id = project.id AND user_id IS NOT NULL", "")
    );
    let owners: Vec<&str> = paths.iter().map(|(owner, _)| owner.as_str()).collect();
    let names: Vec<&str> = paths.iter().map(|(_, name)| name.as_str()).collect();
    let rows = query(client, SQL, &[&owners, &names]).await?;
    let path = |row: &Row| (NameKey::from_stored(row.get(1)), ProjectName::from_stored(row.get(2)));
    loaded(&rows, path, |row| project(row, 3))
}

/// Owning accounts by id.
pub async fn load_accounts(client: &Client, ids: &[AccountId]) -> Result<Loaded<AccountId, Account>, StoreError> {
    const SQL: &str = "-- load_accounts
        SELECT revision.number, wanted.id, account.id, account.owner_id, account.default_project_role, account.plan_id, revision.change_id
        FROM revision
        CROSS JOIN unnest($1::bigint[]) AS wanted (id)
        LEFT JOIN account ON account.id = wanted.id";
    let wanted: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows = query(client, SQL, &[&wanted]).await?;
    let found = |row: &Row| row.get::<_, Option<i64>>(2).map(|_| account(row, 2)).transpose();
    loaded(&rows, |row| AccountId(row.get(1)), found)
}

/// Plans by id.
pub async fn load_plans(client: &Client, ids: &[PlanId]) -> Result<Loaded<PlanId, Plan>, StoreError> {
    const SQL: &str = "-- load_plans
        SELECT revision.number, wanted.id, plan.id, plan.collaborator_limit, revision.change_id
        FROM revision
        CROSS JOIN unnest($1::bigint[]) AS wanted (id)
        LEFT JOIN plan ON plan.id = wanted.id";
    let wanted: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows = query(client, SQL, &[&wanted]).await?;
    let found = |row: &Row| Ok(row.get::<_, Option<i64>>(2).map(|_| Plan { collaborator_limit: limit(row.get(3)) }));
    loaded(&rows, |row| PlanId(row.get(1)), found)
}

fn loaded<K, V>(
    rows: &[Row],
    key: impl Fn(&Row) -> K,
    value: impl Fn(&Row) -> Result<Option<V>, StoreError>,
) -> Result<Loaded<K, V>, StoreError> {
    let first = rows.first().ok_or_else(|| StoreError::unreadable("counter", "no row"))?;
    let place = Place { revision: Revision(first.get(0)), id: first.get("change_id") };
    let entries = rows.iter().map(|row| Ok((key(row), value(row)?))).collect::<Result<_, StoreError>>()?;
    Ok(Loaded { place, entries })
}

fn named(row: &Row, first: usize) -> Result<Option<Named>, StoreError> {
    let Some(id) = row.get::<_, Option<i64>>(first).map(AccountId) else {
        return Ok(None);
    };
    if row.get::<_, &str>(first + 1) == "organization" {
        return Ok(Some(Named::Organization(id)));
    }
    let ids: Option<Vec<i64>> = row.get(first + 3);
    let roles: Option<Vec<&str>> = row.get(first + 4);
    let pairs = ids.into_iter().flatten().zip(roles.into_iter().flatten());
    let organizations = pairs
        .map(|(id, role)| Ok((AccountId(id), organization_role(role)?)))
        .collect::<Result<Organizations, StoreError>>()?;
    let teams: Option<Vec<i64>> = row.get(first + 5);
    let teams = teams.into_iter().flatten().map(TeamId).collect();
    Ok(Some(Named::User(User { id, active: row.get(first + 2), organizations, teams })))
}

fn project(row: &Row, first: usize) -> Result<Option<LoadedProject>, StoreError> {
    let Some(id) = row.get::<_, Option<Uuid>>(first).map(ProjectId) else {
        return Ok(None);
    };
    let count = |index| row.get::<_, Option<i64>>(index).map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX));
    let project = Project {
        id,
        owner: AccountId(row.get(first + 1)),
        public: row.get(first + 2),
        restricted_project_files: row.get(first + 3),
        template: row.get(first + 4),
        user_collaborators: count(first + 18),
        listed_collaborators: count(first + 19),
        collaborators: grants(row, first + 5, AccountId)?,
        teams: grants(row, first + 9, TeamId)?,
    };
    let plan = Plan { collaborator_limit: limit(row.get(first + 17)) };
    Ok(Some(LoadedProject { project, owner: account(row, first + 13)?, plan }))
}

fn account(row: &Row, first: usize) -> Result<Account, StoreError> {
    Ok(Account {
        id: AccountId(row.get(first)),
        organization_owner: row.get::<_, Option<i64>>(first + 1).map(AccountId),
        default_project_role: optional_project_role(row.get(first + 2))?,
        plan: PlanId(row.get(first + 3)),
    })
}

fn grants<S>(row: &Row, first: usize, subject: fn(i64) -> S) -> Result<Box<[Grant<S>]>, StoreError> {
    let ids: Option<Vec<i64>> = row.get(first);
    let roles: Option<Vec<&str>> = row.get(first + 1);
    let incognito: Option<Vec<bool>> = row.get(first + 2);
    let ends: Option<Vec<Option<Timestamp>>> = row.get(first + 3);
    let settings = roles.into_iter().flatten().zip(incognito.into_iter().flatten()).zip(ends.into_iter().flatten());
    let pairs = ids.into_iter().flatten().zip(settings);
    pairs
        .map(|(id, ((role, incognito), ends))| Ok(Grant::new(subject(id), project_role(role)?, incognito, end(ends))))
        .collect()
}
