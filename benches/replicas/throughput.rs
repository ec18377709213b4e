//! How many writes fit into a second: writers on different organizations, beside `pgbench` with single-row transactions.

use std::time::{Duration, Instant};

use futures::future::join_all;

use crate::deployment::Deployment;
use crate::pgbench::{Pgbench, Script};
use crate::report::Report;
use crate::rounds;
use crate::server::Server;
use crate::world;

const ROUNDS: usize = 8;
const SECONDS: u64 = 2;

const SINGLE: &str = "UPDATE single SET value = value + 1 WHERE id = :client_id;";
/// What every design pays that gives commits dense numbers in their order, and nothing else of ours.
const NUMBERED: &str = "BEGIN;
UPDATE single SET value = value + 1 WHERE id = :client_id;
UPDATE single SET value = value + 1 WHERE id = 16;
COMMIT;";

/// Runs all sides in turn, and compares each to single-row transactions.
pub async fn compare(report: &mut Report, server: &Server) {
    let one = Deployment::start(server, "throughput", 1).await;
    let two = Deployment::start(server, "throughput", 2).await;
    let pgbench = Pgbench::start(server.database("pgbench").await).await;
    let (single, numbered) = (Script::new(SINGLE), Script::new(NUMBERED));
    let mut sides: [Vec<([f64; 1], [f64; 1])>; 4] = Default::default();
    for round in 0..=ROUNDS {
        let other = pgbench.run(&single, SECONDS).await;
        let figures = [
            writes(&one, true).await,
            writes(&one, false).await,
            writes(&two, true).await,
            pgbench.run(&numbered, SECONDS).await,
        ];
        if round > 0 {
            sides.iter_mut().zip(figures).for_each(|(side, figure)| side.push(([figure], [other])));
        }
    }
    let names = [
        "16 writers, 1 replica, waiting, to pgbench",
        "16 writers, 1 replica, not waiting, to pgbench",
        "16 writers, 2 replicas, waiting, to pgbench",
        "pgbench with one counter for all to pgbench",
    ];
    for (name, side) in names.into_iter().zip(sides) {
        let [ratio] = rounds::compare(&side);
        report.add(name, "writes a second", ratio);
    }
}

/// Writes a second, by as many writers as there are organizations.
async fn writes(deployment: &Deployment, wait: bool) -> f64 {
    let (begun, length) = (Instant::now(), Duration::from_secs(SECONDS));
    let writers = (0..world::SIZE).map(async |number| {
        let mut count = 0_u32;
        while begun.elapsed() < length {
            world::update(&deployment.clients, number, count.is_multiple_of(2), wait).await;
            count += 1;
        }
        count
    });
    let count: u32 = join_all(writers).await.into_iter().sum();
    f64::from(count) / begun.elapsed().as_secs_f64()
}
