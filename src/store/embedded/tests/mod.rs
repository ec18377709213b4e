//! The embedded PostgreSQL on real servers, real folders and real crashes. Runs as root and as a normal user.

mod crashes;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use super::account::{Account, is_root};
use super::binaries::Search;
use super::{EmbeddedError, EmbeddedOptions, EmbeddedServer};

#[tokio::test]
async fn data_survives_a_restart() {
    let dir = scratch();
    let server = start(&dir).await;
    let client = connect(&server).await;
    client.batch_execute("CREATE TABLE kept AS SELECT 42 AS answer").await.unwrap();
    server.stop().await.unwrap();

    let server = start(&dir).await;
    let row = connect(&server).await.query_one("SELECT answer FROM kept", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_start_in_the_same_folder_names_the_holder() {
    let dir = scratch();
    let server = start(&dir).await;
    let error = EmbeddedServer::start(options(&dir)).await.unwrap_err().to_string();
    assert!(error.contains(&format!("process id {}", std::process::id())), "{error}");
    assert!(error.contains(dir.path().to_str().unwrap()), "{error}");
    server.stop().await.unwrap();
    start(&dir).await.stop().await.unwrap();
}

#[tokio::test]
async fn folders_are_private_and_nothing_listens_on_tcp() {
    let dir = scratch();
    fs::create_dir(dir.path().join("data")).unwrap();
    fs::set_permissions(dir.path().join("data"), Permissions::from_mode(0o777)).unwrap();
    let mut options = options(&dir);
    options.settings.push(("listen_addresses".to_owned(), "*".to_owned()));
    let server = EmbeddedServer::start(options).await.unwrap();

    let mode = |name: &str| {
        let path = dir.path().join("data").join(name);
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(""), if is_root() { 0o710 } else { 0o700 });
    assert_eq!((mode("postgres"), mode("socket")), (0o700, 0o700));
    assert_eq!((mode("socket/.s.PGSQL.5432"), mode("postgres.log")), (0o700, 0o600));
    assert_eq!(mode("rolegate.lock"), 0o600);
    assert_eq!(tcp_sockets_of(&postmaster(&dir)), 0);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_server_has_its_own_session_and_an_unprivileged_user() {
    let dir = scratch();
    let server = start(&dir).await;
    let pid = postmaster(&dir);
    assert_eq!(stat(&pid).unwrap()[3], pid, "session");
    assert_ne!(fs::metadata(format!("/proc/{pid}")).unwrap().uid(), 0);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn any_path_and_any_setting_needs_no_quoting() {
    let dir = scratch();
    let mut options = options(&dir);
    options.data_dir = dir.path().join("it's \"a\" $(dir) `x`");
    options.settings.push(("cluster_name".to_owned(), "it's $HOME".to_owned()));
    let server = EmbeddedServer::start(options).await.unwrap();
    let row = connect(&server).await.query_one("SHOW cluster_name", &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "it's $HOME");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_failed_start_shows_the_log() {
    let dir = scratch();
    let mut options = options(&dir);
    options.settings.push(("shared_buffers".to_owned(), "nonsense".to_owned()));
    let error = EmbeddedServer::start(options).await.unwrap_err().to_string();
    assert!(error.contains("invalid value for parameter \"shared_buffers\""), "{error}");
}

#[tokio::test]
async fn a_machine_without_postgres_says_what_to_do() {
    let dir = scratch();
    let error = EmbeddedServer::start_with(options(&dir), &nowhere()).await.unwrap_err();
    let error = error.to_string();
    for advice in ["apt-get install postgresql;", "--postgres-bin-dir", "--database-url"] {
        assert!(error.contains(advice), "{error}");
    }
}

#[tokio::test]
async fn a_database_of_another_major_version_says_which_one_is_needed() {
    let dir = scratch();
    start(&dir).await.stop().await.unwrap();
    fs::write(dir.path().join("data/postgres/PG_VERSION"), "11\n").unwrap();
    let mut search = Search::everywhere();
    search.releases = nowhere().releases;
    let error = EmbeddedServer::start_with(options(&dir), &search).await.unwrap_err().to_string();
    assert!(error.contains("no PostgreSQL 11 server"), "{error}");

    let mut named = options(&dir);
    let account = Account::choose().unwrap();
    named.binaries = search.find(None, dir.path(), None, &account).await.ok();
    assert!(named.binaries.is_some());
    let error = EmbeddedServer::start(named).await.unwrap_err().to_string();
    assert!(error.contains("made by 11"), "{error}");
}

#[tokio::test]
async fn a_folder_that_is_not_rolegates_is_left_alone() {
    let dir = scratch();
    fs::write(dir.path().join("somebody's file"), "").unwrap();
    let mut options = options(&dir);
    options.data_dir = dir.path().to_path_buf();
    let error = EmbeddedServer::start(options).await.unwrap_err();
    assert!(matches!(error, EmbeddedError::ForeignContent { .. }), "{error}");
    assert_eq!(fs::metadata(dir.path()).unwrap().permissions().mode() & 0o777, 0o711);
}

#[tokio::test]
async fn a_folder_too_deep_for_a_socket_is_refused() {
    let dir = scratch();
    let mut options = options(&dir);
    options.data_dir = dir.path().join("x".repeat(90));
    let error = EmbeddedServer::start(options).await.unwrap_err().to_string();
    assert!(error.contains("--data-dir") && error.contains("107"), "{error}");
}

#[tokio::test]
async fn root_is_told_which_parent_is_closed_to_postgres() {
    if !is_root() {
        return;
    }
    let dir = scratch();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
    let error = EmbeddedServer::start(options(&dir)).await.unwrap_err();
    let EmbeddedError::Unreachable { closed, .. } = &error else { panic!("{error}") };
    assert_eq!(closed, &dir.path().canonicalize().unwrap());
    assert!(error.to_string().contains("--data-dir"), "{error}");
}

/// A temporary folder that the unprivileged user can pass through.
fn scratch() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).unwrap();
    dir
}

fn options(dir: &TempDir) -> EmbeddedOptions {
    options_in(dir.path().join("data"))
}

fn options_in(data_dir: PathBuf) -> EmbeddedOptions {
    let settings = vec![("fsync".to_owned(), "off".to_owned())];
    EmbeddedOptions { data_dir, binaries: None, settings }
}

fn nowhere() -> Search {
    Search { folders: Vec::new(), releases: "https://releases.invalid" }
}

async fn start(dir: &TempDir) -> EmbeddedServer {
    EmbeddedServer::start(options(dir)).await.unwrap()
}

async fn connect(server: &EmbeddedServer) -> Client {
    let (client, connection) = server.config().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn postmaster(dir: &TempDir) -> String {
    let content = fs::read_to_string(dir.path().join("data/postgres/postmaster.pid")).unwrap();
    content.lines().next().unwrap().to_owned()
}

/// The words of `/proc/<pid>/stat` from the state on: state, parent, group, session, …
fn stat(pid: &str) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}

fn is_running(pid: &str) -> bool {
    stat(pid).is_some_and(|words| words[0] != "Z")
}

fn tcp_sockets_of(pid: &str) -> usize {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap());
    let inodes: Vec<_> = tables.iter().flat_map(|t| t.lines()).filter_map(|l| l.split_whitespace().nth(9)).collect();
    let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    targets.filter(|target| inodes.iter().any(|inode| target.to_string_lossy() == format!("socket:[{inode}]"))).count()
}
