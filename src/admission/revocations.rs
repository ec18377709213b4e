//! Lists of certificates that CAs have taken back: read, held against the CAs, and their end told in time.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use tracing::{error, warn};
use x509_parser::error::X509Error;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};
use x509_parser::time::ASN1Time;

use super::tls::{Tls, now};
use crate::files::{Current, Watched};

const FLAG: &str = "--tls-client-crl";

/// Lists of revoked certificates, each of another CA.
pub(super) struct Revocations {
    pub lists: Vec<CertificateRevocationListDer<'static>>,
    pub validity: Validity,
}

/// When the first of the lists is to be followed by a newer one. In seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    /// When that is near: the last quarter of the list's time has begun.
    near: i64,
    pub end: i64,
}

impl Revocations {
    /// Reads lists in PEM. Each of the CAs must have signed one that has not ended: without it nobody could be let in.
    ///
    /// # Errors
    /// A sentence that names the flag and what mends it.
    pub(super) fn read(pem: &[u8], authorities: &[CertificateDer<'_>]) -> Result<Self, String> {
        let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(pem).collect();
        let lists = lists.map_err(|error| format!("{FLAG}: can't be read as PEM: {error}"))?;
        if lists.is_empty() {
            return Err(format!("{FLAG}: holds no list in PEM; `openssl crl -inform DER -out FILE` makes one of DER"));
        }
        let parsed: Result<Vec<_>, _> =
            lists.iter().map(|list| CertificateRevocationList::from_der(list).map(|(_, parsed)| parsed)).collect();
        let parsed = parsed.map_err(|error| format!("{FLAG}: holds what is no list: {error}"))?;
        authorities.iter().try_for_each(|authority| has_list(authority, &parsed))?;
        let validities: Result<Vec<_>, _> = parsed.iter().map(validity).collect();
        let first = validities?.into_iter().min_by_key(|validity| validity.end);
        let validity = first.ok_or_else(|| format!("{FLAG}: holds no list"))?;
        drop(parsed);
        Ok(Self { lists, validity })
    }
}

/// Refuses where a CA has no list of its own among them.
fn has_list(authority: &CertificateDer<'_>, lists: &[CertificateRevocationList<'_>]) -> Result<(), String> {
    let parsed = X509Certificate::from_der(authority);
    let (_, authority) = parsed.map_err(|error| format!("--tls-client-ca: holds what is no certificate: {error}"))?;
    let is_its = |list: &CertificateRevocationList<'_>| {
        let signed = list.verify_signature(authority.public_key());
        list.issuer().as_raw() == authority.subject().as_raw()
            // what can't be verified here is verified at the handshake
            && matches!(signed, Ok(()) | Err(X509Error::SignatureUnsupportedAlgorithm))
    };
    if lists.iter().any(is_its) {
        return Ok(());
    }
    Err(format!(
        "{FLAG}: holds no list that `{}` of --tls-client-ca signed, so nobody with a certificate of it could be let in; \
         add its list",
        authority.subject()
    ))
}

fn validity(list: &CertificateRevocationList<'_>) -> Result<Validity, String> {
    let (begin, end) = (list.last_update(), list.next_update());
    let end = end.ok_or_else(|| format!("{FLAG}: the list of `{}` does not say when it ends", list.issuer()))?;
    if end.timestamp() < now() {
        return Err(format!("{FLAG}: the list of `{}` ended at {end}; fetch the new one", list.issuer()));
    }
    Ok(Validity { near: near(begin, end), end: end.timestamp() })
}

fn near(begin: ASN1Time, end: ASN1Time) -> i64 {
    let (begin, end) = (begin.timestamp(), end.timestamp());
    end - (end - begin) / 4
}

/// Says when the lists in use are about to end, and when they have: nobody is let in then.
pub(super) struct End {
    tls: Current<Tls>,
    said: Option<(Validity, bool)>,
}

impl End {
    pub(super) fn new(tls: Current<Tls>) -> Self {
        Self { tls, said: None }
    }
}

impl Watched for End {
    fn look(&mut self) {
        let Some(validity) = self.tls.get().revocations else { return };
        let time = now();
        let has_ended = time > validity.end;
        if time < validity.near || self.said.replace((validity, has_ended)) == Some((validity, has_ended)) {
            return;
        }
        if has_ended {
            error!("a list of {FLAG} has ended: no client certificate is taken until there is a newer one");
        } else {
            let seconds = validity.end - time;
            warn!(seconds, "a list of {FLAG} ends soon; no client certificate is taken then");
        }
    }
}
