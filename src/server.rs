//! The service as a whole: database, view and gRPC put together, health kept true, and everything ended in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tower::util::MapResponseLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use tracing::{info, warn};

use crate::access::Access;
use crate::admission::{Admission, Encryption};
use crate::changes::{Keeping, Log};
use crate::config::{LimitOptions, ServeOptions};
use crate::domain::policy::Policy;
use crate::grpc::gate::GateLayer;
use crate::grpc::health::Health;
use crate::grpc::incoming::{ConnectionLimits, limited};
use crate::grpc::protocol;
use crate::grpc::v1;
use crate::grpc::v1::authorization_service_server::{AuthorizationService, AuthorizationServiceServer};
use crate::grpc::v1::change_service_server::ChangeServiceServer;
use crate::grpc::v1::collaborator_service_server::CollaboratorServiceServer;
use crate::grpc::v1::organization_service_server::OrganizationServiceServer;
use crate::grpc::v1::plan_service_server::PlanServiceServer;
use crate::grpc::v1::project_service_server::ProjectServiceServer;
use crate::grpc::v1::replica_service_server::ReplicaServiceServer;
use crate::grpc::v1::team_service_server::TeamServiceServer;
use crate::grpc::v1::user_service_server::UserServiceServer;
use crate::grpc::v1::write_service_server::WriteServiceServer;
use crate::grpc::{CapacityLimits, Services};
use crate::membership::{Reader, Writer};
use crate::open_files;
use crate::store::migrations::{self, MigrationError};
use crate::store::{Database, Databases, Hosts, Role, Standbys, StoreError};
use crate::telemetry;
use crate::view::{Keeper, View, ViewSettings};

/// Connections that only loads of the view use, so that lists and writes never keep a check waiting.
const LOAD_CONNECTIONS: usize = 4;

/// How much of one call, and of all calls of a connection, waits to be read. A stream whose caller takes no answers is not
/// read either; as many of them as a connection may have must not use up what the other calls on it need.
const CALL_WINDOW: u32 = 64 * 1024;
const CALLS: u32 = 200;
const CONNECTION_WINDOW: u32 = 2 * CALLS * CALL_WINDOW;

/// How large a frame may be, and the headers of a call.
const FRAME: u32 = 16 * 1024;
const HEADERS: u32 = 16 * 1024;

/// How many calls of a connection may have been reset before they were begun, and how many it may have had reset by mistakes of
/// its own, before it is ended: who opens and resets calls as fast as it can is not kept.
const RESETS: usize = 20;
const ERRORS: usize = 100;

/// How often a connection on which nothing happens is asked whether somebody is still there, and how long it may take to answer.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_ANSWER: Duration = Duration::from_secs(20);

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
}

/// Serves by that policy until `shutdown`, then ends in order: health, requests under way, the view, the database.
///
/// # Errors
/// When it cannot begin. A database that is not there is no error: the health says so until it is.
pub async fn serve(
    listener: TcpListener,
    database: tokio_postgres::Config,
    policy: Policy,
    options: &ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let policy = Arc::new(policy);
    let admission = Admission::open(&options.security).map_err(ServeError::Options)?;
    let databases = open_databases(&database, options)?;
    let (view, keeper) = View::new(databases.clone(), view_settings(options));
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
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let farewell = CancellationToken::new();
    tasks.spawn(farewell.clone().run_until_cancelled_owned(health.clone().follow(view)));
    tasks.spawn(keep((keeper, keeping), database, options.no_migrate, stop.clone()));
    let drain = CancellationToken::new();
    let address = listener.local_addr()?;
    let gate = GateLayer::new(admission.known());
    let (encryption, follow_files) = admission.keep();
    tasks.spawn(stop.clone().run_until_cancelled_owned(follow_files));
    announce(address, encryption.is_some(), options);
    let draining = drain.clone().cancelled_owned();
    let mut server = tokio::spawn(stack(listener, (encryption, gate), routes, options, draining));
    let ended = tokio::select! {
        ended = &mut server => end(ended),
        () = shutdown => {
            // from here on the health says what it is told, whatever the view does
            farewell.cancel();
            drain_requests(&mut server, &services, health, drain, options.shutdown_timeout).await
        }
    };
    farewell.cancel();
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    databases.close();
    info!("stopped serving");
    ended
}

/// Says where it listens, and what is dangerous about that.
fn announce(address: SocketAddr, tls: bool, options: &ServeOptions) {
    info!(%address, tls, callers_are_known = options.security.callers.is_some(), "listening");
    if let Some(danger) = options.security.danger(address) {
        warn!(%address, danger, "INSECURE");
    }
}

/// All that lies between the wire and the routes, whoever answers there: how long a call may take, what a connection may
/// hold, who is let in, the layers. Ends once `drain` does, and what is under way has ended. Benchmarks compare services on this
/// one stack.
pub fn stack<D: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    (encryption, gate): (Option<Encryption>, GateLayer),
    routes: Routes,
    options: &ServeOptions,
    drain: D,
) -> impl Future<Output = Result<(), tonic::transport::Error>> + Send + use<D> {
    let mut server = Server::builder()
        .timeout(options.request_timeout)
        .initial_stream_window_size(CALL_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(CALLS)
        .max_frame_size(FRAME)
        .http2_max_header_list_size(HEADERS)
        .http2_max_pending_accept_reset_streams(Some(RESETS))
        .http2_max_local_error_reset_streams(Some(ERRORS))
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_ANSWER));
    if let Some(age) = options.limits.max_connection_age {
        server = server.max_connection_age(age);
    }
    let server = server
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(TraceLayer::new_for_grpc().make_span_with(telemetry::request_span).on_failure(()))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(gate)
        .layer(MapResponseLayer::new(protocol::blame_the_caller as fn(_) -> _))
        .add_routes(routes);
    let limits = connections(options);
    async move {
        match encryption {
            Some(encryption) => {
                let incoming = limited(encryption.connections(listener), limits);
                server.serve_with_incoming_shutdown(incoming, drain).await
            }
            None => server.serve_with_incoming_shutdown(limited(accepted(listener), limits), drain).await,
        }
    }
}

/// Connections as they are accepted. Where the other end is gone without a word the system notices as well.
fn accepted(listener: TcpListener) -> TcpIncoming {
    TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(KEEPALIVE))
}

/// What connections may use up. Those to the database need files as well.
fn connections(options: &ServeOptions) -> ConnectionLimits {
    let LimitOptions { max_connections, handshake_timeout, idle_timeout, .. } = options.limits;
    let of_database = 2 * u64::from(options.database_connections) + LOAD_CONNECTIONS as u64;
    let most = open_files::room_for(max_connections, of_database);
    ConnectionLimits { most, handshake: handshake_timeout, idle: idle_timeout }
}

/// How much of each class of work is let in.
pub fn capacity(options: &ServeOptions) -> CapacityLimits {
    let LimitOptions { max_reads, max_writes, max_streams, .. } = options.limits;
    let [reads, writes, streams] = [max_reads, max_writes, max_streams].map(|most| most as usize);
    CapacityLimits { reads, writes, streams, caller_rate: options.limits.caller_rate() }
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
fn open_databases(database: &tokio_postgres::Config, options: &ServeOptions) -> Result<Databases, ServeError> {
    let primary = Hosts::new(database, Role::Primary);
    let connections = usize::from(options.database_connections);
    let standbys = match &options.read_url {
        None => None,
        Some(url) => {
            let hosts = Hosts::new(&url.config("--read-url").map_err(ServeError::Options)?, Role::Any);
            Some(Standbys::new(Database::new(hosts, connections)?))
        }
    };
    let loads = Database::new(primary.clone(), LOAD_CONNECTIONS)?;
    let main = Database::new(primary.holding_locks_for(options.lease), connections)?;
    Ok(Databases { main, loads, standbys })
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

/// Keeps the view and the log, once the schema is what it should be.
async fn keep(
    (keeper, log): (Keeper, impl Future<Output = ()>),
    config: tokio_postgres::Config,
    no_migrate: bool,
    stop: CancellationToken,
) {
    if stop.run_until_cancelled(prepare_schema(&config, no_migrate)).await.is_some() {
        tokio::join!(keeper.run(stop.clone()), stop.run_until_cancelled(log));
    }
}

/// Migrates, or checks the schema, again and again until that succeeds.
async fn prepare_schema(config: &tokio_postgres::Config, no_migrate: bool) {
    let mut pause = Duration::from_millis(100);
    loop {
        let prepared = if no_migrate {
            migrations::check(config).await
        } else {
            migrations::migrate(config)
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

/// Every service but the health, by its path; who answers checks is named apart, so that a benchmark can put another there.
///
/// # Errors
/// When the descriptors that are compiled in are none.
pub fn routes(
    authorization: impl AuthorizationService,
    services: Services,
    options: &ServeOptions,
) -> Result<Routes, ServeError> {
    let limit = usize::try_from(options.max_message_size.as_u64()).unwrap_or(usize::MAX);
    let routes = Routes::new(AuthorizationServiceServer::new(authorization).max_decoding_message_size(limit))
        .add_service(UserServiceServer::new(services.clone()).max_decoding_message_size(limit))
        .add_service(OrganizationServiceServer::new(services.clone()).max_decoding_message_size(limit))
        .add_service(TeamServiceServer::new(services.clone()).max_decoding_message_size(limit))
        .add_service(ProjectServiceServer::new(services.clone()).max_decoding_message_size(limit))
        .add_service(CollaboratorServiceServer::new(services.clone()).max_decoding_message_size(limit))
        .add_service(PlanServiceServer::new(services.clone()).max_decoding_message_size(limit))
        .add_service(ChangeServiceServer::new(services.clone()).max_decoding_message_size(limit))
        .add_service(WriteServiceServer::new(services.clone()).max_decoding_message_size(limit))
        .add_service(ReplicaServiceServer::new(services).max_decoding_message_size(limit));
    if options.security.offers_reflection() { with_reflection(routes) } else { Ok(routes) }
}

fn with_reflection(routes: Routes) -> Result<Routes, ServeError> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // so that grpcurl can show the details of errors
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    Ok(routes.add_service(reflection().build_v1()?).add_service(reflection().build_v1alpha()?))
}

fn end(ended: Result<Result<(), tonic::transport::Error>, JoinError>) -> Result<(), ServeError> {
    match ended {
        Ok(result) => Ok(result?),
        // a panic in a connection's task was logged where it happened
        Err(_) => Ok(()),
    }
}
