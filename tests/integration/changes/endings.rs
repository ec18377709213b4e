//! How a watch ends: with the service, with the history, with the database; always said, always resumable or said not to be.

use tonic::Code;

use rolegate::grpc::v1::{ChangeServiceWatchRequest, ProjectRole};

use super::{Watcher, append};
use crate::support::postgres::connect;
use crate::support::scene::{PROJECT, Scene};
use crate::support::{Service, fresh_database, reason};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_ends_tells_its_watchers_and_another_goes_on() {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &[]).await;
    let mut watcher = Watcher::from_now(&service).await;
    service.create_users(&["ann"]).await;
    assert_eq!(watcher.write().await.unwrap().operation, "create_user");
    service.stop().await;
    let status = watcher.end().await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "SHUTTING_DOWN"));

    let another = Service::start_on(database, &[]).await;
    another.create_users(&["bob"]).await;
    let mut again = Watcher::after(&another, &watcher.position).await;
    assert_eq!(again.write().await.unwrap().changes[0].name, "bob");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_comes_to_be_another_one_ends_the_watch() {
    let service = Service::start().await;
    let mut watcher = Watcher::from_now(&service).await;
    service.create_users(&["ann"]).await;
    assert_eq!(watcher.write().await.unwrap().operation, "create_user");
    let client = connect(&service.database).await;
    client.batch_execute("UPDATE revision SET history = gen_random_uuid(); NOTIFY rolegate").await.unwrap();
    let status = watcher.end().await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Aborted, "HISTORY_CHANGED"));
    let mut fresh = Watcher::from_now(&service).await;
    append(&client, "put_plan", 1).await;
    assert_eq!(fresh.write().await.unwrap().operation, "put_plan");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_ends_once_the_log_cannot_be_followed_and_goes_on_where_it_was() {
    let scene = Scene::set(&["--lease", "600ms", "--heartbeat", "100ms"]).await;
    let mut watcher = Watcher::from_now(&scene.here).await;
    scene.proxy.sever();
    let status = watcher.end().await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "VIEW_NOT_FRESH"));
    scene.elsewhere.add_collaborator(PROJECT, "cyd", ProjectRole::Reader).await.unwrap();
    scene.proxy.mend();
    scene.here.until(tonic_health::pb::health_check_response::ServingStatus::Serving).await;
    let mut again = Watcher::after(&scene.here, &watcher.position).await;
    assert_eq!(again.write().await.unwrap().changes[0].subject, "cyd");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_is_cut_is_tried_again_and_nothing_is_missed() {
    use crate::support::proxy::Purpose;
    let scene = Scene::set(&[]).await;
    let client = connect(&scene.elsewhere.database).await;
    let mut watcher = Watcher::from_now(&scene.here).await;
    for round in 0..10 {
        scene.proxy.cut(Purpose::Writes);
        append(&client, &format!("round-{round}"), 600).await;
        assert_eq!(watcher.write().await.unwrap().operation, format!("round-{round}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_told_of_a_history_that_the_view_does_not_follow() {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &["--watch-patience", "10m"]).await;
    let client = connect(&database).await;
    let start = Watcher::from_now(&service).await.position;
    // more than the queue of a watch and what is on its way can hold
    for _ in 0..60 {
        append(&client, "kept", 1_000).await;
    }
    let mut slow = Watcher::after(&service, &start).await;
    while Watcher::from_now(&service).await.position == start {}
    // as after a failover that lost all these writes: others have their numbers, and other ids
    let other = "BEGIN;
        UPDATE change_set SET operation = 'never told', id = gen_random_uuid();
        UPDATE revision SET change_id = (SELECT id FROM change_set WHERE revision = number);
        NOTIFY rolegate;
        COMMIT";
    client.batch_execute(other).await.unwrap();
    let status = loop {
        match slow.event().await {
            Ok(event) => assert_eq!(event.operation, "kept"),
            Err(status) => break status,
        }
    };
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Aborted, "HISTORY_CHANGED"));
    let request = ChangeServiceWatchRequest { after: slow.position.clone(), ..Default::default() };
    let refused = service.changes().watch(request).await.err().unwrap();
    assert!(["INVALID_REVISION", "VIEW_NOT_FRESH"].contains(&reason(&refused).as_str()), "{refused:?}");
}
