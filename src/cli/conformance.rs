//! `rolegate conformance`: the comparison with decisions of the real system.

use std::error::Error;
use std::fs::Permissions;
use std::io::{IsTerminal as _, stderr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tempfile::TempDir;
use tracing::warn;

use super::serve::stop_on_signal;
use crate::config::DatabaseUrl;
use crate::conformance::report::Report;
use crate::conformance::{self, Resolution, Settings, world};
use crate::store::embedded::{EmbeddedOptions, EmbeddedServer};
use crate::store::scratch::ScratchDatabases;

/// What the databases are called, followed by something random.
const DATABASES: &str = "rolegate_conformance";

/// What makes a private server fast: nothing in it outlives the command.
const THROW_AWAY: [(&str, &str); 3] = [("fsync", "off"), ("synchronous_commit", "off"), ("full_page_writes", "off")];

#[derive(Debug, Clone, Args)]
pub(super) struct ConformanceOptions {
    /// Folder with worlds, `*.json` or `*.json.gz`, in it or in folders in it.
    dir: PathBuf,

    /// PostgreSQL to make databases on, which are dropped at the end; the user needs CREATEDB. Without it, a private server
    /// is started in a folder that is thrown away.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<DatabaseUrl>,

    /// Folder that holds the programs postgres, initdb and pg_ctl for the private server. Default: found in PATH and the
    /// usual folders, else downloaded.
    #[arg(long, env = "ROLEGATE_POSTGRES_BIN_DIR", value_name = "DIR")]
    postgres_bin_dir: Option<PathBuf>,

    /// Which policy to compare under: `highest`, `first-origin` (with `over_limit = "refuse_view"`), or both.
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = Which::Both)]
    resolution: Which,

    /// How many worlds to compare at a time.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,

    /// Write the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    Highest,
    FirstOrigin,
    Both,
}

pub(super) async fn run(options: &ConformanceOptions) -> Result<ExitCode, Box<dyn Error>> {
    let worlds = world::find(&options.dir)?;
    let stop = stop_on_signal()?;
    let started = stop.run_until_cancelled(Server::start(options)).await.transpose()?;
    let server = started.ok_or(INTERRUPTED)?;
    let report = stop.run_until_cancelled(server.compare(options, &worlds)).await.transpose();
    let ended = server.end().await;
    let report = report?.ok_or(INTERRUPTED)?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    ended?;
    Ok(ExitCode::from(u8::from(!report.agrees())))
}

const INTERRUPTED: &str = "interrupted before the comparison was done";

/// The server that the databases are made on, and what was started for it.
struct Server {
    databases: ScratchDatabases,
    private: Option<(EmbeddedServer, TempDir)>,
}

impl Server {
    async fn start(options: &ConformanceOptions) -> Result<Self, Box<dyn Error>> {
        if let Some(url) = &options.database_url {
            let databases = ScratchDatabases::new(url.address("--database-url")?, DATABASES).await?;
            return Ok(Self { databases, private: None });
        }
        // as root, PostgreSQL runs as another user, who must get through
        let folder =
            tempfile::Builder::new().prefix("rolegate-").permissions(Permissions::from_mode(0o755)).tempdir()?;
        let settings = THROW_AWAY.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let (data_dir, binaries) = (folder.path().join("data"), options.postgres_bin_dir.clone());
        let server = EmbeddedServer::start(EmbeddedOptions { data_dir, binaries, settings }).await?;
        let databases = ScratchDatabases::new(server.config(), DATABASES).await?;
        Ok(Self { databases, private: Some((server, folder)) })
    }

    async fn compare(&self, options: &ConformanceOptions, worlds: &[PathBuf]) -> Result<Report, Box<dyn Error>> {
        let resolutions = match options.resolution {
            Which::Highest => vec![Resolution::Highest],
            Which::FirstOrigin => vec![Resolution::FirstOrigin],
            Which::Both => vec![Resolution::Highest, Resolution::FirstOrigin],
        };
        let settings = Settings { resolutions, jobs: options.jobs.into() };
        let bar = ProgressBar::new(settings.steps(worlds.len()) as u64)
            .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} steps, {elapsed}, {msg}")?);
        let shown = if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        bar.set_draw_target(shown);
        let report = conformance::run(&self.databases, worlds, &settings, |world| {
            bar.set_message(world.to_owned());
            bar.inc(1);
        });
        let report = report.await;
        bar.finish_and_clear();
        Ok(report?)
    }

    /// Drops the databases; whatever came of the comparison is kept.
    async fn end(self) -> Result<(), Box<dyn Error>> {
        let Some((server, _folder)) = self.private else {
            if let Err(error) = self.databases.clear().await {
                warn!(error = &error as &dyn Error, "databases called {DATABASES}_… are left on the server");
            }
            return Ok(());
        };
        Ok(server.stop().await?)
    }
}
