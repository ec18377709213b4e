//! TLS as the files say, and the certificate that a connection proved with it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::revocations::{Revocations, Validity};
use crate::config::TlsOptions;
use crate::files::{Current, Files, Input};
use crate::pem::{certificates, private_key};

/// How connections are encrypted now, and whose certificates are taken.
pub(super) struct Tls {
    pub config: Arc<ServerConfig>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// How long the lists of revoked certificates hold, where there are some.
    pub revocations: Option<Validity>,
}

/// What a connection proved. Cheap to clone.
#[derive(Clone)]
pub struct Peer(Option<Arc<Certificate>>);

/// A certificate whose private key the peer has.
struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    /// Its subject alternative names: DNS names in lower case, and URIs.
    names: Vec<String>,
    /// In seconds since 1970.
    not_after: i64,
    tls: Current<Tls>,
    /// What it was verified by: after the files changed it is verified again, once.
    verified_by: ArcSwap<Tls>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// A sentence that names the flag, the file and what mends it.
    pub(super) fn open(options: &TlsOptions) -> Result<Option<Files<Self>>, String> {
        let Some((certificate, key)) = options.tls_cert.clone().zip(options.tls_key.clone()) else { return Ok(None) };
        let input = |flag, path, is_private| Input { flag, path, is_private };
        let mut inputs = vec![input("--tls-cert", certificate, false), input("--tls-key", key, true)];
        inputs.extend(options.tls_client_ca.clone().map(|path| input("--tls-client-ca", path, false)));
        inputs.extend(options.tls_client_crl.clone().map(|path| input("--tls-client-crl", path, false)));
        Files::open("TLS certificate, key, client CA or CRL", inputs, |contents| match contents {
            [certificate, key] => Self::new(certificate, key, None),
            [certificate, key, authority] => Self::new(certificate, key, Some((authority, None))),
            [certificate, key, authority, lists] => Self::new(certificate, key, Some((authority, Some(lists)))),
            _ => Err("TLS takes two files, to four".to_owned()),
        })
        .map(Some)
    }

    /// `asked`: the CAs of the certificates that are asked for, and the lists of those that are revoked.
    fn new(certificate: &[u8], key: &[u8], asked: Option<(&Vec<u8>, Option<&Vec<u8>>)>) -> Result<Self, String> {
        let chain = certificates("--tls-cert", certificate)?;
        let key = private_key("--tls-key", key)?;
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| format!("TLS: {error}"))?;
        let asked = asked.map(|(authority, lists)| verifier(authority, lists, provider)).transpose()?;
        let (verifier, revocations) = asked.map_or((None, None), |(verifier, end)| (Some(verifier), end));
        let builder = match &verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| format!("--tls-key does not belong to --tls-cert, or either can't be used: {error}"))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self { config: Arc::new(config), verifier, revocations })
    }

    fn verify(&self, chain: &[CertificateDer<'static>]) -> bool {
        let Some((verifier, (own, rest))) = self.verifier.as_ref().zip(chain.split_first()) else { return false };
        verifier.verify_client_cert(own, rest, UnixTime::now()).is_ok()
    }
}

type Verifier = Arc<dyn ClientCertVerifier>;

/// Takes the certificates of these CAs and no others, none that is in one of the lists, and asks everybody for one.
fn verifier(
    authorities: &[u8],
    lists: Option<&Vec<u8>>,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<(Verifier, Option<Validity>), String> {
    let authorities = certificates("--tls-client-ca", authorities)?;
    let revocations = lists.map(|lists| Revocations::read(lists, &authorities)).transpose()?;
    let mut roots = RootCertStore::empty();
    for certificate in authorities {
        roots.add(certificate).map_err(|error| format!("--tls-client-ca: is no CA certificate: {error}"))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let Some(Revocations { lists, validity }) = revocations else {
        return builder.build().map(|verifier| (verifier, None)).map_err(|error| format!("--tls-client-ca: {error}"));
    };
    // a list that has ended proves of nobody that they are not in the next one
    let built = builder.with_crls(lists).enforce_revocation_expiration().build();
    built.map(|verifier| (verifier, Some(validity))).map_err(|error| format!("--tls-client-crl: {error}"))
}

impl Peer {
    /// What a connection proved that was accepted so.
    pub(super) fn new(chain: Option<&[CertificateDer<'_>]>, tls: &Current<Tls>, verified_by: Arc<Tls>) -> Self {
        let certificate = chain.and_then(|chain| {
            let (names, not_after) = read(chain.first()?)?;
            let chain = chain.iter().map(|one| one.clone().into_owned()).collect();
            let verified_by = ArcSwap::new(verified_by);
            Some(Certificate { chain, names, not_after, tls: tls.clone(), verified_by })
        });
        Self(certificate.map(Arc::new))
    }

    /// The names in the certificate, as long as it may still be used: it has not expired since nor been revoked, nor has its CA
    /// been taken away.
    pub(super) fn names(&self) -> Option<impl Iterator<Item = &str>> {
        let certificate = self.0.as_ref()?;
        certificate.holds().then(|| certificate.names.iter().map(String::as_str))
    }
}

impl Certificate {
    fn holds(&self) -> bool {
        let (now, current) = (now(), self.tls.get());
        if now > self.not_after || current.revocations.is_some_and(|validity| now > validity.end) {
            return false;
        }
        if Arc::ptr_eq(&current, &self.verified_by.load()) {
            return true;
        }
        let verified = current.verify(&self.chain);
        if verified {
            self.verified_by.store(Arc::clone(&current));
        }
        verified
    }
}

/// In seconds since 1970.
pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(i64::MAX, |since| since.as_secs().cast_signed())
}

/// The subject alternative names of a certificate, and its end.
fn read(certificate: &CertificateDer<'_>) -> Option<(Vec<String>, i64)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let names = parsed.subject_alternative_name().ok()?.map(|extension| &extension.value.general_names);
    let name = |name: &GeneralName<'_>| match name {
        // a scheme tells the two apart: neither can be made to pass for the other
        GeneralName::DNSName(name) if !name.contains(':') => Some(name.to_ascii_lowercase()),
        GeneralName::URI(uri) if uri.contains(':') => Some((*uri).to_owned()),
        _ => None,
    };
    let names = names.into_iter().flatten().filter_map(name).collect();
    Some((names, parsed.validity().not_after.timestamp()))
}
