//! Why the embedded PostgreSQL could not be started or stopped. Every message says what the operator can do.

use std::io;
use std::path::{Path, PathBuf};

/// What stops the embedded server; each message fits after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// Neither a home folder nor `XDG_DATA_HOME` is known.
    #[error("find a folder for the database: HOME is not set; name one with --data-dir")]
    NoHome,
    /// The data folder exists and another user owns it.
    #[error(
        "use the data folder {}: it belongs to the user with id {owner}, but rolegate runs as the user with id {user}; \
         run as its owner, hand it over with chown, or name another folder with --data-dir", .folder.display()
    )]
    ForeignOwner { folder: PathBuf, owner: u32, user: u32 },
    /// The data folder holds other things, which closing it to others could break.
    #[error(
        "use the data folder {}: it is not empty and was not made by rolegate; \
         name a new or empty folder with --data-dir", .folder.display()
    )]
    ForeignContent { folder: PathBuf },
    /// Another rolegate holds the lock of the data folder.
    #[error(
        "lock the data folder {}: the rolegate with process id {holder} is using it; \
         stop that one, or name another folder with --data-dir", .folder.display()
    )]
    InUse { folder: PathBuf, holder: String },
    /// Running as root, and the unprivileged user cannot enter a folder on the way to the data.
    #[error(
        "use the data folder {}: PostgreSQL refuses to run as root and so runs as the user {user}, \
         to whom {} is closed; name a folder that this user can reach with --data-dir, \
         for example /var/lib/rolegate", .folder.display(), .closed.display()
    )]
    Unreachable { folder: PathBuf, closed: PathBuf, user: String },
    /// Running as root, and there is nobody else to run PostgreSQL as.
    #[error(
        "choose a user for PostgreSQL: it refuses to run as root, and there is neither a user \
         postgres nor a user nobody; create one, or run rolegate as another user"
    )]
    NoAccount,
    /// The path of the Unix socket is longer than the operating system allows.
    #[error(
        "use the data folder {}: the path of its socket would have {length} bytes, but {limit} is \
         the most that a socket may have; name a shorter folder with --data-dir", .folder.display()
    )]
    SocketPathTooLong { folder: PathBuf, length: usize, limit: usize },
    /// The folder named by the operator does not hold a usable server.
    #[error("use the PostgreSQL programs in {}: {cause}; correct --postgres-bin-dir", .folder.display())]
    UnusableBinaries { folder: PathBuf, cause: String },
    /// No server was found, and none could be downloaded.
    #[error(
        "find PostgreSQL: no PostgreSQL {version} server was found in {searched} and none could be \
         downloaded ({cause}); install one ({hint}), name its folder with --postgres-bin-dir, \
         or use a running server with --database-url"
    )]
    NoBinaries { version: String, searched: String, cause: String, hint: String },
    /// `initdb` failed.
    #[error("create the database cluster in {}: {output}", .folder.display())]
    Initialize { folder: PathBuf, output: String },
    /// The server did not come up.
    #[error("start PostgreSQL: {output}; the end of {} says: {log}", .log_file.display())]
    Start { output: String, log_file: PathBuf, log: String },
    /// The server did not go down.
    #[error("stop the PostgreSQL of {}: {output}", .folder.display())]
    Stop { folder: PathBuf, output: String },
    /// The server runs, but the database could not be made.
    #[error("create the database rolegate: {0}")]
    Database(#[from] tokio_postgres::Error),
    /// The file system or the start of a program failed.
    #[error("{doing}: {cause}")]
    Io { doing: String, cause: io::Error },
}

/// Says what was being done to which path when the file system answered with an error.
pub(super) fn io_error(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> EmbeddedError {
    let doing = format!("{doing} {}", path.display());
    |cause| EmbeddedError::Io { doing, cause }
}
