//! The real binary: started, ended, killed, started again; its exit statuses and what it says.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rolegate::grpc::v1::UserServiceCreateRequest;
use rolegate::grpc::v1::user_service_client::UserServiceClient;
use rolegate::grpc::v1::{UserServiceGetRequest, UserServiceListRequest};
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::binary::{Process, run, url};
use crate::support::postgres::{connect, end_with_this_process, fresh_database, open_to_others, scratch_folder};

/// Above the default --shutdown-timeout, with time for PostgreSQL to end too.
const SHUTDOWN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_in_the_middle_of_writes_ends_in_order_and_loses_nothing() {
    let data_dir = data_dir();
    let data_dir = data_dir.to_str().unwrap();
    let mut created = Vec::new();
    for signal in ["TERM", "INT"] {
        let process = Process::start("serve", &["--data-dir", data_dir]).await;
        until_serving(&process.channel).await;
        let writers = Writers::start(&process.channel, signal);
        writers.until_busy().await;
        process.signal(signal);
        let status = process.end(SHUTDOWN).await;
        assert_eq!(status.code(), Some(0), "{signal}: {status:?}");
        created.extend(writers.stop().await);
    }
    all_there(data_dir, &created).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_it_starts_again_on_the_same_folder_which_is_one_rolegates_alone() {
    let data_dir = data_dir();
    let data_dir = data_dir.to_str().unwrap();
    let process = Process::start("serve", &["--data-dir", data_dir]).await;
    until_serving(&process.channel).await;

    let second = run(&["serve", "--data-dir", data_dir, "--listen", "127.0.0.1:0"]).await;
    assert_eq!(second.status.code(), Some(2));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("is using it") && said.contains("--data-dir"), "{said}");

    let writers = Writers::start(&process.channel, "user");
    writers.until_busy().await;
    process.signal("KILL");
    process.end(SHUTDOWN).await;
    let created = writers.stop().await;
    all_there(data_dir, &created).await;
}

/// Starts it once more, and finds every user that was acknowledged, and nothing half written.
async fn all_there(data_dir: &str, created: &[String]) {
    let process = Process::start("serve", &["--data-dir", data_dir]).await;
    until_serving(&process.channel).await;
    let mut users = UserServiceClient::new(process.channel.clone());
    assert!(!created.is_empty());
    for username in created {
        users.get(UserServiceGetRequest { username: username.clone() }).await.expect(username);
    }
    users.list(UserServiceListRequest::default()).await.unwrap();
    let mut config = tokio_postgres::Config::new();
    config.user("rolegate").dbname("rolegate").host_path(format!("{data_dir}/socket")).port(5432);
    let whole = "SELECT number = (SELECT count(*) FROM change_set) AND number = (SELECT count(*) FROM account)
                 FROM revision";
    assert!(connect(&config).await.query_one(whole, &[]).await.unwrap().get::<_, bool>(0), "a revision a user");
    process.signal("TERM");
    assert_eq!(process.end(SHUTDOWN).await.code(), Some(0));
}

#[tokio::test]
async fn a_watch_of_the_health_does_not_hold_up_the_shutdown_and_hears_of_it() {
    let database = fresh_database().await;
    let process = Process::start("serve", &["--database-url", &url(&database), "--shutdown-timeout", "5m"]).await;
    until_serving(&process.channel).await;
    let watch = |channel: &Channel| HealthClient::new(channel.clone()).watch_statuses();
    let mut watched = watch(&process.channel).await;
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    process.signal("TERM");
    let end = process.end(SHUTDOWN);
    let heard = async { watched.message().await.unwrap().unwrap().status() };
    let (status, heard) = tokio::join!(end, heard);
    assert_eq!((status.code(), heard), (Some(0), ServingStatus::NotServing));
}

/// A short way to the stream of the whole service's health.
trait WatchStatuses {
    async fn watch_statuses(self) -> tonic::Streaming<tonic_health::pb::HealthCheckResponse>;
}

impl WatchStatuses for HealthClient<Channel> {
    async fn watch_statuses(mut self) -> tonic::Streaming<tonic_health::pb::HealthCheckResponse> {
        self.watch(HealthCheckRequest::default()).await.unwrap().into_inner()
    }
}

#[tokio::test]
async fn a_port_in_use_is_said_so() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let unused = data_dir();
    let ended = run(&["serve", "--listen", &address, "--data-dir", unused.to_str().unwrap()]).await;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains(&address) && said.contains("in use") && said.contains("--listen"), "{said}");
    assert!(!unused.exists(), "nothing was begun");
}

#[tokio::test]
async fn the_exit_status_of_a_check_is_its_answer() {
    let database = fresh_database().await;
    let process = Process::start("serve", &["--database-url", &url(&database)]).await;
    until_serving(&process.channel).await;
    let server = process.address.to_string();
    let mut users = UserServiceClient::new(process.channel.clone());
    users.create(UserServiceCreateRequest { username: "ann".to_owned(), ..Default::default() }).await.unwrap();
    let create = rolegate::grpc::v1::ProjectServiceCreateRequest {
        owner: "ann".to_owned(),
        name: "trees".to_owned(),
        ..Default::default()
    };
    let mut projects = rolegate::grpc::v1::project_service_client::ProjectServiceClient::new(process.channel.clone());
    projects.create(create).await.unwrap();

    for (user, project, action, status) in [
        ("ann", "ann/trees", "transfer_project", 0),
        ("bob", "ann/trees", "view_project", 1),
        ("", "ann/trees", "view_project", 1),
        ("ann", "ann/trees", "no_such_action", 2),
        ("ann", "trees", "view_project", 2),
    ] {
        let plain = run(&["check", user, project, action, "--server", &server]).await;
        assert_eq!(plain.status.code(), Some(status), "{user} {project} {action}: {plain:?}");
        let json = run(&["check", user, project, action, "--server", &server, "--json"]).await;
        assert_eq!(json.status.code(), Some(status));
        if status < 2 {
            let answer: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
            assert_eq!(answer["allowed"], status == 0, "{answer}");
            assert!(answer["reason"].is_string() && answer["revision"].is_string(), "{answer}");
        }
    }
    assert_eq!(run(&["health", "--server", &server]).await.status.code(), Some(0));
    process.signal("TERM");
    assert_eq!(process.end(SHUTDOWN).await.code(), Some(0));
    let unreachable = run(&["check", "ann", "ann/trees", "view_project", "--server", &server]).await;
    assert_eq!(unreachable.status.code(), Some(2), "an outage is no denial");
    assert!(String::from_utf8_lossy(&unreachable.stderr).contains("rolegate serve"), "{unreachable:?}");
}

#[tokio::test]
async fn the_demo_runs_twice_on_the_same_data() {
    let database = fresh_database().await;
    let mut tables = Vec::new();
    for _ in 0..2 {
        let process = Process::start("demo", &["--database-url", &url(&database)]).await;
        let shown = async {
            while !process.output().contains("Serving on") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(SHUTDOWN, shown).await.unwrap_or_else(|_| panic!("{}", process.errors()));
        let output = process.output();
        tables.push(output.split("Serving on").next().unwrap().to_owned());
        process.signal("TERM");
        assert_eq!(process.end(SHUTDOWN).await.code(), Some(0));
    }
    assert_eq!(tables[0], tables[1]);
    for shown in ["olivia", "acme/trees", "project_owner", "team_member", "USER_INACTIVE", "(anonymous)"] {
        assert!(tables[0].contains(shown), "{shown} in\n{}", tables[0]);
    }
}

#[tokio::test]
async fn every_flag_is_explained() {
    for command in ["serve", "demo", "check", "health", "migrate"] {
        let help = run(&[command, "--help"]).await;
        assert_eq!(help.status.code(), Some(0));
        let text = String::from_utf8(help.stdout).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let flags: Vec<usize> = (0..lines.len())
            .filter(|line| lines[*line].trim_start().starts_with('-') && lines[*line].contains("--"))
            .collect();
        assert!(flags.len() >= 3, "{text}");
        for flag in flags {
            let beside = lines[flag].trim().split("  ").nth(1).is_some_and(|text| !text.trim().is_empty());
            let below = lines.get(flag + 1).is_some_and(|line| line.trim().len() > 10);
            assert!(beside || below, "`{command}` does not explain `{}`", lines[flag].trim());
        }
    }
}

#[tokio::test]
async fn flags_that_make_no_sense_are_refused_by_name() {
    let unused = data_dir();
    let unused = unused.to_str().unwrap();
    let cases: [(&[&str], &str); 10] = [
        (&["serve", "--nonsense"], "--nonsense"),
        (&["serve", "--lease", "yesterday"], "--lease"),
        (&["serve", "--lease", "1ms"], "must be between"),
        (&["serve", "--lease", "1s", "--heartbeat", "900ms"], "--heartbeat"),
        (&["serve", "--view-memory", "1KiB"], "must be between"),
        (&["serve", "--max-message-size", "much"], "--max-message-size"),
        (&["serve", "--database-connections", "0"], "--database-connections"),
        (&["serve", "--database-url", "nonsense"], "postgresql://"),
        (&["serve", "--database-url", "postgresql://u:secret@h/d", "--data-dir", "/tmp/x"], "--data-dir"),
        (&["serve", "--postgres-bin-dir", "/nonexistent", "--data-dir", unused], "/nonexistent"),
    ];
    for (flags, expected) in cases {
        let ended = run(&[flags, &["--listen", "127.0.0.1:0"]].concat()).await;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(2), "{flags:?}: {said}");
        assert!(said.contains(expected), "{flags:?}: {said}");
        assert!(!said.contains("secret") && !said.contains("panicked"), "{flags:?}: {said}");
    }
}

/// A folder that the private server may use, which goes with this process.
fn data_dir() -> PathBuf {
    let folder = scratch_folder();
    end_with_this_process(&folder);
    open_to_others(&folder);
    folder.join("data")
}

async fn until_serving(channel: &Channel) {
    let served = async {
        let mut health = HealthClient::new(channel.clone());
        loop {
            let answer = health.check(HealthCheckRequest::default()).await;
            if answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), served).await.expect("it serves");
}

/// Four callers that create users as fast as they can.
struct Writers {
    over: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Vec<String>>>,
}

impl Writers {
    fn start(channel: &Channel, prefix: &str) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let writer = |number: u32| {
            let (mut users, over) = (UserServiceClient::new(channel.clone()), Arc::clone(&over));
            let prefix = format!("{prefix}-{number}");
            tokio::spawn(async move {
                let mut created = Vec::new();
                for turn in 0.. {
                    let username = format!("{prefix}-{turn}");
                    let request = UserServiceCreateRequest { username: username.clone(), ..Default::default() };
                    match users.create(request).await {
                        Ok(_) => created.push(username),
                        Err(_) if over.load(Ordering::SeqCst) => break,
                        Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                    }
                }
                created
            })
        };
        Self { tasks: (0..4).map(writer).collect(), over }
    }

    async fn until_busy(&self) {
        tokio::time::sleep(Duration::from_millis(700)).await;
    }

    /// To be called when the service has ended: what was acknowledged.
    async fn stop(self) -> Vec<String> {
        self.over.store(true, Ordering::SeqCst);
        let mut created = Vec::new();
        for task in self.tasks {
            created.extend(task.await.unwrap());
        }
        created
    }
}
