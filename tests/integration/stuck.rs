//! A replica that stops in the middle of its writes holds their locks, and must not hold them for long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rolegate::grpc::v1::ProjectRole;

use crate::support::postgres::{connect, until_waiting};
use crate::support::proxy::Purpose;
use crate::support::scene::{PROJECT, Scene};

const LEASE: Duration = Duration::from_secs(2);

/// For a machine that has much to do.
const MARGIN: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_hangs_in_its_writes_delays_those_of_others_by_no_more_than_its_lease() {
    let scene = Scene::set(&["--lease", "2s", "--heartbeat", "200ms"]).await;
    let database = &scene.elsewhere.database;
    let (mut blocking, watching) = (connect(database).await, connect(database).await);
    let blocked = blocking.transaction().await.unwrap();
    blocked.execute("SELECT FROM project WHERE id::text = $1 FOR UPDATE", &[&scene.project]).await.unwrap();
    let here = Arc::new(scene.here);
    let hanging = ["bob", "cyd"].map(|user| {
        let here = Arc::clone(&here);
        tokio::spawn(async move { here.add_collaborator(PROJECT, user, ProjectRole::Admin).await })
    });
    until_waiting(&watching, 2).await;
    // from here on it does not hear that it has the lock, and never goes on
    scene.proxy.hold(Purpose::Writes);
    scene.proxy.hold(Purpose::Log);
    blocked.rollback().await.unwrap();

    let begun = Instant::now();
    scene.elsewhere.add_collaborator(PROJECT, "@acme/crew", ProjectRole::Reader).await.unwrap();
    let took = begun.elapsed();
    assert!(took < LEASE + MARGIN, "another replica's write took {took:?}");
    hanging.iter().for_each(tokio::task::JoinHandle::abort);
}
