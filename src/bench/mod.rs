//! The load generator: a world of any size that a seed makes, questions about it whose answers are known, callers who ask in a
//! closed or an open loop, and what is compared with a call that does nothing.
//!
//! It asks through the public API, as callers do. Only the servers that it compares with ([`bare`]) look behind it.

pub mod bare;
mod baseline;
mod calls;
mod chart;
mod fill;
mod load;
mod mix;
mod pace;
mod population;
mod processor;
mod questions;
mod random;
mod ratios;
mod record;
mod report;
mod run;
mod schedule;
mod servers;
pub mod sizing;
mod stage;
mod streams;
mod world;
mod writes;
mod zipf;

use std::time::Duration;

pub use baseline::Rounds;
pub use calls::Shape;
pub use load::Load;
pub use mix::{Kind, Mix};
pub use questions::{By, Population, Question};
pub use random::Random;
pub use ratios::Ratio;
pub use report::Report;
pub use run::{Place, Settings, Step, prepare, run};
pub use world::{Facts, World};

use crate::store::StoreError;
use crate::store::bulk::BulkError;
use crate::store::embedded::EmbeddedError;
use crate::store::migrations::MigrationError;

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The private PostgreSQL could not be started or stopped.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// The schema could not be brought up to date.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// The world could not be written.
    #[error("write the world")]
    Bulk(#[from] BulkError),
    /// The database could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A server could not be started or ended as a process.
    #[error("run a server of our own")]
    Process(#[source] std::io::Error),
    /// A server ended before it listened.
    #[error("start a server of our own; the last that it said: {0}")]
    Ended(String),
    /// A server did not serve, or one of our own did not end, for so long.
    #[error("see the server serve, or end, within {0:?}")]
    NotServing(Duration),
    /// A server could not be reached.
    #[error("reach the server")]
    Transport(#[source] tonic::transport::Error),
    /// The service refused what the world is brought into its view by.
    #[error("bring the world into the view: {}", .0.message())]
    Fill(#[from] tonic::Status),
}
