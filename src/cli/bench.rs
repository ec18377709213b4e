//! `rolegate bench`: what a check costs, and whether it is right while it is asked much.

use std::error::Error;
use std::fs;
use std::io::{IsTerminal as _, stderr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::serve::stop_on_signal;
use crate::bench::{self, By, Facts, Load, Mix, Place, Report, Rounds, Settings, Shape, Step};
use crate::config::DatabaseUrl;

/// Calls that a service takes on one connection at a time.
const MOST_ON_A_CONNECTION: usize = 200;

#[derive(Debug, Clone, Args)]
pub(super) struct BenchOptions {
    /// A service that runs, as `host:port`; given several times, its replicas. The world that is asked about must be in its
    /// database: see --prepare. Without it, services are started for the run.
    #[arg(long, value_name = "ADDR", conflicts_with_all = ["database_url", "baseline"])]
    server: Vec<String>,

    /// PostgreSQL with the world in it, for the services that are started: they join its replicas. Without it, a private server is
    /// started in a folder that is thrown away, and the world is written there. Not taken from the environment: nothing is
    /// measured on a database by mistake.
    #[arg(long, value_name = "URL")]
    database_url: Option<DatabaseUrl>,

    /// Write the world into the database of --database-url, which must be empty and without a replica, and end.
    #[arg(long, requires = "database_url")]
    prepare: bool,

    /// Folder that holds the programs postgres, initdb and pg_ctl for the private server. Default: found in PATH and the
    /// usual folders, else downloaded.
    #[arg(long, env = "ROLEGATE_POSTGRES_BIN_DIR", value_name = "DIR")]
    postgres_bin_dir: Option<PathBuf>,

    /// Facts in the world: members, members of teams and collaborators; whole thousands, as 1k or 10m.
    #[arg(long, value_name = "N", default_value = "10k")]
    facts: Facts,

    /// What chance begins with: the same seed is the same world, and the same questions.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Replicas to start.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    replicas: u8,

    /// Memory that the role view of each may take. Default: 256MiB, and 512 bytes a fact in larger worlds.
    #[arg(long, value_name = "SIZE")]
    view_memory: Option<ByteSize>,

    /// Connections to the service, or to all its replicas together.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    connections: u16,

    /// Calls under way at a time, over all connections; on streams, questions.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    in_flight: u16,

    /// Open loop: so many calls a second, whatever the answers do; latency counts from when a call was meant to be. Without it, each
    /// caller asks again once it is answered.
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,

    /// How long calls are counted.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    duration: Duration,

    /// How long they are made before they count.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    warm_up: Duration,

    /// What is asked: Check, BatchCheck, or StreamCheck.
    #[arg(long, value_enum, default_value_t = Rpc::Check)]
    rpc: Rpc,

    /// Questions in a BatchCheck.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    batch: u16,

    /// How projects are named.
    #[arg(long, value_enum, default_value_t = By::Id)]
    by: By,

    /// Shares of the kinds of questions, by what decides them.
    #[arg(long, value_name = "SHARES", default_value = "direct=40,team=30,admin=10,public=5,denied=15")]
    mix: Mix,

    /// How unevenly projects are asked about: the exponent of Zipf's law; 0: all alike.
    #[arg(long, value_name = "N", default_value_t = 1.1, value_parser = exponent)]
    zipf: f64,

    /// The share of questions about projects that nothing was asked about before, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    cold: f64,

    /// The share of calls that write, 0 to 1: a role is changed, and the next replica is asked whether it shows.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    write_share: f64,

    /// Let --write-share write to a service or a database that was not made for this run.
    #[arg(long)]
    writes: bool,

    /// Don't bring the world into the role view before.
    #[arg(long)]
    no_fill: bool,

    /// Then compare with an empty call on the same stack, and with a query at every check: rounds of each in turn, and the ratios.
    #[arg(long)]
    baseline: bool,

    /// Rounds of each side in a comparison.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,

    /// How long a round is.
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = duration)]
    round: Duration,

    /// Draw latency by percentile and throughput over time into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Write the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rpc {
    Check,
    Batch,
    Stream,
}

pub(super) async fn run(options: &BenchOptions) -> Result<ExitCode, Box<dyn Error>> {
    let settings = options.settings()?;
    let stop = stop_on_signal()?;
    let bar = bar()?;
    let progress = |step| show(&bar, step);
    if options.prepare
        && let Some(url) = &options.database_url
    {
        let address = url.address("--database-url")?;
        let prepared = stop.run_until_cancelled(bench::prepare(&address, settings.world(), &progress)).await;
        bar.finish_and_clear();
        prepared.ok_or(INTERRUPTED)??;
        return Ok(ExitCode::SUCCESS);
    }
    let found = stop.run_until_cancelled(bench::run(&settings, &progress)).await;
    bar.finish_and_clear();
    let (report, chart) = found.ok_or(INTERRUPTED)??;
    if let Some(file) = &options.svg {
        fs::write(file, chart).map_err(|error| format!("failed to write {}: {error}", file.display()))?;
    }
    print(&report, options.json)
}

const INTERRUPTED: &str = "interrupted before it was done";

fn print(report: &Report, json: bool) -> Result<ExitCode, Box<dyn Error>> {
    if json {
        println!("{}", serde_json::to_string_pretty(report)?);
    } else {
        println!("{report}");
    }
    Ok(ExitCode::from(u8::from(!report.is_right())))
}

impl BenchOptions {
    /// What one option alone does not show is looked at here.
    fn settings(&self) -> Result<Settings, String> {
        let is_named = self.database_url.is_some() || !self.server.is_empty();
        if self.write_share > 0.0 && is_named && !self.writes {
            return Err(
                "--write-share would write to what was not made for this run: add --writes to allow it".to_owned()
            );
        }
        if self.rpc == Rpc::Stream && (self.rate.is_some() || self.write_share > 0.0) {
            return Err("--rpc stream is a closed loop without writes: leave out --rate and --write-share".to_owned());
        }
        let (connections, in_flight) = (usize::from(self.connections), usize::from(self.in_flight));
        if in_flight > connections * MOST_ON_A_CONNECTION {
            return Err(format!("--in-flight: a service takes {MOST_ON_A_CONNECTION} calls at a time on a connection"));
        }
        let rounds = Rounds { count: self.rounds.into(), duration: self.round, in_flight, seed: self.seed };
        let settings = Settings {
            place: self.place()?,
            facts: self.facts,
            seed: self.seed,
            mix: self.mix,
            by: self.by,
            zipf: self.zipf,
            cold: self.cold,
            replicas: self.replicas.into(),
            connections,
            view_memory: self.view_memory.unwrap_or_else(|| ByteSize::mib(256).max(ByteSize::b(self.facts.0 * 512))),
            load: self.load(in_flight),
            fill: !self.no_fill,
            baseline: self.baseline.then_some(rounds),
        };
        if self.write_share > 0.0 && in_flight as u64 > settings.world().projects() {
            return Err("--write-share: each caller writes to a project of its own; take more --facts".to_owned());
        }
        Ok(settings)
    }

    fn place(&self) -> Result<Place, String> {
        match &self.database_url {
            _ if !self.server.is_empty() => Ok(Place::Remote(self.server.clone())),
            Some(url) => {
                url.address("--database-url")?;
                Ok(Place::Database(url.secret().to_owned()))
            }
            None => Ok(Place::Private(self.postgres_bin_dir.clone())),
        }
    }

    fn load(&self, in_flight: usize) -> Load {
        let shape = match self.rpc {
            Rpc::Check => Shape::Check,
            Rpc::Batch => Shape::Batch(self.batch.into()),
            Rpc::Stream => Shape::Stream,
        };
        Load {
            shape,
            in_flight,
            rate: self.rate,
            warm_up: self.warm_up,
            duration: self.duration,
            writes: self.write_share,
            seed: self.seed,
        }
    }
}

/// A bar on a terminal; nothing elsewhere.
fn bar() -> Result<ProgressBar, Box<dyn Error>> {
    let shown = if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed} {wide_bar} {percent}%")?;
    let bar = ProgressBar::new(1).with_style(style);
    bar.set_draw_target(shown);
    bar.enable_steady_tick(Duration::from_millis(200));
    Ok(bar)
}

fn show(bar: &ProgressBar, step: Step) {
    match step {
        Step::Phase(what, steps) => {
            bar.set_message(what);
            bar.set_length(steps.max(1));
            bar.set_position(0);
        }
        Step::Done(steps) => bar.inc(steps),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|_| "is no time; write it as 500ms or 10s".to_owned())?;
    let fits = (Duration::from_millis(50)..=Duration::from_secs(24 * 3600)).contains(&time);
    fits.then_some(time).ok_or_else(|| "must be between 50ms and 24h".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    between(text, 0.1, 10_000_000.0)
}

fn exponent(text: &str) -> Result<f64, String> {
    between(text, 0.0, 10.0)
}

fn share(text: &str) -> Result<f64, String> {
    between(text, 0.0, 1.0)
}

fn between(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "is no number".to_owned())?;
    let fits = (least..=most).contains(&number);
    fits.then_some(number).ok_or_else(|| format!("must be between {least} and {most}"))
}
