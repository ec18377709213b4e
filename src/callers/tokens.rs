//! JSON Web Tokens: whose they are, if they are signed by a key that is trusted, for this service, now.
//!
//! A key decides by its own kind which algorithm a token may be signed with; what the token says only has to agree. So a token
//! that is not signed at all, or with a public key taken for a shared secret, is none.

use std::collections::HashSet;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use super::signatures;

/// How far clocks may be apart, in seconds.
const LEEWAY: u64 = 30;

/// The longest token that is looked at.
const LONGEST: usize = 8 * 1024;

/// Whose tokens are taken, and what they must be made for.
#[derive(Debug, Clone)]
pub struct TokenRules {
    /// The `iss` that a token must have.
    pub issuer: String,
    /// The `aud` that a token must have, or have among others.
    pub audience: String,
}

/// The public keys that tokens may be signed with.
#[derive(Debug, Default)]
pub struct TokenKeys(Vec<TrustedKey>);

#[derive(Debug)]
struct TrustedKey {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// A token that is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The `sub`.
    pub subject: String,
    /// Until when, in seconds since 1970, leeway included.
    pub until: u64,
}

/// Why a token is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distrust {
    /// It names a key that is not known: newer keys may know it.
    UnknownKey,
    /// It is none, or not for us, or not for now, or not signed by the key that it names.
    Invalid,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    // one issuer, not a list in which ours is one of several
    #[serde(rename = "iss")]
    _issuer: String,
    exp: f64,
}

impl TokenKeys {
    /// Reads a JWKS. Keys that sign nothing here (encryption, shared secrets, other algorithms) are left out.
    ///
    /// # Errors
    /// When it is no JWKS.
    pub fn parse(jwks: &[u8]) -> Result<Self, String> {
        signatures::install();
        let set: JwkSet = serde_json::from_slice(jwks).map_err(|error| format!("is no JWKS: {error}"))?;
        Ok(Self(set.keys.iter().filter_map(TrustedKey::new).collect()))
    }

    /// These keys, if there are any.
    ///
    /// # Errors
    /// When none of them can sign.
    pub fn not_empty(self) -> Result<Self, String> {
        let has_keys = !self.0.is_empty();
        has_keys.then_some(self).ok_or_else(|| "has no key that signs with RS256, PS256, ES256 or EdDSA".to_owned())
    }

    /// Whether no token can be trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose a token is.
    ///
    /// # Errors
    /// When it is not trusted.
    pub fn verify(&self, rules: &TokenRules, token: &str) -> Result<Verified, Distrust> {
        if token.len() > LONGEST {
            return Err(Distrust::Invalid);
        }
        let header = decode_header(token).map_err(|_| Distrust::Invalid)?;
        // what a token says is critical must be understood, and nothing such is
        if header.crit.is_some() {
            return Err(Distrust::Invalid);
        }
        let key = self.find(header.kid.as_deref()).ok_or(Distrust::UnknownKey)?;
        let claims = decode::<Claims>(token, &key.key, &key.validation(rules)).map_err(|_| Distrust::Invalid)?.claims;
        if claims.sub.is_empty() {
            return Err(Distrust::Invalid);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        Ok(Verified { subject: claims.sub, until: (claims.exp as u64).saturating_add(LEEWAY) })
    }

    /// The key of that id; without one, the only key there is.
    fn find(&self, id: Option<&str>) -> Option<&TrustedKey> {
        match (id, self.0.as_slice()) {
            (Some(id), keys) => keys.iter().find(|key| key.id.as_deref() == Some(id)),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }
}

impl TrustedKey {
    fn new(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        if !matches!(common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let of_its_kind: &[Algorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => &[Algorithm::RS256, Algorithm::PS256],
            AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => &[Algorithm::ES256],
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
            _ => return None,
        };
        let says =
            |algorithm: &&Algorithm| common.key_algorithm.is_none_or(|named| stands_for(named) == Some(**algorithm));
        let algorithms: Vec<Algorithm> = of_its_kind.iter().filter(says).copied().collect();
        let key = DecodingKey::from_jwk(jwk).ok()?;
        (!algorithms.is_empty()).then(|| Self { id: common.key_id.clone(), algorithms, key })
    }

    fn validation(&self, rules: &TokenRules) -> Validation {
        let mut validation = Validation::default();
        validation.algorithms.clone_from(&self.algorithms);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&rules.issuer]);
        validation.set_audience(&[&rules.audience]);
        validation.required_spec_claims =
            ["exp", "iss", "aud", "sub"].map(str::to_owned).into_iter().collect::<HashSet<_>>();
        validation
    }
}

/// The algorithm that a JWK names, where it is one of those taken.
fn stands_for(named: KeyAlgorithm) -> Option<Algorithm> {
    match named {
        KeyAlgorithm::RS256 => Some(Algorithm::RS256),
        KeyAlgorithm::PS256 => Some(Algorithm::PS256),
        KeyAlgorithm::ES256 => Some(Algorithm::ES256),
        KeyAlgorithm::EdDSA => Some(Algorithm::EdDSA),
        _ => None,
    }
}
