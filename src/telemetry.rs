//! Logs: structured, to standard error, for people or for machines.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for a person to read.
    Human,
    /// A JSON object a line.
    Json,
}

/// Starts logging for the whole process.
///
/// # Errors
/// When it was started before.
pub fn start(format: LogFormat, filter: EnvFilter) -> Result<(), TryInitError> {
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Human => {
            let colour = std::io::stderr().is_terminal();
            let lines = tracing_subscriber::fmt::layer().with_ansi(colour).with_target(false);
            registry.with(lines.with_writer(std::io::stderr)).try_init()
        }
        LogFormat::Json => {
            let lines = tracing_subscriber::fmt::layer().json().flatten_event(true);
            registry.with(lines.with_writer(std::io::stderr)).try_init()
        }
    }
}
