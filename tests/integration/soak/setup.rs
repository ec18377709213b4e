//! Makes the small world, before anything happens to it, and reads what the database has of it in the end.

use std::collections::HashMap;

use rolegate::grpc::v1;
use serde_json::Value as Json;
use tokio_postgres::{Client, Row};

use super::timeline::{EXPIRY, Entry, Log};
use super::world::{
    ACTIONS, Fact, HIGHEST, Holder, ORGANIZATION, OWNER, PROJECTS, Project, TEAMS, USERS, User, Value, project_id,
};
use crate::support::{Clients, Matrix};

/// A plan whose users may be added to a person's own projects.
const PLAN: &str = "premium";

/// Creates everybody and everything. Nobody belongs to anything yet.
pub async fn create(clients: &Clients) -> HashMap<Fact, Value> {
    let plan = v1::Plan {
        code: PLAN.to_owned(),
        premium: true,
        max_collaborators_per_private_project: -1,
        max_organization_members: -1,
        personal_projects_up_to_reporter: false,
        etag: String::new(),
    };
    clients.plans().put(v1::PlanServicePutRequest { plan: Some(plan), ..Default::default() }).await.unwrap();
    for username in [OWNER].into_iter().chain(USERS) {
        let (username, plan) = (username.to_owned(), PLAN.to_owned());
        let request = v1::UserServiceCreateRequest { username, plan, ..Default::default() };
        clients.users().create(request).await.unwrap();
    }
    let organization = v1::OrganizationServiceCreateRequest {
        username: ORGANIZATION.to_owned(),
        owner: OWNER.to_owned(),
        default_project_role: v1::ProjectRole::Reader.into(),
        plan: PLAN.to_owned(),
        ..Default::default()
    };
    clients.organizations().create(organization).await.unwrap();
    for team in TEAMS {
        let request = v1::TeamServiceCreateRequest { team: team.to_owned(), ..Default::default() };
        clients.teams().create(request).await.unwrap();
    }
    for (project, path) in PROJECTS.iter().enumerate() {
        let (owner, name) = path.split_once('/').unwrap();
        let (owner, name, id) = (owner.to_owned(), name.to_owned(), project_id(project));
        let request = v1::ProjectServiceCreateRequest { owner, name, id, ..Default::default() };
        clients.projects().create(request).await.unwrap();
    }
    (0..USERS.len()).map(|user| (Fact::Active(user), Value::lasting(HIGHEST))).collect()
}

/// The number of the last write.
pub async fn counter(client: &Client) -> i64 {
    client.query_one("SELECT number FROM revision", &[]).await.unwrap().get(0)
}

/// The whole log; `first` is the last revision of the time before.
pub async fn read_log(client: &Client, first: i64) -> Log {
    let history: uuid::Uuid = client.query_one("SELECT history FROM revision", &[]).await.unwrap().get(0);
    let sql = "SELECT change_set.revision, operation, object, name, subject, after
               FROM change_set LEFT JOIN change USING (revision) ORDER BY revision, ordinal";
    let mut log = Log { history: history.as_u64_pair().0, first, entries: Vec::new() };
    for row in client.query(sql, &[]).await.unwrap() {
        let revision: i64 = row.get(0);
        if log.entries.last().is_none_or(|last| last.revision != revision) {
            log.entries.push(Entry { revision, operation: row.get(1), changes: Vec::new() });
        }
        let last = log.entries.last_mut().unwrap();
        if last.operation != EXPIRY {
            last.changes.extend(change(&row));
        }
    }
    let numbers = log.entries.iter().map(|entry| entry.revision);
    assert!(numbers.eq(1..=counter(client).await), "the log has every revision once");
    log
}

fn change(row: &Row) -> Option<(Fact, Value)> {
    let (name, subject) = (row.get::<_, Option<&str>>(3)?, row.get::<_, Option<&str>>(4)?);
    let after: Option<Json> = row.get(5);
    let field = |name: &str| after.as_ref().map(|after| after[name].clone()).unwrap_or_default();
    let place = |list: &[&str], name: &str| list.iter().position(|one| *one == name);
    let role = match row.get::<_, Option<&str>>(2)? {
        "user" => {
            let active = field("active").as_bool().unwrap_or(false);
            return Some((Fact::Active(place(&USERS, name)?), Value::lasting(if active { HIGHEST } else { 0 })));
        }
        "project" => {
            let public = field("settings")["public"].as_bool().unwrap_or(false);
            return Some((Fact::Public(place(&PROJECTS, name)?), Value::lasting(u8::from(public))));
        }
        "member" => {
            // a mere member has the organization's default role
            let role = field("role").as_str().map_or(0, |role| if role == "admin" { HIGHEST } else { 1 });
            return Some((Fact::Member(place(&USERS, subject)?), Value::lasting(role)));
        }
        "team_member" => {
            let given = if after.is_some() { HIGHEST } else { 0 };
            return Some((Fact::Place(place(&TEAMS, name)?, place(&USERS, subject)?), Value::lasting(given)));
        }
        "collaborator" => field("role").as_str().map_or(0, role_number),
        _ => return None,
    };
    let holder = place(&TEAMS, subject).map(Holder::Team).or_else(|| place(&USERS, subject).map(Holder::User))?;
    let ends = field("expires_at").as_str().map(|time| time.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    Some((Fact::Grant(place(&PROJECTS, name)?, holder), Value { role, ends }))
}

fn role_number(name: &str) -> u8 {
    let place = ["reader", "reporter", "editor", "manager", "admin"].iter().position(|role| *role == name);
    u8::try_from(place.expect(name) + 1).unwrap()
}

/// Where the log leads to another state than the tables have, by the rules once more: then no judgement counts.
pub fn disagreements(state: &HashMap<Fact, Value>, tables: &Matrix, at: i64) -> Vec<String> {
    let value = |fact| {
        let value = state.get(&fact).copied().unwrap_or_default();
        if value.ends.is_some_and(|ends| ends <= at) { 0 } else { value.role }
    };
    let mut wrong = Vec::new();
    for (user, project) in pairs() {
        let by_log = super::world::role(user, project, value);
        let by_tables = tables.verdict(USERS[user], PROJECTS[project], ACTIONS[0]).role as u8;
        if by_log != by_tables {
            let (user, project) = (USERS[user], PROJECTS[project]);
            wrong.push(format!("LOG: {user} on {project} is {by_log} by the log and {by_tables} by the tables"));
        }
    }
    wrong
}

fn pairs() -> impl Iterator<Item = (User, Project)> {
    (0..USERS.len()).flat_map(|user| (0..PROJECTS.len()).map(move |project| (user, project)))
}
