//! What grows with the data: writes to a large organization beside a small one, the start of a service on a large world beside a
//! small one, and the warm-up of a large one. Brings up all that it needs, and ends it.
//!
//! `cargo bench --bench growth` runs three parts, each alone by its name as a filter: `writes`, `starts`, `warm_up`. Services
//! are processes of the real binary; sides that are compared take turns within one run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that can't go on ends"
)]

mod checks;
mod report;
#[path = "../replicas/server.rs"]
mod server;
#[path = "../shared/services.rs"]
mod services;
#[path = "../shared/mod.rs"]
mod shared;
mod starts;
#[path = "../../tests/integration/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "written for the tests; shared so that there is one way to a database")]
mod support;
mod warm_up;
mod writes;

use rolegate::bench::{Facts, World, prepare};
use tokio_postgres::Config;

use report::Report;

/// The large world, and the small one.
const LARGE: Facts = Facts(1_000_000);
const SMALL: Facts = Facts(1_000);

fn main() {
    let filter = shared::filter();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(filter.as_deref()));
}

async fn run(filter: Option<&str>) {
    let wanted = |part: &str| filter.is_none_or(|filter| filter == part);
    let mut report = Report::new();
    if wanted("writes") {
        writes::compare(&mut report).await;
    }
    if wanted("starts") || wanted("warm_up") {
        let large = world(LARGE).await;
        if wanted("starts") {
            starts::compare(&mut report, [&large, &world(SMALL).await]).await;
        }
        if wanted("warm_up") {
            warm_up::compare(&mut report, &large).await;
        }
    }
    report.print();
}

/// A world of that size in a database that is thrown away.
async fn world(facts: Facts) -> (Config, World) {
    let (database, world) = (support::fresh_database().await, World::new(facts, 1));
    eprintln!("writing a world of {} facts", world.facts());
    prepare(&database.clone().into(), world, &|_| {}).await.unwrap();
    (database, world)
}
