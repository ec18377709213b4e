//! Commit order is not the order of ids: three transactions overlap, and the watch tells each one, in the order in which they
//! took their numbers.

use std::time::Duration;

use tokio_postgres::Client;

use super::Watcher;
use crate::support::postgres::{connect, until_waiting};
use crate::support::{Service, fresh_database};

/// Begins a transaction that creates a plan, and so takes the next id.
async fn begin(service: &Service, code: &str) -> Client {
    let client = connect(&service.database).await;
    client.batch_execute("BEGIN").await.unwrap();
    client.execute("INSERT INTO plan (code, premium) VALUES ($1, false)", &[&code]).await.unwrap();
    client
}

/// Takes the number of a write as the service does, but leaves the transaction open.
async fn take_number(client: &Client, code: &str) {
    let sql = "WITH next AS (
            UPDATE revision SET number = number + 1, change_id = gen_random_uuid() RETURNING number, change_id
        ), written AS (
            INSERT INTO change_set (revision, id, operation, names, projects, path_owners, path_names, accounts, plans)
            SELECT number, change_id, 'put_plan', '{}', '{}', '{}', '{}', '{}', '{}' FROM next
        ), listed AS (
            INSERT INTO change (revision, ordinal, object, name, subject, after)
            SELECT number, 1, 'plan', $1, '', '{}' FROM next
        )
        SELECT pg_notify('rolegate', '') FROM next";
    client.query_one(sql, &[&code]).await.unwrap();
}

async fn take_number_of(client: Client, code: &str) -> Client {
    take_number(&client, code).await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_overlapping_transactions_are_told_once_each_in_the_order_of_their_commits() {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &["--heartbeat", "50ms"]).await;
    let client = connect(&database).await;
    let mut watcher = Watcher::from_now(&service).await;
    let start = watcher.position.clone();

    // ids in the order first, second, third; numbers in the order third, first, second
    let first = begin(&service, "first").await;
    let second = begin(&service, "second").await;
    let third = begin(&service, "third").await;
    take_number(&third, "third").await;
    let waits_first = tokio::spawn(take_number_of(first, "first"));
    until_waiting(&client, 1).await;
    let early = tokio::time::timeout(Duration::from_millis(200), watcher.next()).await;
    assert!(early.is_err(), "nothing is told before its commit: {early:?}");

    third.batch_execute("COMMIT").await.unwrap();
    assert_eq!(name(&mut watcher).await, "third");
    let first = waits_first.await.unwrap();
    // not before: of two that wait for the row at once, PostgreSQL lets either have it first
    let waits_second = tokio::spawn(take_number_of(second, "second"));
    until_waiting(&client, 1).await;
    let early = tokio::time::timeout(Duration::from_millis(200), watcher.next()).await;
    assert!(early.is_err(), "nothing is told before its commit: {early:?}");
    assert!(!waits_second.is_finished(), "the second waits for the number of the first");
    first.batch_execute("COMMIT").await.unwrap();
    let second = waits_second.await.unwrap();
    second.batch_execute("COMMIT").await.unwrap();
    assert_eq!((name(&mut watcher).await, name(&mut watcher).await), ("first".to_owned(), "second".to_owned()));

    let mut again = Watcher::after(&service, &start).await;
    let told = again.until(&watcher.position).await;
    let names: Vec<&str> = told.iter().map(|write| write.changes[0].name.as_str()).collect();
    assert_eq!(names, ["third", "first", "second"]);
}

async fn name(watcher: &mut Watcher) -> String {
    watcher.write().await.unwrap().changes[0].name.clone()
}
