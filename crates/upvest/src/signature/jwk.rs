//! Public keys as JSON Web Keys (RFC 7517, RFC 8037).

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P521_SHA512_ASN1, ED25519, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::Algorithm;

/// Length of a P-521 coordinate.
const COORDINATE_BYTES: usize = 66;
/// Marks an uncompressed point (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// A public key as a JWK: `EC` on `P-521`, or `OKP` with `Ed25519`.
///
/// A value of this type is a valid key: the point is on its curve and, for Ed25519, not of small order. Members that
/// this module does not know are ignored and not exported.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Members", into = "Members")]
pub struct Jwk {
    key_id: Option<String>,
    algorithm: Algorithm,
    public_key: ParsedPublicKey,
}

/// Why a JWK is not a key that verifies deliveries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkError {
    /// It has a private or symmetric member; such a key must not be stored as a public one.
    #[error("the JWK holds private key material")]
    PrivateMember,
    /// Another key type or curve than `EC` with `P-521` or `OKP` with `Ed25519`.
    #[error("unsupported key type {key_type:?} with curve {curve:?}")]
    UnsupportedKey {
        /// The `kty` member.
        key_type: String,
        /// The `crv` member.
        curve: String,
    },
    /// A coordinate is missing, superfluous, not base64url without padding, or of the wrong length.
    #[error("coordinate {name} of the JWK is malformed")]
    MalformedCoordinate {
        /// The member.
        name: &'static str,
    },
    /// The coordinates are not a point on the curve, or one that lets anybody sign.
    #[error("the JWK is not a valid point on its curve")]
    InvalidPoint,
    /// `alg` or `use` says that the key is for something else.
    #[error("the JWK is not meant for this signature algorithm")]
    OtherPurpose,
}

#[derive(Serialize, Deserialize)]
struct Members {
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    kty: String,
    crv: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing)]
    alg: Option<String>,
    #[serde(skip_serializing, rename = "use")]
    purpose: Option<String>,
    #[serde(skip_serializing)]
    d: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    k: Option<IgnoredAny>,
}

impl Jwk {
    /// Creates the JWK of a raw public key: an uncompressed P-521 point, or 32 bytes of Ed25519.
    pub(super) fn from_raw(
        key_id: Option<String>,
        algorithm: Algorithm,
        raw: &[u8],
    ) -> Result<Self, JwkError> {
        let public_key = match algorithm {
            Algorithm::EcdsaP521Sha512 => ParsedPublicKey::new(&ECDSA_P521_SHA512_ASN1, raw),
            Algorithm::Ed25519 if is_small_order(raw) => return Err(JwkError::InvalidPoint),
            Algorithm::Ed25519 => ParsedPublicKey::new(&ED25519, raw),
            Algorithm::HmacSha256 => return Err(JwkError::PrivateMember),
        }
        .map_err(|_| JwkError::InvalidPoint)?;
        Ok(Self {
            key_id,
            algorithm,
            public_key,
        })
    }

    /// Returns the `kid` member.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Returns the same key under another id.
    #[must_use]
    pub fn with_key_id(self, key_id: impl Into<String>) -> Self {
        Self {
            key_id: Some(key_id.into()),
            ..self
        }
    }

    /// Returns the algorithm that the key is for: ECDSA P-521 or Ed25519.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) const fn public_key(&self) -> &ParsedPublicKey {
        &self.public_key
    }
}

impl TryFrom<Members> for Jwk {
    type Error = JwkError;

    fn try_from(members: Members) -> Result<Self, JwkError> {
        if members.d.is_some() || members.k.is_some() {
            return Err(JwkError::PrivateMember);
        }
        let (algorithm, algorithm_names) = match (members.kty.as_str(), members.crv.as_str()) {
            ("EC", "P-521") => (Algorithm::EcdsaP521Sha512, ["ES512", "ES512"]),
            ("OKP", "Ed25519") => (Algorithm::Ed25519, ["EdDSA", "Ed25519"]),
            _ => {
                return Err(JwkError::UnsupportedKey {
                    key_type: members.kty,
                    curve: members.crv,
                });
            }
        };
        let other_algorithm = members
            .alg
            .is_some_and(|name| !algorithm_names.contains(&name.as_str()));
        if other_algorithm || members.purpose.is_some_and(|purpose| purpose != "sig") {
            return Err(JwkError::OtherPurpose);
        }
        let raw = match algorithm {
            Algorithm::Ed25519 if members.y.is_some() => {
                return Err(JwkError::MalformedCoordinate { name: "y" });
            }
            Algorithm::Ed25519 => coordinate("x", members.x.as_deref(), 32)?,
            _ => {
                let mut point = vec![UNCOMPRESSED];
                point.extend(coordinate("x", members.x.as_deref(), COORDINATE_BYTES)?);
                point.extend(coordinate("y", members.y.as_deref(), COORDINATE_BYTES)?);
                point
            }
        };
        Self::from_raw(members.kid, algorithm, &raw)
    }
}

impl From<Jwk> for Members {
    fn from(jwk: Jwk) -> Self {
        let raw = jwk.public_key.as_ref();
        let (kty, crv, x, y) = match jwk.algorithm {
            Algorithm::Ed25519 => ("OKP", "Ed25519", raw, None),
            _ => {
                let (x, y) = raw[1..].split_at(COORDINATE_BYTES);
                ("EC", "P-521", x, Some(y))
            }
        };
        Self {
            kty: kty.to_owned(),
            crv: crv.to_owned(),
            x: Some(URL_SAFE_NO_PAD.encode(x)),
            y: y.map(|y| URL_SAFE_NO_PAD.encode(y)),
            kid: jwk.key_id,
            alg: None,
            purpose: None,
            d: None,
            k: None,
        }
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Jwk")
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Jwk {
    fn eq(&self, other: &Self) -> bool {
        self.key_id == other.key_id
            && self.algorithm == other.algorithm
            && self.public_key.as_ref() == other.public_key.as_ref()
    }
}

impl Eq for Jwk {}

fn coordinate(name: &'static str, text: Option<&str>, length: usize) -> Result<Vec<u8>, JwkError> {
    text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .filter(|bytes| bytes.len() == length)
        .ok_or(JwkError::MalformedCoordinate { name })
}

/// Says whether an Ed25519 key is one of the points of order 1, 2, 4 or 8, for which a signature of any text can be
/// made up without a private key. Encodings are little-endian y with the sign of x in the last bit.
fn is_small_order(raw: &[u8]) -> bool {
    const ORDER_8: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let [first, middle @ .., last] = raw else {
        return true;
    };
    let unsigned_last = last & 0x7f;
    let zero_or_one = *first <= 1 && middle.iter().all(|byte| *byte == 0) && unsigned_last == 0;
    // y = p - 1, p and p + 1, with p = 2^255 - 19.
    let near_p =
        (0xec..=0xee).contains(first) && middle.iter().all(|byte| *byte == 0xff) && unsigned_last == 0x7f;
    let order_8 = ORDER_8
        .iter()
        .any(|point| point[..31] == raw[..raw.len() - 1] && point[31] == unsigned_last);
    zero_or_one || near_p || order_8
}
