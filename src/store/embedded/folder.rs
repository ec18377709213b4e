//! The data folder: where it is, who may look into it, and that only one rolegate uses it at a time.
//!
//! A normal user owns it with mode 0700. For root it stays root's, with mode 0710 and the group of
//! the unprivileged user: that user can pass through to its own folders, and cannot swap the lock
//! or the log for a link to somebody else's file.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{env, io};

use tracing::warn;

use super::account::{is_root, own_id};
use super::error::io_error;
use super::{Account, EmbeddedError};

/// What Linux allows; macOS allows 103, and there PostgreSQL itself says so.
const SOCKET_PATH_LIMIT: usize = 107;
const LOCK_FILE: &str = "rolegate.lock";

/// Where `serve` and `demo` keep their database unless told: `$XDG_DATA_HOME/rolegate` or
/// `~/.local/share/rolegate`, and as root `/var/lib/rolegate`.
///
/// # Errors
/// [`EmbeddedError::NoHome`] if there is no home folder.
pub fn default_data_dir() -> Result<PathBuf, EmbeddedError> {
    data_dir_for(is_root(), env::var_os("XDG_DATA_HOME"), env::home_dir())
}

/// A data folder that exists, is closed to others, and is locked as long as this value lives.
#[derive(Debug)]
pub(super) struct DataFolder {
    path: PathBuf,
    /// Closed in child programs, so that an orphaned PostgreSQL does not keep the folder locked.
    lock: File,
}

impl DataFolder {
    /// Creates the folder if need be, closes it to others and locks it.
    pub fn claim(path: &Path, account: &Account) -> Result<Self, EmbeddedError> {
        create(path).map_err(io_error("create the data folder", path))?;
        let path = path.canonicalize().map_err(io_error("find", path))?;
        check_socket_path(&path)?;
        check_ours(&path)?;
        close(&path, account).map_err(io_error("restrict access to", &path))?;
        check_reachable(&path, account)?;
        let lock = lock(&path)?;
        Ok(Self { path, lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the server's Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.path.join("socket")
    }

    /// The major version of the server that made the database; `None` if there is no database yet.
    pub fn major(&self) -> Result<Option<u32>, EmbeddedError> {
        let file = self.path.join("postgres/PG_VERSION");
        let version = match fs::read_to_string(&file) {
            Ok(version) => version,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("read", &file)(error)),
        };
        let invalid = |error| io_error("read", &file)(io::Error::other(error));
        version.trim().parse().map(Some).map_err(invalid)
    }
}

impl Drop for DataFolder {
    /// Unlocks by name: between its fork and its exec, a child of another thread still has the file
    /// open, and merely closing ours would leave the folder locked for that moment.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            warn!(%error, "failed to unlock the data folder");
        }
    }
}

/// Creates a folder that only its owner can enter, and makes it so if it exists.
pub(super) fn create_private(path: &Path, account: &Account) -> io::Result<()> {
    if !path.is_dir() {
        DirBuilder::new().mode(0o700).create(path)?;
    }
    fs::set_permissions(path, Permissions::from_mode(0o700))?;
    account.give(path)
}

fn data_dir_for(root: bool, data_home: Option<OsString>, home: Option<PathBuf>) -> Result<PathBuf, EmbeddedError> {
    if root {
        return Ok(PathBuf::from("/var/lib/rolegate"));
    }
    // The XDG specification says to ignore a relative path.
    let data_home = data_home.map(PathBuf::from).filter(|path| path.is_absolute());
    let home = home.filter(|path| path.is_absolute()).map(|path| path.join(".local/share"));
    data_home.or(home).map(|path| path.join("rolegate")).ok_or(EmbeddedError::NoHome)
}

fn create(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    DirBuilder::new().mode(0o700).create(path)
}

fn check_socket_path(path: &Path) -> Result<(), EmbeddedError> {
    let length = path.join("socket/.s.PGSQL.5432").as_os_str().len();
    if length <= SOCKET_PATH_LIMIT {
        return Ok(());
    }
    let folder = path.to_path_buf();
    Err(EmbeddedError::SocketPathTooLong { folder, length, limit: SOCKET_PATH_LIMIT })
}

/// Refuses folders that are not ours to close: `--data-dir /tmp` given to root must not break `/tmp`.
fn check_ours(path: &Path) -> Result<(), EmbeddedError> {
    let (folder, user) = (path.to_path_buf(), own_id());
    let owner = fs::metadata(path).map_err(io_error("look at", path))?.uid();
    let empty = is_empty(path).map_err(io_error("list", path))?;
    if owner != user && !(empty && is_root()) {
        return Err(EmbeddedError::ForeignOwner { folder, owner, user });
    }
    let marked = fs::symlink_metadata(path.join(LOCK_FILE)).is_ok_and(|lock| lock.is_file());
    if !empty && !marked {
        return Err(EmbeddedError::ForeignContent { folder });
    }
    Ok(())
}

fn is_empty(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        // The root of a freshly made volume.
        if entry?.file_name() != "lost+found" {
            return Ok(false);
        }
    }
    Ok(true)
}

fn close(path: &Path, account: &Account) -> io::Result<()> {
    let mode = match account {
        Account::Own => 0o700,
        Account::Unprivileged { .. } => 0o710,
    };
    account.share(path)?;
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Enters the folder as the unprivileged user, and on failure looks for the parent that is in the way.
fn check_reachable(path: &Path, account: &Account) -> Result<(), EmbeddedError> {
    let Account::Unprivileged { name, .. } = account else {
        return Ok(());
    };
    if can_enter(path, account)? {
        return Ok(());
    }
    let mut closed = path;
    while let Some(parent) = closed.parent() {
        if can_enter(parent, account)? {
            break;
        }
        closed = parent;
    }
    let (folder, closed, user) = (path.to_path_buf(), closed.to_path_buf(), name.clone());
    Err(EmbeddedError::Unreachable { folder, closed, user })
}

fn can_enter(folder: &Path, account: &Account) -> Result<bool, EmbeddedError> {
    let mut shell = account.command(Path::new("/bin/sh"), folder);
    match shell.args(["-c", ":"]).status() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
        Err(error) => Err(io_error("enter", folder)(error)),
    }
}

fn lock(folder: &Path) -> Result<File, EmbeddedError> {
    let path = folder.join(LOCK_FILE);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(&path).map_err(io_error("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(in_use(folder, &mut file)),
        Err(TryLockError::Error(error)) => return Err(io_error("lock", &path)(error)),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(io_error("write", &path))?;
    Ok(file)
}

fn in_use(folder: &Path, file: &mut File) -> EmbeddedError {
    let mut holder = String::new();
    // A holder that has not written its id yet is as much a holder.
    let _ = file.read_to_string(&mut holder);
    let holder = match holder.trim() {
        "" => "unknown".to_owned(),
        id => id.to_owned(),
    };
    EmbeddedError::InUse { folder: folder.to_path_buf(), holder }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_folder_follows_the_xdg_specification() {
        let dir = |root, xdg: Option<&str>, home: Option<&str>| {
            data_dir_for(root, xdg.map(OsString::from), home.map(PathBuf::from)).ok()
        };
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(dir(true, Some("/data"), Some("/root")), path("/var/lib/rolegate"));
        assert_eq!(dir(false, Some("/data"), Some("/home/a")), path("/data/rolegate"));
        assert_eq!(dir(false, Some("data"), Some("/h")), path("/h/.local/share/rolegate"));
        assert_eq!(dir(false, None, None), None);
    }
}
