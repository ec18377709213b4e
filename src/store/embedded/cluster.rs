//! The database cluster: made by `initdb`, started and stopped by `pg_ctl`, rid of what a crash left behind.
//!
//! The programs run in the data folder and get relative paths, so that no path ever needs quoting
//! for the shell that `pg_ctl` uses.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tracing::{info, warn};

use super::account::{last_lines, run, said};
use super::error::io_error;
use super::folder::create_private;
use super::{Account, EmbeddedError};

/// The name of PGDATA in the data folder. While `initdb` works it has a suffix, so that a
/// half-made cluster is never taken for a whole one.
const CLUSTER: &str = "postgres";
const HALF_MADE: &str = "postgres.new";
const LOG_FILE: &str = "postgres.log";

/// Given last and thus stronger than the caller's: only the owner of the socket folder gets in.
const FIXED_SETTINGS: [(&str, &str); 4] = [
    ("listen_addresses", ""),
    ("port", "5432"),
    ("unix_socket_directories", "../socket"),
    ("unix_socket_permissions", "0700"),
];

const INITDB_LIMIT: Duration = Duration::from_secs(120);
/// Longer than any `-t` given to `pg_ctl`.
const PG_CTL_LIMIT: Duration = Duration::from_secs(70);
const LEFTOVER_PAUSE: Duration = Duration::from_secs(2);

/// A PostgreSQL cluster in a locked data folder.
#[derive(Debug)]
pub(super) struct Cluster {
    pub folder: PathBuf,
    pub binaries: PathBuf,
    pub account: Account,
    pub settings: Vec<(String, String)>,
}

impl Cluster {
    /// Makes the cluster unless there is one.
    pub async fn initialize(&self) -> Result<(), EmbeddedError> {
        // An initdb orphaned by a crash may still be writing there; then a later start tidies up.
        if let Err(error) = self.remove_half_made() {
            warn!(%error, "left a half-made cluster for the next start to remove");
        }
        if self.folder.join(CLUSTER).join("PG_VERSION").exists() {
            return Ok(());
        }
        info!(folder = %self.folder.display(), "creating a PostgreSQL cluster");
        // A name of our own, so that ours never meets an orphaned one.
        let name = format!("{HALF_MADE}.{}", std::process::id());
        let half_made = self.folder.join(&name);
        create_private(&half_made, &self.account).map_err(io_error("create", &half_made))?;
        self.initdb(&name).await?;
        fs::rename(&half_made, self.folder.join(CLUSTER))
            .and_then(|()| File::open(&self.folder)?.sync_all())
            .map_err(io_error("move into place", &half_made))
    }

    /// Starts the server, after stopping the one that a killed rolegate left running.
    pub async fn start(&self) -> Result<(), EmbeddedError> {
        self.prepare().map_err(io_error("prepare", &self.folder))?;
        if self.answers() {
            warn!("a PostgreSQL server was left running; stopping it");
            self.stop().await?;
        }
        let started = self.launch().await;
        // A server that did not get the lock file leaves the file of its owner in place.
        if started.is_ok() || !self.lock_file().exists() || self.answers() {
            return started;
        }
        // The last processes of a crashed server may need a moment to go. What remains is a lock
        // file whose process id now belongs to something else: it would keep the server from
        // starting, and nothing answers. A living server still holds its shared memory, so
        // removing the file cannot let two servers in.
        tokio::time::sleep(LEFTOVER_PAUSE).await;
        if self.answers() {
            return started;
        }
        warn!("removing the lock file of a crashed PostgreSQL server");
        fs::remove_file(self.lock_file()).map_err(io_error("remove", &self.lock_file()))?;
        self.launch().await
    }

    /// Stops the server: fast, which ends its transactions, and if that takes too long at once.
    pub async fn stop(&self) -> Result<(), EmbeddedError> {
        let mut output = String::new();
        for mode in ["fast", "immediate"] {
            // A stale lock file may name a process that is not ours to signal.
            if !self.answers() {
                return Ok(());
            }
            match run(self.pg_ctl_stop(mode, "10"), PG_CTL_LIMIT).await {
                Ok(stopped) if stopped.status.success() => return Ok(()),
                failed => output = said(failed),
            }
            warn!(mode, output, "PostgreSQL did not stop");
        }
        Err(EmbeddedError::Stop { folder: self.folder.clone(), output })
    }

    /// Stops the server at once and without a runtime; for `Drop`.
    pub fn kill(&self) -> io::Result<()> {
        if self.answers() {
            self.pg_ctl_stop("immediate", "5").output()?;
        }
        Ok(())
    }

    async fn initdb(&self, name: &str) -> Result<(), EmbeddedError> {
        let mut command = self.program("initdb");
        command.args(["--pgdata", name, "--username=rolegate", "--encoding=UTF8", "--locale=C"]);
        command.args(["--auth-local=trust", "--auth-host=reject"]);
        if self.settings.iter().any(|(name, value)| name == "fsync" && value == "off") {
            command.arg("--no-sync");
        }
        match run(command, INITDB_LIMIT).await {
            Ok(output) if output.status.success() => Ok(()),
            failed => Err(EmbeddedError::Initialize { folder: self.folder.join(CLUSTER), output: said(failed) }),
        }
    }

    fn remove_half_made(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(HALF_MADE) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    fn prepare(&self) -> io::Result<()> {
        create_private(&self.folder.join("socket"), &self.account)?;
        let log_file = self.folder.join(LOG_FILE);
        OpenOptions::new().append(true).create(true).mode(0o600).open(&log_file)?;
        self.account.give(&log_file)
    }

    async fn launch(&self) -> Result<(), EmbeddedError> {
        let log_file = self.folder.join(LOG_FILE);
        let logged = fs::metadata(&log_file).map_or(0, |log| log.len());
        let mut command = self.program("pg_ctl");
        command.args(["start", "-w", "-t", "60", "-D", CLUSTER, "-l", LOG_FILE]);
        command.arg("-o").arg(server_options(&self.settings));
        match run(command, PG_CTL_LIMIT).await {
            Ok(output) if output.status.success() => Ok(()),
            failed => {
                let log = read_from(&log_file, logged).unwrap_or_else(|error| error.to_string());
                Err(EmbeddedError::Start { output: said(failed), log_file, log })
            }
        }
    }

    /// Whether a server listens on the socket. A server does from its first moments, while it
    /// recovers from a crash, and until its end.
    fn answers(&self) -> bool {
        match UnixStream::connect(self.folder.join("socket/.s.PGSQL.5432")) {
            Ok(_) => true,
            Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused),
        }
    }

    fn lock_file(&self) -> PathBuf {
        self.folder.join(CLUSTER).join("postmaster.pid")
    }

    fn pg_ctl_stop(&self, mode: &str, seconds: &str) -> Command {
        let mut command = self.program("pg_ctl");
        command.args(["stop", "-D", CLUSTER, "-m", mode, "-w", "-t", seconds]);
        command
    }

    fn program(&self, name: &str) -> Command {
        self.account.command(&self.binaries.join(name), &self.folder)
    }
}

/// The options of `postgres`, each quoted for the shell that `pg_ctl` hands them to.
fn server_options(settings: &[(String, String)]) -> String {
    let given = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let options = given.chain(FIXED_SETTINGS).map(|(name, value)| {
        let setting = format!("{name}={value}").replace('\'', r"'\''");
        format!("-c '{setting}'")
    });
    options.collect::<Vec<_>>().join(" ")
}

/// The last lines that a log got since it had `start` bytes.
fn read_from(path: &Path, start: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(last_lines(&String::from_utf8_lossy(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_quoted_and_cannot_open_the_server_to_the_network() {
        let settings = [("listen_addresses".to_owned(), "*'$(id)".to_owned())];
        assert_eq!(
            server_options(&settings),
            r"-c 'listen_addresses=*'\''$(id)' -c 'listen_addresses=' -c 'port=5432' -c 'unix_socket_directories=../socket' -c 'unix_socket_permissions=0700'"
        );
    }
}
