//! Checks over gRPC, granted and denied, and empty calls beside them.

use std::sync::Arc;
use std::time::Instant;

use rolegate::grpc::v1::authorization_service_client::AuthorizationServiceClient;
use rolegate::grpc::v1::{CheckRequest, CheckResponse, DecisionReason};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::report::Report;
use crate::rounds::{self, median};
use crate::server::Running;
use crate::world::{By, Distance, World};

pub const CONNECTIONS: usize = 4;
pub const IN_FLIGHT: usize = 64;
pub const CALLS: usize = 1024;
const SINGLE_CALLS: usize = 250;
pub const ROUNDS: usize = 80;

pub const TIME: &str = "time a call, 64 in flight";
pub const PROCESSOR: &str = "server's processor time a call";
const LATENCY: &str = "latency of a single call";

/// A server and the connections to it.
pub struct Remote<'a> {
    runtime: &'a Runtime,
    server: &'a Running,
    channels: Vec<Channel>,
}

impl<'a> Remote<'a> {
    pub fn connect(runtime: &'a Runtime, server: &'a Running) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
        let connect = || runtime.block_on(endpoint.connect()).unwrap();
        Self { runtime, server, channels: (0..CONNECTIONS).map(|_| connect()).collect() }
    }

    /// What is answered to each question.
    pub fn answers(&self, questions: &[CheckRequest]) -> Vec<CheckResponse> {
        let mut client = AuthorizationServiceClient::new(self.channels[0].clone());
        let mut ask = |question: &CheckRequest| self.runtime.block_on(client.check(question.clone()));
        questions.iter().map(|question| ask(question).unwrap().into_inner()).collect()
    }

    /// Microseconds a call, and of the server's processor a call, with many in flight.
    pub fn many(&self, questions: &Questions) -> [f64; 2] {
        self.storm(IN_FLIGHT, |task, channel| {
            let (mut client, questions) = (AuthorizationServiceClient::new(channel), Arc::clone(questions));
            async move {
                for call in 0..CALLS / IN_FLIGHT {
                    let question = questions[(task + call) % questions.len()].clone();
                    client.check(question).await.unwrap();
                }
            }
        })
    }

    /// The same for the health check, which is one code on every server.
    fn health(&self) -> [f64; 2] {
        self.storm(IN_FLIGHT, |_, channel| {
            let mut client = HealthClient::new(channel);
            async move {
                for _ in 0..CALLS / IN_FLIGHT {
                    client.check(HealthCheckRequest::default()).await.unwrap();
                }
            }
        })
    }

    /// Runs tasks that make [`CALLS`] calls in all, spread over the connections.
    pub fn storm<F: Future<Output = ()> + Send + 'static>(
        &self,
        tasks: usize,
        task: impl Fn(usize, Channel) -> F,
    ) -> [f64; 2] {
        let (begun, used) = (Instant::now(), self.server.processor_time());
        self.runtime.block_on(async {
            let channels = self.channels.iter().cycle().take(tasks).cloned();
            let tasks: JoinSet<()> = channels.enumerate().map(|(number, channel)| task(number, channel)).collect();
            tasks.join_all().await;
        });
        let (time, used) = (begun.elapsed().as_secs_f64() * 1e6, self.server.processor_time() - used);
        [time / CALLS as f64, used / CALLS as f64]
    }

    /// The median of microseconds from a call to its answer, one after another.
    fn single(&self, questions: &Questions) -> [f64; 1] {
        let mut client = AuthorizationServiceClient::new(self.channels[0].clone());
        let questions = Arc::clone(questions);
        // on the runtime's worker, as the many are
        let times = self.runtime.spawn(async move {
            let mut times = Vec::with_capacity(SINGLE_CALLS);
            for question in questions.iter().cycle().take(SINGLE_CALLS) {
                let (question, begun) = (question.clone(), Instant::now());
                client.check(question).await.unwrap();
                times.push(begun.elapsed().as_secs_f64() * 1e6);
            }
            times
        });
        [median(&self.runtime.block_on(times).unwrap())]
    }
}

pub type Questions = Arc<[CheckRequest]>;

/// Compares a check to an empty call, a denied one to a granted one, and the two servers to one another.
pub fn compare(report: &mut Report, check: &Remote<'_>, empty: &Remote<'_>, world: &World) {
    let granted: Questions = world.requests(Distance::Direct, By::Id).into();
    let by_path: Questions = world.requests(Distance::Direct, By::Path).into();
    let denied: Questions = world.requests(Distance::Denied, By::Id).into();
    assert!(check.answers(&granted).iter().chain(&check.answers(&by_path)).all(|answer| answer.allowed));
    assert!(check.answers(&denied).iter().all(|answer| answer.reason() == DecisionReason::NoRole));

    let [time, processor] = rounds::interleave(ROUNDS, || check.many(&granted), || empty.many(&granted));
    report.add("gRPC: Check to an empty call", TIME, time);
    report.add("gRPC: Check to an empty call", PROCESSOR, processor);
    let [latency] = rounds::interleave(ROUNDS, || check.single(&granted), || empty.single(&granted));
    report.add("gRPC: Check to an empty call", LATENCY, latency);

    let [time, processor] = rounds::interleave(ROUNDS, || check.many(&by_path), || check.many(&granted));
    report.add("gRPC: Check by `owner/name` to by id", TIME, time);
    report.add("gRPC: Check by `owner/name` to by id", PROCESSOR, processor);

    let [time, processor] = rounds::interleave(ROUNDS, || check.many(&denied), || check.many(&granted));
    report.add("gRPC: denied to granted", TIME, time);
    report.add("gRPC: denied to granted", PROCESSOR, processor);
    let [latency] = rounds::interleave(ROUNDS, || check.single(&denied), || check.single(&granted));
    report.add("gRPC: denied to granted", LATENCY, latency);

    let [time, processor] = rounds::interleave(ROUNDS, || check.health(), || empty.health());
    report.add("control: a health check on both servers", TIME, time);
    report.add("control: a health check on both servers", PROCESSOR, processor);
}
