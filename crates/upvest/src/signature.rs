//! HTTP message signatures as Upvest writes them: verifying deliveries, and signing our own.
//!
//! A delivery is an [`UnverifiedDelivery`] until [`UnverifiedDelivery::verify`] turns it into a [`Verified`], the only
//! way to its body. Parsing needs no key. The [`Dialect`] is recognised from the signature itself. Whoever sends deliveries
//! as Upvest does begins with an [`UnsignedDelivery`].
//! `docs/signatures.md` describes the dialect, the policy and the published test vectors.
//!
//! # Example
//!
//! We sign a delivery as Upvest would, and verify what arrives:
//!
//! ```
//! use jiff::Timestamp;
//! use upvest::signature::{
//!     Dialect, Freshness, Headers, SignatureOptions, SignedRequest, SigningKey, UnverifiedDelivery, VerifyError,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let created: Timestamp = "2026-11-28T12:00:00Z".parse()?;
//! let body = br#"{"payload":[]}"#;
//! let mut headers = Headers::from_iter([("content-type", "application/json")]);
//! let key = SigningKey::generate_p521("9ed77463-c18e-4794-ab5c-17423f9b801a", Dialect::UnquotedDigest)?;
//! let request = SignedRequest { method: "POST", path: "/webhooks/upvest", query: None, headers: &headers, body };
//! let options = SignatureOptions::new(["@method", "@path", "content-type", "digest"])
//!     .valid(created, created + jiff::SignedDuration::from_secs(60));
//! key.sign(&request, &options)?.apply_to(&mut headers);
//!
//! // What the receiver does. `key_id` tells which key to look up; nothing else of the delivery is to be believed yet.
//! let received_at = created + jiff::SignedDuration::from_secs(1);
//! let request = SignedRequest { method: "POST", path: "/webhooks/upvest", query: None, headers: &headers, body };
//! let delivery = UnverifiedDelivery::parse(request)?;
//! assert_eq!(delivery.key_id(), "9ed77463-c18e-4794-ab5c-17423f9b801a");
//! let known = key.verifying_key()?;
//! let verified = delivery.verify([&known], received_at)?;
//! assert_eq!(verified.body(), body);
//! assert_eq!(verified.dialect(), Dialect::UnquotedDigest);
//! assert_eq!(verified.freshness(), Freshness::Fresh);
//!
//! // Any other body is refused: the signature covers its digest.
//! let forged = SignedRequest { body: br#"{"payload":[{}]}"#, ..request };
//! let refused = UnverifiedDelivery::parse(forged)?.verify([&known], received_at);
//! assert_eq!(refused.unwrap_err(), VerifyError::DigestMismatch);
//! # Ok(())
//! # }
//! ```

mod base;
mod claims;
mod component;
mod dialect;
mod digest;
mod error;
mod fields;
mod freshness;
mod headers;
mod jwk;
mod options;
mod origin;
mod own_id;
mod request;
#[cfg(test)]
mod rfc9421_vectors;
mod search;
mod signing_key;
mod unsigned;
mod upvest_signer;
mod value;
mod verification;
mod verified;
mod verifying_key;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use dialect::Dialect;
use dialect::{DigestHeader, Names};
pub use digest::DigestAlgorithm;
pub use error::VerifyError;
pub use freshness::Freshness;
pub use headers::Headers;
pub use jwk::{Jwk, JwkError};
pub use options::{SignError, SignatureHeaders, SignatureOptions};
pub use origin::{Origin, OriginError};
pub use request::SignedRequest;
pub use signing_key::SigningKey;
pub use unsigned::{NONCE_DIGITS, SIGNATURE_LIFETIME, UnsignedDelivery};
pub use verification::UnverifiedDelivery;
pub use verified::Verified;
pub use verifying_key::{KeyError, VerifyingKey};

/// Bounds each of the headers `signature-input`, `signature`, `digest` and `content-digest`, in bytes.
///
/// API Gateway lets 10,240 bytes of headers through in all, so a delivery that arrives has little more than this.
pub const MAX_HEADER_BYTES: usize = 8 * 1024;
/// Bounds the verifications of one delivery: signatures times ways to write what they are over. One signature takes two
/// where it is by a known key and does not hold, and up to sixteen where covered headers may have been rewritten.
pub const MAX_VERIFICATIONS: usize = 16;
/// Bounds the components that one signature may cover; Upvest's own signer covers about ten.
pub const MAX_COMPONENTS: usize = 64;
/// Bounds the parameters of one signature; RFC 9421 (section 2.3) defines six.
pub const MAX_PARAMETERS: usize = 16;
/// Bounds a key id, in bytes; Upvest's are UUIDs of 36.
pub const MAX_KEY_ID_BYTES: usize = 256;
/// Allows the sender's clock to differ from ours by so many seconds before a delivery counts as expired or not yet valid.
pub const CLOCK_SKEW_SECONDS: i64 = 30;

/// Names a signature algorithm: a property of a key, never of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// Signs by ECDSA on P-521 with SHA-512, the signature in ASN.1 DER: what Upvest uses.
    #[serde(rename = "ecdsa-p521-sha512")]
    EcdsaP521Sha512,
    /// Signs by Ed25519 (RFC 8032): allowed for clients' keys at Upvest, and used by tests.
    #[serde(rename = "ed25519")]
    Ed25519,
    /// Signs by HMAC-SHA-256: for deliveries that we sign ourselves.
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
}

impl Algorithm {
    /// Lists every algorithm, for parsers and tests.
    pub const ALL: [Self; 3] = [Self::EcdsaP521Sha512, Self::Ed25519, Self::HmacSha256];

    /// Returns the name used in the keys table and in the `alg` parameter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP521Sha512 => "ecdsa-p521-sha512",
            Self::Ed25519 => "ed25519",
            Self::HmacSha256 => "hmac-sha256",
        }
    }
}

/// Says that a name is none of [`Dialect`] or [`Algorithm`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} {name:?}")]
pub struct UnknownNameError {
    kind: &'static str,
    name: String,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name);
        found.ok_or_else(|| UnknownNameError {
            kind: "algorithm",
            name: name.to_owned(),
        })
    }
}
