//! How many instructions a call takes, the system's own left out: where time is too noisy to compare, these are the same to a
//! hundredth from run to run.
//!
//! `cargo bench --bench instructions`; needs `valgrind`. The real binary runs under callgrind, which counts only while the load
//! of `rolegate bench` runs, and then as long while nothing is asked: what a second of that takes is left out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that can't go on ends"
)]

#[path = "../shared/services.rs"]
mod services;
#[path = "../shared/mod.rs"]
#[allow(dead_code, reason = "its figures are exact")]
mod shared;
#[path = "../../tests/integration/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "written for the tests; shared so that there is one way to a database")]
mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rolegate::bench::{Facts, World, prepare};
use serde_json::Value;
use services::{end, free_address};
use support::binary::url;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_rolegate");
const FACTS: &str = "1k";

/// How long is counted.
const COUNTED: Duration = Duration::from_secs(10);

/// How long a server may take until it serves.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() {
    let filter = shared::filter();
    assert!(filter.is_none(), "it has no parts to choose from");
    let found = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    assert!(found.is_ok_and(|status| status.success()), "valgrind is not installed, or not on the PATH");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = runtime.block_on(async {
        let database = support::fresh_database().await;
        let world = World::new(FACTS.parse::<Facts>().unwrap(), 1);
        prepare(&database.clone().into(), world, &|_| {}).await.unwrap();
        url(&database)
    });
    let empty = ["bench-server", "--answers", "constant"];
    println!("| a call | instructions | to an empty call |");
    println!("| --- | ---: | ---: |");
    let base = Counted::of(&database, &empty, "info", "check");
    let rows = [
        ("an empty call, nothing logged", &empty[..], "off", "check"),
        ("an empty call, `--log rolegate=debug`", &empty, "rolegate=debug", "check"),
        ("`Check`", &["serve"], "info", "check"),
        ("`Check`, nothing logged", &["serve"], "off", "check"),
        ("`StreamCheck`, a question", &["serve"], "info", "stream"),
        ("`BatchCheck`, a question of 100", &["serve"], "info", "batch"),
        ("an empty call of its size, a question of 100", &empty, "info", "batch"),
    ];
    println!("| an empty call | {base:.0} | 1.000 |");
    for (name, server, log, rpc) in rows {
        let counted = Counted::of(&database, server, log, rpc);
        println!("| {name} | {counted:.0} | {:.3} |", counted / base);
    }
}

/// A server under callgrind.
struct Counted {
    server: Child,
    address: String,
    folder: TempDir,
}

impl Counted {
    /// Instructions for a question.
    fn of(database: &str, server: &[&str], log: &str, rpc: &str) -> f64 {
        let counted = Self::start(database, server, log);
        counted.load(rpc, &["--duration", "2s"]);
        counted.control(&["-i", "on"]);
        let begun = Instant::now();
        let asked =
            counted.load(rpc, &["--no-fill", "--warm-up", "0s", "--duration", &format!("{}s", COUNTED.as_secs())]);
        let loaded = counted.dump(1) as f64 / begun.elapsed().as_secs_f64();
        let time = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        std::thread::sleep(COUNTED);
        let idle = counted.dump(2) as f64 / begun.elapsed().as_secs_f64();
        end(counted.server);
        (loaded - idle) * time / asked
    }

    fn start(database: &str, arguments: &[&str], log: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--instr-atstart=no"]);
        command.arg(format!("--callgrind-out-file={}", folder.path().join("out").display()));
        command.arg(PROGRAM).args(arguments).args(["--listen", &address, "--database-url", database, "--log", log]);
        let server = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        let counted = Self { server, address, folder };
        while !counted.serves() {
            assert!(begun.elapsed() < PATIENCE, "it does not serve under callgrind: {arguments:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
        counted
    }

    fn serves(&self) -> bool {
        let mut asking = Command::new(PROGRAM);
        asking.args(["health", "--server", &self.address]).stdout(Stdio::null()).stderr(Stdio::null());
        asking.status().unwrap().success()
    }

    /// Asks for as long, and returns how many questions were answered.
    fn load(&self, rpc: &str, arguments: &[&str]) -> f64 {
        let mut asking = Command::new(PROGRAM);
        asking.args([
            "bench",
            "--server",
            &self.address,
            "--facts",
            FACTS,
            "--mix",
            "direct=1",
            "--rpc",
            rpc,
            "--json",
        ]);
        asking.args(["--in-flight", "16"]).args(arguments);
        let answered = asking.stderr(Stdio::null()).output().unwrap();
        let answered: Value = serde_json::from_slice(&answered.stdout).unwrap();
        assert_eq!(answered["result"]["wrong"], 0, "every answer is right");
        answered["result"]["decisions"].as_f64().unwrap()
    }

    fn control(&self, arguments: &[&str]) {
        let mut command = Command::new("callgrind_control");
        command.args(arguments).arg(self.server.id().to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().unwrap().success(), "callgrind_control {arguments:?}");
    }

    /// How many instructions were counted since the dump before.
    fn dump(&self, number: usize) -> u64 {
        self.control(&["--dump"]);
        total(&self.folder.path().join(format!("out.{number}")))
    }
}

/// The sum of a dump.
fn total(dump: &Path) -> u64 {
    let text = std::fs::read_to_string(dump).unwrap();
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")).unwrap();
    total.trim().parse().unwrap()
}
