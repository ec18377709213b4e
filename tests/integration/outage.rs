//! The database goes away, comes back, is another one, or is not ready: never a verdict that is not certain.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rolegate::grpc::v1::consistency::Requirement;
use rolegate::grpc::v1::{ProjectRole, UserServiceCreateRequest, UserServiceGetRequest};
use rolegate::store::embedded::{EmbeddedOptions, EmbeddedServer};
use rolegate::store::migrations;
use tokio::task::JoinHandle;
use tonic::{Code, Status};
use tonic_health::pb::health_check_response::ServingStatus;

use crate::support::postgres::{connect, empty_database, end_with_this_process, open_to_others, scratch_folder};
use crate::support::scene::{PROJECT, Scene};
use crate::support::{Service, reason};

const QUESTION: (&str, &str, &str) = ("bob", "ann/trees", "view_project");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_immediate_stop_of_the_database_under_load_costs_answers_and_nothing_else() {
    outage_under_load(|server, _| drop(server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_of_the_database_under_load_costs_answers_and_nothing_else() {
    outage_under_load(|server, folder| {
        let file = std::fs::read_to_string(folder.join("data/postgres/postmaster.pid")).unwrap();
        let killed = Command::new("kill").args(["-9", file.lines().next().unwrap()]).status().unwrap();
        assert!(killed.success());
        drop(server);
    })
    .await;
}

async fn outage_under_load(end: impl FnOnce(EmbeddedServer, &Path) + Send + 'static) {
    let folder = scratch_folder();
    end_with_this_process(&folder);
    open_to_others(&folder);
    let server = start(folder.clone()).await;
    let config = server.config();
    let service = Arc::new(Service::start_on(config.clone(), &["--lease", "2s", "--heartbeat", "200ms"]).await);
    service.create_users(&["ann", "bob"]).await;
    service.create_project("ann/trees", true).await;
    let before = service.check(QUESTION.0, QUESTION.1, QUESTION.2).await.unwrap().revision;
    let load = Load::start(&service).await;

    let ended = folder.clone();
    let end = tokio::task::spawn_blocking(move || end(server, &ended));
    service.until(ServingStatus::NotServing).await;
    end.await.unwrap();
    refused_while_down(&service, &before).await;

    let server = start(folder).await;
    service.until(ServingStatus::Serving).await;
    let acknowledged = load.stop().await;
    assert!(service.check(QUESTION.0, QUESTION.1, QUESTION.2).await.unwrap().allowed);
    for username in acknowledged {
        let found = service.users().get(UserServiceGetRequest { username: username.clone() }).await;
        assert!(found.is_ok(), "{username} was acknowledged and is lost: {found:?}");
    }
    let client = connect(&config).await;
    let whole = "SELECT (SELECT number FROM revision) = (SELECT count(*) FROM change_set)
                    AND (SELECT number FROM revision) = (SELECT count(*) FROM account) + 1";
    assert!(client.query_one(whole, &[]).await.unwrap().get::<_, bool>(0), "a revision a write, and the project's");
    drop(client);
    Arc::try_unwrap(service).ok().unwrap().stop().await;
    server.stop().await.unwrap();
}

async fn start(folder: PathBuf) -> EmbeddedServer {
    let settings = vec![("fsync".to_owned(), "off".to_owned()), ("max_connections".to_owned(), "200".to_owned())];
    EmbeddedServer::start(EmbeddedOptions { data_dir: folder.join("data"), binaries: None, settings }).await.unwrap()
}

async fn refused_while_down(service: &Service, before: &str) {
    let token = before.to_owned();
    for requirement in [None, Some(Requirement::FullyConsistent(true)), Some(Requirement::AtLeastAsFresh(token))] {
        let refused = match requirement {
            None => service.check(QUESTION.0, QUESTION.1, QUESTION.2).await,
            Some(requirement) => service.check_at(QUESTION, requirement).await,
        };
        let status = refused.expect_err("past its lease the view answers nothing");
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "VIEW_NOT_FRESH"), "{status:?}");
    }
    let request = UserServiceCreateRequest { username: "late".to_owned(), ..Default::default() };
    let status = service.users().create(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "DATABASE_UNAVAILABLE"), "{status:?}");
    assert!(!status.message().contains("socket"), "what the driver said stays inside: {}", status.message());
}

/// Checks of a warm pair, and writes.
struct Load {
    over: Arc<AtomicBool>,
    checks: JoinHandle<u32>,
    writes: JoinHandle<Vec<String>>,
}

impl Load {
    async fn start(service: &Arc<Service>) -> Self {
        assert!(service.check(QUESTION.0, QUESTION.1, QUESTION.2).await.unwrap().allowed);
        let over = Arc::new(AtomicBool::new(false));
        let checks = tokio::spawn(check(Arc::clone(service), Arc::clone(&over)));
        let writes = tokio::spawn(write(Arc::clone(service), Arc::clone(&over)));
        tokio::time::sleep(Duration::from_millis(500)).await;
        Self { over, checks, writes }
    }

    /// Ends it, and returns the users whose creation was acknowledged.
    async fn stop(self) -> Vec<String> {
        self.over.store(true, Ordering::SeqCst);
        assert!(self.checks.await.unwrap() > 0);
        self.writes.await.unwrap()
    }
}

/// Returns how many checks were answered before the first was refused.
async fn check(service: Arc<Service>, over: Arc<AtomicBool>) -> u32 {
    let (mut answered, mut refused) = (0, false);
    while !over.load(Ordering::SeqCst) {
        match service.check(QUESTION.0, QUESTION.1, QUESTION.2).await {
            Ok(answer) => {
                assert!(answer.allowed, "an outage is no denial");
                answered += u32::from(!refused);
            }
            Err(status) => {
                refused = true;
                assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                assert!(["VIEW_NOT_FRESH", "DATABASE_UNAVAILABLE"].contains(&reason(&status).as_str()), "{status:?}");
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    answered
}

async fn write(service: Arc<Service>, over: Arc<AtomicBool>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let username = format!("user{number}");
        let request = UserServiceCreateRequest { username: username.clone(), ..Default::default() };
        match service.users().create(request).await {
            Ok(_) => acknowledged.push(username),
            Err(status) => expected_of_a_write(&status),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    acknowledged
}

fn expected_of_a_write(status: &Status) {
    let reason = reason(status);
    match status.code() {
        Code::Unavailable => {
            assert!(["DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN"].contains(&reason.as_str()), "{status:?}")
        }
        Code::DeadlineExceeded => assert_eq!(reason, "REPLICAS_BEHIND", "{status:?}"),
        _ => panic!("{status:?}"),
    }
}

#[tokio::test]
async fn a_service_cut_off_from_its_database_serves_again_by_itself() {
    let scene = Scene::set(&["--lease", "1s", "--heartbeat", "100ms"]).await;
    for _ in 0..2 {
        assert!(scene.here.check("bob", PROJECT, "delete_files").await.unwrap().allowed);
        scene.proxy.sever();
        scene.here.until(ServingStatus::NotServing).await;
        scene.elsewhere.remove_collaborator(PROJECT, "bob").await.unwrap();
        let status = scene.here.check("bob", PROJECT, "delete_files").await.unwrap_err();
        assert_eq!(reason(&status), "VIEW_NOT_FRESH");
        scene.proxy.mend();
        scene.here.until(ServingStatus::Serving).await;
        assert!(!scene.here.check("bob", PROJECT, "delete_files").await.unwrap().allowed);
        scene.here.add_collaborator(PROJECT, "bob", ProjectRole::Editor).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_served_until_the_schema_is_there() {
    let database = empty_database().await;
    let service = Service::launch(database.clone(), &["--no-migrate"]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(service.health().await, ServingStatus::NotServing);
    let status = service.check(QUESTION.0, QUESTION.1, QUESTION.2).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "VIEW_NOT_FRESH"));
    migrations::migrate(&database).await.unwrap();
    service.until(ServingStatus::Serving).await;
    service.create_users(&["ann"]).await;
    assert!(!service.check(QUESTION.0, QUESTION.1, QUESTION.2).await.unwrap().allowed);
    service.stop().await;
}

/// Leases that end within the test: what was lost may have held some.
const SHORT: [&str; 4] = ["--lease", "1s", "--heartbeat", "200ms"];

/// bob's grant is of the last revision of the scene; this takes it back without a new revision.
const FORGET: &str = "DELETE FROM collaborator; DELETE FROM change WHERE revision = (SELECT number FROM revision);
                      DELETE FROM change_set WHERE revision = (SELECT number FROM revision);";

#[tokio::test]
async fn a_counter_that_went_back_makes_the_view_start_over() {
    let scene = Scene::set(&SHORT).await;
    let back = "UPDATE revision SET number = number - 1,
                change_id = (SELECT id FROM change_set WHERE change_set.revision = revision.number - 1);";
    starts_over(&scene, &format!("{FORGET} {back}")).await;
    let token = scene.here.add_collaborator(PROJECT, "bob", ProjectRole::Editor).await.unwrap();
    let answer = scene.here.check_at(("bob", PROJECT, "delete_files"), Requirement::AtLeastAsFresh(token)).await;
    assert!(answer.unwrap().allowed, "and goes on from there");
}

#[tokio::test]
async fn another_write_at_the_last_revision_makes_the_view_start_over() {
    let scene = Scene::set(&SHORT).await;
    let other =
        "UPDATE revision SET change_id = gen_random_uuid();
                 INSERT INTO change_set (revision, id, operation, names, projects, path_owners, path_names, accounts, plans)
                 SELECT number, change_id, 'other', '{}', '{}', '{}', '{}', '{}', '{}' FROM revision;";
    starts_over(&scene, &format!("{FORGET} {other}")).await;
}

#[tokio::test]
async fn another_history_makes_the_view_start_over_and_old_revisions_invalid() {
    let scene = Scene::set(&SHORT).await;
    let old = scene.here.check("bob", PROJECT, "delete_files").await.unwrap().revision;
    starts_over(&scene, "DELETE FROM collaborator; UPDATE revision SET history = gen_random_uuid();").await;
    let refused = scene.here.check_at(("bob", PROJECT, "delete_files"), Requirement::AtLeastAsFresh(old)).await;
    let status = refused.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_REVISION"));
}

/// Puts another database in the place of the scene's, and waits until its answers are given.
async fn starts_over(scene: &Scene, sql: &str) {
    assert!(scene.here.check("bob", PROJECT, "delete_files").await.unwrap().allowed);
    let client = connect(&scene.elsewhere.database).await;
    client.batch_execute(&format!("BEGIN; {sql} NOTIFY rolegate; COMMIT")).await.unwrap();
    let seen = async {
        while scene.here.check("bob", PROJECT, "delete_files").await.map_or(true, |answer| answer.allowed) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), seen).await.expect("the view starts over");
    assert!(!scene.here.check("bob", PROJECT, "view_project").await.unwrap().allowed);
    assert!(scene.here.check("ann", PROJECT, "transfer_project").await.unwrap().allowed);
}
