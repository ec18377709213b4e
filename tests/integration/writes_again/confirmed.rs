//! What its caller could not know the first time it learns by sending it again: committed or not, applied everywhere or not.

use std::time::Duration;

use tonic::Code;
use tonic_types::StatusExt as _;

use super::{create, remove, writes};
use crate::support::postgres::connect;
use crate::support::proxy::{Proxy, Purpose};
use crate::support::scene::{PROJECT, Scene};
use crate::support::{Service, fresh_database, reason};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_was_lost_is_found_by_sending_it_again() {
    let database = fresh_database().await;
    let proxy = Proxy::start(&database).await;
    let service = Service::start_on(proxy.config(&database), &[]).await;
    let other = Service::start_on(database.clone(), &[]).await;
    let client = connect(&database).await;
    proxy.lose_commits(true);
    let status = create(&service, "ann", "lost").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "OUTCOME_UNKNOWN"), "{status:?}");
    assert_eq!(writes(&client).await, 1, "it was committed");
    proxy.lose_commits(false);
    let again = create(&service, "ann", "lost").await.unwrap();
    assert_eq!(create(&other, "ann", "lost").await.unwrap(), again);
    assert_eq!(writes(&client).await, 1);
    let status = create(&service, "ann", "other").await.unwrap_err();
    assert_eq!(reason(&status), "USERNAME_TAKEN", "without the id nobody could tell");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_a_replica_had_not_applied_waits_for_it_again_and_then_is_confirmed() {
    let scene = Scene::set(&["--lease", "2m"]).await;
    let client = connect(&scene.elsewhere.database).await;
    assert!(scene.here.check("bob", PROJECT, "delete_files").await.unwrap().allowed);
    let before = writes(&client).await;
    scene.proxy.hold(Purpose::Log);
    let mut revisions = Vec::new();
    for turn in 0..3 {
        let status = remove(&scene.elsewhere, "off", Duration::from_millis(500)).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::DeadlineExceeded, "REPLICAS_BEHIND"),
            "turn {turn}"
        );
        revisions.push(status.get_details_error_info().unwrap().metadata["revision"].clone());
    }
    assert!(
        scene.here.check("bob", PROJECT, "delete_files").await.unwrap().allowed,
        "which is why it is not confirmed"
    );
    scene.proxy.release(Purpose::Log);
    let removed = remove(&scene.elsewhere, "off", PATIENCE).await.unwrap();
    assert!(!scene.here.check("bob", PROJECT, "delete_files").await.unwrap().allowed, "and here it is");
    assert!(revisions.iter().all(|revision| *revision == removed.revision), "{revisions:?}, {removed:?}");
    assert_eq!(writes(&client).await, before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_long_behind_what_replicas_remember_is_confirmed_as_well() {
    let scene = Scene::set(&[]).await;
    let client = connect(&scene.elsewhere.database).await;
    let removed = remove(&scene.elsewhere, "off", PATIENCE).await.unwrap();
    // more than the writes that a replica knows by their ids
    let many = "WITH made AS (
            INSERT INTO change_set (revision, operation, names, projects, path_owners, path_names, accounts, plans)
            SELECT number + place, 'many', '{}', '{}', '{}', '{}', '{}', '{}'
            FROM revision, generate_series(1, 5000) AS place RETURNING revision, id
        )
        UPDATE revision SET (number, change_id) = (SELECT revision, id FROM made ORDER BY revision DESC LIMIT 1)";
    client.batch_execute(many).await.unwrap();
    scene.elsewhere.create_users(&["later"]).await;
    for replica in [&scene.here, &scene.elsewhere] {
        assert_eq!(remove(replica, "off", PATIENCE).await.unwrap(), removed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_in_the_middle_finds_one_write_however_often_it_asks() {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &[]).await;
    let client = connect(&database).await;
    service.create_users(&["first"]).await;
    let before = writes(&client).await;
    for round in 0..30u64 {
        let (name, id) = (format!("user-{round}"), format!("round-{round}"));
        let dropped = create(&service, &name, &id);
        let _ = tokio::time::timeout(Duration::from_micros(round * 400), dropped).await;
        let answer = create(&service, &name, &id).await.unwrap();
        assert_eq!(create(&service, &name, &id).await.unwrap(), answer, "round {round}");
    }
    assert_eq!(writes(&client).await, before + 30);
}
