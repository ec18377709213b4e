//! What an operator can set: flags, each with its environment variable, its default and its bounds.

mod database;
mod limits;
mod security;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use tracing_subscriber::EnvFilter;

use crate::telemetry::LogFormat;

pub use database::{DatabaseOptions, DatabaseUrl};
pub use limits::LimitOptions;
pub use security::{SecurityOptions, Switch, TlsOptions, TokenOptions};

/// Where the service listens unless told.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:50051";

/// What is logged unless told.
const DEFAULT_LOG: &str = "info,refinery_core=warn,tokio_postgres=warn";

/// How the service runs.
#[derive(Debug, Clone, Args)]
pub struct ServeOptions {
    #[command(flatten)]
    pub database: DatabaseOptions,

    /// Address and port to serve gRPC on; port 0 takes a free one. One that other machines reach asks for --callers and TLS.
    #[arg(long, env = "ROLEGATE_LISTEN", value_name = "ADDR", default_value = DEFAULT_LISTEN)]
    pub listen: SocketAddr,

    #[command(flatten)]
    pub security: SecurityOptions,

    /// Don't apply pending migrations at start: stay NOT_SERVING until `rolegate migrate` has run.
    #[arg(long, env = "ROLEGATE_NO_MIGRATE")]
    pub no_migrate: bool,

    /// Connections to the database for writes and lists; four more are for checks, and one follows the log.
    #[arg(long, env = "ROLEGATE_DATABASE_CONNECTIONS", value_name = "N", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub database_connections: u16,

    /// Standbys of the same PostgreSQL, as `postgresql://user:password@host1,host2/database`: loads of the view and lists are
    /// read there where a standby is not behind what this replica has applied.
    #[arg(long, env = "ROLEGATE_READ_URL", value_name = "URL", hide_env_values = true)]
    pub read_url: Option<DatabaseUrl>,

    /// What this replica is called in `rolegate replicas`, and where a write names who is behind. Default: host and process.
    #[arg(long, env = "ROLEGATE_REPLICA_NAME", value_name = "NAME")]
    pub replica_name: Option<String>,

    /// File that says who may do what, in place of the policy that is compiled in. `rolegate policy show` prints that one.
    #[arg(long, env = "ROLEGATE_POLICY", value_name = "FILE")]
    pub policy: Option<PathBuf>,

    /// Memory that the role view may take, at least 4MiB: `256MiB`, `2GB`, …
    #[arg(long, env = "ROLEGATE_VIEW_MEMORY", value_name = "SIZE", default_value = "256MiB", value_parser = view_memory)]
    pub view_memory: ByteSize,

    /// Bring users, organizations and projects into the view beside traffic, the newest first, until all are there or its memory is
    /// nearly full. It serves from the start all the same; the log says how far it is.
    #[arg(long, env = "ROLEGATE_WARM_UP")]
    pub warm_up: bool,

    /// How long checks go on being answered without the database, 500ms to 5m; then they are refused with UNAVAILABLE. And how
    /// long a replica that died may delay a write. All replicas should have the same.
    #[arg(long, env = "ROLEGATE_LEASE", value_name = "TIME", default_value = "10s", value_parser = lease)]
    pub lease: Duration,

    /// How long checks go on being answered beyond the lease, marked as stale: what was revoked may then be granted. Off
    /// unless set; at most 24h.
    #[arg(long, env = "ROLEGATE_SERVE_STALE_FOR", value_name = "TIME", default_value = "0s", value_parser = stale_for)]
    pub serve_stale_for: Duration,

    /// How often the lease is renewed, and the log of changes read when nothing happens, 10ms to 1m; at most a third of the lease.
    #[arg(long, env = "ROLEGATE_HEARTBEAT", value_name = "TIME", default_value = "1s", value_parser = heartbeat)]
    pub heartbeat: Duration,

    /// How long a request may take that names no deadline, or a later one, 10ms to 10m.
    #[arg(long, env = "ROLEGATE_REQUEST_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = request_timeout)]
    pub request_timeout: Duration,

    /// Largest request taken, 1KiB to 64MiB.
    #[arg(long, env = "ROLEGATE_MAX_MESSAGE_SIZE", value_name = "SIZE", default_value = "1MiB", value_parser = message_size)]
    pub max_message_size: ByteSize,

    /// How long the log of changes is kept, 1m to 100y, such as 400d. Unless set it is kept for ever.
    #[arg(long, env = "ROLEGATE_LOG_RETENTION", value_name = "TIME", value_parser = log_retention)]
    pub log_retention: Option<Duration>,

    /// How long somebody who watches the log may take nothing of what it is sent, 100ms to 1h; then its watch is ended.
    #[arg(long, env = "ROLEGATE_WATCH_PATIENCE", value_name = "TIME", default_value = "30s", value_parser = watch_patience)]
    pub watch_patience: Duration,

    /// How long requests under way may still take after SIGTERM or Ctrl-C, 0s to 10m.
    #[arg(long, env = "ROLEGATE_SHUTDOWN_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = shutdown_timeout)]
    pub shutdown_timeout: Duration,

    #[command(flatten)]
    pub limits: LimitOptions,
}

/// How logs are written.
#[derive(Debug, Clone, Args)]
pub struct LogOptions {
    /// How logs are written, to standard error.
    #[arg(long, env = "ROLEGATE_LOG_FORMAT", value_enum, default_value_t = LogFormat::Human, global = true)]
    pub log_format: LogFormat,

    /// What is logged: error, warn, info, debug or trace, also by module: `info,rolegate::view=debug`.
    #[arg(
        long,
        env = "ROLEGATE_LOG",
        value_name = "FILTER",
        global = true,
        default_value = DEFAULT_LOG
    )]
    pub log: LogFilter,
}

/// What is logged.
#[derive(Debug, Clone)]
pub struct LogFilter(String);

impl LogOptions {
    /// The filter for the subscriber. A quiet command only warns unless it is told to say more.
    pub fn filter(&self, quiet: bool) -> EnvFilter {
        EnvFilter::new(if quiet && self.log.0 == DEFAULT_LOG { "warn" } else { &self.log.0 })
    }
}

impl FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        EnvFilter::try_new(text).map(|_| Self(text.to_owned())).map_err(|error| error.to_string())
    }
}

impl std::fmt::Display for LogFilter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl ServeOptions {
    /// What this replica is called.
    pub fn replica_name(&self) -> String {
        let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        self.replica_name.clone().unwrap_or_else(|| format!("{}:{}", host(), std::process::id()))
    }

    /// What one option alone does not show.
    ///
    /// # Errors
    /// A sentence that says which options do not fit together.
    pub fn check(&self) -> Result<(), String> {
        if self.heartbeat * 3 > self.lease {
            let (heartbeat, lease) =
                (humantime::format_duration(self.heartbeat), humantime::format_duration(self.lease));
            return Err(format!("--heartbeat ({heartbeat}) must be at most a third of --lease ({lease})"));
        }
        if self.database.database_url.is_some() && self.database.data_dir.is_some() {
            return Err("--data-dir is for the private server; leave it out, or --database-url".to_owned());
        }
        self.security.check()?;
        self.security.may_listen(self.listen)
    }
}

fn view_memory(text: &str) -> Result<ByteSize, String> {
    size(text, ByteSize::mib(4), ByteSize::tib(64))
}

fn message_size(text: &str) -> Result<ByteSize, String> {
    size(text, ByteSize::kib(1), ByteSize::mib(64))
}

fn size(text: &str, least: ByteSize, most: ByteSize) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse().map_err(|_| "is no size; write it as 512KiB, 256MiB or 2GB".to_owned())?;
    let fits = (least..=most).contains(&size);
    fits.then_some(size)
        .ok_or_else(|| format!("must be between {} and {}", least.display().iec(), most.display().iec()))
}

fn lease(text: &str) -> Result<Duration, String> {
    time(text, Duration::from_millis(500), Duration::from_secs(300))
}

fn heartbeat(text: &str) -> Result<Duration, String> {
    time(text, Duration::from_millis(10), Duration::from_secs(60))
}

fn stale_for(text: &str) -> Result<Duration, String> {
    time(text, Duration::ZERO, Duration::from_secs(24 * 3600))
}

fn request_timeout(text: &str) -> Result<Duration, String> {
    time(text, Duration::from_millis(10), Duration::from_secs(600))
}

fn log_retention(text: &str) -> Result<Duration, String> {
    time(text, Duration::from_secs(60), Duration::from_secs(100 * 31_557_600))
}

fn watch_patience(text: &str) -> Result<Duration, String> {
    time(text, Duration::from_millis(100), Duration::from_secs(3600))
}

fn shutdown_timeout(text: &str) -> Result<Duration, String> {
    time(text, Duration::ZERO, Duration::from_secs(600))
}

fn time(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|_| "is no time; write it as 250ms, 10s or 5m".to_owned())?;
    let (shown_least, shown_most) = (humantime::format_duration(least), humantime::format_duration(most));
    let fits = (least..=most).contains(&time);
    fits.then_some(time).ok_or_else(|| format!("must be between {shown_least} and {shown_most}"))
}
