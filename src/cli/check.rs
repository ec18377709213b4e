//! `rolegate check`: one question to a running service.

use std::error::Error;
use std::process::ExitCode;

use clap::Args;

use super::ask::{ServerOptions, explain};
use super::output::{self, Asked};
use crate::grpc::v1::CheckRequest;
use crate::grpc::v1::authorization_service_client::AuthorizationServiceClient;

#[derive(Debug, Clone, Args)]
pub(super) struct CheckOptions {
    /// The username; empty ('') asks for an anonymous visitor.
    user: String,

    /// The project: its UUID, or owner/name.
    project: String,

    /// The action: view_project, delete_files, …
    action: String,

    #[command(flatten)]
    server: ServerOptions,
}

pub(super) async fn run(options: &CheckOptions) -> Result<ExitCode, Box<dyn Error>> {
    let mut client = AuthorizationServiceClient::new(options.server.connect().await?);
    let request = CheckRequest {
        user: options.user.clone(),
        project: options.project.clone(),
        action: options.action.clone(),
        consistency: None,
    };
    let answer = client.check(request.clone()).await.map_err(|status| explain(&status))?.into_inner();
    let allowed = answer.allowed;
    let asked = Asked { request, answer };
    if options.server.json {
        println!("{:#}", output::json(&asked));
    } else {
        println!("{}", output::table(&[asked]));
    }
    Ok(ExitCode::from(u8::from(!allowed)))
}
