//! `pgbench`, which comes with PostgreSQL, on the server that rolegate is measured on.

use std::io::Write as _;
use std::path::PathBuf;

use tempfile::NamedTempFile;
use tokio::process::Command;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::support::postgres::connect;
use crate::world;

/// Rows to be changed, one for each client; and one more that all may change.
pub struct Pgbench {
    database: Config,
    program: PathBuf,
}

/// A script for it.
pub struct Script(NamedTempFile);

impl Pgbench {
    /// Makes the rows: far apart, so that clients do not meet in a page.
    pub async fn start(database: Config) -> Self {
        let rows = format!(
            "CREATE TABLE single (id bigint PRIMARY KEY, value bigint NOT NULL, padding text) WITH (fillfactor = 10);
             INSERT INTO single SELECT id, 0, repeat('x', 500) FROM generate_series(0, {}) AS id",
            world::SIZE
        );
        connect(&database).await.batch_execute(&rows).await.unwrap();
        Self { database, program: program() }
    }

    /// Transactions a second by that script, with as many clients as there are organizations.
    pub async fn run(&self, script: &Script, seconds: u64) -> f64 {
        let Some(Host::Unix(folder)) = self.database.get_hosts().first() else { panic!("the server is local") };
        let mut command = Command::new(&self.program);
        command.args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--username=rolegate", "--port=5432"]);
        command.arg(format!("--client={}", world::SIZE)).arg(format!("--time={seconds}"));
        command.arg("--host").arg(folder).arg("--file").arg(script.0.path());
        let output = command.arg(self.database.get_dbname().unwrap()).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let line = said.lines().find_map(|line| line.strip_prefix("tps = ")).unwrap();
        line.split(' ').next().unwrap().parse().unwrap()
    }
}

impl Script {
    /// A script of these statements.
    pub fn new(statements: &str) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(statements.as_bytes()).unwrap();
        Self(file)
    }
}

/// The one in `PATH`, or the one that a distribution put where the server is.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = std::env::split_paths(&path).chain(versions.map(|version| version.path().join("bin")));
    let found = folders.map(|folder| folder.join("pgbench")).find(|program| program.is_file());
    found.expect("pgbench is not installed")
}
