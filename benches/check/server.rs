//! The two servers that are compared over gRPC: the service as it ships, and one on the same stack whose `Check` answers
//! a constant. Each has a thread of its own, whose processor time says what a call costs it without its client.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use clap::Parser;
use rolegate::bench::bare::{self, Constant};
use rolegate::config::ServeOptions;
use rolegate::grpc::v1::CheckResponse;
use rolegate::store::Databases;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

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
    pub fn empty(answer: CheckResponse, databases: Databases) -> Self {
        let started = Self::start("empty", async move |stop: CancellationToken, ready: Ready<()>| {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ready.tell(listener.local_addr().unwrap(), ());
            let options = Options::try_parse_from(["rolegate"]).unwrap().serve;
            bare::serve(listener, Constant(answer), databases, &options, stop.cancelled_owned()).await.unwrap();
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

/// Flags as their defaults are.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    serve: ServeOptions,
}
