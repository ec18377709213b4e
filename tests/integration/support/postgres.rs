//! One PostgreSQL server for all tests of this process, ended with it, and a fresh database a test.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rolegate::store::embedded::{EmbeddedOptions, EmbeddedServer};
use rolegate::store::migrations;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};

static SERVER: OnceCell<Config> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A database of this test's own, with the schema and nothing in it: a copy of a migrated template, but for the history,
/// which is its own as well.
pub async fn fresh_database() -> Config {
    let config = create_database("rolegate").await;
    let renamed = "UPDATE revision SET history = gen_random_uuid(), page_secret = gen_random_uuid()";
    connect(&config).await.batch_execute(renamed).await.unwrap();
    config
}

/// A database of this test's own, without the schema.
pub async fn empty_database() -> Config {
    create_database("template0").await
}

/// The server, by a database of it that is nobody's: for who makes databases itself.
pub async fn server() -> Config {
    SERVER.get_or_init(start).await.clone().dbname("postgres").clone()
}

async fn create_database(template: &str) -> Config {
    let server = SERVER.get_or_init(start).await;
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let maintenance = connect(server.clone().dbname("postgres")).await;
    maintenance.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await.unwrap();
    server.clone().dbname(&name).clone()
}

/// A connection beside the service's own.
pub async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The organizations whose members are counted wrong: their ids, what the count says, and how many there are.
pub async fn miscounted(client: &Client) -> Vec<(i64, Option<i64>, Option<i64>)> {
    let sql = "WITH kept AS (SELECT organization_id, sum(members)::bigint AS members FROM member_count GROUP BY 1),
                    there AS (SELECT organization_id, count(*) AS members FROM member GROUP BY 1)
               SELECT organization_id, kept.members, there.members FROM kept FULL JOIN there USING (organization_id)
               WHERE kept.members IS DISTINCT FROM there.members";
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

/// How many sessions of that database wait for a lock. The service's own search for the next end of a grant, which reads at any time
/// and is nobody's request, is not one of them.
pub async fn waiting(client: &Client) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
               AND query NOT LIKE '-- next_expiry%'";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Waits until at least so many do.
pub async fn until_waiting(client: &Client, least: i64) {
    let waited = async {
        while waiting(client).await < least {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waited).await.unwrap();
}

/// A folder that an unprivileged server can live in. Not removed with the value: a server may outlive it.
pub fn scratch_folder() -> PathBuf {
    tempfile::Builder::new().prefix("rolegate-test-").tempdir().unwrap().keep()
}

/// What a server in `data_dir` is started with: fast, and safe enough for a test.
pub fn test_server(data_dir: &Path) -> EmbeddedOptions {
    let settings = [
        ("fsync", "off"),
        ("synchronous_commit", "off"),
        ("full_page_writes", "off"),
        ("max_connections", "500"),
        // the oracle asks for much at once, and would be compiled each time
        ("jit", "off"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    EmbeddedOptions { data_dir: data_dir.join("data"), binaries: None, settings }
}

/// Sees to it that a server in `folder` ends, and the folder goes, when this process has ended, however that happens.
pub fn end_with_this_process(folder: &Path) {
    // one that is stopped in its place would not hear of its end
    let script = "cat >/dev/null; server=$(head -n 1 \"$0\"/data/postgres/postmaster.pid 2>/dev/null);
                  kill -QUIT $server 2>/dev/null; kill -CONT $server 2>/dev/null; rm -rf \"$0\"";
    let watchdog =
        Command::new("sh").args(["-c", script]).arg(folder).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut input = watchdog.unwrap().stdin.take().unwrap();
    input.flush().unwrap();
    // open until this process ends, which is what the watchdog waits for
    std::mem::forget(input);
}

async fn start() -> Config {
    let folder = scratch_folder();
    end_with_this_process(&folder);
    open_to_others(&folder);
    let server = EmbeddedServer::start(test_server(&folder)).await.unwrap();
    let config = server.config();
    std::mem::forget(server);
    migrations::migrate(&config).await.unwrap();
    config
}

/// Lets the unprivileged user that the server runs as through to its data folder.
pub fn open_to_others(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}
