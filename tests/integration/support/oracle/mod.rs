//! The rules of the permission model once more: plain SQL over the stored rows, and the matrix written out again; nothing of
//! the service in it.

mod answers;
mod levels;
mod rules;
mod sql;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use rolegate::grpc::v1::{Origin, ProjectRole};
use tokio_postgres::{Client, Row};

pub use answers::{ProjectFilter, Verdict, on_the_wire};
pub use rules::{ACCOUNT_ACTIONS, ACTIONS, ORGANIZATION_ACTIONS, Rules};

/// What the stored rows say of everybody on everything at one moment.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    rules: Rules,
    /// Every account by its lower-case name: whether it is a user, and active.
    accounts: HashMap<String, (bool, bool)>,
    /// The users by id, which is by age, as they are written.
    users: BTreeMap<i64, String>,
    /// By id, and by `owner/name` with the owner in lower case.
    projects: HashMap<String, Project>,
    held: HashMap<(String, String), Held>,
    ways: HashMap<(String, String), Vec<Way>>,
    /// What a user is to an organization or an account, as the model calls it.
    organization_levels: HashMap<(String, String), String>,
    account_levels: HashMap<(String, String), String>,
}

#[derive(Debug, Clone)]
struct Project {
    id: String,
    owner: String,
    name: String,
    public: bool,
    template: bool,
    restricted: bool,
    over_limit: bool,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    role: ProjectRole,
    origin: Origin,
    ends: Option<Timestamp>,
    incognito: bool,
}

/// One row that gives a role.
#[derive(Debug, Clone)]
struct Way {
    origin: Origin,
    role: ProjectRole,
    ends: Option<Timestamp>,
    team: Option<String>,
}

impl Matrix {
    /// Reads the rows as they are now, and judges expiry by `at`; by the rules that are shipped.
    pub async fn read(client: &Client, at: Timestamp) -> Self {
        Self::read_by(Rules::default(), client, at).await
    }

    /// The same by those rules.
    pub async fn read_by(rules: Rules, client: &Client, at: Timestamp) -> Self {
        let mut matrix = Self { rules, ..Self::default() };
        for row in client.query(sql::HELD, &[&at, &rules.first_origin, &rules.refuse_view]).await.unwrap() {
            matrix.take(&row);
        }
        for row in client.query(sql::WAYS, &[&at]).await.unwrap() {
            let way =
                Way { origin: origin(row.get(2)), role: project_role(row.get(3)), ends: row.get(4), team: row.get(5) };
            matrix.ways.entry((row.get(0), row.get(1))).or_default().push(way);
        }
        for row in client.query(sql::ACCOUNTS, &[]).await.unwrap() {
            matrix.accounts.insert(row.get(0), (row.get(1), row.get(2)));
        }
        for (query, levels) in [
            (sql::ORGANIZATION_LEVELS, &mut matrix.organization_levels),
            (sql::ACCOUNT_LEVELS, &mut matrix.account_levels),
        ] {
            let rows = client.query(query, &[]).await.unwrap();
            levels.extend(rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))));
        }
        matrix
    }

    fn take(&mut self, row: &Row) {
        let (user, number): (String, i64) = (row.get(0), row.get(13));
        if number > 0 {
            self.users.insert(number, user.clone());
        }
        let Some(id) = row.get::<_, Option<String>>(2) else { return };
        let project = Project {
            id: id.clone(),
            owner: row.get(3),
            name: row.get(4),
            public: row.get(12),
            template: row.get(5),
            restricted: row.get(6),
            over_limit: row.get::<_, Option<bool>>(10).unwrap_or(false),
        };
        self.projects.insert(format!("{}/{}", project.owner.to_lowercase(), project.name), project.clone());
        self.projects.insert(id.clone(), project);
        if let Some(role) = row.get::<_, Option<&str>>(7) {
            let held =
                Held { role: project_role(role), origin: origin(row.get(8)), ends: row.get(9), incognito: row.get(11) };
            self.held.insert((user.to_lowercase(), id), held);
        }
    }

    /// The names of all users, by age.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.users.values().map(String::as_str)
    }

    /// Whether there is an active user of that name.
    pub fn is_active(&self, user: &str) -> bool {
        self.nobody(user).is_none()
    }

    /// The ids of all projects.
    pub fn project_ids(&self) -> Vec<&str> {
        let ids = self.projects.iter().filter(|(key, project)| **key == project.id);
        let mut ids: Vec<&str> = ids.map(|(key, _)| key.as_str()).collect();
        ids.sort_unstable();
        ids
    }

    fn project(&self, project: &str) -> Option<&Project> {
        match project.split_once('/') {
            Some((owner, name)) => self.projects.get(&format!("{}/{name}", owner.to_lowercase())),
            None => self.projects.get(&project.to_lowercase()),
        }
    }

    fn held(&self, user: &str, project: &Project) -> Option<&Held> {
        self.held.get(&(user.to_lowercase(), project.id.clone()))
    }
}

/// The database's clock.
pub async fn database_clock(client: &Client) -> Timestamp {
    client.query_one("SELECT clock_timestamp()", &[]).await.unwrap().get(0)
}

/// The moments between two at which a grant ends.
pub async fn ends_between(client: &Client, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let sql = "SELECT DISTINCT expires_at FROM collaborator WHERE expires_at > $1 AND expires_at <= $2 ORDER BY 1";
    client.query(sql, &[&from, &to]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

fn project_role(name: &str) -> ProjectRole {
    ProjectRole::from_str_name(&format!("PROJECT_ROLE_{}", name.to_uppercase())).unwrap()
}

fn origin(name: &str) -> Origin {
    Origin::from_str_name(&format!("ORIGIN_{}", name.to_uppercase())).unwrap()
}
