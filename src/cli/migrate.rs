//! `rolegate migrate`: brings a database's schema to what this build knows.

use std::error::Error;
use std::process::ExitCode;

use clap::Args;
use comfy_table::{Table, presets};

use super::database::OpenDatabase;
use crate::config::DatabaseOptions;
use crate::store::migrations;

#[derive(Debug, Clone, Args)]
pub(super) struct MigrateOptions {
    #[command(flatten)]
    database: DatabaseOptions,

    /// Write what was applied as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(options: &MigrateOptions) -> Result<ExitCode, Box<dyn Error>> {
    let database = OpenDatabase::open(&options.database).await?;
    let migrated = migrations::migrate(&database.address).await;
    database.close().await?;
    let applied = migrated?;
    if options.json {
        println!("{}", serde_json::json!({ "applied": applied }));
    } else if applied.is_empty() {
        println!("nothing to do: the schema is what this build knows");
    } else {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["applied"]);
        table.add_rows(applied.iter().map(|migration| [migration]));
        println!("{table}");
    }
    Ok(ExitCode::SUCCESS)
}
