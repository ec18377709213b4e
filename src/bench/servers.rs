//! Servers as processes of their own, so that what they use of the processor is told apart from what asking them uses.

use std::env;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;
use tonic::transport::Endpoint;

use super::BenchError;
use crate::server;

/// How long a server may take until it serves, and until it has ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. Killed with the value; end it with [`Server::end`].
pub struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Runs this very program on a free port of this machine, with that database, and waits until it serves.
    pub async fn start(arguments: &[&str], database: &str) -> Result<Self, BenchError> {
        let program = env::current_exe().map_err(BenchError::Process)?;
        let mut command = Command::new(program);
        command.args(arguments).args(["--listen", "127.0.0.1:0", "--log-format", "json"]);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROLEGATE_")) {
            command.env_remove(name);
        }
        command.env("DATABASE_URL", database).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(BenchError::Process)?;
        let log = child.stderr.take().map(|log| BufReader::new(log).lines());
        let started = timeout(PATIENCE, listening(log)).await.map_err(|_| BenchError::NotServing(PATIENCE))?;
        let address = started?;
        let channel = Endpoint::from_shared(format!("http://{address}")).map_err(BenchError::Transport)?.connect_lazy();
        let serving = timeout(PATIENCE, server::until_serving(channel)).await;
        serving.map_err(|_| BenchError::NotServing(PATIENCE))?;
        Ok(Self { child, address })
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub fn process(&self) -> Option<u32> {
        self.child.id()
    }

    /// Asks it to end, and waits until it has.
    pub async fn end(mut self) -> Result<(), BenchError> {
        let process = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(process) = process {
            kill_process(process, Signal::TERM).map_err(|error| BenchError::Process(error.into()))?;
        }
        let ended = timeout(PATIENCE, self.child.wait()).await.map_err(|_| BenchError::NotServing(PATIENCE))?;
        ended.map(drop).map_err(BenchError::Process)
    }
}

/// Where it listens, out of its log; what it logs after that is read, so that it does not wait for us, and left.
async fn listening(log: Option<Lines<BufReader<ChildStderr>>>) -> Result<SocketAddr, BenchError> {
    let mut said = String::new();
    let Some(mut log) = log else { return Err(BenchError::Ended(said)) };
    while let Ok(Some(line)) = log.next_line().await {
        if let Some(address) = address(&line) {
            tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
            return Ok(address);
        }
        said = line;
    }
    Err(BenchError::Ended(said))
}

fn address(line: &str) -> Option<SocketAddr> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let is_it = line.get("message")? == "listening";
    line.get("address")?.as_str().filter(|_| is_it)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_the_log() {
        let line = r#"{"level":"INFO","message":"listening","address":"127.0.0.1:4000"}"#;
        assert_eq!(address(line), "127.0.0.1:4000".parse().ok());
        assert_eq!(address(r#"{"message":"stopped serving","address":"127.0.0.1:4000"}"#), None);
        assert_eq!(address("not JSON"), None);
    }
}
