//! The command line: the service itself, and what operators ask of a running one over gRPC.

mod ask;
mod audit;
mod bench;
mod bench_server;
mod check;
mod conformance;
mod database;
mod demo;
mod explain;
mod health;
mod key;
mod matrix;
mod migrate;
mod output;
mod policy;
mod replicas;
mod serve;
mod sizing;
mod world;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{LogOptions, ServeOptions};
use crate::telemetry;

/// A command that could not do what it was asked.
const FAILED: u8 = 2;

/// An authorization service: who may do what on which project, answered from memory and never stale.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    log: LogOptions,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service. Ends in order on SIGTERM or Ctrl-C.
    Serve(ServeOptions),
    /// Run the service with a small world in it, ask it some questions, and go on serving.
    Demo(ServeOptions),
    /// Ask a running service: may USER do ACTION on PROJECT? Exit status 0: allowed, 1: denied, 2: could not tell.
    Check(check::CheckOptions),
    /// Ask a running service why USER may do ACTION on PROJECT, or what would allow it. Exit status as for `check`.
    Explain(explain::ExplainOptions),
    /// Ask a running service whether it is serving. Exit status 0: it is, 1: it is not, 2: could not tell.
    Health(health::HealthOptions),
    /// Ask a running service which replicas there are: how far each has come, and until when it may answer.
    Replicas(replicas::ReplicasOptions),
    /// Compare with decisions of the real system: load the worlds in a folder, ask everything that was asked in them. Exit
    /// status 0: nothing differs but by a ruling, 1: something does, 2: could not tell.
    Conformance(conformance::ConformanceOptions),
    /// Measure a service: a load of questions whose answers are known, and what they cost beside a call that does nothing. Exit
    /// status 0: all were answered rightly, 1: some were not, 2: could not measure.
    Bench(Box<bench::BenchOptions>),
    /// Compute what a deployment needs, on paper, from what `bench` measured.
    Sizing(sizing::SizingOptions),
    /// What `bench` compares with. Not for use.
    #[command(hide = true)]
    BenchServer(bench_server::BenchServerOptions),
    /// Bring a database's schema to what this build knows.
    Migrate(migrate::MigrateOptions),
    /// Verify the log of changes.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Make a bearer key for a caller.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Show who may do what, or check a policy file.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
}

/// Runs what the arguments of the process ask for.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = start(cli);
    outcome.unwrap_or_else(|error| {
        eprintln!("rolegate: {}", chain(error.as_ref()));
        ExitCode::from(FAILED)
    })
}

fn start(cli: Cli) -> Result<ExitCode, Box<dyn Error>> {
    // services come and go in a comparison, under a progress bar
    let quiet = matches!(cli.command, Command::Conformance(_) | Command::Bench(_));
    telemetry::start(cli.log.log_format, cli.log.filter(quiet))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(run(cli.command));
    // what still runs now belongs to connections that outlived the shutdown
    runtime.shutdown_background();
    outcome
}

async fn run(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Serve(options) => serve::run(&options).await,
        Command::Demo(options) => demo::run(&options).await,
        Command::Check(options) => check::run(&options).await,
        Command::Explain(options) => explain::run(&options).await,
        Command::Health(options) => health::run(&options).await,
        Command::Replicas(options) => replicas::run(&options).await,
        Command::Conformance(options) => conformance::run(&options).await,
        Command::Bench(options) => bench::run(&options).await,
        Command::Sizing(options) => Ok(sizing::run(&options)),
        Command::BenchServer(options) => bench_server::run(&options).await,
        Command::Migrate(options) => migrate::run(&options).await,
        Command::Audit(command) => audit::run(&command).await,
        Command::Key(command) => key::run(&command),
        Command::Policy(command) => policy::run(&command),
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_and_variable_stands_in_the_operations_page() {
        use clap::CommandFactory as _;
        let page = include_str!("../../docs/OPERATIONS.md");
        let cli = Cli::command();
        let nested = cli.get_subcommands().flat_map(clap::Command::get_subcommands);
        for argument in cli.get_subcommands().chain(nested).chain([&cli]).flat_map(clap::Command::get_arguments) {
            let flag = argument.get_long().map(|name| format!("`--{name}"));
            let variable = argument.get_env().map(|name| format!("`{}`", name.to_string_lossy()));
            for text in flag.into_iter().chain(variable) {
                assert!(page.contains(&text), "{text} is not in docs/OPERATIONS.md");
            }
        }
    }
}
