//! Clocks on the wall that a test can set, of processes that it starts.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library that, preloaded, sets a process's clock.
#[derive(Debug, Clone)]
pub struct Preload {
    library: PathBuf,
}

/// The clock of a process.
#[derive(Debug)]
pub struct WallClock {
    library: PathBuf,
    path: PathBuf,
    file: File,
}

impl Preload {
    /// Compiles it into a folder.
    pub fn build(folder: &Path) -> Self {
        let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
        std::fs::write(&source, include_str!("clock.c")).unwrap();
        let compiled = Command::new("cc").args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(&source).output();
        let compiled = compiled.expect("a C compiler");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        Self { library }
    }

    /// A clock that shows what this machine's does, until it is set.
    pub fn clock(&self, name: &str) -> WallClock {
        let path = self.library.with_file_name(format!("{name}.clock"));
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path).unwrap();
        let clock = WallClock { library: self.library.clone(), path, file };
        clock.set_ahead(0);
        clock
    }
}

impl WallClock {
    /// Sets it that many microseconds ahead of this machine's; negative is behind.
    pub fn set_ahead(&self, ahead: i64) {
        self.file.write_all_at(&ahead.to_ne_bytes(), 0).unwrap();
    }

    /// What a process must have in its environment to go by this clock.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        [("LD_PRELOAD", text(&self.library)), ("CLOCK_OFFSET_FILE", text(&self.path))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_goes_by_the_clock_that_it_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Preload::build(folder.path()).clock("one");
        let shown = |clock: &WallClock| {
            let output = Command::new("date").arg("+%s").envs(clock.environment()).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().parse::<i64>().unwrap()
        };
        let before = shown(&clock);
        for ahead in [86_400, -86_400, 0] {
            clock.set_ahead(ahead * 1_000_000);
            let difference = shown(&clock) - before - ahead;
            assert!((0..60).contains(&difference), "{ahead}: {difference}");
        }
    }
}
