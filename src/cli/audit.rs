//! `rolegate audit`: verifies that the log of changes is what was written, row by row.

use std::error::Error;
use std::io::{IsTerminal as _, stderr};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::database::OpenDatabase;
use crate::config::DatabaseOptions;
use crate::domain::audit::{AuditReport, Head};
use crate::domain::ids::Revision;
use crate::store::{audit, migrations};

/// Something is wrong.
const BROKEN: u8 = 1;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum AuditCommand {
    /// Verify the chain of the log: no write was changed, taken out, put in or moved. Exit status 0: it is intact, 1: it is
    /// not, 2: could not tell.
    Verify(VerifyOptions),
}

#[derive(Debug, Clone, Args)]
pub(super) struct VerifyOptions {
    #[command(flatten)]
    database: DatabaseOptions,

    /// The head that an earlier run printed, kept where nobody who can write to the database can: proves that the log was not
    /// written anew as a whole up to there.
    #[arg(long, value_name = "REVISION:HASH", value_parser = head)]
    head: Option<Head>,

    /// Write the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: &AuditCommand) -> Result<ExitCode, Box<dyn Error>> {
    let AuditCommand::Verify(options) = command;
    let database = OpenDatabase::open(&options.database).await?;
    let verified = verify(&database, options).await;
    database.close().await?;
    let report = verified?;
    if options.json {
        println!("{:#}", as_json(&report));
    } else {
        print(&report);
    }
    match report.out_of_reach {
        _ if report.flaws > 0 => Ok(ExitCode::from(BROKEN)),
        Some(revision) => {
            Err(format!("hold the head of revision {revision} against the log: it is no longer kept").into())
        }
        None => Ok(ExitCode::SUCCESS),
    }
}

async fn verify(database: &OpenDatabase, options: &VerifyOptions) -> Result<AuditReport, Box<dyn Error>> {
    migrations::check(&database.address).await?;
    let shown = if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, shown);
    bar.set_style(ProgressStyle::with_template("{bar:40} revision {pos} of {len}, {elapsed}")?);
    let position = |revision: Revision| u64::try_from(revision.0).unwrap_or(0);
    let verified = audit::verify(&database.address, options.head, |reached, last| {
        bar.set_length(position(last));
        bar.set_position(position(reached));
    });
    let verified = verified.await;
    bar.finish_and_clear();
    Ok(verified?)
}

fn head(text: &str) -> Result<Head, String> {
    Head::parse(text).ok_or_else(|| "must be REVISION:HASH, as `rolegate audit verify` prints it".to_owned())
}

fn print(report: &AuditReport) {
    let AuditReport { writes, older, head, ref findings, flaws, .. } = *report;
    if flaws == 0 {
        println!("intact: {writes} writes");
    } else {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["revision", "what is wrong"]);
        table.add_rows(findings.iter().map(|found| [found.revision.to_string(), found.flaw.to_string()]));
        println!("{table}");
        println!("broken: {flaws} flaws in {writes} writes");
    }
    if older > 0 {
        println!("{older} writes are older than the chain: nothing is proved of them");
    }
    println!("head: {head}");
}

fn as_json(report: &AuditReport) -> serde_json::Value {
    let AuditReport { writes, older, head, ref findings, flaws, out_of_reach } = *report;
    let findings = findings.iter().map(
        |found| json!({ "revision": found.revision.0, "flaw": found.flaw.name(), "text": found.flaw.to_string() }),
    );
    json!({
        "intact": flaws == 0,
        "writes": writes,
        "older": older,
        "head": head.to_string(),
        "flaws": flaws,
        "findings": findings.collect::<Vec<_>>(),
        "head_out_of_reach": out_of_reach.is_some(),
    })
}
