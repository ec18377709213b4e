//! The embedded PostgreSQL after crashes of the server, of rolegate, and of both.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use std::{env, thread};

use tempfile::TempDir;

use super::super::EmbeddedServer;
use super::super::account::Account;
use super::{connect, is_running, options_in, postmaster, scratch, start};

/// Tells the test binary, run once more as a child, which data folder to start a server in.
const CHILD_DATA_DIR: &str = "ROLEGATE_TEST_EMBEDDED_DATA_DIR";

#[tokio::test]
async fn a_dropped_server_is_stopped() {
    let dir = scratch();
    let server = start(&dir).await;
    let pid = postmaster(&dir);
    drop(server);
    // it takes its lock file away, which is what `pg_ctl` waits for, a moment before it is gone
    wait_for(|| !is_running(&pid));
    start(&dir).await.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_orphaned_by_kill_9_is_replaced() {
    let dir = scratch();
    let mut child = spawn_child(&dir);
    wait_for(|| dir.path().join("ready").exists());
    let orphan = postmaster(&dir);
    kill_9(&mut child);
    assert!(is_running(&orphan));

    let server = start(&dir).await;
    wait_for(|| !is_running(&orphan));
    assert_ne!(postmaster(&dir), orphan);
    connect(&server).await.batch_execute("SELECT 1").await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_killed_together_with_rolegate_recovers() {
    let dir = scratch();
    let mut child = spawn_child(&dir);
    wait_for(|| dir.path().join("ready").exists());
    let killed = postmaster(&dir);
    kill_9(&mut child);
    assert!(Command::new("kill").args(["-9", &killed]).status().unwrap().success());

    let server = start(&dir).await;
    assert_ne!(postmaster(&dir), killed);
    connect(&server).await.batch_execute("SELECT 1").await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn rolegate_killed_during_initdb_can_start_at_once() {
    let dir = scratch();
    let mut child = spawn_child(&dir);
    wait_for(|| half_made(&dir).is_some_and(|path| path.join("base").exists()));
    kill_9(&mut child);
    assert!(!dir.path().join("data/postgres").exists());

    start(&dir).await.stop().await.unwrap();
    // the orphaned initdb may still have been writing: then it is a later start that tidies up
    for _ in 0..20 {
        if half_made(&dir).is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        start(&dir).await.stop().await.unwrap();
    }
    panic!("a half-made cluster stayed: {:?}", half_made(&dir));
}

#[tokio::test]
async fn a_start_given_up_during_initdb_can_be_repeated() {
    let dir = scratch();
    let begun = async {
        while half_made(&dir).is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = start(&dir) => panic!("started before it could be given up"),
        () = begun => {}
    }
    assert!(half_made(&dir).is_some());
    start(&dir).await.stop().await.unwrap();
}

#[tokio::test]
async fn a_stale_lock_file_is_overcome_and_its_new_owner_spared() {
    let dir = scratch();
    let server = start(&dir).await;
    let lock_file = dir.path().join("data/postgres/postmaster.pid");
    let content = fs::read_to_string(&lock_file).unwrap();
    let pid = postmaster(&dir);
    server.stop().await.unwrap();

    let account = Account::choose().unwrap();
    let mut sleeper = account.command(Path::new("/bin/sleep"), Path::new("/")).arg("60").spawn().unwrap();
    let stale = content.replacen(&pid, &sleeper.id().to_string(), 1);
    fs::write(&lock_file, stale).unwrap();
    account.give(&lock_file).unwrap();

    start(&dir).await.stop().await.unwrap();
    assert!(is_running(&sleeper.id().to_string()));
    kill_9(&mut sleeper);
}

/// Not a test: the body of the child processes that get killed.
#[tokio::test]
#[ignore = "run by other tests in a child process"]
async fn child() {
    let data_dir = PathBuf::from(env::var_os(CHILD_DATA_DIR).unwrap());
    let ready = data_dir.with_file_name("ready");
    let _server = EmbeddedServer::start(options_in(data_dir)).await.unwrap();
    fs::write(ready, "").unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
}

fn spawn_child(dir: &TempDir) -> Child {
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &format!("{module}::child"), "--ignored", "--nocapture"]);
    command.env(CHILD_DATA_DIR, dir.path().join("data")).spawn().unwrap()
}

fn kill_9(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn wait_for(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(40), "waited in vain");
        thread::sleep(Duration::from_millis(5));
    }
}

fn half_made(dir: &TempDir) -> Option<PathBuf> {
    let entries = fs::read_dir(dir.path().join("data")).ok()?.flatten();
    entries.map(|entry| entry.path()).find(|path| path.to_string_lossy().contains("postgres.new"))
}
