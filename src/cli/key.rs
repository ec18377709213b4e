//! `rolegate key new`: a bearer key for a caller, and the lines of the caller file that make it known.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::callers::Callers;
use crate::callers::keys::NewKey;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key for a caller. It is shown once; the caller file gets its hash only.
    New(NewOptions),
}

#[derive(Debug, Clone, Args)]
pub(super) struct NewOptions {
    /// What the caller is called in the caller file.
    name: String,

    /// Write the key into this file, which must not exist and which nobody else may read, instead of showing it.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(command: &KeyCommand) -> Result<ExitCode, Box<dyn Error>> {
    let KeyCommand::New(NewOptions { name, output }) = command;
    let key = random()?;
    let lines = format!("[[caller]]\nname = \"{name}\"\nscopes = [\"check\"]\nkeys = [\"{}\"]", key.entry());
    Callers::parse(&lines).map_err(|error| format!("can't name a caller so: {}", error.problem))?;
    match output {
        Some(path) => {
            write(path, &key.reveal()).map_err(|error| format!("failed to write {}: {error}", path.display()))?;
            println!("# the key is in {}", path.display());
        }
        None => println!("# the key, which is shown this once:\n{}\n", key.reveal()),
    }
    println!("# for the caller file; list what it may (check, read, write, admin, audit), and no more:\n{lines}");
    Ok(ExitCode::SUCCESS)
}

/// A key out of randomness of the kernel's.
fn random() -> Result<NewKey, Box<dyn Error>> {
    let (mut id, mut secret) = ([0; 4], [0; 32]);
    for bytes in [&mut id[..], &mut secret[..]] {
        // as few bytes as these come at once, or not at all
        let count = getrandom(&mut *bytes, GetRandomFlags::empty())?;
        if count != bytes.len() {
            return Err("the kernel gave too little randomness".into());
        }
    }
    Ok(NewKey::from_random(id, secret))
}

fn write(path: &Path, key: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{key}")
}
