//! Clients of a running service.

use std::error::Error;
use std::time::Duration;

use clap::Args;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt as _;

/// Which service to ask.
#[derive(Debug, Clone, Args)]
pub(super) struct ServerOptions {
    /// The service to ask: `host:port` or `http://host:port`.
    #[arg(long, env = "ROLEGATE_SERVER", value_name = "ADDR", default_value = crate::config::DEFAULT_LISTEN)]
    pub server: String,

    /// How long to wait for an answer.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,

    /// Write the answer as JSON.
    #[arg(long)]
    pub json: bool,
}

impl ServerOptions {
    /// A connection to the service.
    pub(super) async fn connect(&self) -> Result<Channel, Box<dyn Error>> {
        let address = if self.server.contains("://") { self.server.clone() } else { format!("http://{}", self.server) };
        let endpoint = Endpoint::from_shared(address)
            .map_err(|_| format!("--server {}: write it as host:port", self.server))?
            .connect_timeout(self.timeout)
            .timeout(self.timeout);
        endpoint.connect().await.map_err(|error| {
            let cause = super::chain(&error);
            format!(
                "failed to reach {}: {cause}; start it with `rolegate serve`, or name another with --server",
                self.server
            )
            .into()
        })
    }
}

/// An error of the service in one line, with its reason.
pub(super) fn explain(status: &Status) -> String {
    let reason = status.get_details_error_info().map(|info| format!(" [{}]", info.reason)).unwrap_or_default();
    format!("{}{reason}", status.message())
}
