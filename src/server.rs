//! The service as a whole: database, view and gRPC put together, health kept true, and everything ended in order.

mod stack;
mod tasks;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tracing::{error, info, warn};

use crate::access::Access;
use crate::admission::Admission;
use crate::changes::{Keeping, Log};
use crate::config::ServeOptions;
use crate::domain::policy::Policy;
use crate::grpc::Services;
use crate::grpc::gate::GateLayer;
use crate::grpc::health::Health;
use crate::membership::{Reader, Writer};
use crate::store::migrations::{self, MigrationError};
use crate::store::{Database, DatabaseAddress, Databases, Hosts, Role, Standbys, StoreError};
use crate::view::{Keeper, View, ViewSettings};

use tasks::Tasks;

pub use stack::{capacity, routes, stack};

/// Connections that only loads of the view use, so that lists and writes never keep a check waiting.
const LOAD_CONNECTIONS: usize = 4;

/// What takes connections, as faults name it.
const PORT: &str = "the port";

/// How long watchers of the health get to hear that it ends.
const FAREWELL: Duration = Duration::from_millis(100);

/// Why the service could not run, or could not run on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An option makes no sense.
    #[error("{0}")]
    Options(String),
    /// The connections could not be prepared.
    #[error("prepare the database connections")]
    Database(#[from] StoreError),
    /// The descriptors that are compiled in are none.
    #[error("offer reflection")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The listener has no address.
    #[error("listen")]
    Listener(#[from] std::io::Error),
    /// The port failed.
    #[error("serve")]
    Transport(#[from] tonic::transport::Error),
    /// There is no thread for the view.
    #[error("keep the role view: the system gives no more threads or files")]
    Thread(#[source] std::io::Error),
    /// What it can't do without ended while nobody had asked for the end.
    #[error("go on serving: {what} has ended, by a fault of rolegate; start it again, and report this with the log")]
    Ended {
        /// What did.
        what: &'static str,
        /// The panic, where it was one.
        #[source]
        cause: Option<JoinError>,
    },
}

/// Serves by that policy until `shutdown`, then ends in order: health, requests under way, the view, the database.
///
/// # Errors
/// When it cannot begin, or not go on, which is a fault: then it ends in the same order. A database that is not there is no error:
/// the health says so until it is.
pub async fn serve(
    listener: TcpListener,
    database: impl Into<DatabaseAddress>,
    policy: Policy,
    options: &ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let policy = Arc::new(policy);
    let admission = Admission::open(&options.security).map_err(ServeError::Options)?;
    let database = database.into();
    let databases = open_databases(&database, options)?;
    let (view, keeper) = View::new(databases.clone(), view_settings(options));
    let keeper = if options.warm_up { keeper.with_warm_up(warm_up_databases(&databases)?) } else { keeper };
    let share = share(options.database_connections);
    let (writes, reads) = (databases.main.share(share), databases.main.share(share));
    let writer = Writer::new(writes, view.clone(), Arc::clone(&policy));
    let reader = Reader::new(reads.clone());
    let access = Access::new(Databases { main: reads, ..databases.clone() }, view.clone(), Arc::clone(&policy));
    let log = Log::new(databases.main.clone(), view.clone(), usize::from(options.database_connections));
    let keeping = log.clone().keep(writer.clone(), Keeping { retention: options.log_retention });
    let patience = (options.request_timeout, options.watch_patience);
    let services = Services::new(view.clone(), policy, (reader, writer, access, log), patience, capacity(options));
    let (health, health_service) = Health::new().await;
    let routes = routes(services.clone(), services.clone(), options)?.add_service(health_service);
    let (mut tasks, stop, farewell) = (Tasks::new(), CancellationToken::new(), CancellationToken::new());
    let follow_health = farewell.clone().run_until_cancelled_owned(health.clone().follow(view));
    tasks.spawn("the report of the health", follow_health.map(drop));
    let migrated = CancellationToken::new();
    let keep_view = keep_view(keeper, migrated.clone(), stop.clone());
    tasks.spawn_apart("the keeping of the role view", keep_view).map_err(ServeError::Thread)?;
    let keep_log = keep_log(keeping, database, options.no_migrate, (migrated, stop.clone()));
    tasks.spawn("the keeping of the log", keep_log);
    let drain = CancellationToken::new();
    let address = listener.local_addr()?;
    let gate = GateLayer::new(admission.known());
    let (encryption, follow_files) = admission.keep();
    tasks.spawn("the following of files", stop.clone().run_until_cancelled_owned(follow_files).map(drop));
    announce(address, encryption.is_some(), options);
    let draining = drain.clone().cancelled_owned();
    let mut server = tokio::spawn(stack(listener, (encryption, gate), routes, options, draining));
    let ended = tokio::select! {
        ended = &mut server => Err(unasked(ended)),
        over = until_over(shutdown, &mut tasks) => {
            // from here on the health says what it is told, whatever the view does
            farewell.cancel();
            over.and(drain_requests(&mut server, &services, health, drain, options.shutdown_timeout).await)
        }
    };
    farewell.cancel();
    stop.cancel();
    tasks.all_ended().await;
    databases.close();
    info!("stopped serving");
    ended
}

/// Waits until it is asked to end, or can't go on.
async fn until_over(shutdown: impl Future<Output = ()>, tasks: &mut Tasks) -> Result<(), ServeError> {
    tokio::select! {
        () = shutdown => Ok(()),
        fault = tasks.first_end() => {
            error!(error = &fault as &dyn std::error::Error, "ending by a fault");
            Err(fault)
        }
    }
}

/// Says what is dangerous about where it listens, and then that it does: who waits for that has read the rest.
fn announce(address: SocketAddr, tls: bool, options: &ServeOptions) {
    if let Some(danger) = options.security.danger(address) {
        warn!(%address, danger, "INSECURE");
    }
    info!(%address, tls, callers_are_known = options.security.callers.is_some(), "listening");
}

/// How many of the connections writes may have at a time, and how many reads: neither can hold up the other for good.
fn share(connections: u16) -> usize {
    usize::from(connections - connections / 4)
}

/// Waits until the service at the other end says that it serves.
pub async fn until_serving(channel: Channel) {
    let mut health = HealthClient::new(channel);
    loop {
        let answer = health.check(HealthCheckRequest::default()).await;
        if answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Health first, so that nobody sends more; then what is under way, for so long and no longer.
async fn drain_requests(
    server: &mut JoinHandle<Result<(), tonic::transport::Error>>,
    services: &Services,
    health: Health,
    drain: CancellationToken,
    patience: Duration,
) -> Result<(), ServeError> {
    info!("shutting down");
    health.end().await;
    tokio::time::sleep(FAREWELL).await;
    health.close().await;
    services.end_streams();
    drain.cancel();
    if let Ok(ended) = tokio::time::timeout(patience, &mut *server).await {
        return end(ended);
    }
    warn!("requests were still under way at the end of --shutdown-timeout");
    server.abort();
    Ok(())
}

/// Prepares the connections, without making one.
fn open_databases(database: &DatabaseAddress, options: &ServeOptions) -> Result<Databases, ServeError> {
    let primary = Hosts::new(database, Role::Primary);
    let connections = usize::from(options.database_connections);
    let standbys = match &options.read_url {
        None => None,
        Some(url) => {
            let address = url.address("--read-url").map_err(ServeError::Options)?;
            if let Some(danger) = address.danger() {
                warn!(danger, "--read-url is INSECURE");
            }
            let hosts = Hosts::new(address, Role::Any);
            Some(Standbys::new(Database::new(hosts, connections)?))
        }
    };
    let loads = Database::for_loads(primary.clone(), LOAD_CONNECTIONS)?;
    let main = Database::new(primary.holding_locks_for(options.lease), connections)?;
    Ok(Databases { main, loads, standbys })
}

/// The same databases, with a connection for the warm-up alone.
fn warm_up_databases(databases: &Databases) -> Result<Databases, ServeError> {
    let loads = Database::for_loads(databases.loads.hosts().clone(), 1)?;
    Ok(Databases { loads, ..databases.clone() })
}

/// How the view is kept.
pub fn view_settings(options: &ServeOptions) -> ViewSettings {
    ViewSettings {
        memory: usize::try_from(options.view_memory.as_u64()).unwrap_or(usize::MAX),
        loading: options.limits.max_loading as usize,
        name: options.replica_name(),
        lease: options.lease,
        stale_for: options.serve_stale_for,
        heartbeat: options.heartbeat,
    }
}

/// Keeps the view, once the schema is what it should be. On a thread of its own: neither the lease nor what is applied has to wait
/// for requests, and what the view holds is not strewn over the memory that requests use.
async fn keep_view(keeper: Keeper, migrated: CancellationToken, stop: CancellationToken) {
    if stop.run_until_cancelled(migrated.cancelled()).await.is_some() {
        keeper.run(stop).await;
    }
}

/// Migrates the schema, or checks it, and then keeps the log.
async fn keep_log(
    log: impl Future<Output = ()>,
    database: DatabaseAddress,
    no_migrate: bool,
    (migrated, stop): (CancellationToken, CancellationToken),
) {
    if stop.run_until_cancelled(prepare_schema(&database, no_migrate)).await.is_some() {
        migrated.cancel();
        stop.run_until_cancelled(log).await;
    }
}

/// Migrates, or checks the schema, again and again until that succeeds.
async fn prepare_schema(database: &DatabaseAddress, no_migrate: bool) {
    let mut pause = Duration::from_millis(100);
    loop {
        let prepared = if no_migrate {
            migrations::check(database).await
        } else {
            migrations::migrate(database)
                .await
                .map(|applied| applied.iter().for_each(|one| info!(migration = one, "applied")))
        };
        match prepared {
            Ok(()) => return,
            Err(MigrationError::Store(error)) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                warn!(%error, source, "waiting for the database");
            }
            Err(error) => tracing::error!(%error, "the schema is not ready; not serving until it is"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

/// How the port ended, which was told to.
fn end(ended: Result<Result<(), tonic::transport::Error>, JoinError>) -> Result<(), ServeError> {
    Ok(ended.map_err(|panic| ServeError::Ended { what: PORT, cause: Some(panic) })??)
}

/// How it ended, where it was not.
fn unasked(ended: Result<Result<(), tonic::transport::Error>, JoinError>) -> ServeError {
    end(ended).err().unwrap_or(ServeError::Ended { what: PORT, cause: None })
}
