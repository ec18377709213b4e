//! `rolegate policy`: shows a policy as the matrix it is, and checks a file before a service is started with it.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::matrix;
use crate::domain::policy::Policy;

/// A file that is no policy.
const INVALID: u8 = 1;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum PolicyCommand {
    /// Print who may do what.
    Show(ShowOptions),
    /// Check a policy file, and print how it differs from the policy that is compiled in. Exit status 0: it is one, 1: it is
    /// none, 2: it can't be read.
    Check(CheckOptions),
}

#[derive(Debug, Clone, Args)]
pub(super) struct ShowOptions {
    /// The file to show, in place of the policy that is compiled in.
    #[arg(long, env = "ROLEGATE_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Write Markdown.
    #[arg(long)]
    markdown: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct CheckOptions {
    /// The file to check.
    file: PathBuf,
}

pub(super) fn run(command: &PolicyCommand) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        PolicyCommand::Show(options) => show(options),
        PolicyCommand::Check(options) => check(&options.file),
    }
}

/// The policy of a file, or the one that is compiled in.
pub(super) fn load(file: Option<&Path>) -> Result<Policy, Box<dyn Error>> {
    match file {
        None => Ok(Policy::built_in()?),
        Some(file) => {
            let text = read(file)?;
            Policy::parse(&text).map_err(|error| format!("the policy {}: {error}", file.display()).into())
        }
    }
}

fn show(options: &ShowOptions) -> Result<ExitCode, Box<dyn Error>> {
    let policy = load(options.policy.as_deref())?;
    print!("{}", if options.markdown { matrix::markdown(&policy) } else { matrix::text(&policy) });
    Ok(ExitCode::SUCCESS)
}

fn check(file: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let text = read(file)?;
    match Policy::parse(&text) {
        Err(error) => {
            println!("{}: {error}", file.display());
            Ok(ExitCode::from(INVALID))
        }
        Ok(policy) => {
            let differences = matrix::differences(&Policy::built_in()?, &policy);
            println!("{} is a policy. {differences}", file.display());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn read(file: &Path) -> Result<String, Box<dyn Error>> {
    let text = std::fs::read_to_string(file);
    text.map_err(|error| format!("failed to read the policy {}: {error}", file.display()).into())
}
