//! Clients of a running service: where it is, how it is known to be the one, and how they say who they are.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

use crate::files::read_private;

/// Which service to ask, and as whom.
#[derive(Debug, Clone, Args)]
pub(super) struct ServerOptions {
    /// The service to ask: `host:port`, `https://host:port` or `http://host:port`. Without a scheme it is asked under TLS where
    /// one of the flags below is given, but for a key that stays on this machine.
    #[arg(long, env = "ROLEGATE_SERVER", value_name = "ADDR", default_value = crate::config::DEFAULT_LISTEN)]
    pub server: String,

    /// File with the bearer key or token to say who asks; no others may read it.
    #[arg(long, env = "ROLEGATE_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,

    /// Certificates of the CAs that the service's certificate may be signed by, in PEM. Default: those of the system.
    #[arg(long, env = "ROLEGATE_TLS_CA", value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,

    /// Certificate to say who asks, in PEM.
    #[arg(long, env = "ROLEGATE_TLS_CLIENT_CERT", value_name = "FILE", requires = "tls_client_key")]
    pub tls_client_cert: Option<PathBuf>,

    /// Private key of that certificate, in PEM; no others may read it.
    #[arg(long, env = "ROLEGATE_TLS_CLIENT_KEY", value_name = "FILE", requires = "tls_client_cert")]
    pub tls_client_key: Option<PathBuf>,

    /// How long to wait for an answer.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,

    /// Write the answer as JSON.
    #[arg(long)]
    pub json: bool,
}

/// A connection on which every request says who asks.
pub(super) type Connection = InterceptedService<Channel, Bearer>;

/// Says who asks, where there is a key to say it with.
#[derive(Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl ServerOptions {
    /// A connection to the service.
    pub(super) async fn connect(&self) -> Result<Connection, Box<dyn Error>> {
        let bearer = self.key_file.as_deref().map(bearer).transpose()?;
        let address = self.address();
        let is_encrypted = address.starts_with("https://");
        let mut endpoint = Endpoint::from_shared(address)
            .map_err(|_| format!("--server {}: write it as host:port", self.server))?
            .connect_timeout(self.timeout)
            .timeout(self.timeout);
        if is_encrypted {
            endpoint = endpoint.tls_config(self.tls()?).map_err(|error| {
                format!("failed to prepare TLS: {}; look at --tls-ca and --tls-client-cert", super::chain(&error))
            })?;
        }
        let channel = endpoint.connect().await.map_err(|error| {
            let cause = super::chain(&error);
            format!(
                "failed to reach {}: {cause}; start it with `rolegate serve`, or name another with --server",
                self.server
            )
        })?;
        Ok(InterceptedService::new(channel, Bearer(bearer)))
    }

    /// The service with its scheme.
    fn address(&self) -> String {
        if self.server.contains("://") {
            return self.server.clone();
        }
        let host = self.server.rsplit_once(':').map_or(self.server.as_str(), |(host, _)| host);
        let is_here = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        let shows_itself = self.key_file.is_some() && !is_here;
        let encrypted = self.tls_ca.is_some() || self.tls_client_cert.is_some() || shows_itself;
        format!("{}://{}", if encrypted { "https" } else { "http" }, self.server)
    }

    fn tls(&self) -> Result<ClientTlsConfig, Box<dyn Error>> {
        let read = |flag: &str, path: &Path| {
            std::fs::read(path).map_err(|error| format!("{flag} {}: {error}; name a file in PEM", path.display()))
        };
        let tls = ClientTlsConfig::new();
        let tls = match &self.tls_ca {
            Some(path) => tls.ca_certificate(Certificate::from_pem(read("--tls-ca", path)?)),
            None => tls.with_native_roots(),
        };
        Ok(match self.tls_client_cert.as_deref().zip(self.tls_client_key.as_deref()) {
            None => tls,
            Some((certificate, key)) => {
                let key = read_private("--tls-client-key", key)?;
                tls.identity(Identity::from_pem(read("--tls-client-cert", certificate)?, key))
            }
        })
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(bearer) = &self.0 {
            request.metadata_mut().insert("authorization", bearer.clone());
        }
        Ok(request)
    }
}

/// What a key file says, as it is sent; marked so that nothing shows it.
fn bearer(path: &Path) -> Result<MetadataValue<Ascii>, String> {
    let content = read_private("--key-file", path)?;
    let no_key = || format!("--key-file {}: holds no key; `rolegate key new NAME` makes one", path.display());
    let key = String::from_utf8(content).map_err(|_| no_key())?;
    let mut bearer = MetadataValue::try_from(format!("Bearer {}", key.trim())).map_err(|_| no_key())?;
    bearer.set_sensitive(true);
    Ok(bearer)
}

/// An error of the service in one line, with its reason.
pub(super) fn explain(status: &Status) -> String {
    let reason = status.get_details_error_info().map(|info| format!(" [{}]", info.reason)).unwrap_or_default();
    format!("{}{reason}", status.message())
}
