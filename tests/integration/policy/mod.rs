//! The policy as a deployment meets it: a file of its own through the real binary, and the settings through gRPC.

mod commands;
mod explain;
mod settings;

use std::path::PathBuf;

use crate::support::binary::run;

/// The policy that is compiled in.
const BUILT_IN: &str = include_str!("../../../policy/default.toml");

/// A file that goes with the value.
struct File {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl File {
    fn of(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, text).unwrap();
        Self { _folder: folder, path }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

/// The compiled-in policy with one text, which must stand in it, put in the place of another.
fn with(from: &str, to: &str) -> String {
    assert!(BUILT_IN.contains(from), "{from}");
    BUILT_IN.replacen(from, to, 1)
}

/// Where a text that stands once in another does, from 1.
fn line_of(text: &str, sought: &str) -> usize {
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| line.contains(sought));
    let (found, _) = lines.next().expect(sought);
    assert!(lines.next().is_none(), "{sought} stands twice");
    found
}

/// Runs the binary: its exit status, standard output and standard error.
async fn told(flags: &[&str]) -> (i32, String, String) {
    let output = run(flags).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}
