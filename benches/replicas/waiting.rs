//! What waiting for the replicas adds to a write, by how many there are.

use std::time::{Duration, Instant};

use crate::deployment::Deployment;
use crate::report::Report;
use crate::rounds;
use crate::server::Server;
use crate::shared::quantile;
use crate::world;

const ROUNDS: usize = 10;
const SAMPLES: usize = 100;
/// Between two writes: what the first one still causes must not fall on the second.
const QUIET: Duration = Duration::from_millis(3);

/// Measures one writer, waiting and not, with each number of replicas, all in turn.
pub async fn compare(report: &mut Report, server: &Server) {
    let names = ["a write that waits for 1 replica to one that does not", "the same for 2", "the same for 4"];
    let mut deployments = Vec::new();
    for size in [1, 2, 4] {
        deployments.push((Deployment::start(server, "waiting", size).await, Vec::new()));
    }
    for number in 0..=ROUNDS {
        for (deployment, pairs) in &mut deployments {
            let pair = round(deployment).await;
            if number > 0 {
                pairs.push(pair);
            }
        }
    }
    for (name, (_, pairs)) in names.into_iter().zip(deployments) {
        let [median, late] = rounds::compare(&pairs);
        report.add(name, "latency, median, µs", median);
        report.add(name, "latency, 99th of 100, µs", late);
    }
}

async fn round(deployment: &Deployment) -> ([f64; 2], [f64; 2]) {
    let (mut waiting, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        waiting.push(sample(deployment, true).await);
        alone.push(sample(deployment, false).await);
    }
    let figures = |samples: &[f64]| [quantile(samples, 0.5), quantile(samples, 0.99)];
    (figures(&waiting), figures(&alone))
}

async fn sample(deployment: &Deployment, wait: bool) -> f64 {
    tokio::time::sleep(QUIET).await;
    let begun = Instant::now();
    world::update(&deployment.clients, 0, wait, wait).await;
    begun.elapsed().as_secs_f64() * 1e6
}
