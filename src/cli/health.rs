//! `rolegate health`: is a running service serving? For container health checks.

use std::error::Error;
use std::process::ExitCode;

use clap::Args;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::ask::{ServerOptions, explain};

#[derive(Debug, Clone, Args)]
pub(super) struct HealthOptions {
    #[command(flatten)]
    server: ServerOptions,
}

pub(super) async fn run(options: &HealthOptions) -> Result<ExitCode, Box<dyn Error>> {
    let mut client = HealthClient::new(options.server.connect().await?);
    let answer = client.check(HealthCheckRequest::default()).await.map_err(|status| explain(&status))?;
    let status = answer.into_inner().status();
    if options.server.json {
        println!("{}", serde_json::json!({ "status": status.as_str_name() }));
    } else {
        println!("{}", status.as_str_name());
    }
    Ok(ExitCode::from(u8::from(status != ServingStatus::Serving)))
}
