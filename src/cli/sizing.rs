//! `rolegate sizing`: what a deployment needs, computed from what was measured.

use std::process::ExitCode;

use clap::Args;

use crate::bench::sizing::{Measured, Sizing, Wanted};

/// The parts of the world that a view may hold.
const HELD: [f64; 5] = [1.0, 0.5, 0.1, 0.01, 0.001];

#[derive(Debug, Clone, Args)]
pub(super) struct SizingOptions {
    /// Microseconds of the service's processor for a check from memory: `rolegate bench`, or with --rpc stream.
    #[arg(long, value_name = "MICROS")]
    check: f64,

    /// The same for a check that is not in memory: `rolegate bench --no-fill --cold 1`.
    #[arg(long, value_name = "MICROS")]
    cold: f64,

    /// Microseconds of PostgreSQL's processor for it: the same run.
    #[arg(long, value_name = "MICROS")]
    cold_database: f64,

    /// Microseconds of a replica's processor for a write that it applies.
    #[arg(long, value_name = "MICROS")]
    apply: f64,

    /// Microseconds that a write keeps the next one waiting: those of a second by the writes that it takes at most.
    #[arg(long, value_name = "MICROS")]
    write: f64,

    /// Bytes of the view for a fact, everything included.
    #[arg(long, value_name = "BYTES")]
    fact: f64,

    /// Facts: members, members of teams, collaborators.
    #[arg(long, value_name = "N", default_value_t = 1e9)]
    facts: f64,

    /// Projects.
    #[arg(long, value_name = "N", default_value_t = 1e8)]
    projects: f64,

    /// Checks a second.
    #[arg(long, value_name = "N", default_value_t = 1e6)]
    checks: f64,

    /// Writes a second.
    #[arg(long, value_name = "N", default_value_t = 100.0)]
    writes: f64,

    /// How unevenly projects are asked about: the exponent of Zipf's law.
    #[arg(long, value_name = "N", default_value_t = 1.1)]
    zipf: f64,

    /// Processors of a replica.
    #[arg(long, value_name = "N", default_value_t = 8.0)]
    cores: f64,

    /// Processors of PostgreSQL.
    #[arg(long, value_name = "N", default_value_t = 16.0)]
    database_cores: f64,

    /// How much of the processors is to be used, 0 to 1.
    #[arg(long, value_name = "PART", default_value_t = 0.5)]
    utilization: f64,
}

pub(super) fn run(options: &SizingOptions) -> ExitCode {
    let SizingOptions { check, cold, cold_database, apply, write, fact, facts, projects, checks, writes, .. } =
        *options;
    let SizingOptions { zipf, cores, database_cores, utilization, .. } = *options;
    let measured = Measured { check, cold, cold_database, apply, write, fact };
    let wanted = Wanted { facts, projects, checks, writes, zipf, cores, database_cores, utilization };
    println!("{}", Sizing(HELD.map(|held| measured.need(&wanted, held)).to_vec()));
    ExitCode::SUCCESS
}
