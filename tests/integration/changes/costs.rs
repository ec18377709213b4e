//! What a page of the log costs, in pages of PostgreSQL's memory: as much late in it as early, by every filter.

use rolegate::store::{Database, Hosts, Role};
use tokio_postgres::Client;

use crate::lists::costs::{Prepared, even};
use crate::support::fresh_database;
use crate::support::postgres::connect;

/// How many rows a large page asks for.
const ROWS: i64 = 1_001;

/// 100,000 writes of two changes each, one a second; a tenth is about `acme/busy`, a tenth of bob, a third by ann, and a few by
/// somebody who hardly ever writes.
const LOG: &str = "
    INSERT INTO change_set (revision, operation, actor, committed_at, names, projects, path_owners, path_names, accounts, plans)
    SELECT number, 'put', CASE WHEN number % 30000 = 0 THEN 'Rare' WHEN number % 3 = 0 THEN 'Ann' END,
           timestamptz '2026-01-01' + number * interval '1 second', '{}', '{}', '{}', '{}', '{}', '{}'
    FROM generate_series(1, 100000) AS number;
    INSERT INTO change (revision, ordinal, object, name, subject, after)
    SELECT number, ordinal, 'collaborator', CASE number % 10 WHEN 1 THEN 'Acme/busy' ELSE 'acme/p' || number END,
           CASE WHEN ordinal = 2 THEN '' WHEN number % 10 = 2 THEN 'Bob' ELSE 'user' || number END, '{}'
    FROM generate_series(1, 100000) AS number CROSS JOIN generate_series(1, 2) AS ordinal;
    UPDATE revision SET number = 100000;
    ANALYZE;";

/// The statements of the walks, with what their arguments are and what they are besides the place.
const WALKS: [(&str, &str, &str); 8] = [
    ("changes_of_name", "text, bigint, bigint, bigint", "'acme/busy', {revision}, {ordinal}, {rows}"),
    ("changes_of_name_newest_first", "text, bigint, bigint, bigint", "'acme/busy', {revision}, {ordinal}, {rows}"),
    ("changes_of_subject", "text, bigint, bigint, bigint", "'bob', {revision}, {ordinal}, {rows}"),
    ("changes_of_subject_newest_first", "text, bigint, bigint, bigint", "'bob', {revision}, {ordinal}, {rows}"),
    (
        "changes_of_actor",
        "timestamptz, bigint, bigint, bigint, text, timestamptz",
        "{time}, {revision}, {ordinal}, {rows}, 'ann', '2100-01-01'",
    ),
    (
        "changes_of_actor_newest_first",
        "timestamptz, bigint, bigint, bigint, text, timestamptz",
        "{time}, {revision}, {ordinal}, {rows}, 'ann', '1970-01-01'",
    ),
    (
        "changes_of_all",
        "timestamptz, bigint, bigint, bigint, timestamptz",
        "{time}, {revision}, {ordinal}, {rows}, '2100-01-01'",
    ),
    (
        "changes_of_all_newest_first",
        "timestamptz, bigint, bigint, bigint, timestamptz",
        "{time}, {revision}, {ordinal}, {rows}, '1970-01-01'",
    ),
];

fn arguments(template: &str, revision: i64, rows: i64) -> String {
    let time = format!("timestamptz '2026-01-01' + {revision} * interval '1 second'");
    let values = [("{revision}", revision.to_string()), ("{ordinal}", "1".to_owned()), ("{rows}", rows.to_string())];
    let filled = values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(name, value));
    filled.replace("{time}", &time)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_late_in_the_log_costs_what_an_early_one_costs_by_every_filter() {
    let database = fresh_database().await;
    connect(&database).await.batch_execute(LOG).await.unwrap();
    let pool = Database::new(Hosts::new(&database, Role::Primary), 1).unwrap();
    let client = pool.client().await.unwrap();
    for mode in ["force_custom_plan", "force_generic_plan"] {
        client.batch_execute(&format!("SET plan_cache_mode = {mode}")).await.unwrap();
        println!("{mode}");
        for (name, types, template) in WALKS {
            let walk = Prepared::new(&client, name, types).await;
            let mut costs = Vec::new();
            for revision in [30_000, 50_000, 70_000] {
                costs.push(walk.cost(&arguments(template, revision, ROWS), ROWS).await);
            }
            even(name, &costs);
        }
        rare(&client).await;
        stretches(&client).await;
    }
}

/// Who hardly ever wrote costs hardly anything to list.
async fn rare(client: &Client) {
    for (name, types, template) in &WALKS[4..6] {
        let walk = Prepared::new(client, name, types).await;
        let revision = if name.ends_with("first") { 100_001 } else { 0 };
        let cost = walk.cost(&arguments(template, revision, ROWS).replace("'ann'", "'rare'"), 6).await;
        assert!(cost < 100, "{name}: {cost} buffers for 6 rows");
    }
}

/// What a watch reads.
async fn stretches(client: &Client) {
    let read = Prepared::new(client, "read_changes", "bigint, bigint, bigint, bigint").await;
    let mut costs = Vec::new();
    for first in [1, 50_000, 90_000] {
        costs.push(read.cost(&format!("{first}, 0, 100000, 512"), 512).await);
    }
    even("what a watch reads", &costs);
    let idle = read.cost("100000, 0, 100000, 512", 2).await;
    assert!(idle < 30, "{idle} buffers for the last write");
}
