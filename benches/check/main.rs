//! What a check costs: the decision, the view, the wire, the database. Brings up all that it needs, and ends it.
//!
//! `cargo bench --bench check`. Criterion measures what can be measured by itself; what is to be compared is run in turn,
//! and ends in a table of ratios (see `docs/PERFORMANCE.md`). A filter, as in `cargo bench --bench check -- decision`,
//! leaves the ratios out unless it is `ratios`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that can't go on ends"
)]

mod decision;
mod kinds;
mod local;
mod remote;
mod report;
mod rounds;
mod server;
#[path = "../shared/mod.rs"]
#[allow(dead_code, reason = "criterion reads the arguments of this one")]
mod shared;
#[path = "../../tests/integration/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "written for the tests; shared so that there is one way to a database")]
mod support;
mod world;

use std::time::Duration;

use criterion::Criterion;
use rolegate::domain::policy::Policy;
use rolegate::telemetry::{self, LogFormat};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::Config;
use tracing_subscriber::EnvFilter;

use local::Local;
use remote::Remote;
use report::Report;
use server::Running;
use support::views::databases;
use world::{By, Distance, World};

/// Requests get their spans as in service; all else that is no warning is not said.
const LOG: &str = "warn,rolegate::grpc::spans=info";

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    telemetry::start(LogFormat::Human, EnvFilter::new(LOG)).unwrap();
    let policy = Policy::built_in().unwrap();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let config = runtime.block_on(support::fresh_database());
    let (rolegate, world) = Running::rolegate(config.clone());
    let local = Local::start(&runtime, &policy, &config);

    decision::measure(&mut criterion, &policy);
    local::measure(&mut criterion, &local, &world);
    if wants_ratios() {
        compare(&runtime, &policy, &config, (&rolegate, &world), &local);
    }
    criterion.final_summary();
}

/// Makes every comparison, and prints the table.
fn compare(
    runtime: &Runtime,
    policy: &Policy,
    config: &Config,
    (rolegate, world): (&Running, &World),
    local: &Local<'_>,
) {
    let mut report = Report::new("medians, µs");
    decision::compare(&mut report, policy);
    local::compare(&mut report, local, world);
    let check = Remote::connect(runtime, rolegate);
    let answer = check.answers(&world.requests(Distance::Direct, By::Id)).swap_remove(0);
    let empty = Running::empty(answer, databases(config));
    remote::compare(&mut report, &check, &Remote::connect(runtime, &empty), world);
    kinds::compare(&mut report, &check, world);
    local::compare_cold(&mut report, runtime, policy, config, world);
    report.print();
}

/// Whether this is a whole run: one by `cargo bench`, without a filter.
fn wants_ratios() -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    arguments.iter().any(|argument| argument == "--bench") && filter.is_none_or(|filter| filter == "ratios")
}
