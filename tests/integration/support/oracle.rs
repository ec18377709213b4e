//! The rules of the permission model once more, as one plain SQL query over the stored rows; nothing of the service in it.
//!
//! Source: the permission model, «A user's role on a project». The highest role wins; among equals the first origin of
//! the table there; among teams of one role the grant that lasts longest.

use std::collections::HashMap;

use jiff::Timestamp;
use rolegate::grpc::v1::{CheckResponse, DecisionReason, Origin, ProjectRole};
use tokio_postgres::{Client, Row};

/// The role of every user on every project at the moment `$1`. The user without a name is the anonymous visitor, so that
/// every project has a row.
const ORACLE: &str = "
    WITH given (user_id, project_id, role, origin, origin_order, ends) AS (
        SELECT project.owner_id, project.id, 'admin', 'project_owner', 1, 'infinity'::timestamptz
        FROM project JOIN account ON account.id = project.owner_id AND account.kind = 'user'
        UNION ALL
        SELECT organization.owner_id, project.id, 'admin', 'organization_owner', 2, 'infinity'
        FROM project JOIN account AS organization ON organization.id = project.owner_id
        WHERE organization.kind = 'organization'
        UNION ALL
        SELECT member.user_id, project.id, 'admin', 'organization_admin', 3, 'infinity'
        FROM project JOIN member ON member.organization_id = project.owner_id
        WHERE member.role = 'admin'
        UNION ALL
        SELECT user_id, project_id, role, 'collaborator', 4, coalesce(expires_at, 'infinity')
        FROM collaborator WHERE user_id IS NOT NULL
        UNION ALL
        SELECT team_member.user_id, project_id, role, 'team_member', 5, coalesce(expires_at, 'infinity')
        FROM collaborator JOIN team_member ON team_member.team_id = collaborator.team_id
        UNION ALL
        SELECT member.user_id, project.id, organization.default_project_role, 'organization_member', 6, 'infinity'
        FROM project
        JOIN account AS organization ON organization.id = project.owner_id
        JOIN member ON member.organization_id = organization.id
        WHERE member.role <> 'admin' AND organization.default_project_role IS NOT NULL
        UNION ALL
        SELECT account.id, project.id, 'reader', 'public', 7, 'infinity'
        FROM project CROSS JOIN account WHERE project.public AND account.kind = 'user'
    ), held AS (
        SELECT DISTINCT ON (user_id, project_id) user_id, project_id, role, origin, nullif(ends, 'infinity') AS ends
        FROM given JOIN account AS holder ON holder.id = given.user_id AND holder.active
        WHERE ends > $1
        ORDER BY user_id, project_id,
                 array_position(ARRAY['admin', 'manager', 'editor', 'reporter', 'reader'], role), origin_order, ends DESC
    ), asked AS (
        SELECT id, lower(username) AS name, active FROM account WHERE kind = 'user'
        UNION ALL
        SELECT NULL, '', false
    )
    SELECT asked.name, asked.active, project.id::text, lower(owner.username) || '/' || project.name,
           project.template, project.restricted_project_files, held.role, held.origin, held.ends,
           NOT project.public AND plan.collaborator_limit < (
               SELECT count(*) FROM collaborator
               WHERE project_id = project.id AND user_id IS NOT NULL AND NOT incognito
                     AND user_id IS DISTINCT FROM owner.owner_id
           )
    FROM asked
    LEFT JOIN (project JOIN account AS owner ON owner.id = project.owner_id JOIN plan ON plan.id = owner.plan_id) ON true
    LEFT JOIN held ON held.user_id = asked.id AND held.project_id = project.id";

/// An action, the lowest role that may, whether templates forbid it, and the lowest role where files are restricted.
type Rule = (&'static str, ProjectRole, bool, ProjectRole);

/// One action of every kind that the matrix has.
pub const ACTIONS: [Rule; 8] = [
    ("view_project", ProjectRole::Reader, false, ProjectRole::Reader),
    ("create_files", ProjectRole::Reporter, false, ProjectRole::Reporter),
    ("delete_files", ProjectRole::Editor, false, ProjectRole::Editor),
    ("edit_features", ProjectRole::Editor, true, ProjectRole::Editor),
    ("modify_projectfiles", ProjectRole::Reporter, false, ProjectRole::Manager),
    ("update_project", ProjectRole::Manager, false, ProjectRole::Manager),
    ("delete_file_versions", ProjectRole::Admin, false, ProjectRole::Admin),
    ("transfer_project", ProjectRole::Owner, false, ProjectRole::Owner),
];

/// What the stored rows say of everybody on everything at one moment.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    users: HashMap<String, bool>,
    projects: HashMap<String, Project>,
    held: HashMap<(String, String), Held>,
}

/// What a check must answer, but for its revision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    pub allowed: bool,
    pub reason: DecisionReason,
    pub role: ProjectRole,
    pub origin: Origin,
    pub over_limit: bool,
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone)]
struct Project {
    id: String,
    template: bool,
    restricted: bool,
    over_limit: bool,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    role: ProjectRole,
    origin: Origin,
    ends: Option<Timestamp>,
}

impl Matrix {
    /// Reads the rows as they are now, and judges expiry by `at`.
    pub async fn read(client: &Client, at: Timestamp) -> Self {
        let statement = client.prepare(ORACLE).await.unwrap();
        let mut matrix = Self::default();
        for row in client.query(&statement, &[&at]).await.unwrap() {
            matrix.take(&row);
        }
        matrix.users.remove("");
        matrix
    }

    fn take(&mut self, row: &Row) {
        let user: String = row.get(0);
        self.users.insert(user.clone(), row.get(1));
        let Some(id) = row.get::<_, Option<String>>(2) else { return };
        let (template, restricted) = (row.get(4), row.get(5));
        let over_limit = row.get::<_, Option<bool>>(9).unwrap_or(false);
        let project = Project { id: id.clone(), template, restricted, over_limit };
        self.projects.insert(row.get(3), project.clone());
        self.projects.insert(id.clone(), project);
        if let Some(role) = row.get::<_, Option<&str>>(6) {
            let held = Held { role: project_role(role), origin: origin(row.get(7)), ends: row.get(8) };
            self.held.insert((user, id), held);
        }
    }

    /// What a check of this user, this project by id or path, and one of [`ACTIONS`] must answer.
    pub fn verdict(&self, user: &str, project: &str, action: &str) -> Verdict {
        let (_, lowest, never_on_template, restricted) = ACTIONS.into_iter().find(|rule| rule.0 == action).unwrap();
        let user = user.to_lowercase();
        let project = match project.split_once('/') {
            Some((owner, name)) => self.projects.get(&format!("{}/{name}", owner.to_lowercase())),
            None => self.projects.get(project),
        };
        let held = project.and_then(|project| self.held.get(&(user.clone(), project.id.clone())));
        let reaches = |level| match (held, level) {
            (None, _) => false,
            (Some(held), ProjectRole::Owner) => {
                matches!(held.origin, Origin::ProjectOwner | Origin::OrganizationOwner)
            }
            (Some(held), level) => i32::from(held.role) >= i32::from(level),
        };
        let reason = match (self.users.get(&user), project) {
            _ if user.is_empty() => DecisionReason::Anonymous,
            (None, _) => DecisionReason::UserNotFound,
            (Some(false), _) => DecisionReason::UserInactive,
            (_, None) => DecisionReason::ProjectNotFound,
            _ if held.is_none() => DecisionReason::NoRole,
            _ if !reaches(lowest) => DecisionReason::RoleTooLow,
            (_, Some(project)) if project.restricted && !reaches(restricted) => DecisionReason::RestrictedProjectFiles,
            (_, Some(project)) if project.template && never_on_template => DecisionReason::TemplateProject,
            _ => DecisionReason::Granted,
        };
        Verdict {
            allowed: reason == DecisionReason::Granted,
            reason,
            role: held.map(|held| held.role).unwrap_or_default(),
            origin: held.map(|held| held.origin).unwrap_or_default(),
            over_limit: project.is_some_and(|project| project.over_limit),
            expires_at: held.and_then(|held| held.ends),
        }
    }
}

impl From<&CheckResponse> for Verdict {
    fn from(answer: &CheckResponse) -> Self {
        Self {
            allowed: answer.allowed,
            reason: answer.reason(),
            role: answer.role(),
            origin: answer.origin(),
            over_limit: answer.over_limit,
            expires_at: answer.expires_at.map(|time| Timestamp::new(time.seconds, time.nanos).unwrap()),
        }
    }
}

/// The database's clock.
pub async fn database_clock(client: &Client) -> Timestamp {
    client.query_one("SELECT clock_timestamp()", &[]).await.unwrap().get(0)
}

/// The moments between two at which a grant ends.
pub async fn ends_between(client: &Client, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let sql = "SELECT DISTINCT expires_at FROM collaborator WHERE expires_at > $1 AND expires_at <= $2";
    client.query(sql, &[&from, &to]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

fn project_role(name: &str) -> ProjectRole {
    ProjectRole::from_str_name(&format!("PROJECT_ROLE_{}", name.to_uppercase())).unwrap()
}

fn origin(name: &str) -> Origin {
    Origin::from_str_name(&format!("ORIGIN_{}", name.to_uppercase())).unwrap()
}
