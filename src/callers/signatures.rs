//! The signatures of tokens, checked by `ring`, which TLS stands on too: no second set of cryptography, and none that signs.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{
    self as checks, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use signature::{Error, Verifier};

static RING: CryptoProvider = CryptoProvider {
    signer_factory: sign_nothing,
    verifier_factory: verifier,
    // only for making JWKs out of keys, which nothing here does
    key_utils: KeyUtils::new_unimplemented(),
};

/// Has tokens checked by `ring`, in this process, from now on.
pub(super) fn install() {
    // the second time it stands already
    let _ = RING.install_default();
}

struct Check {
    algorithm: Algorithm,
    key: PublicKey,
}

enum PublicKey {
    Rsa(&'static RsaParameters, RsaPublicKeyComponents<Vec<u8>>),
    Other(UnparsedPublicKey<Vec<u8>>),
}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let checked = match &self.key {
            PublicKey::Rsa(parameters, key) => key.verify(parameters, message, signature),
            PublicKey::Other(key) => key.verify(message, signature),
        };
        checked.map_err(|_| Error::new())
    }
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let key = match algorithm {
        Algorithm::RS256 => rsa(&checks::RSA_PKCS1_2048_8192_SHA256, key)?,
        Algorithm::PS256 => rsa(&checks::RSA_PSS_2048_8192_SHA256, key)?,
        Algorithm::ES256 => other(&checks::ECDSA_P256_SHA256_FIXED, key)?,
        Algorithm::EdDSA => other(&checks::ED25519, key)?,
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    };
    Ok(Box::new(Check { algorithm: *algorithm, key }))
}

fn rsa(parameters: &'static RsaParameters, key: &DecodingKey) -> Result<PublicKey> {
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => {
            Ok(PublicKey::Rsa(parameters, RsaPublicKeyComponents { n: n.clone(), e: e.clone() }))
        }
        DecodingKeyKind::SecretOrDer(_) => Err(ErrorKind::InvalidKeyFormat.into()),
    }
}

fn other(algorithm: &'static dyn VerificationAlgorithm, key: &DecodingKey) -> Result<PublicKey> {
    Ok(PublicKey::Other(UnparsedPublicKey::new(algorithm, key.try_get_as_bytes()?.to_vec())))
}

fn sign_nothing(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::InvalidAlgorithm.into())
}
