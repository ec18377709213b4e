//! TLS to PostgreSQL: what `sslmode` and the parameters beside it mean, and the connector that keeps to it. ADR 0017.

mod connector;
mod refusal;
mod verifier;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::error;

use crate::files::Input;
use crate::pem::{certificates, private_key};

pub(super) use connector::{Connector, Encrypted};
pub(super) use refusal::explain;

/// What a connection string says of TLS.
#[derive(Debug, Clone, Default)]
pub struct TlsParameters {
    /// `sslmode`.
    pub mode: Option<TlsMode>,
    /// `sslrootcert`.
    pub roots: Option<Roots>,
    /// `sslcert`.
    pub certificate: Option<PathBuf>,
    /// `sslkey`.
    pub key: Option<PathBuf>,
}

/// How much is asked of a connection, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsMode {
    /// In the clear.
    Disable,
    /// Encrypted where the server offers it.
    Prefer,
    /// Encrypted.
    Require,
    /// Encrypted, with a server whose certificate a trusted CA signed.
    VerifyCa,
    /// The same, and the certificate is for the host that was asked for.
    VerifyFull,
}

/// Which CAs are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// Those that the system trusts.
    System,
    /// Those in this file.
    File(PathBuf),
}

/// How connections to a database are encrypted. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tls(Option<Arc<Inner>>);

struct Inner {
    trust: Trust,
    checks_name: bool,
    identity: Option<Identity>,
    /// What the files held when they could last be used.
    last: ArcSwap<MakeRustlsConnect>,
}

enum Trust {
    /// Whoever answers.
    Anybody,
    System(Arc<RootCertStore>),
    File(Input),
}

/// This side's certificate.
struct Identity {
    certificate: Input,
    key: Input,
}

impl FromStr for TlsMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "disable" => Ok(Self::Disable),
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            _ => Err("sslmode must be disable, prefer, require, verify-ca or verify-full".to_owned()),
        }
    }
}

impl TlsMode {
    /// What the driver is told.
    pub(super) fn driver(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => SslMode::Require,
        }
    }
}

impl TlsParameters {
    /// The mode and the CAs that hold, for servers of which all are on this machine, or not.
    ///
    /// # Errors
    /// A sentence that says what does not fit together.
    pub(super) fn settle(&self, is_near: bool) -> Result<(TlsMode, Option<Roots>), String> {
        match (self.mode, self.roots.clone()) {
            // whoever names a CA wants to know whom they talk to
            (None, Some(roots)) => Ok((TlsMode::VerifyFull, Some(roots))),
            (None, None) if is_near => Ok((TlsMode::Prefer, None)),
            (None, None) => Ok((TlsMode::Require, None)),
            (Some(TlsMode::VerifyFull), roots) => Ok((TlsMode::VerifyFull, Some(roots.unwrap_or(Roots::System)))),
            (Some(_), Some(Roots::System)) => {
                Err("sslrootcert=system goes with sslmode=verify-full alone: those CAs sign \
                                                   for anybody, so the name in the certificate must be looked at"
                    .to_owned())
            }
            (Some(TlsMode::VerifyCa), None) => {
                Err("sslmode=verify-ca asks which CA is trusted; name the file with its certificate as sslrootcert"
                    .to_owned())
            }
            (Some(mode), roots) => Ok((mode, roots)),
        }
    }
}

impl Tls {
    /// None at all.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Reads the files that were named.
    ///
    /// # Errors
    /// A sentence that says which part of the connection string can't be used, and what mends it.
    pub(super) fn open(mode: TlsMode, roots: Option<Roots>, parameters: TlsParameters) -> Result<Self, String> {
        if mode == TlsMode::Disable {
            return Ok(Self::none());
        }
        let trust = match roots {
            None => Trust::Anybody,
            Some(Roots::System) => Trust::System(system_roots()?),
            Some(Roots::File(path)) => Trust::File(Input { flag: "sslrootcert", path, is_private: false }),
        };
        let identity = match (parameters.certificate, parameters.key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(Identity {
                certificate: Input { flag: "sslcert", path: certificate, is_private: false },
                key: Input { flag: "sslkey", path: key, is_private: true },
            }),
            _ => return Err("sslcert and sslkey go together; name both".to_owned()),
        };
        let checks_name = mode == TlsMode::VerifyFull;
        let first = connect_by(&trust, checks_name, identity.as_ref())?;
        Ok(Self(Some(Arc::new(Inner { trust, checks_name, identity, last: ArcSwap::from_pointee(first) }))))
    }

    /// What makes a connection, by the files as they are now; by what they were where they can't be used.
    pub(super) async fn connector(&self) -> Connector {
        let Some(inner) = self.0.clone() else { return Connector::none() };
        let read = tokio::task::spawn_blocking(move || {
            match connect_by(&inner.trust, inner.checks_name, inner.identity.as_ref()) {
                Ok(connect) => inner.last.store(Arc::new(connect)),
                Err(problem) => error!(problem, "the files for TLS to PostgreSQL are used as they were before"),
            }
            Connector::new(MakeRustlsConnect::clone(&inner.last.load()))
        });
        read.await.unwrap_or_else(|_| Connector::none())
    }
}

fn connect_by(trust: &Trust, checks_name: bool, identity: Option<&Identity>) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(default_provider());
    let verifier = match trust {
        Trust::Anybody => verifier::anybody(&provider),
        Trust::System(roots) => verifier::trusted(Arc::clone(roots), checks_name, &provider)?,
        Trust::File(file) => verifier::trusted(Arc::new(roots(file)?), checks_name, &provider)?,
    };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder =
        builder.map_err(|error| format!("TLS: {error}"))?.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let chain = certificates("sslcert", &certificate.read()?)?;
            let key = private_key("sslkey", &key.read()?)?;
            let built = builder.with_client_auth_cert(chain, key);
            built.map_err(|error| format!("sslkey does not belong to sslcert, or either can't be used: {error}"))?
        }
    };
    // a server that speaks another protocol at that address can't be taken for it
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(MakeRustlsConnect::new(config))
}

fn roots(file: &Input) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file.flag, &file.read()?)? {
        roots.add(certificate).map_err(|error| format!("{}: is no CA certificate: {error}", file.flag))?;
    }
    Ok(roots)
}

fn system_roots() -> Result<Arc<RootCertStore>, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // a store of a system may hold some that are of no use to anybody
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(
            "sslmode=verify-full: this system trusts no CA; install ca-certificates, or name the file with the \
                    server's CA as sslrootcert"
                .to_owned(),
        );
    }
    Ok(Arc::new(roots))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(mode: Option<TlsMode>, roots: Option<Roots>, is_near: bool) -> Result<(TlsMode, Option<Roots>), String> {
        TlsParameters { mode, roots, ..TlsParameters::default() }.settle(is_near)
    }

    #[test]
    fn what_is_not_said_is_safe() {
        let file = || Some(Roots::File("ca.pem".into()));
        assert_eq!(settled(None, None, true).unwrap(), (TlsMode::Prefer, None));
        assert_eq!(settled(None, None, false).unwrap(), (TlsMode::Require, None));
        assert_eq!(settled(None, file(), true).unwrap(), (TlsMode::VerifyFull, file()));
        assert_eq!(settled(None, Some(Roots::System), false).unwrap(), (TlsMode::VerifyFull, Some(Roots::System)));
        assert_eq!(
            settled(Some(TlsMode::VerifyFull), None, false).unwrap(),
            (TlsMode::VerifyFull, Some(Roots::System))
        );
    }

    #[test]
    fn what_is_said_holds_unless_it_makes_no_sense() {
        let file = || Some(Roots::File("ca.pem".into()));
        for mode in [TlsMode::Disable, TlsMode::Prefer, TlsMode::Require, TlsMode::VerifyCa] {
            assert_eq!(settled(Some(mode), file(), false).unwrap(), (mode, file()));
            assert!(settled(Some(mode), Some(Roots::System), false).unwrap_err().contains("verify-full"));
        }
        assert_eq!(settled(Some(TlsMode::Disable), None, false).unwrap(), (TlsMode::Disable, None));
        assert!(settled(Some(TlsMode::VerifyCa), None, false).unwrap_err().contains("sslrootcert"));
        assert!("allow".parse::<TlsMode>().unwrap_err().contains("verify-ca"));
    }
}
