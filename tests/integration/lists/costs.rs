//! What a page costs, in pages of PostgreSQL's memory: as much late in a list as early.

use rolegate::store::{Database, Hosts, Purpose, Role, Transaction, locks};
use serde_json::Value;
use tokio_postgres::Client;

use super::crowd::{MANY, fill};
use crate::statements::statements;
use crate::support::fresh_database;
use crate::support::postgres::connect;
use crate::support::views::databases;

/// How many rows a large page asks for.
const ROWS: i64 = 1_001;

/// The most buffers that a row of a page may cost.
const DEAREST_ROW: i64 = 30;

/// A statement under test, by the name and the arguments that it is prepared and executed with.
pub struct Prepared<'a> {
    client: &'a Client,
    name: &'static str,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_late_in_a_list_of_100_000_costs_what_an_early_one_costs() {
    // a prepared statement is planned for its arguments, or after a while for any
    let database = fresh_database().await;
    fill(&connect(&database).await).await;
    // a connection of the service's, with the settings that those have
    let pool = databases(&database).main;
    let client = pool.client().await.unwrap();
    for mode in ["force_custom_plan", "force_generic_plan"] {
        client.batch_execute(&format!("SET plan_cache_mode = {mode}")).await.unwrap();
        println!("{mode}");
        candidate_projects(&client).await;
        candidate_projects_of_one_owner(&client).await;
        candidate_users(&client).await;
        facts_of_projects(&client).await;
        facts_of_users(&client).await;
    }
}

/// What loads of the view are asked for, and how many rows come of it.
const LOADS: [(&str, &str, &str, i64); 4] = [
    ("load_names", "text[]", "ARRAY['user40000', 'nobody']", 2),
    ("load_projects", "uuid[]", "ARRAY[md5('40000')::uuid, md5('none')::uuid]", 2),
    ("load_paths", "text[], text[]", "ARRAY['user40000', 'nobody'], ARRAY['trees', 'none']", 2),
    ("load_accounts", "bigint[]", "ARRAY[40000, 0]", 2),
];

/// 50,000 users, each with a project that ten others were added to.
const USERS: &str = "
    SET session_replication_role = replica;
    INSERT INTO account (kind, username, plan_id) SELECT 'user', 'user' || number, 1 FROM generate_series(1, 50000) AS number;
    INSERT INTO project (id, owner_id, name, public, restricted_project_files, template)
    SELECT md5(id::text)::uuid, id, 'trees', false, false, false FROM account;
    INSERT INTO collaborator (project_id, owner_id, user_id, role, incognito)
    SELECT project.id, owner_id, 1 + (owner_id + step * 100) % 50000, 'reader', false
    FROM project CROSS JOIN generate_series(1, 10) AS step";

/// What writes look up and lock.
const WRITES: [(&str, &str, &str, i64); 5] = [
    ("look_up_accounts", "text[], bigint", "ARRAY['user40000', 'nobody'], NULL", 1),
    ("accounts_by_ids_now", "bigint[]", "ARRAY[40000, 0]", 1),
    ("project_by_path", "text, text", "'user40000', 'trees'", 1),
    ("lock_project", "uuid", "md5('40000')::uuid", 1),
    ("given", "uuid, bigint", "md5('40000')::uuid, 40101", 1),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loads_that_were_planned_on_empty_tables_are_planned_again_once_they_are_large() {
    let database = fresh_database().await;
    let pool = Database::for_loads(Hosts::new(&database, Role::Primary), 1).unwrap();
    are_planned_again(&connect(&database).await, pool, "RESET plan_cache_mode", &LOADS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_were_planned_on_empty_tables_are_planned_again_once_they_are_large() {
    let database = fresh_database().await;
    let pool = Database::new(Hosts::new(&database, Role::Primary), 1).unwrap();
    // as the beginning of a write says for it alone
    are_planned_again(&connect(&database).await, pool, "SET plan_cache_mode = force_generic_plan", &WRITES).await;
}

async fn are_planned_again(other: &Client, pool: Database, mode: &str, asked: &[(&'static str, &str, &str, i64)]) {
    for _ in 0..3 {
        // plans are made again once early, too
        pool.client().await.unwrap().give_back();
    }
    let client = pool.client().await.unwrap();
    // the only one
    let session = text(&client, "SELECT pg_backend_pid()::text").await;
    client.batch_execute(mode).await.unwrap();
    for table in ["account", "project", "collaborator", "member", "team_member"] {
        // nothing there has a plan made again
        other.batch_execute(&format!("ALTER TABLE {table} SET (autovacuum_enabled = off)")).await.unwrap();
    }
    for (name, types, arguments, _) in asked {
        let sql = statements().remove(*name).unwrap();
        client.batch_execute(&format!("PREPARE {name} ({types}) AS {sql}")).await.unwrap();
        client.batch_execute(&format!("EXECUTE {name} ({arguments})")).await.unwrap();
    }
    client.give_back();
    other.batch_execute(USERS).await.unwrap();
    for _ in 0..100 {
        pool.client().await.unwrap().give_back();
    }
    let client = pool.client().await.unwrap();
    assert_eq!(text(&client, "SELECT pg_backend_pid()::text").await, session);
    for (name, _, arguments, rows) in asked {
        let cost = Prepared { client: &client, name }.cost(arguments, *rows).await;
        assert!(cost < 100, "{name}: {cost} buffers");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_keeps_the_plans_of_what_it_asks_for_and_leaves_those_of_lists_alone() {
    let database = fresh_database().await;
    let pool = Database::new(Hosts::new(&database, Role::Primary), 1).unwrap();
    let mut client = pool.client().await.unwrap();
    for _ in 0..10 {
        let transaction = Transaction::begin(&mut client, Purpose::Write).await.unwrap();
        locks::look_up(&transaction, &["acme", "mia"], None).await.unwrap();
        transaction.rollback().await.unwrap();
    }
    let plans = "SELECT custom_plans::text FROM pg_prepared_statements WHERE statement LIKE '-- look_up_accounts%'";
    assert_eq!(text(&client, plans).await, "0");
    assert_eq!(text(&client, "SELECT current_setting('plan_cache_mode')").await, "auto");
}

/// What the user `busy` looks through.
async fn ways(client: &Client) -> String {
    let sql = "SELECT format('%s, %L, %L, %L, true', busy.id, ARRAY[busy.id],
                   (SELECT array_agg(organization_id) FROM member WHERE user_id = busy.id),
                   (SELECT array_agg(team_id) FROM team_member WHERE user_id = busy.id))
               FROM account AS busy WHERE username = 'busy'";
    text(client, sql).await
}

async fn candidate_projects(client: &Client) {
    let types = "bigint, bigint[], bigint[], bigint[], boolean, uuid, bigint";
    let statement = Prepared::new(client, "candidate_projects", types).await;
    let ways = ways(client).await;
    let early = "00000000-0000-0000-0000-000000000000".to_owned();
    let mut costs = Vec::new();
    for after in [early, project_at(client, "true", 0.5).await, project_at(client, "true", 0.9).await] {
        costs.push(statement.cost(&format!("{ways}, '{after}', {ROWS}"), ROWS).await);
    }
    even("all projects", &costs);
}

async fn candidate_projects_of_one_owner(client: &Client) {
    let types = "bigint, bigint[], bigint[], bigint[], boolean, uuid, bigint, bigint";
    let statement = Prepared::new(client, "candidate_projects_of_owner", types).await;
    let ways = ways(client).await;
    for owner in ["busy", "direct", "teams", "members", "open"] {
        let id = text(client, &format!("SELECT id::text FROM account WHERE username = '{owner}'")).await;
        let mut costs = Vec::new();
        for place in [0.0, 0.5, 0.9] {
            let after = project_at(client, &format!("owner_id = {id}"), place).await;
            costs.push(statement.cost(&format!("{ways}, '{after}', {ROWS}, {id}"), ROWS).await);
        }
        even(&format!("the projects of {owner}"), &costs);
    }
    let closed = text(client, "SELECT id::text FROM account WHERE username = 'closed'").await;
    let none = statement.cost(&format!("{ways}, '00000000-0000-0000-0000-000000000000', {ROWS}, {closed}"), 0).await;
    assert!(none < 100 * DEAREST_ROW, "{none} for projects on which nothing is held");
}

async fn candidate_users(client: &Client) {
    let statement = Prepared::new(client, "candidate_users", "uuid, bigint, bigint").await;
    let mut costs = Vec::new();
    for after in [0, MANY / 2, MANY / 10 * 9] {
        costs.push(statement.cost(&format!("md5('square')::uuid, {after}, {ROWS}"), ROWS).await);
    }
    even("the users of a project", &costs);
}

async fn facts_of_projects(client: &Client) {
    let statement = Prepared::new(client, "load_projects_for", "uuid[], bigint[], bigint[]").await;
    let sql =
        "SELECT format('ARRAY[%s], %L', busy.id, (SELECT array_agg(team_id) FROM team_member WHERE user_id = busy.id))
               FROM account AS busy WHERE username = 'busy'";
    let user = text(client, sql).await;
    let mut costs = Vec::new();
    for offset in [0, MANY / 2, MANY / 10 * 9] {
        let ids = format!(
            "(SELECT array_agg(id::text)::text FROM (SELECT id FROM project WHERE name <> 'square' ORDER BY id
                           OFFSET {offset} LIMIT {ROWS}) AS page)"
        );
        let ids = text(client, &format!("SELECT {ids}")).await;
        costs.push(statement.cost(&format!("'{ids}', {user}"), ROWS).await);
    }
    even("the facts of a page of projects", &costs);
}

async fn facts_of_users(client: &Client) {
    let statement = Prepared::new(client, "load_projects_for", "uuid[], bigint[], bigint[]").await;
    let teams = text(client, "SELECT array_agg(id)::text FROM team").await;
    let mut costs = Vec::new();
    for from in [100, MANY / 2, MANY / 10 * 9] {
        let users =
            text(client, &format!("SELECT array_agg(id)::text FROM generate_series({from}, {from} + 1000) AS id"))
                .await;
        costs.push(statement.cost(&format!("ARRAY[md5('square')::uuid], '{users}', '{teams}'"), 1).await);
    }
    even("the facts of a page of users", &costs);
}

/// No page costs twice what another does, and none more than its rows may.
pub fn even(what: &str, costs: &[i64]) {
    println!("  {what}: {costs:?} buffers");
    let (least, most) = (*costs.iter().min().unwrap(), *costs.iter().max().unwrap());
    assert!(most <= 2 * least, "{what}: {costs:?} buffers a page");
    assert!(most <= DEAREST_ROW * ROWS, "{what}: {costs:?} buffers for {ROWS} rows");
}

/// How many rows a plan reads that do not fit.
fn passed_over(plan: &Value) -> f64 {
    let removed = plan["Rows Removed by Filter"].as_f64().unwrap_or(0.0) * plan["Actual Loops"].as_f64().unwrap();
    let parts = plan["Plans"].as_array().into_iter().flatten();
    removed + parts.map(passed_over).sum::<f64>()
}

/// The id of a project in that place of all that fit.
async fn project_at(client: &Client, fits: &str, place: f64) -> String {
    let sql = format!("SELECT percentile_disc({place}) WITHIN GROUP (ORDER BY id)::text FROM project WHERE {fits}");
    text(client, &sql).await
}

async fn text(client: &Client, sql: &str) -> String {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

impl<'a> Prepared<'a> {
    pub async fn new(client: &'a Client, name: &'static str, types: &str) -> Self {
        let sql = statements().remove(name).unwrap();
        client.batch_execute(&format!("DEALLOCATE ALL; PREPARE {name} ({types}) AS {sql}")).await.unwrap();
        Self { client, name }
    }

    /// How many buffers an execution touches; it must find so many rows.
    pub async fn cost(&self, arguments: &str, rows: i64) -> i64 {
        let sql = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE {} ({arguments})", self.name);
        let explained: Value = self.client.query_one(&sql, &[]).await.unwrap().get(0);
        let plan = &explained[0]["Plan"];
        let counted = |name: &str| plan[name].as_i64().unwrap();
        assert_eq!(plan["Actual Rows"].as_f64().unwrap() as i64, rows, "{}", self.name);
        let passed = passed_over(plan);
        assert!(passed <= ROWS as f64, "{}: {passed} rows are read in vain: {explained:#}", self.name);
        if std::env::var("ROLEGATE_TEST_PLANS").is_ok() {
            let sql = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) EXECUTE {} ({arguments})", self.name);
            let lines = self.client.query(&sql, &[]).await.unwrap();
            lines.iter().for_each(|line| println!("{}", line.get::<_, String>(0)));
        }
        counted("Shared Hit Blocks") + counted("Shared Read Blocks")
    }
}
