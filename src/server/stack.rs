//! What lies between the wire and who answers: transport, connections, layers, routes. The same for the service and for what
//! benchmarks compare it with.

use std::time::Duration;

use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::util::MapResponseLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

use super::{LOAD_CONNECTIONS, ServeError};
use crate::admission::Encryption;
use crate::config::{LimitOptions, ServeOptions};
use crate::grpc::gate::GateLayer;
use crate::grpc::incoming::{ConnectionLimits, limited};
use crate::grpc::protocol;
use crate::grpc::spans::SpanLayer;
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
use crate::open_files;

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
        .layer(SpanLayer)
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
