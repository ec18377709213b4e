//! Certificates and keys out of what a file in PEM holds.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// All certificates.
///
/// # Errors
/// A sentence that begins with what names the file, where there are none.
pub(crate) fn certificates(named: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|error| format!("{named}: can't be read as PEM: {error}"))?;
    if read.is_empty() { Err(format!("{named}: holds no certificate in PEM")) } else { Ok(read) }
}

/// The first private key.
///
/// # Errors
/// A sentence that begins with what names the file, where there is none that can be read.
pub(crate) fn private_key(named: &str, pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|_| format!("{named}: holds no private key in PEM (PKCS#8, PKCS#1 or SEC1), or one with a password"))
}
