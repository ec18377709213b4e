//! The log is forgotten from its oldest end on, never where somebody still reads, and who comes too late is told.

use rolegate::grpc::v1::{ChangeServiceListRequest, ChangeServiceWatchRequest, ProjectRole};
use tokio_postgres::Client;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{Watcher, append, until};
use crate::support::postgres::connect;
use crate::support::scene::{PROJECT, Scene};
use crate::support::{Service, fresh_database, reason};

/// A service that forgets what is older than a minute, and looks every second for what is.
const FORGETFUL: &[&str] = &["--log-retention", "1m", "--lease", "500ms", "--heartbeat", "100ms"];

/// Makes all that was written so far old.
async fn age(client: &Client) {
    client.batch_execute("UPDATE change_set SET committed_at = committed_at - interval '1 hour'").await.unwrap();
}

async fn number(client: &Client) -> i64 {
    client.query_one("SELECT number FROM revision", &[]).await.unwrap().get(0)
}

/// Waits until the log begins after that revision, which is to say that no older write is left, and no half of one.
async fn until_pruned(client: &Client, through: i64) {
    let sql = format!(
        "SELECT (SELECT min(revision) = {through} + 1 FROM change_set)
            AND NOT EXISTS (SELECT FROM change WHERE revision <= {through})"
    );
    until(client, &sql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_writes_go_in_batches_and_young_ones_stay() {
    let database = fresh_database().await;
    let client = connect(&database).await;
    let service = Service::start_on(database.clone(), FORGETFUL).await;
    let start = Watcher::from_now(&service).await.position;
    for _ in 0..2_500 {
        append(&client, "old", 1).await;
    }
    // one write is never deleted by halves
    append(&client, "old", 5_000).await;
    age(&client).await;
    append(&client, "young", 2).await;
    append(&client, "young", 1).await;
    until_pruned(&client, 2_501).await;

    let list = ChangeServiceListRequest { page_size: 1_000, ..Default::default() };
    let page = service.changes().list(list).await.unwrap().into_inner();
    assert_eq!(page.changes.len(), 3);
    let request = ChangeServiceWatchRequest { after: start, ..Default::default() };
    let status = service.changes().watch(request).await.err().unwrap();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::OutOfRange, "LOG_PRUNED"));
    let kept = status.get_details_error_info().unwrap().metadata["revision"].clone();
    assert_eq!(kept, page.pruned_through, "both say from where on it can be had");
    let mut watcher = Watcher::after(&service, &kept).await;
    assert_eq!((watcher.write().await.unwrap().changes.len(), watcher.write().await.unwrap().changes.len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_write_stays_however_old_it_is_and_a_log_without_a_limit_stays_whole() {
    let (forgetful, mindful) = (fresh_database().await, fresh_database().await);
    let (forgets, keeps) = tokio::join!(
        Service::start_on(forgetful.clone(), FORGETFUL),
        Service::start_on(mindful.clone(), &["--lease", "500ms", "--heartbeat", "100ms"])
    );
    let (forgetful, mindful) = (connect(&forgetful).await, connect(&mindful).await);
    for client in [&forgetful, &mindful] {
        for _ in 0..3 {
            append(client, "old", 1).await;
        }
        age(client).await;
    }
    until_pruned(&forgetful, 2).await;
    assert_eq!(mindful.query_one("SELECT count(*) FROM change_set", &[]).await.unwrap().get::<_, i64>(0), 3);
    // and both go on
    for service in [&forgets, &keeps] {
        service.create_users(&["ann", "bob"]).await;
        service.create_project("ann/trees", true).await;
        assert!(service.check("ann", "ann/trees", "delete_files").await.unwrap().allowed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_open_watch_has_yet_to_read_is_kept_on_any_replica_and_goes_once_it_is_read() {
    let database = fresh_database().await;
    let client = connect(&database).await;
    let patient = ["--watch-patience", "10m", "--lease", "500ms", "--heartbeat", "100ms"];
    let reading = Service::start_on(database.clone(), &patient).await;
    let start = Watcher::from_now(&reading).await.position;
    // more than its queue and what is on its way can hold
    for _ in 0..60 {
        append(&client, "old", 1_000).await;
    }
    append(&client, "last", 1).await;
    let mut slow = Watcher::after(&reading, &start).await;
    until(&client, "SELECT count(*) = 1 AND min(needs) < (SELECT number FROM revision) FROM replica").await;
    age(&client).await;
    let forgetful = Service::start_on(database.clone(), FORGETFUL).await;
    append(&client, "young", 1).await;

    // some goes, but nothing that is needed
    let waiting = "SELECT revision < (SELECT number - 2 FROM revision) FROM log_start";
    until(&client, "SELECT count(*) = 2 FROM replica").await;
    for _ in 0..5 {
        let needed = "SELECT (SELECT min(revision) FROM change_set) <= (SELECT min(needs) FROM replica)";
        until(&client, needed).await;
        assert!(client.query_one(waiting, &[]).await.unwrap().get::<_, bool>(0), "the start waits for the watch");
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    }
    let mut told = 0;
    while slow.write().await.unwrap().operation != "young" {
        told += 1;
    }
    assert_eq!(told, 61, "it is told everything");
    let last = number(&client).await;
    until_pruned(&client, last - 1).await;
    drop((forgetful, reading));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_comes_back_later_than_the_log_reaches_starts_over_and_is_right() {
    let scene = Scene::set(&["--lease", "500ms", "--heartbeat", "100ms"]).await;
    let client = connect(&scene.elsewhere.database).await;
    assert!(scene.here.check("bob", PROJECT, "delete_files").await.unwrap().allowed);
    let mut watcher = Watcher::from_now(&scene.here).await;
    scene.proxy.sever();
    let status = watcher.end().await;
    assert_eq!(reason(&status), "VIEW_NOT_FRESH");
    scene.elsewhere.remove_collaborator(PROJECT, "bob").await.unwrap();
    append(&client, "more", 1).await;
    age(&client).await;
    append(&client, "young", 1).await;
    let forgetful = Service::start_on(scene.elsewhere.database.clone(), FORGETFUL).await;
    until_pruned(&client, number(&client).await - 1).await;

    scene.proxy.mend();
    scene.here.until(tonic_health::pb::health_check_response::ServingStatus::Serving).await;
    assert!(!scene.here.check("bob", PROJECT, "delete_files").await.unwrap().allowed, "nothing old is granted");
    let request = ChangeServiceWatchRequest { after: watcher.position.clone(), ..Default::default() };
    let status = scene.here.changes().watch(request).await.err().unwrap();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::OutOfRange, "LOG_PRUNED"));
    scene.here.add_collaborator(PROJECT, "bob", ProjectRole::Editor).await.unwrap();
    assert!(scene.here.check("bob", PROJECT, "delete_files").await.unwrap().allowed);
    drop(forgetful);
}
