//! A fault of rolegate itself: the service says so and ends, so that it is started again, and does not stay up to answer nothing.

use std::time::Duration;

use tokio_postgres::Client;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::binary::{Process, url};
use crate::support::postgres::connect;
use crate::support::{Clients, fresh_database, reason};

/// Above the default --shutdown-timeout.
const SHUTDOWN: Duration = Duration::from_secs(60);

/// A write that no rolegate makes, with a null where none can be: whoever follows the log panics at it.
const UNREADABLE: &str = "
    WITH next AS (
        UPDATE revision SET number = number + 1, change_id = gen_random_uuid() RETURNING number, change_id
    )
    INSERT INTO change_set (revision, id, operation, names, projects, path_owners, path_names, accounts, plans)
    SELECT number, change_id, 'fault', ARRAY[NULL]::text[], '{}', '{}', '{}', '{}', '{}' FROM next;
    NOTIFY rolegate";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_what_keeps_the_view_ends_the_service_and_tells_who_waits_for_a_load_at_once() {
    let database = fresh_database().await;
    // with a lease that nobody waits for the end of
    let process = Process::start("serve", &["--database-url", &url(&database), "--lease", "5m"]).await;
    let clients = Clients::on(process.channel.clone());
    clients.until(ServingStatus::Serving).await;
    let mut health = HealthClient::new(process.channel.clone());
    let mut health = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(health.message().await.unwrap().unwrap().status(), ServingStatus::Serving);

    let (mut blocking, beside) = (connect(&database).await, connect(&database).await);
    let blocked = blocking.transaction().await.unwrap();
    blocked.batch_execute("LOCK TABLE account IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let waits = tokio::spawn(async move { clients.check("ann", "ann/trees", "view_project").await });
    until_load_waits(&beside).await;
    beside.batch_execute(UNREADABLE).await.unwrap();

    let refused = waits.await.unwrap().unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "VIEW_NOT_FRESH"), "{refused:?}");
    assert_eq!(health.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    let (status, said) = process.end_and_errors(SHUTDOWN).await;
    assert_eq!(status.code(), Some(2), "{said}");
    let last = said.lines().last().unwrap_or_default();
    for part in ["rolegate: go on serving", "the keeping of the role view has ended", "start it again", "panicked"] {
        assert!(last.contains(part), "{part} in\n{said}");
    }
}

/// Waits until a load waits for a lock.
async fn until_load_waits(client: &Client) {
    let sql = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                              AND query LIKE '-- load\\_%' AND wait_event_type = 'Lock')";
    let waits = async {
        while !client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SHUTDOWN, waits).await.unwrap();
}
