//! A service of our own in this process, on a free port, over one database and one policy.

use std::time::Duration;

use bytesize::ByteSize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use super::{ConformanceError, Resolution};
use crate::config::{DatabaseOptions, LimitOptions, SecurityOptions, ServeOptions};
use crate::domain::policy::Policy;
use crate::server::{self, ServeError};
use crate::store::DatabaseAddress;
use crate::store::scratch::ScratchDatabases;

/// How long the service may take until it serves.
const PATIENCE: Duration = Duration::from_secs(60);

const HIGHEST: (&str, &str) = ("resolution = \"highest\"", "over_limit = \"report\"");
const FIRST_ORIGIN: (&str, &str) = ("resolution = \"first_origin\"", "over_limit = \"refuse_view\"");

/// A running service on a database that is dropped with it, or stays for the next.
pub(super) struct Service {
    pub channel: Channel,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ServeError>>,
}

/// A database that a service runs on.
pub(super) struct Database<'a> {
    databases: &'a ScratchDatabases,
    address: DatabaseAddress,
    name: String,
}

impl<'a> Database<'a> {
    pub async fn create(databases: &'a ScratchDatabases) -> Result<Self, ConformanceError> {
        let (address, name) = databases.create().await?;
        Ok(Self { databases, address, name })
    }

    pub async fn drop_it(self) -> Result<(), ConformanceError> {
        Ok(self.databases.drop_one(&self.name).await?)
    }

    /// Starts a service on it that picks roles so.
    pub async fn serve(&self, resolution: Resolution) -> Result<Service, ConformanceError> {
        let (policy, options) = (policy(resolution)?, options());
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let (stop, database) = (CancellationToken::new(), self.address.clone());
        let stopped = stop.clone();
        let task =
            tokio::spawn(async move { server::serve(listener, database, policy, &options, stopped.cancelled()).await });
        let channel = Endpoint::from_shared(format!("http://{address}"))?.connect_lazy();
        let service = Service { channel, stop, task };
        let serving = tokio::time::timeout(PATIENCE, server::until_serving(service.channel.clone())).await;
        if serving.is_err() {
            service.end().await?;
            return Err(ConformanceError::NotServing(PATIENCE));
        }
        Ok(service)
    }
}

impl Service {
    /// Ends it in order.
    pub async fn end(mut self) -> Result<(), ConformanceError> {
        self.stop.cancel();
        // a panic was logged where it happened
        (&mut self.task).await.map_or(Ok(()), |ended| Ok(ended?))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The policy that is compiled in, but for how one role is picked of several.
fn policy(resolution: Resolution) -> Result<Policy, ConformanceError> {
    let text = include_str!("../../policy/default.toml");
    let (picked, limit) = match resolution {
        Resolution::Highest => HIGHEST,
        Resolution::FirstOrigin => FIRST_ORIGIN,
    };
    let text = text.replace(&format!("\n{}\n", HIGHEST.0), &format!("\n{picked}\n"));
    let text = text.replace(&format!("\n{}\n", HIGHEST.1), &format!("\n{limit}\n"));
    Ok(Policy::parse(&text)?)
}

fn options() -> ServeOptions {
    ServeOptions {
        database: DatabaseOptions { database_url: None, data_dir: None, postgres_bin_dir: None },
        security: SecurityOptions::default(),
        listen: ([127, 0, 0, 1], 0).into(),
        no_migrate: true,
        database_connections: 16,
        read_url: None,
        replica_name: None,
        policy: None,
        view_memory: ByteSize::mib(64),
        warm_up: false,
        lease: Duration::from_secs(60),
        serve_stale_for: Duration::ZERO,
        heartbeat: Duration::from_secs(1),
        request_timeout: Duration::from_secs(60),
        max_message_size: ByteSize::mib(4),
        log_retention: None,
        watch_patience: Duration::from_secs(30),
        shutdown_timeout: Duration::from_secs(5),
        limits: LimitOptions::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::{OverLimit, Resolution as Picked};

    #[test]
    fn each_resolution_has_its_policy() {
        let highest = policy(Resolution::Highest).unwrap();
        assert_eq!((highest.resolution, highest.over_limit), (Picked::Highest, OverLimit::Report));
        let first = policy(Resolution::FirstOrigin).unwrap();
        assert_eq!((first.resolution, first.over_limit), (Picked::FirstOrigin, OverLimit::RefuseView));
    }
}
