//! Checks that go on beside something else, at a rate that leaves the machine room for it.

use std::time::{Duration, Instant};

use futures::future::join_all;
use rolegate::bench::{By, Kind, Mix, Population, World};
use rolegate::grpc::v1::CheckRequest;
use rolegate::grpc::v1::authorization_service_client::AuthorizationServiceClient;
use tonic::transport::Channel;

use crate::support::binary::Process;

/// Who asks at a time, each on a connection of its own, and how long each waits from one question to the next.
const CALLERS: u64 = 4;
const EVERY: Duration = Duration::from_millis(2);

/// Callers of a service, who ask about what its view has.
pub struct Callers {
    clients: Vec<AuthorizationServiceClient<Channel>>,
    questions: Vec<CheckRequest>,
}

impl Callers {
    /// Connects them, and asks each question once.
    pub async fn connect(process: &Process, world: World) -> Self {
        let population = Population::new(world, By::Id, Mix::only(Kind::Direct), 0.0, 0.0);
        let question = |project: u64| CheckRequest {
            user: world.user(Kind::Direct, project, 0),
            project: population.name(project),
            action: "read_files".to_owned(),
            consistency: None,
        };
        let mut clients = Vec::new();
        for _ in 0..CALLERS {
            let endpoint = Channel::from_shared(format!("http://{}", process.address)).unwrap().tcp_nodelay(true);
            clients.push(AuthorizationServiceClient::new(endpoint.connect().await.unwrap()));
        }
        let callers = Self { clients, questions: (0..64).map(question).collect() };
        for question in &callers.questions {
            assert!(callers.clients[0].clone().check(question.clone()).await.unwrap().into_inner().allowed);
        }
        callers
    }

    /// Asks for so long; how long each check took, in microseconds.
    pub async fn ask(&self, length: Duration) -> Vec<f64> {
        let begun = Instant::now();
        let asked = self.clients.iter().cloned().enumerate().map(|(number, mut client)| {
            let questions = self.questions.clone();
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                for question in questions.iter().cycle().skip(number * 16) {
                    let sent = Instant::now();
                    if sent - begun > length {
                        break;
                    }
                    assert!(client.check(question.clone()).await.unwrap().into_inner().allowed);
                    latencies.push(sent.elapsed().as_secs_f64() * 1e6);
                    tokio::time::sleep_until((sent + EVERY).into()).await;
                }
                latencies
            })
        });
        join_all(asked).await.into_iter().flat_map(Result::unwrap).collect()
    }
}
