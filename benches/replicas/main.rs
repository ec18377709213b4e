//! What replicas cost a write: how soon another one has applied it, what waiting for them adds, how many writes fit into a
//! second. Brings up all that it needs, and ends it.
//!
//! `cargo bench --bench replicas` runs three parts, each alone by its name as a filter: `applied`, `waiting`, `throughput`.
//! Sides that are compared take turns within one run, on one PostgreSQL that is as durable as in production.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that can't go on ends"
)]

mod applied;
mod bare;
mod deployment;
mod pgbench;
#[path = "../check/report.rs"]
mod report;
#[path = "../check/rounds.rs"]
#[allow(dead_code, reason = "shared with what runs both sides by itself")]
mod rounds;
mod server;
#[path = "../shared/mod.rs"]
mod shared;
#[path = "../../tests/integration/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "written for the tests; shared so that there is one way to a database")]
mod support;
mod throughput;
mod waiting;
mod world;

use report::Report;
use server::Server;

fn main() {
    let filter = shared::filter();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(filter.as_deref()));
}

async fn run(filter: Option<&str>) {
    let wanted = |part: &str| filter.is_none_or(|filter| filter == part);
    let server = Server::start().await;
    let mut report = Report::new("medians of the rounds");
    if wanted("applied") {
        applied::compare(&mut report, &server).await;
    }
    if wanted("waiting") {
        waiting::compare(&mut report, &server).await;
    }
    if wanted("throughput") {
        throughput::compare(&mut report, &server).await;
    }
    report.print();
}
