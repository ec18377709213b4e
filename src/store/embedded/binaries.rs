//! Finds the folder with the PostgreSQL server's programs: named by the operator, installed, or downloaded.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use super::account::{run, said};
use super::download::{RELEASES, download};
use super::{Account, EmbeddedError};

/// The oldest major version that rolegate works with.
pub(super) const OLDEST_MAJOR: u32 = 14;

const PROGRAMS: [&str; 3] = ["postgres", "initdb", "pg_ctl"];

/// Where distributions put a server: a folder, how the names in it begin, and the folder in those.
const USUAL_FOLDERS: [(&str, &str, &str); 9] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/usr", "bin", ""),
    ("/usr/local", "bin", ""),
    ("/usr/local", "pgsql", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// Where to look for the programs.
pub(super) struct Search {
    /// The folders of the installed servers.
    pub folders: Vec<PathBuf>,
    /// The place to download a server from.
    pub releases: &'static str,
}

impl Search {
    /// Every folder in `PATH`, then the folders that the distributions use.
    pub fn everywhere() -> Self {
        let path = env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<_> = env::split_paths(&path).filter(|f| f.is_absolute()).collect();
        for (parent, prefix, child) in USUAL_FOLDERS {
            folders.extend(folders_in(Path::new(parent), prefix, child));
        }
        Self { folders, releases: RELEASES }
    }

    /// The folder with the programs of the `needed` major version, or of the newest one.
    pub async fn find(
        &self,
        named: Option<&Path>,
        data_dir: &Path,
        needed: Option<u32>,
        account: &Account,
    ) -> Result<PathBuf, EmbeddedError> {
        if let Some(folder) = named {
            return check_named(folder, needed, account).await;
        }
        let mut folders = self.folders.clone();
        folders.extend(folders_in(&data_dir.join("binaries"), "", "bin"));
        let mut best: Option<(u32, PathBuf)> = None;
        for folder in &folders {
            let Ok(major) = major_in(folder, account).await else {
                continue;
            };
            let newer = best.as_ref().is_none_or(|(found, _)| major > *found);
            if suits(major, needed) && newer {
                best = Some((major, folder.clone()));
            }
        }
        match best {
            Some((_, folder)) => Ok(folder),
            None => self.download(data_dir, needed, account).await,
        }
    }

    async fn download(
        &self,
        data_dir: &Path,
        needed: Option<u32>,
        account: &Account,
    ) -> Result<PathBuf, EmbeddedError> {
        let target = data_dir.join("binaries");
        let downloaded = match download(self.releases, needed, &target).await {
            Ok(folder) => major_in(&folder, account).await.map(|_| folder),
            Err(cause) => Err(cause),
        };
        downloaded.map_err(|cause| EmbeddedError::NoBinaries {
            version: needed.map_or(format!("{OLDEST_MAJOR} or later"), |major| major.to_string()),
            searched: self.searched(),
            cause: format!("{}: {cause}", self.releases),
            hint: install_hint(needed),
        })
    }

    fn searched(&self) -> String {
        let mut names: Vec<_> = self.folders.iter().map(|f| f.display().to_string()).collect();
        names.sort();
        names.dedup();
        format!("PATH and the usual folders ({})", names.join(", "))
    }
}

/// `<parent>/<prefix>*/<child>`, but nothing hidden: a half-unpacked download begins with a dot.
fn folders_in(parent: &Path, prefix: &str, child: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(prefix) && !name.starts_with('.'))
        // Going through the components drops the trailing slash that an empty child leaves.
        .map(|name| parent.join(name).join(child).components().collect())
        .collect();
    folders.sort();
    folders
}

async fn check_named(folder: &Path, needed: Option<u32>, account: &Account) -> Result<PathBuf, EmbeddedError> {
    let unusable = |cause| EmbeddedError::UnusableBinaries { folder: folder.to_path_buf(), cause };
    let folder = folder.canonicalize().map_err(|error| unusable(error.to_string()))?;
    let major = major_in(&folder, account).await.map_err(unusable)?;
    if suits(major, needed) {
        return Ok(folder);
    }
    let hint = install_hint(needed);
    Err(unusable(match needed {
        Some(needed) => {
            format!("they are PostgreSQL {major}, but the database was made by {needed}; install that ({hint})")
        }
        None => format!("they are PostgreSQL {major}, but {OLDEST_MAJOR} is the oldest supported"),
    }))
}

fn suits(major: u32, needed: Option<u32>) -> bool {
    needed.map_or(major >= OLDEST_MAJOR, |needed| major == needed)
}

/// The major version of the programs in a folder, or why they are of no use.
async fn major_in(folder: &Path, account: &Account) -> Result<u32, String> {
    if let Some(program) = PROGRAMS.iter().find(|program| !folder.join(program).is_file()) {
        return Err(format!("there is no {program} in {}", folder.display()));
    }
    let mut command = account.command(&folder.join("postgres"), Path::new("/"));
    command.arg("--version");
    match run(command, Duration::from_secs(10)).await {
        Ok(output) if output.status.success() => parse_major(&String::from_utf8_lossy(&output.stdout)),
        failed => Err(format!("postgres --version cannot be run{}", as_whom(account)) + ": " + &said(failed)),
    }
}

fn as_whom(account: &Account) -> String {
    match account {
        Account::Own => String::new(),
        Account::Unprivileged { name, .. } => format!(" as user {name}"),
    }
}

/// Reads the 16 in "postgres (PostgreSQL) 16.4 (Debian 16.4-1)".
fn parse_major(version: &str) -> Result<u32, String> {
    let number = version.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let digits = number.and_then(|word| word.split(|c: char| !c.is_ascii_digit()).next());
    let major = digits.and_then(|digits| digits.parse().ok());
    major.ok_or_else(|| format!("postgres --version said {version:?}"))
}

fn install_hint(needed: Option<u32>) -> String {
    match needed {
        None => "Debian/Ubuntu: apt-get install postgresql; Fedora/RHEL: dnf install postgresql-server; \
                 Alpine: apk add postgresql; macOS: brew install postgresql"
            .to_owned(),
        Some(major) => format!(
            "Debian/Ubuntu: apt-get install postgresql-{major}; Fedora/RHEL: dnf install postgresql{major}-server; \
             Alpine: apk add postgresql{major}; macOS: brew install postgresql@{major}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_every_spelling() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Ok(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 19beta1\n"), Ok(19));
        assert!(parse_major("no version here").is_err());
    }

    #[test]
    fn an_existing_database_needs_its_own_major_version() {
        assert!(suits(14, None) && !suits(13, None));
        assert!(suits(16, Some(16)) && !suits(17, Some(16)));
    }

    #[tokio::test]
    async fn a_folder_without_all_programs_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = check_named(folder.path(), None, &Account::Own).await.unwrap_err();
        assert!(error.to_string().contains("there is no postgres in"), "{error}");
    }
}
