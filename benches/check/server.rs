//! The two servers that are compared over gRPC: the service as it ships, and one on the same stack whose `Check` answers
//! a constant. Each has a thread of its own, whose processor time says what a call costs it without its client.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use clap::Parser;
use rolegate::access::Access;
use rolegate::changes::Log;
use rolegate::config::ServeOptions;
use rolegate::domain::policy::Policy;
use rolegate::grpc::Services;
use rolegate::grpc::gate::GateLayer;
use rolegate::grpc::v1::authorization_service_server::AuthorizationService;
use rolegate::grpc::v1::{self, CheckRequest, CheckResponse};
use rolegate::membership::{Reader, Writer};
use rolegate::server::{capacity, routes, stack};
use rolegate::store::Databases;
use rolegate::view::View;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::support::Service;
use crate::world::World;

/// A server on a thread of its own.
pub struct Running {
    pub address: SocketAddr,
    /// Where the system counts the processor time of its thread.
    clock: PathBuf,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// The service as it ships, on that database, once it is serving and the world is written.
    pub fn rolegate(database: tokio_postgres::Config) -> (Self, World) {
        Self::start("rolegate", async move |stop: CancellationToken, ready: Ready<World>| {
            let service = Service::start_on(database, &[]).await;
            let world = World::write(&service).await;
            ready.tell(service.address, world);
            stop.cancelled().await;
            service.stop().await;
        })
    }

    /// A server whose `Check` does nothing but answer this.
    pub fn empty(answer: CheckResponse, view: View, databases: Databases) -> Self {
        let started = Self::start("empty", async move |stop: CancellationToken, ready: Ready<()>| {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ready.tell(listener.local_addr().unwrap(), ());
            serve_empty(listener, Empty { answer }, view, databases, stop).await;
        });
        started.0
    }

    /// Processor time that its thread has used, in microseconds. Exact while it has nothing to do.
    pub fn processor_time(&self) -> f64 {
        let text = fs::read_to_string(&self.clock).unwrap();
        text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e3
    }

    fn start<T: Send + 'static>(
        name: &str,
        serve: impl AsyncFnOnce(CancellationToken, Ready<T>) + Send + 'static,
    ) -> (Self, T) {
        let (stop, (told, ready)) = (CancellationToken::new(), mpsc::channel());
        let stopped = stop.clone();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(stopped, Ready { told }));
        });
        let (address, clock, value) = ready.recv().unwrap();
        (Self { address, clock, stop, thread: Some(thread.unwrap()) }, value)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// How a server says that it can be asked.
struct Ready<T> {
    told: mpsc::Sender<(SocketAddr, PathBuf, T)>,
}

impl<T> Ready<T> {
    fn tell(self, address: SocketAddr, value: T) {
        let task = fs::read_link("/proc/thread-self").unwrap();
        self.told.send((address, PathBuf::from("/proc").join(task).join("schedstat"), value)).unwrap();
    }
}

/// Answers every question the same.
struct Empty {
    answer: CheckResponse,
}

/// What `async_trait` makes of methods that are never called; a macro inside of it comes too late for it.
macro_rules! not_asked {
    ($($name:ident($request:ident) -> $response:ident;)+) => {
        $(fn $name<'a, 'b>(
            &'a self,
            _: Request<v1::$request>,
        ) -> Pin<Box<dyn Future<Output = Result<Response<v1::$response>, Status>> + Send + 'b>>
        where
            'a: 'b,
            Self: 'b,
        {
            Box::pin(async { Err(not_asked()) })
        })+
    };
}

#[tonic::async_trait]
impl AuthorizationService for Empty {
    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        Ok(Response::new(self.answer.clone()))
    }

    type StreamCheckStream = futures::stream::Empty<Result<v1::StreamCheckResponse, Status>>;

    async fn stream_check(
        &self,
        _: Request<Streaming<v1::StreamCheckRequest>>,
    ) -> Result<Response<Self::StreamCheckStream>, Status> {
        Err(not_asked())
    }

    not_asked! {
        check_organization(CheckOrganizationRequest) -> CheckOrganizationResponse;
        check_account(CheckAccountRequest) -> CheckAccountResponse;
        batch_check(BatchCheckRequest) -> BatchCheckResponse;
        explain(ExplainRequest) -> ExplainResponse;
        list_actions(ListActionsRequest) -> ListActionsResponse;
        list_projects(ListProjectsRequest) -> ListProjectsResponse;
        list_users(ListUsersRequest) -> ListUsersResponse;
    }
}

fn not_asked() -> Status {
    Status::unimplemented("the benchmark does not ask this")
}

/// Flags as their defaults are.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    serve: ServeOptions,
}

/// The same stack and the same routes as the service's, but for who answers checks. The control row of the report, a health
/// check on both, would show where they differ.
async fn serve_empty(listener: TcpListener, empty: Empty, view: View, databases: Databases, stop: CancellationToken) {
    let options = Options::try_parse_from(["rolegate"]).unwrap().serve;
    let policy = Arc::new(Policy::built_in().unwrap());
    let writer = Writer::new(databases.main.clone(), view.clone(), Arc::clone(&policy));
    let reader = Reader::new(databases.main.clone());
    let log = Log::new(databases.main.clone(), view.clone(), usize::from(options.database_connections));
    let access = Access::new(databases, view.clone(), Arc::clone(&policy));
    let patience = (options.request_timeout, options.watch_patience);
    let services = Services::new(view, policy, (reader, writer, access, log), patience, capacity(&options));
    let (_reporter, health) = tonic_health::server::health_reporter();
    let routes = routes(empty, services, &options).unwrap().add_service(health);
    stack(listener, (None, GateLayer::new(None)), routes, &options, stop.cancelled_owned()).await.unwrap();
}
