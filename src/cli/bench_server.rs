//! `rolegate bench-server`: the service's stack with other answers to checks, for `rolegate bench` to compare with. Hidden, as it
//! answers nothing that anybody should rely on.

use std::error::Error;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::database::OpenDatabase;
use super::serve::{listen, stop_on_signal};
use crate::bench::bare::{self, Constant, Queried};
use crate::config::ServeOptions;

#[derive(Debug, Clone, Args)]
pub(super) struct BenchServerOptions {
    /// How checks are answered.
    #[arg(long, value_enum)]
    answers: Answers,

    #[command(flatten)]
    serve: ServeOptions,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Answers {
    /// The same to all, and nothing is looked up.
    Constant,
    /// As PostgreSQL has it, asked at every check.
    Query,
}

pub(super) async fn run(options: &BenchServerOptions) -> Result<ExitCode, Box<dyn Error>> {
    let listener = listen(&options.serve).await?;
    let stop = stop_on_signal()?;
    let database = OpenDatabase::open(&options.serve.database).await?;
    let databases = bare::databases(&database.address)?;
    let stopped = stop.cancelled_owned();
    match options.answers {
        Answers::Constant => {
            bare::serve(listener, Constant::default(), databases, &options.serve, stopped).await?;
        }
        Answers::Query => {
            bare::serve(listener, Queried::new(&databases)?, databases, &options.serve, stopped).await?;
        }
    }
    database.close().await?;
    Ok(ExitCode::SUCCESS)
}
