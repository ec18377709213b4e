//! Slow readers: bounded, told so, and able to go on where they were.

use std::time::Duration;

use rolegate::grpc::v1::ChangeServiceWatchRequest;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{Watcher, append, until};
use crate::support::postgres::connect;
use crate::support::proxy::Proxy;
use crate::support::{Service, fresh_database, reason};

/// How many changes the log has for a reader that takes none.
const MUCH: i64 = 100_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_takes_nothing_is_told_and_holds_little_and_others_go_on() {
    let database = fresh_database().await;
    let proxy = Proxy::start(&database).await;
    let service = Service::start_on(proxy.config(&database), &["--watch-patience", "500ms"]).await;
    let client = connect(&database).await;
    let start = Watcher::from_now(&service).await.position;
    // many small writes and a large one: both fill a queue
    for _ in 0..40 {
        append(&client, "small", 30).await;
    }
    append(&client, "large", MUCH).await;
    let request = ChangeServiceWatchRequest { after: start.clone(), ..Default::default() };
    let mut slow = Watcher::open(&service, request).await.unwrap();
    let mut quick = Watcher::after(&service, &start).await;
    while quick.write().await.unwrap().operation != "large" {}

    // it reads no further than its queue has room, however long it is waited for
    let reads = proxy.executions("read_changes");
    append(&client, "later", 1).await;
    assert_eq!(quick.write().await.unwrap().operation, "later");
    tokio::time::sleep(Duration::from_millis(700)).await;
    let whole = u64::try_from(MUCH).unwrap() / 512;
    assert!(
        proxy.executions("read_changes") <= reads + 3,
        "{} reads of about {whole}",
        proxy.executions("read_changes")
    );

    let status = slow.end().await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "WATCHER_TOO_SLOW"));
    let named = status.get_details_error_info().unwrap().metadata["revision"].clone();
    assert_eq!(named, slow.position, "what it was told to go on from is what it got");
    let mut again = Watcher::after(&service, &named).await;
    while again.write().await.unwrap().operation != "later" {}
    assert_eq!(again.position, quick.position);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_that_goes_away_leaves_nothing_behind() {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &["--database-connections", "2", "--heartbeat", "50ms"]).await;
    let client = connect(&database).await;
    let start = Watcher::from_now(&service).await.position;
    append(&client, "large", 20_000).await;
    for taken in 0..30 {
        let mut watcher = Watcher::after(&service, &start).await;
        for _ in 0..taken % 7 {
            watcher.event().await.unwrap();
        }
    }
    // what they held of the log is given up, and both connections are there for others
    service.create_users(&["ann", "bob"]).await;
    until(&client, "SELECT min(needs) = (SELECT number FROM revision) FROM replica").await;
}
