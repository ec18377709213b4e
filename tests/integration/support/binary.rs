//! The real binary as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tonic::transport::{Channel, Endpoint};

/// Long enough for a slow machine that makes a cluster.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running `rolegate serve` or `rolegate demo`. Killed with the value.
pub struct Process {
    child: Child,
    errors: Arc<Mutex<String>>,
    /// What gathers them, to their end.
    gathering: Option<JoinHandle<()>>,
    output: Arc<Mutex<String>>,
    pub address: SocketAddr,
    pub channel: Channel,
}

impl Process {
    /// Starts it on a free port of loopback, unless the flags say where, and waits until it listens.
    pub async fn start(command: &str, flags: &[&str]) -> Self {
        Self::start_with(command, flags, &[]).await
    }

    /// The same with more in its environment.
    pub async fn start_with(command: &str, flags: &[&str], environment: &[(&str, String)]) -> Self {
        let listen: &[&str] = if flags.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
        let mut child = rolegate(&[&[command, "--log-format", "json"], listen, flags].concat());
        child.envs(environment.iter().map(|(name, value)| (name, value)));
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (errors, gathering) = gather(child.stderr.take().unwrap());
        let (output, _) = gather(child.stdout.take().unwrap());
        let begun = Instant::now();
        let address = loop {
            if let Some(address) = address(&errors.lock().unwrap()) {
                break address;
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "{ended:?}: {}", errors.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        Self { child, errors, gathering: Some(gathering), output, address, channel }
    }

    /// What it wrote to standard error so far.
    pub fn errors(&self) -> String {
        self.errors.lock().unwrap().clone()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end, and says all that it wrote to standard error.
    pub async fn errors_at_the_end(self, limit: Duration) -> String {
        self.end_and_errors(limit).await.1
    }

    /// The same, and how it ended.
    pub async fn end_and_errors(mut self, limit: Duration) -> (ExitStatus, String) {
        let (errors, gathering) = (Arc::clone(&self.errors), self.gathering.take().unwrap());
        let status = self.end(limit).await;
        tokio::task::spawn_blocking(|| gathering.join().unwrap()).await.unwrap();
        let errors = errors.lock().unwrap().clone();
        (status, errors)
    }

    /// What it wrote to standard output so far.
    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// How much memory it takes, in KiB.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        resident.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end.
    pub async fn end(mut self, limit: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < limit, "it goes on: {}", self.errors());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the binary to its end.
pub async fn run(flags: &[&str]) -> Output {
    let mut command = rolegate(flags);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// A database as `--database-url` takes it.
pub fn url(database: &Config) -> String {
    let Some(Host::Unix(folder)) = database.get_hosts().first() else { panic!("the server is local") };
    format!("host={} port=5432 user=rolegate dbname={}", folder.display(), database.get_dbname().unwrap())
}

fn rolegate(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolegate"));
    command.args(flags).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ROLEGATE_") || name == "DATABASE_URL" {
            command.env_remove(name);
        }
    }
    command
}

fn gather(pipe: impl std::io::Read + Send + 'static) -> (Arc<Mutex<String>>, JoinHandle<()>) {
    let text = Arc::new(Mutex::new(String::new()));
    let gathered = Arc::clone(&text);
    let gathering = std::thread::spawn(move || {
        let mut lines = BufReader::new(pipe);
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|count| count > 0) {
            gathered.lock().unwrap().push_str(&line);
            line.clear();
        }
    });
    (text, gathering)
}

/// Where it listens, out of its log.
fn address(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("\"message\":\"listening\""))?;
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    line["address"].as_str()?.parse().ok()
}
