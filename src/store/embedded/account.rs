//! The operating system's user that PostgreSQL's programs run as, since they refuse to run as root.

use std::os::unix::fs::{chown, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use std::{env, io};

use super::EmbeddedError;

/// The variables that PostgreSQL's programs get to see. Rolegate's own may be secrets, and `PGPORT`
/// and its kin would change what the server does.
const KEPT_VARIABLES: [&str; 4] = ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "TZ"];

/// Whom PostgreSQL's programs run as.
#[derive(Debug, Clone)]
pub(super) enum Account {
    /// The user that rolegate itself runs as.
    Own,
    /// Rolegate runs as root, and PostgreSQL as this user.
    Unprivileged { name: String, uid: u32, gid: u32 },
}

impl Account {
    /// Chooses the user: ourselves, or for root the first of `postgres` and `nobody` that exists.
    pub fn choose() -> Result<Self, EmbeddedError> {
        if !is_root() {
            return Ok(Self::Own);
        }
        let user =
            ["postgres", "nobody"].into_iter().find_map(uzers::get_user_by_name).ok_or(EmbeddedError::NoAccount)?;
        Ok(Self::Unprivileged {
            name: user.name().to_string_lossy().into_owned(),
            uid: user.uid(),
            gid: user.primary_group_id(),
        })
    }

    /// A program to be run as this user in `folder`, in a process group of its own: Ctrl-C in the
    /// terminal is for rolegate alone.
    pub fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C");
        command.envs(KEPT_VARIABLES.iter().filter_map(|name| Some((name, env::var_os(name)?))));
        command.current_dir(folder).stdin(Stdio::null()).process_group(0);
        if let Self::Unprivileged { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid);
        }
        command
    }

    /// Hands a file or folder to this user.
    pub fn give(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Unprivileged { uid, gid, .. } => lchown(path, Some(*uid), Some(*gid)),
        }
    }

    /// Lets this user's group, and so this user, act on a folder that stays root's.
    pub fn share(&self, folder: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Unprivileged { gid, .. } => chown(folder, Some(0), Some(*gid)),
        }
    }
}

/// Whether rolegate runs as root.
pub(super) fn is_root() -> bool {
    own_id() == 0
}

/// The id of the user that rolegate runs as.
pub(super) fn own_id() -> u32 {
    uzers::get_effective_uid()
}

/// Runs a program to its end and kills it when it takes longer than `limit` or when the future is dropped.
pub(super) async fn run(command: Command, limit: Duration) -> io::Result<Output> {
    let mut command = tokio::process::Command::from(command);
    match tokio::time::timeout(limit, command.kill_on_drop(true).output()).await {
        Ok(output) => output,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("not done within {} s", limit.as_secs()))),
    }
}

/// What a failed program said, for a message.
pub(super) fn said(result: io::Result<Output>) -> String {
    match result {
        Ok(output) => {
            let text = if output.stderr.is_empty() { output.stdout } else { output.stderr };
            last_lines(&String::from_utf8_lossy(&text))
        }
        Err(error) => error.to_string(),
    }
}

/// The last lines of a log.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().rev().take(15).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
