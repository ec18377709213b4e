//! Replicas as they are deployed: real processes of the real binary, so that none shares its threads with the others or with
//! whoever measures.

use std::time::Duration;

use tokio_postgres::Config;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::server::Server;
use crate::support::Clients;
use crate::support::binary::{Process, url};
use crate::world;

const PATIENCE: Duration = Duration::from_secs(60);

/// Some replicas on a database of their own.
pub struct Deployment {
    /// Clients of the one that takes the writes.
    pub clients: Clients,
    _processes: Vec<Process>,
}

impl Deployment {
    /// So many replicas, once all of them serve.
    pub async fn start(server: &Server, purpose: &str, size: usize) -> Self {
        let database = server.database(&format!("{purpose}_{size}")).await;
        world::write(&database).await;
        let mut processes = Vec::new();
        for _ in 0..size {
            processes.push(start(&database).await);
        }
        let clients = Clients::on(processes[0].channel.clone());
        Self { clients, _processes: processes }
    }
}

async fn start(database: &Config) -> Process {
    let process = Process::start("serve", &["--database-url", &url(database)]).await;
    tokio::time::timeout(PATIENCE, until_serving(&process.channel)).await.unwrap();
    process
}

async fn until_serving(channel: &Channel) {
    let mut client = HealthClient::new(channel.clone());
    let mut statuses = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    while statuses.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
}
