//! How long the warm-up of a large world takes, and what checks take beside it.

use std::time::Duration;

use rolegate::bench::World;
use rolegate::server::until_serving;
use serde_json::Value;
use tokio_postgres::Config;

use crate::checks::Callers;
use crate::report::Report;
use crate::shared::quantile;
use crate::support::binary::{Process, url};

const ROUNDS: usize = 3;
const SLICE: Duration = Duration::from_secs(1);

/// The most slices that are compared of one warm-up.
const SLICES: usize = 10;

/// Warms up some services, one after the other; each is asked while it does, and again once it has.
pub async fn compare(report: &mut Report, (database, world): &(Config, World)) {
    let (mut seconds, mut alone, mut medians, mut late) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let flags = ["--database-url", &url(database), "--warm-up", "--view-memory", "4GiB"];
        let process = Process::start("serve", &flags).await;
        until_serving(process.channel.clone()).await;
        if round == 0 {
            // the first reads what the database has not in memory
            alone.push(until_warm(&process).await);
            continue;
        }
        let callers = Callers::connect(&process, *world).await;
        let mut beside = Vec::new();
        while beside.len() < SLICES {
            let latencies = callers.ask(SLICE).await;
            if warmed(&process).is_some() {
                break;
            }
            beside.push(latencies);
        }
        seconds.push(until_warm(&process).await);
        for latencies in beside {
            let after = callers.ask(SLICE).await;
            medians.push((quantile(&latencies, 0.5), quantile(&after, 0.5)));
            late.push((quantile(&latencies, 0.99), quantile(&after, 0.99)));
        }
        process.signal("TERM");
        process.end(Duration::from_secs(30)).await;
    }
    report.note("warm-up of 1m facts, nobody asks", "seconds", &alone);
    report.note("warm-up of 1m facts, 2,000 checks a second beside it", "seconds", &seconds);
    report.compare("checks beside the warm-up to checks after it", "latency, median, µs", &medians, None);
    report.compare("checks beside the warm-up to checks after it", "latency, p99, µs", &late, None);
}

/// Waits until it says that it is warm, and how many seconds that took.
async fn until_warm(process: &Process) -> f64 {
    loop {
        if let Some(seconds) = warmed(process) {
            return seconds;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn warmed(process: &Process) -> Option<f64> {
    let log = process.errors();
    let line = log.lines().find(|line| line.contains("the view is warm: all is there"))?;
    serde_json::from_str::<Value>(line).ok()?["seconds"].as_f64()
}
