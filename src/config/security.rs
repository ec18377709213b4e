//! Who may call, and how connections are encrypted: secure unless an operator says otherwise in so many words.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::callers::tokens::TokenRules;

/// Who may call, and how.
#[derive(Debug, Clone, Default, Args)]
pub struct SecurityOptions {
    /// File that says who may call, and what each caller may; read again when it changes. Without it callers are not known, and
    /// only this machine can reach the service. `rolegate key new NAME` prints lines for it.
    #[arg(long, env = "ROLEGATE_CALLERS", value_name = "FILE")]
    pub callers: Option<PathBuf>,

    #[command(flatten)]
    pub tls: TlsOptions,

    #[command(flatten)]
    pub tokens: TokenOptions,

    /// Whether anybody may ask which services there are, without being known. Default: on where callers are not known, else off.
    #[arg(long, env = "ROLEGATE_REFLECTION", value_enum, value_name = "on|off", hide_possible_values = true)]
    pub reflection: Option<Switch>,

    /// Serve on an address that others reach although callers are not known, or although what they send can be read on the
    /// way. Every start says so.
    #[arg(long, env = "ROLEGATE_INSECURE")]
    pub insecure: bool,

    /// Serve known callers without TLS on an address that others reach: for a port that only a proxy on the same network
    /// reaches, which ends TLS for it.
    #[arg(long, env = "ROLEGATE_PLAINTEXT_BEHIND_PROXY")]
    pub plaintext_behind_proxy: bool,
}

/// How connections are encrypted, and whose certificates are asked for.
#[derive(Debug, Clone, Default, Args)]
pub struct TlsOptions {
    /// Certificate of the service with its chain, in PEM; read again when it changes. Connections are then taken under TLS only.
    #[arg(long, env = "ROLEGATE_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate, in PEM; no others may read it.
    #[arg(long, env = "ROLEGATE_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Certificates of the CAs that callers' certificates are signed by, in PEM; read again when it changes. Nobody connects
    /// without such a certificate then.
    #[arg(long, env = "ROLEGATE_TLS_CLIENT_CA", value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,

    /// Certificates that the CAs of --tls-client-ca have revoked: a list of each, in PEM; read again when it changes. A list that
    /// has ended lets nobody in.
    #[arg(long, env = "ROLEGATE_TLS_CLIENT_CRL", value_name = "FILE")]
    pub tls_client_crl: Option<PathBuf>,
}

/// Whose tokens are taken.
#[derive(Debug, Clone, Default, Args)]
pub struct TokenOptions {
    /// Public keys that callers' JSON Web Tokens are signed by, as a JWKS: a file, read again when it changes, or a URL,
    /// fetched again every few minutes and when a token names a key that is not in it.
    #[arg(long, env = "ROLEGATE_JWT_JWKS", value_name = "FILE|URL")]
    pub jwt_jwks: Option<String>,

    /// The issuer (`iss`) that tokens must have.
    #[arg(long, env = "ROLEGATE_JWT_ISSUER", value_name = "TEXT")]
    pub jwt_issuer: Option<String>,

    /// The audience (`aud`) that tokens must be for.
    #[arg(long, env = "ROLEGATE_JWT_AUDIENCE", value_name = "TEXT")]
    pub jwt_audience: Option<String>,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl SecurityOptions {
    /// What one option alone does not show.
    ///
    /// # Errors
    /// A sentence that says which options do not fit together, and what mends it.
    pub fn check(&self) -> Result<(), String> {
        let TlsOptions { tls_cert, tls_key, tls_client_ca, tls_client_crl } = &self.tls;
        if tls_cert.is_some() != tls_key.is_some() {
            return Err("--tls-cert and --tls-key go together; name both".to_owned());
        }
        if tls_client_ca.is_some() && tls_cert.is_none() {
            return Err("--tls-client-ca asks for TLS; name --tls-cert and --tls-key too".to_owned());
        }
        if tls_client_crl.is_some() && tls_client_ca.is_none() {
            return Err(
                "--tls-client-crl revokes certificates that nobody asks for; name --tls-client-ca too".to_owned()
            );
        }
        let has_tokens = self.tokens.rules()?.is_some();
        if self.callers.is_none() && (tls_client_ca.is_some() || has_tokens) {
            let flag = if has_tokens { "--jwt-jwks" } else { "--tls-client-ca" };
            return Err(format!(
                "{flag} tells who calls, but not what a caller may; name a caller file with --callers"
            ));
        }
        if !self.insecure && self.tokens.jwt_jwks.as_deref().is_some_and(is_open_url) {
            return Err(
                "--jwt-jwks: keys that come over http:// may be anybody's; use https://, or say --insecure".to_owned()
            );
        }
        Ok(())
    }

    /// Whether it may listen there.
    ///
    /// # Errors
    /// A sentence that says why not, and what mends it.
    pub fn may_listen(&self, address: SocketAddr) -> Result<(), String> {
        if address.ip().is_loopback() || self.insecure {
            return Ok(());
        }
        if self.callers.is_none() {
            return Err(format!(
                "--listen {address}: others reach it, and callers are not known; name a caller file with --callers, listen on \
                 127.0.0.1, or say --insecure to let whoever reaches it do everything"
            ));
        }
        if self.tls.tls_cert.is_none() && !self.plaintext_behind_proxy {
            return Err(format!(
                "--listen {address}: others reach it, and keys and tokens could be read on the way; name --tls-cert and \
                 --tls-key, or say --plaintext-behind-proxy where only a proxy that ends TLS reaches it"
            ));
        }
        Ok(())
    }

    /// What is dangerous in what was asked for, to be said at every start.
    pub fn danger(&self, address: SocketAddr) -> Option<&'static str> {
        let is_reached = !address.ip().is_loopback();
        match (self.insecure, &self.callers, &self.tls.tls_cert) {
            (true, None, _) if is_reached => {
                Some("--insecure: callers are not known, and whoever reaches this address may do everything")
            }
            (true, None, _) => Some(
                "--insecure: callers are not known; only this machine reaches this address, which needs no --insecure",
            ),
            (true, Some(_), None) => Some("--insecure: whoever is on the way reads keys, tokens and answers"),
            (true, Some(_), Some(_)) => Some("--insecure: nothing here needs it; leave it out"),
            (false, _, _) => None,
        }
    }

    /// Whether reflection is offered.
    pub fn offers_reflection(&self) -> bool {
        self.reflection.map_or(self.callers.is_none(), |reflection| reflection == Switch::On)
    }
}

impl TokenOptions {
    /// Where the keys are, and what tokens must be made for.
    ///
    /// # Errors
    /// When one is missing or empty.
    pub fn rules(&self) -> Result<Option<(&str, TokenRules)>, String> {
        let Some(jwks) = &self.jwt_jwks else {
            let alone = self.jwt_issuer.is_some() || self.jwt_audience.is_some();
            let missing = "--jwt-issuer and --jwt-audience say nothing without --jwt-jwks; name the keys of the tokens";
            return if alone { Err(missing.to_owned()) } else { Ok(None) };
        };
        let given = |flag: &str, value: &Option<String>| {
            let value = value.clone().filter(|value| !value.trim().is_empty());
            value.ok_or_else(|| {
                format!("{flag} must be given, and not empty, with --jwt-jwks: tokens made for others would be taken")
            })
        };
        let issuer = given("--jwt-issuer", &self.jwt_issuer)?;
        let audience = given("--jwt-audience", &self.jwt_audience)?;
        Ok(Some((jwks, TokenRules { issuer, audience })))
    }
}

/// Whether a URL is fetched in the open, from another machine.
fn is_open_url(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let address: Result<SocketAddr, _> = authority.parse();
    !(address.is_ok_and(|address| address.ip().is_loopback()) || authority == "127.0.0.1")
}
