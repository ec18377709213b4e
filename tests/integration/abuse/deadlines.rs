//! A deadline is PostgreSQL's too: it stops by itself, even where nobody is left to tell it.

use std::time::Duration;

use tokio_postgres::Client;
use tonic::Request;

use super::{list, until};
use crate::support::binary::{Process, url};
use crate::support::postgres::{connect, until_waiting, waiting};
use crate::support::{Clients, Service, fresh_database};

/// A process on a database in which ann owns a project, and two connections to that database.
async fn process() -> (Process, Client, Client) {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &[]).await;
    service.create_users(&["ann", "bob"]).await;
    service.create_project("ann/trees", false).await;
    service.stop().await;
    // a long lease: what ends a statement early can only be its deadline
    let process = Process::start("serve", &["--database-url", &url(&database), "--lease", "2m"]).await;
    rolegate::server::until_serving(process.channel.clone()).await;
    (process, connect(&database).await, connect(&database).await)
}

/// Stops the process while a statement of it waits, and sees PostgreSQL end that.
async fn ends_while_the_process_is_stopped(process: &Process, client: &Client) {
    until_waiting(client, 1).await;
    process.signal("STOP");
    let begun = std::time::Instant::now();
    until(async || waiting(client).await == 0).await;
    // a lock is waited for 10 seconds, a statement runs 30, unless somebody says otherwise
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    process.signal("CONT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_ends_in_postgresql_at_its_deadline_though_its_process_was_stopped() {
    let (process, client, watching) = process().await;
    let clients = Clients::on(process.channel.clone());
    assert_eq!(list(&clients, None).await.unwrap(), 1);
    client.batch_execute("BEGIN; LOCK TABLE project IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let hangs = tokio::spawn(async move { list(&clients, Some(Duration::from_secs(2))).await });
    ends_while_the_process_is_stopped(&process, &watching).await;
    assert!(hangs.await.unwrap().is_err());
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(list(&Clients::on(process.channel.clone()), None).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_ends_in_postgresql_at_its_deadline_though_its_process_was_stopped() {
    let (process, client, watching) = process().await;
    let clients = Clients::on(process.channel.clone());
    client.batch_execute("BEGIN; SELECT FROM project FOR UPDATE").await.unwrap();
    let hangs = tokio::spawn(async move {
        let (project, collaborator) = ("ann/trees".to_owned(), "bob".to_owned());
        let role = rolegate::grpc::v1::ProjectRole::Reader.into();
        let message =
            rolegate::grpc::v1::CollaboratorServiceAddRequest { project, collaborator, role, ..Default::default() };
        let mut request = Request::new(message);
        request.set_timeout(Duration::from_secs(2));
        clients.collaborators().add(request).await
    });
    ends_while_the_process_is_stopped(&process, &watching).await;
    assert!(hangs.await.unwrap().is_err());
    client.batch_execute("ROLLBACK").await.unwrap();
    let added: i64 = client.query_one("SELECT count(*) FROM collaborator", &[]).await.unwrap().get(0);
    assert_eq!(added, 0, "nothing was written");
}

#[tokio::test]
async fn an_operators_own_limit_stays_where_it_is_shorter() {
    let mut database = fresh_database().await;
    let client = connect(&database).await;
    database.options("-c statement_timeout=1s");
    let service = Service::start_on(database.clone(), &[]).await;
    service.create_users(&["ann"]).await;
    client.batch_execute("BEGIN; LOCK TABLE project IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let begun = std::time::Instant::now();
    assert!(list(&service, Some(Duration::from_secs(25))).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    client.batch_execute("ROLLBACK").await.unwrap();
}
