//! New rows of the keys table.

use jiff::Timestamp;
use upvest::signature::{Algorithm, Jwk};

use super::{FETCHED, KeyRow};

/// Marks, as `source`, keys that an operator imported.
const IMPORTED: &str = "import";

impl KeyRow {
    /// Describes a public key that Upvest serves.
    pub(in crate::stores::keys) fn fetched(key_id: &str, jwk: &Jwk, now: Timestamp) -> Self {
        Self {
            jwk: Some(json(jwk)),
            ..Self::new(key_id, jwk.algorithm(), FETCHED, now)
        }
    }

    /// Describes a public key that an operator imports.
    pub(in crate::stores::keys) fn imported_public(key_id: &str, jwk: &Jwk, now: Timestamp) -> Self {
        Self {
            jwk: Some(json(jwk)),
            ..Self::new(key_id, jwk.algorithm(), IMPORTED, now)
        }
    }

    /// Describes an HMAC key that an operator imports, by the ARN of its secret.
    pub(in crate::stores::keys) fn imported_hmac(key_id: &str, arn: String, now: Timestamp) -> Self {
        Self {
            secret: Some(arn),
            ..Self::new(key_id, Algorithm::HmacSha256, IMPORTED, now)
        }
    }

    fn new(key_id: &str, algorithm: Algorithm, source: &str, now: Timestamp) -> Self {
        Self {
            key_id: key_id.to_owned(),
            algorithm: Some(algorithm.to_string()),
            source: Some(source.to_owned()),
            first_seen: Some(now.to_string()),
            last_seen: Some(now.to_string()),
            ..Self::default()
        }
    }
}

fn json(jwk: &Jwk) -> String {
    serde_json::to_string(jwk).expect("a JWK holds texts alone, which JSON can always write")
}
