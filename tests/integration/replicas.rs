//! Several replicas on one database: when a write returns, and what is to be seen of them.

use std::time::{Duration, Instant};

use rolegate::grpc::v1::replica_service_client::ReplicaServiceClient;
use rolegate::grpc::v1::{
    CollaboratorServiceRemoveRequest, ProjectRole, ReplicaServiceListRequest, ReplicaServiceListResponse,
};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::support::binary::{Process, run, url};
use crate::support::proxy::Purpose;
use crate::support::scene::{PROJECT, Scene};
use crate::support::{Clients, Service, fresh_database, reason};

const LEASE: Duration = Duration::from_secs(2);
const FLAGS: [&str; 4] = ["--lease", "2s", "--heartbeat", "200ms"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_replica_revoked_no_other_grants_once_the_write_returned() {
    let scene = Scene::set(&[]).await;
    let third = Service::start_on(scene.elsewhere.database.clone(), &[]).await;
    let replicas: [&Clients; 3] = [&scene.here, &scene.elsewhere, &third];
    for turn in 0..60 {
        let writer = replicas[turn % 3];
        writer.remove_collaborator(PROJECT, "bob").await.unwrap();
        for replica in replicas {
            assert!(!replica.check("bob", PROJECT, "delete_files").await.unwrap().allowed, "turn {turn}");
        }
        writer.add_collaborator(PROJECT, "bob", ProjectRole::Editor).await.unwrap();
        for replica in replicas {
            assert!(replica.check("bob", PROJECT, "delete_files").await.unwrap().allowed, "turn {turn}");
        }
    }
}

#[tokio::test]
async fn a_write_waits_for_a_replica_that_hears_nothing_and_names_it_at_the_deadline() {
    let scene = Scene::set(&["--lease", "2m"]).await;
    assert!(scene.here.check("bob", PROJECT, "delete_files").await.unwrap().allowed);
    scene.proxy.hold(Purpose::Log);
    let status = remove_within(&scene.elsewhere, Duration::from_millis(500)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "REPLICAS_BEHIND"), "{status:?}");
    let metadata = status.get_details_error_info().unwrap().metadata;
    let names: Vec<String> = list(&scene.elsewhere).await.replicas.into_iter().map(|replica| replica.name).collect();
    assert!(names.contains(&metadata["replicas"]), "{metadata:?} of {names:?}");
    let old = scene.here.check("bob", PROJECT, "delete_files").await.unwrap();
    assert!(old.allowed && old.revision != metadata["revision"], "it may still answer, which is why the write waited");
    scene.proxy.release(Purpose::Log);
    // the write was committed all the same
    let again = remove_within(&scene.elsewhere, Duration::from_secs(20)).await.unwrap_err();
    assert_eq!(again.code(), Code::NotFound, "{again:?}");
}

#[tokio::test]
async fn a_write_that_is_not_to_wait_returns_while_a_replica_hears_nothing() {
    let scene = Scene::set(&["--lease", "2m"]).await;
    scene.proxy.hold(Purpose::Log);
    let token = scene.elsewhere.unconfirmed().remove_collaborator(PROJECT, "bob").await.unwrap();
    assert!(!token.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_was_killed_delays_writes_until_its_lease_has_ended_and_no_longer() {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &FLAGS).await;
    service.create_users(&["ann", "bob"]).await;
    service.create_project("ann/trees", true).await;
    let url = url(&database);
    let other =
        Process::start("serve", &[&["--database-url", &url, "--replica-name", "other"], &FLAGS[..]].concat()).await;
    until_known(&service, "other").await;
    // what was begun before the signal is over: its lease is as old as a heartbeat at the most
    other.signal("KILL");
    let begun = Instant::now();
    service.add_collaborator("ann/trees", "bob", ProjectRole::Reader).await.unwrap();
    let first = begun.elapsed();
    assert!(first < LEASE * 2, "it took {first:?}");
    assert!(first > LEASE / 2, "nobody could know after {first:?} that it no longer answers");
    let begun = Instant::now();
    for _ in 0..10 {
        service.remove_collaborator("ann/trees", "bob").await.unwrap();
        service.add_collaborator("ann/trees", "bob", ProjectRole::Reader).await.unwrap();
    }
    assert!(begun.elapsed() < LEASE, "it is waited for once: {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_through_a_replica_that_has_just_begun_is_confirmed_among_others() {
    let database = fresh_database().await;
    let old = Service::start_on(database.clone(), &[]).await;
    for turn in 0..4 {
        let new = Service::launch(database.clone(), &[]).await;
        let through_new = async {
            // its port is open before it follows the log
            for place in 0..5 {
                new.create_users(&[&format!("new-{turn}-{place}")]).await;
            }
        };
        let through_old = async {
            for place in 0..20 {
                old.create_users(&[&format!("old-{turn}-{place}")]).await;
            }
        };
        tokio::join!(through_new, through_old);
        new.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_renews_and_hears_nothing_gives_its_lease_back() {
    let scene = Scene::set(&FLAGS).await;
    scene.proxy.hold(Purpose::Log);
    // longer than a lease, so that one which goes on renewing would be found out
    let limit = LEASE * 3;
    remove_within(&scene.elsewhere, limit).await.unwrap();
    let begun = Instant::now();
    scene.elsewhere.add_collaborator(PROJECT, "bob", ProjectRole::Editor).await.unwrap();
    assert!(begun.elapsed() < LEASE, "nobody waits for it: {:?}", begun.elapsed());
    scene.proxy.release(Purpose::Log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_ends_in_order_delays_nothing() {
    let database = fresh_database().await;
    let long = ["--lease", "2m"];
    let service = Service::start_on(database.clone(), &long).await;
    let url = url(&database);
    let other =
        Process::start("serve", &[&["--database-url", &url, "--replica-name", "other"], &long[..]].concat()).await;
    until_known(&service, "other").await;
    other.signal("TERM");
    assert!(other.end(Duration::from_secs(20)).await.success());
    // no lease of two minutes is waited for
    service.create_users(&["ann"]).await;
    assert!(!list(&service).await.replicas.iter().any(|replica| replica.name == "other"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_shows_the_replicas_with_lease_revision_and_lag() {
    let database = fresh_database().await;
    let url = url(&database);
    let north = Process::start("serve", &["--database-url", &url, "--replica-name", "north"]).await;
    let south = Service::start_on(database, &["--replica-name", "south"]).await;
    south.create_users(&["ann"]).await;
    let server = north.address.to_string();
    until_known(&Clients::on(north.channel.clone()), "south").await;
    let shown = run(&["replicas", "--server", &server]).await;
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success() && text.contains("north") && text.contains("south"), "{text}");
    assert!(text.contains("asked; fresh") && text.contains("left"), "{text}");
    let shown = run(&["replicas", "--server", &server, "--json"]).await;
    let json: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let replicas = json["replicas"].as_array().unwrap();
    assert_eq!(replicas.len(), 2, "{json}");
    assert!(replicas.iter().all(|one| one["applied"] == 1 && one["lag"] == 0), "{json}");
    assert!(replicas.iter().all(|one| one["lease_left_ms"].as_u64().unwrap() > 0), "{json}");
}

/// Takes bob's role away, and waits that long.
async fn remove_within(service: &Service, limit: Duration) -> Result<(), Status> {
    let (project, collaborator) = (PROJECT.to_owned(), "bob".to_owned());
    let mut request = Request::new(CollaboratorServiceRemoveRequest { project, collaborator, ..Default::default() });
    request.set_timeout(limit);
    service.collaborators().remove(request).await.map(|_| ())
}

async fn list(service: &Clients) -> ReplicaServiceListResponse {
    let mut client = ReplicaServiceClient::new(service.channel.clone());
    client.list(ReplicaServiceListRequest {}).await.unwrap().into_inner()
}

/// Waits until a replica of that name is known to have applied what this one has.
async fn until_known(service: &Clients, name: &str) {
    let known = async {
        while !list(service).await.replicas.iter().any(|replica| replica.name == name && replica.lag == 0) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), known).await.expect("it is there soon");
}
