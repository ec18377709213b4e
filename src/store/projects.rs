//! Projects: their rows, and pages of them.

use tokio_postgres::Row;
use uuid::Uuid;

use super::database::Client;
use super::error::StoreError;
use super::rows::{execute, query, query_one, query_opt};
use crate::domain::ids::{AccountId, ProjectId};
use crate::domain::names::ProjectReference;
use crate::domain::records::{Project, ProjectSettings};

macro_rules! select_projects {
    ($name:literal, $rest:literal) => {
        concat!(
            "-- ",
            $name,
            "
            SELECT project.id, project.owner_id, account.username, project.name, project.public,
                   project.restricted_project_files, project.template, project.created_at
            FROM project JOIN account ON account.id = project.owner_id ",
            $rest
        )
    };
}

/// A project by id, whose row is locked until the transaction ends: as it is once the lock is granted.
pub(super) const LOCK: &str = select_projects!("lock_project", "WHERE project.id = $1 FOR NO KEY UPDATE OF project");

/// A project as a caller names it.
pub async fn find(client: &Client, reference: &ProjectReference) -> Result<Option<Project>, StoreError> {
    const BY_ID: &str = select_projects!("project_by_id", "WHERE project.id = $1");
    const BY_PATH: &str = select_projects!("project_by_path", "WHERE account.username_key = $1 AND project.name = $2");
    let row = match reference {
        ProjectReference::Id(id) => query_opt(client, BY_ID, &[&id.0]).await?,
        ProjectReference::Path(owner, name) => {
            query_opt(client, BY_PATH, &[&owner.key().as_str(), &name.as_str()]).await?
        }
    };
    Ok(row.as_ref().map(project))
}

/// Where a page of projects ended.
#[derive(Debug, Clone, Default)]
pub struct Cursor {
    /// The owner's id.
    pub owner: i64,
    /// The project's name.
    pub name: String,
}

/// A page of projects by owner and name, of one owner or of all.
pub async fn page(
    client: &Client,
    owner: Option<AccountId>,
    after: &Cursor,
    size: i64,
) -> Result<Vec<Project>, StoreError> {
    const ALL: &str = select_projects!(
        "projects_page",
        "WHERE (project.owner_id, project.name) > ($1, $2) ORDER BY project.owner_id, project.name LIMIT $3"
    );
    const OF_OWNER: &str = select_projects!(
        "projects_of_owner_page",
        "WHERE project.owner_id = $1 AND project.name > $2 ORDER BY project.name LIMIT $3"
    );
    let rows = match owner {
        None => query(client, ALL, &[&after.owner, &after.name, &size]).await?,
        Some(owner) => query(client, OF_OWNER, &[&owner.0, &after.name, &size]).await?,
    };
    Ok(rows.iter().map(project).collect())
}

/// All projects of an owner.
pub async fn all_of(client: &Client, owner: AccountId) -> Result<Vec<Project>, StoreError> {
    const SQL: &str = select_projects!("all_projects_of_owner", "WHERE project.owner_id = $1 ORDER BY project.name");
    Ok(query(client, SQL, &[&owner.0]).await?.iter().map(project).collect())
}

/// How many projects an owner has.
pub async fn count_of(client: &Client, owner: AccountId) -> Result<i64, StoreError> {
    const SQL: &str = "-- count_projects_of_owner
        SELECT count(*) FROM project WHERE owner_id = $1";
    Ok(query_one(client, SQL, &[&owner.0]).await?.get(0))
}

/// Adds a project.
///
/// # Errors
/// The constraints `project_name_unique` and `project_pk` where the name or the id is taken.
pub async fn insert(
    client: &Client,
    id: Uuid,
    owner: AccountId,
    name: &str,
    settings: ProjectSettings,
) -> Result<(), StoreError> {
    const SQL: &str = "-- insert_project
        INSERT INTO project (id, owner_id, name, public, restricted_project_files, template)
        VALUES ($1, $2, $3, $4, $5, $6)";
    let ProjectSettings { public, restricted_project_files, template } = settings;
    execute(client, SQL, &[&id, &owner.0, &name, &public, &restricted_project_files, &template]).await?;
    Ok(())
}

/// Gives a project these settings and this owner; its collaborators follow.
///
/// # Errors
/// The constraint `project_name_unique` where the name is taken.
pub async fn update(client: &Client, project: &Project) -> Result<(), StoreError> {
    const SQL: &str = "-- update_project
        UPDATE project SET owner_id = $2, name = $3, public = $4, restricted_project_files = $5, template = $6
        WHERE id = $1";
    let ProjectSettings { public, restricted_project_files, template } = project.settings;
    let (id, owner, name) = (project.id.0, project.owner.0, &project.name);
    execute(client, SQL, &[&id, &owner, name, &public, &restricted_project_files, &template]).await?;
    Ok(())
}

/// Deletes all projects of an owner, none of which has collaborators any more.
pub async fn delete_all_of(client: &Client, owner: AccountId) -> Result<(), StoreError> {
    const SQL: &str = "-- delete_projects_of_owner
        DELETE FROM project WHERE owner_id = $1";
    execute(client, SQL, &[&owner.0]).await?;
    Ok(())
}

/// Deletes a project that has no collaborators any more.
pub async fn delete(client: &Client, project: ProjectId) -> Result<(), StoreError> {
    const SQL: &str = "-- delete_project
        DELETE FROM project WHERE id = $1";
    execute(client, SQL, &[&project.0]).await?;
    Ok(())
}

pub(super) fn project(row: &Row) -> Project {
    Project {
        id: ProjectId(row.get(0)),
        owner: AccountId(row.get(1)),
        owner_name: row.get(2),
        name: row.get(3),
        settings: ProjectSettings { public: row.get(4), restricted_project_files: row.get(5), template: row.get(6) },
        created_at: row.get(7),
    }
}
