//! PostgreSQL servers of a test's own: a primary, standbys that follow it, backups; killed, frozen, cut off and promoted.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls};

use super::postgres::{connect, end_with_this_process, open_to_others, scratch_folder, server};

/// Long enough for any machine; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where PGDATA is in a server's folder: where [`end_with_this_process`] looks for it.
const DATA: &str = "data/postgres";

/// The processes are killed and never the machine, so what the system holds for the disk is not lost.
const SETTINGS: &str = "
    listen_addresses = ''
    unix_socket_directories = '../socket'
    fsync = off
    max_connections = 100
    max_wal_senders = 5
    wal_level = replica
    wal_keep_size = 256MB
    hot_standby = on
    log_statement = all
    jit = off
";

/// A server that is started, stopped and killed at will. What still runs of it ends with the value.
pub struct Node {
    folder: PathBuf,
    name: String,
}

impl Node {
    /// A primary with an empty database in it.
    pub async fn primary() -> Self {
        let node = Self::without_data("primary");
        node.run("initdb", &["--pgdata", DATA, "--username=rolegate", "--auth=trust", "--locale=C", "--no-sync"]).await;
        let settings = node.data().join("postgresql.conf");
        let made = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(settings, made + SETTINGS).unwrap();
        node.start().await;
        connect(node.config().dbname("postgres")).await.batch_execute("CREATE DATABASE rolegate").await.unwrap();
        node
    }

    /// A standby that streams from this server, once it does.
    pub async fn standby(&self, name: &str) -> Self {
        let standby = self.backup(name).await;
        let source = format!("host={} user=rolegate application_name={name}", self.socket().display());
        let follow = format!("primary_conninfo = '{source}'\nrecovery_target_timeline = 'latest'\n");
        let settings = standby.data().join("postgresql.auto.conf");
        let made = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(settings, made + &follow).unwrap();
        std::fs::write(standby.data().join("standby.signal"), "").unwrap();
        standby.start().await;
        let streaming =
            format!("SELECT FROM pg_stat_replication WHERE application_name = '{name}' AND state = 'streaming'");
        self.until(&streaming).await;
        standby
    }

    /// What this server has now, as a server that does not run yet.
    pub async fn backup(&self, name: &str) -> Self {
        let backup = Self::without_data(name);
        let source = format!("host={} user=rolegate", self.socket().display());
        backup.run("pg_basebackup", &["--pgdata", DATA, "--dbname", &source, "--checkpoint=fast", "--no-sync"]).await;
        backup
    }

    fn without_data(name: &str) -> Self {
        let folder = scratch_folder();
        end_with_this_process(&folder);
        open_to_others(&folder);
        let node = Self { folder, name: name.to_owned() };
        for part in ["data", "data/socket"] {
            std::fs::create_dir(node.folder.join(part)).unwrap();
            node.give(&node.folder.join(part));
        }
        node
    }

    /// Acknowledges a write from now on only once that standby has it.
    pub async fn wait_for_standby(&self, standby: &Node) {
        self.set("synchronous_standby_names", &standby.name).await;
        self.until("SELECT FROM pg_stat_replication WHERE sync_state = 'sync'").await;
    }

    /// Changes a setting of the running server.
    pub async fn set(&self, setting: &str, value: &str) {
        let client = self.client().await;
        client.batch_execute(&format!("ALTER SYSTEM SET {setting} = '{value}'")).await.unwrap();
        client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    }

    /// Starts it, and waits until it takes connections.
    pub async fn start(&self) {
        let name = format!("-c cluster_name={}", self.name);
        self.run("pg_ctl", &["start", "-w", "-t", "60", "-D", DATA, "-l", "data/log", "-o", &name]).await;
    }

    /// Ends it at once, as an administrator would who is in a hurry.
    pub async fn stop(&self) {
        self.run("pg_ctl", &["stop", "-w", "-t", "60", "-D", DATA, "-m", "immediate"]).await;
    }

    /// Kills every process of it with `kill -9`, as a machine does that loses its power.
    pub async fn kill(&self) {
        let processes = self.processes();
        signal("KILL", &processes);
        let gone = || processes.iter().all(|process| !is_alive(*process));
        wait_until("its processes are gone", gone).await;
    }

    /// Stops every process of it in its place: connections stay, and nothing is answered.
    pub fn freeze(&self) {
        // the first cannot start others any more once it is stopped
        signal("STOP", &self.processes()[..1]);
        signal("STOP", &self.processes());
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        signal("CONT", &self.processes());
    }

    /// Makes a standby a primary, and waits until it is one.
    pub async fn promote(&self) {
        let promoted: bool = self.client().await.query_one("SELECT pg_promote()", &[]).await.unwrap().get(0);
        assert!(promoted);
    }

    /// Has a standby go on receiving what the primary writes, and show none of it.
    pub async fn pause_replay(&self) {
        self.client().await.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
        self.until("SELECT WHERE pg_get_wal_replay_pause_state() = 'paused'").await;
    }

    /// Has it show what it received.
    pub async fn resume_replay(&self) {
        self.client().await.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
    }

    /// Cuts a standby off from its primary: what is written there from now on never gets here.
    pub async fn stop_receiving(&self) {
        self.set("primary_conninfo", "").await;
        self.until("SELECT WHERE NOT EXISTS (SELECT FROM pg_stat_wal_receiver)").await;
    }

    /// Waits until a standby shows all that this server has written so far.
    pub async fn until_shown_by(&self, standby: &Node) {
        let written = "SELECT pg_current_wal_lsn()::text";
        let written: String = self.client().await.query_one(written, &[]).await.unwrap().get(0);
        standby.until(&format!("SELECT WHERE pg_last_wal_replay_lsn() >= '{written}'")).await;
    }

    /// Waits until that statement has a row.
    pub async fn until(&self, sql: &str) {
        let client = self.client().await;
        let found = async {
            while client.query(sql, &[]).await.unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{}: never {sql}", self.name));
    }

    /// Runs one of PostgreSQL's programs on its database, and returns what it wrote.
    pub async fn run_client(&self, program: &str, arguments: &[&str]) -> Output {
        let socket = self.socket();
        let database = ["--host", socket.to_str().unwrap(), "--username", "rolegate"];
        self.output(program, &[&database, arguments].concat()).await
    }

    /// A file that its programs may write.
    pub fn file(&self, name: &str) -> String {
        self.folder.join("data").join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file that its server may read, and nobody else, and says where it is.
    pub fn write(&self, name: &str, content: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.join("data").join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        self.give(&path);
        path.to_str().unwrap().to_owned()
    }

    /// Puts what `backup` has into the place of what this server had. Neither may run.
    pub fn restore(&self, backup: &Node) {
        std::fs::remove_dir_all(self.data()).unwrap();
        std::fs::rename(backup.data(), self.data()).unwrap();
    }

    /// The end of its log that it wrote since `from` bytes, and how many it has written now.
    pub fn log(&self, from: usize) -> (String, usize) {
        let log = std::fs::read(self.folder.join("data/log")).unwrap();
        (String::from_utf8_lossy(&log[from..]).into_owned(), log.len())
    }

    /// A connection to its database.
    pub async fn client(&self) -> Client {
        let begun = std::time::Instant::now();
        loop {
            match self.config().connect(NoTls).await {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    return client;
                }
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{}: {error:?}", self.name),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its database, and it alone.
    pub fn config(&self) -> Config {
        url(&[self]).parse().unwrap()
    }

    fn data(&self) -> PathBuf {
        self.folder.join(DATA)
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("data/socket")
    }

    /// The process that was started, and then its children.
    fn processes(&self) -> Vec<u32> {
        let Some(first) = self.first_process() else { return Vec::new() };
        let entries =
            std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let children = entries.filter(|process| status(*process).is_some_and(|(_, parent)| parent == first));
        std::iter::once(first).chain(children).collect()
    }

    fn first_process(&self) -> Option<u32> {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let process = file.lines().next()?.parse().ok()?;
        is_alive(process).then_some(process)
    }

    async fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.output(program, arguments).await;
        let log = std::fs::read_to_string(self.folder.join("data/log")).unwrap_or_default();
        let end: Vec<&str> = log.lines().rev().take(20).collect();
        assert!(output.status.success(), "{program} on {}: {output:?}\n{end:#?}", self.name);
    }

    async fn output(&self, program: &str, arguments: &[&str]) -> Output {
        let server = connect(&server().await).await;
        let programs = server.query_one("SELECT setting FROM pg_config WHERE name = 'BINDIR'", &[]).await.unwrap();
        let mut command = Command::new(Path::new(programs.get::<_, &str>(0)).join(program));
        command.args(arguments).current_dir(&self.folder).env("LC_ALL", "C").stdin(Stdio::null());
        if let Some((uid, gid)) = unprivileged() {
            use std::os::unix::process::CommandExt as _;
            command.uid(uid).gid(gid);
        }
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    fn give(&self, path: &Path) {
        if let Some((uid, gid)) = unprivileged() {
            std::os::unix::fs::chown(path, Some(uid), Some(gid)).unwrap();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(first) = self.first_process() {
            signal("QUIT", &[first]);
            signal("CONT", &self.processes());
        }
    }
}

/// The database of these servers, whichever is the primary, as `--database-url` takes it.
pub fn url(nodes: &[&Node]) -> String {
    let hosts: Vec<String> = nodes.iter().map(|node| node.socket().display().to_string()).collect();
    let ports = vec!["5432"; nodes.len()];
    format!("host={} port={} user=rolegate dbname=rolegate", hosts.join(","), ports.join(","))
}

/// Whom PostgreSQL's programs run as where this process is root, which they refuse to be.
fn unprivileged() -> Option<(u32, u32)> {
    let user = ["postgres", "nobody"].into_iter().find_map(uzers::get_user_by_name);
    (uzers::get_effective_uid() == 0).then(|| user.map(|user| (user.uid(), user.primary_group_id())))?
}

fn signal(name: &str, processes: &[u32]) {
    let processes = processes.iter().map(ToString::to_string);
    // one that has ended meanwhile is no failure
    Command::new("kill").arg(format!("-{name}")).args(processes).stderr(Stdio::null()).status().unwrap();
}

/// Whether it runs; one that has ended and was not collected yet does not.
fn is_alive(process: u32) -> bool {
    status(process).is_some_and(|(state, _)| state != "Z")
}

/// The state of a process, and its parent.
fn status(process: u32) -> Option<(String, u32)> {
    let line = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = line.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

async fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let held = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, held).await.unwrap_or_else(|_| panic!("never: {what}"));
}
