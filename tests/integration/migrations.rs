//! What migrations make of a database that is in use.

use std::path::Path;

use refinery::{Runner, Target, load_sql_migrations};
use rolegate::store::migrations;
use tokio_postgres::{Client, Config};

use crate::support::postgres::{connect, empty_database, miscounted, until_waiting};

/// The version that first counts members.
const COUNTED: i32 = 7;

/// A database as builds before that version leave it, with `acme` and `bolt` of `olga`, and the users `user-1` to `user-9`.
async fn before(version: i32) -> Config {
    let database = empty_database().await;
    let mut client = connect(&database).await;
    let known = load_sql_migrations(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")).unwrap();
    Runner::new(&known).set_target(Target::Version(version - 1)).run_async(&mut client).await.unwrap();
    let people = "
        INSERT INTO account (kind, username, plan_id) VALUES ('user', 'olga', 1);
        INSERT INTO account (kind, username, plan_id)
        SELECT 'user', 'user-' || number, 1 FROM generate_series(1, 9) AS number;
        INSERT INTO account (kind, username, plan_id, owner_id)
        SELECT 'organization', name, 1, id FROM account, unnest(ARRAY['acme', 'bolt']) AS name WHERE username = 'olga'";
    client.batch_execute(people).await.unwrap();
    database
}

/// Makes a user a member of an organization.
const ADD: &str = "INSERT INTO member (organization_id, user_id, role, public)
    SELECT organization.id, person.id, 'member', true FROM account AS organization, account AS person
    WHERE organization.username = $1 AND person.username = $2";

/// How many members each organization is said to have.
async fn counts(client: &Client) -> Vec<(String, i64)> {
    let sql = "SELECT username, members FROM member_count JOIN account ON id = organization_id ORDER BY username";
    client.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn members_that_are_there_are_counted() {
    let database = before(COUNTED).await;
    let client = connect(&database).await;
    for user in ["user-1", "user-2", "user-3"] {
        client.execute(ADD, &[&"acme", &user]).await.unwrap();
    }
    client.execute(ADD, &[&"bolt", &"user-1"]).await.unwrap();
    migrations::migrate(&database).await.unwrap();
    assert_eq!(counts(&client).await, [("acme".to_owned(), 3), ("bolt".to_owned(), 1)]);
}

#[tokio::test]
async fn members_that_an_older_build_writes_meanwhile_are_counted() {
    let database = before(COUNTED).await;
    let (observer, writing, later) = (connect(&database).await, connect(&database).await, connect(&database).await);
    // prepared before there was anything to keep
    let (add, remove) = (later.prepare(ADD).await.unwrap(), "DELETE FROM member WHERE user_id = $1");
    let remove = later.prepare(remove).await.unwrap();
    for user in ["user-1", "user-2"] {
        later.execute(&add, &[&"acme", &user]).await.unwrap();
        writing.execute(ADD, &[&"bolt", &user]).await.unwrap();
    }
    let id = "SELECT id FROM account WHERE username = 'user-1'";
    let user: i64 = observer.query_one(id, &[]).await.unwrap().get(0);

    writing.batch_execute("BEGIN").await.unwrap();
    writing.execute(ADD, &[&"acme", &"user-3"]).await.unwrap();
    let migrated = tokio::spawn(async move { migrations::migrate(&database).await });
    until_waiting(&observer, 1).await;
    let removed = tokio::spawn(async move {
        let removed = later.execute(&remove, &[&user]).await;
        removed.and(later.execute(&add, &[&"bolt", &"user-4"]).await)
    });
    until_waiting(&observer, 2).await;
    // also what it writes to these tables while the migration waits is no reason for them to wait in a circle
    writing.execute(ADD, &[&"bolt", &"user-5"]).await.unwrap();
    writing.batch_execute("UPDATE account SET active = active WHERE kind = 'user'; COMMIT").await.unwrap();
    migrated.await.unwrap().unwrap();
    removed.await.unwrap().unwrap();
    assert_eq!(counts(&observer).await, [("acme".to_owned(), 2), ("bolt".to_owned(), 3)]);
    assert_eq!(miscounted(&observer).await, []);
}
