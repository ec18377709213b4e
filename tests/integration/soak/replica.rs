//! One replica: the real binary behind a proxy of its own, killed, paused, cut off and started again while others ask it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::clock::{Preload, WallClock};
use crate::support::Clients;
use crate::support::binary::Process;
use crate::support::proxy::{Proxy, Purpose};

/// Short, so that a short run sees many of them.
pub const LEASE: Duration = Duration::from_secs(2);
const HEARTBEAT: &str = "200ms";

/// How long a process may take to end.
const END: Duration = Duration::from_secs(30);

pub const PURPOSES: [Purpose; 3] = [Purpose::Loads, Purpose::Log, Purpose::Writes];

/// A place for a process: after a kill another one takes it, on another port.
pub struct Replica {
    pub proxy: Proxy,
    pub clock: WallClock,
    database: String,
    process: tokio::sync::Mutex<Option<Process>>,
    channel: Mutex<Channel>,
}

impl Replica {
    pub async fn start(number: usize, database: &Config, preload: &Preload) -> Self {
        let proxy = Proxy::start(database).await;
        let clock = preload.clock(&format!("replica-{number}"));
        let database = url(&proxy.config(database));
        let process = launch(&database, &clock).await;
        let channel = Mutex::new(process.channel.clone());
        Self { proxy, clock, database, process: tokio::sync::Mutex::new(Some(process)), channel }
    }

    /// A way to whoever has this place now.
    pub fn clients(&self) -> Clients {
        Clients::on(self.channel.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Sends a signal to the process.
    pub async fn signal(&self, name: &str) {
        self.process.lock().await.as_ref().expect("it runs").signal(name);
    }

    /// Ends the process by a signal, and returns what it had logged that it should not. `true`: it must end well.
    pub async fn end(&self, signal: &str, well: bool) -> Vec<String> {
        let process = self.process.lock().await.take().expect("it runs");
        process.signal(signal);
        let mut wrong: Vec<String> =
            process.errors().lines().filter(|line| line.contains("panicked")).map(str::to_owned).collect();
        let status = process.end(END).await;
        if well && !status.success() {
            wrong.push(format!("ended with {status} after {signal}"));
        }
        wrong
    }

    /// Puts a new process into the place of one that has ended.
    pub async fn begin_again(&self) {
        let process = launch(&self.database, &self.clock).await;
        *self.channel.lock().unwrap_or_else(PoisonError::into_inner) = process.channel.clone();
        *self.process.lock().await = Some(process);
    }

    /// What it says of its health.
    pub async fn health(&self) -> Option<ServingStatus> {
        let mut client = HealthClient::new(self.clients().channel);
        let answer = tokio::time::timeout(Duration::from_secs(5), client.check(HealthCheckRequest::default())).await;
        Some(answer.ok()?.ok()?.into_inner().status())
    }
}

async fn launch(database: &str, clock: &WallClock) -> Process {
    let lease = humantime::format_duration(LEASE).to_string();
    let flags =
        ["--database-url", database, "--lease", &lease, "--heartbeat", HEARTBEAT, "--database-connections", "8"];
    Process::start_with("serve", &flags, &clock.environment()).await
}

fn url(database: &Config) -> String {
    let Some(Host::Tcp(host)) = database.get_hosts().first() else { panic!("a proxy listens on an address") };
    let port = database.get_ports().first().unwrap();
    format!("host={host} port={port} user=rolegate dbname=rolegate sslmode=disable")
}
