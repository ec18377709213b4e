//! How long a service takes from its start to its first answer, on a large world and on a small one: as a process, with a view
//! that knows nothing yet.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rolegate::bench::{By, Kind, Mix, Population, Random, World};
use rolegate::grpc::v1::CheckRequest;
use rolegate::grpc::v1::authorization_service_client::AuthorizationServiceClient;
use tokio_postgres::Config;
use tonic::transport::{Channel, Endpoint};

use crate::report::Report;
use crate::services::{end, free_address};
use crate::support::binary::url;

const ROUNDS: usize = 20;

/// How long between two attempts.
const AGAIN: Duration = Duration::from_millis(1);

/// Starts on each in turn.
pub async fn compare(report: &mut Report, [large, small]: [&(Config, World); 2]) {
    let mut random = Random::new(1);
    let mut pairs = Vec::new();
    for round in 0..=ROUNDS {
        let pair = (start(large, &mut random).await, start(small, &mut random).await);
        if round > 0 {
            pairs.push(pair);
        }
    }
    report.compare("start to the first answer, 1m facts to 1k", "ms", &pairs, Some(1.1));
}

/// Starts a service, and has it answer a check about somebody on some project.
async fn start((database, world): &(Config, World), random: &mut Random) -> f64 {
    let population = Population::new(*world, By::Id, Mix::only(Kind::Direct), 0.0, 0.0);
    let question = population.next(random).request();
    let address = free_address();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolegate"));
    command.args(["serve", "--listen", &address, "--database-url", &url(database)]);
    let begun = Instant::now();
    let service = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = loop {
        match endpoint.connect().await {
            Ok(channel) => break channel,
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    };
    answer(channel, question).await;
    let taken = begun.elapsed().as_secs_f64() * 1e3;
    end(service);
    taken
}

async fn answer(channel: Channel, question: CheckRequest) {
    let mut client = AuthorizationServiceClient::new(channel);
    loop {
        match client.check(question.clone()).await {
            Ok(answer) => return assert!(answer.into_inner().allowed),
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}
