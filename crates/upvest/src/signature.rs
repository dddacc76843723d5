//! HTTP message signatures as Upvest writes them: verifying deliveries, and signing our own.
//!
//! A delivery is an [`UnverifiedDelivery`] until [`UnverifiedDelivery::verify`] turns it into a [`Verified`], the only
//! way to its body. Parsing needs no key; the key decides by its [`Profile`] how the signature base is written.
//! `docs/signatures.md` describes the dialect, the policy and the published test vectors.

mod base;
mod claims;
mod delivery;
mod digest;
mod headers;
mod jwk;
mod options;
mod rejection;
mod request;
mod signing;
mod tokens;
mod verifying;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use claims::Freshness;
pub use delivery::{UnverifiedDelivery, Verified};
pub use digest::DigestAlgorithm;
pub use headers::Headers;
pub use jwk::{Jwk, JwkError};
pub use options::{SignError, SignatureHeaders, SignatureOptions};
pub use rejection::Rejection;
pub use request::SignedRequest;
pub use signing::SigningKey;
pub use verifying::{KeyError, VerifyingKey};

/// Longest accepted `signature-input`, `signature`, `digest` or `content-digest` header, in bytes.
pub const MAX_HEADER_BYTES: usize = 8 * 1024;
/// Most signatures (labels) in one request.
pub const MAX_LABELS: usize = 8;
/// Most components that one signature may cover.
pub const MAX_COMPONENTS: usize = 64;
/// Most parameters of one signature.
pub const MAX_PARAMETERS: usize = 16;
/// Longest key id, in bytes.
pub const MAX_KEY_ID_BYTES: usize = 256;
/// How far the sender's clock may differ from ours, in seconds, before a delivery counts as expired or not yet valid.
pub const CLOCK_SKEW_SECONDS: i64 = 30;

/// A dialect of HTTP message signatures: a property of a key, never guessed from a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Profile {
    /// Component names without quotes in the signature base and a `digest: SHA-256=...` header: what Upvest sends.
    #[serde(rename = "upvest-v6")]
    UpvestV6,
    /// Component names in quotes and a `content-digest` header: draft 15 and RFC 9421.
    #[serde(rename = "quoted")]
    Quoted,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 2] = [Self::UpvestV6, Self::Quoted];

    /// Returns the name used in the keys table and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UpvestV6 => "upvest-v6",
            Self::Quoted => "quoted",
        }
    }

    /// Returns the header that carries the digest of the body.
    #[must_use]
    pub const fn digest_header(self) -> &'static str {
        match self {
            Self::UpvestV6 => "digest",
            Self::Quoted => "content-digest",
        }
    }
}

/// A signature algorithm: a property of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-521 with SHA-512, the signature in ASN.1 DER: what Upvest uses.
    #[serde(rename = "ecdsa-p521-sha512")]
    EcdsaP521Sha512,
    /// Ed25519.
    #[serde(rename = "ed25519")]
    Ed25519,
    /// HMAC-SHA-256, for deliveries that we sign ourselves.
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
}

impl Algorithm {
    /// All algorithms.
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

/// A name that is none of [`Profile`] or [`Algorithm`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} {name:?}")]
pub struct UnknownName {
    kind: &'static str,
    name: String,
}

impl fmt::Display for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Profile {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|profile| profile.as_str() == name);
        found.ok_or_else(|| UnknownName {
            kind: "profile",
            name: name.to_owned(),
        })
    }
}

impl FromStr for Algorithm {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name);
        found.ok_or_else(|| UnknownName {
            kind: "algorithm",
            name: name.to_owned(),
        })
    }
}
