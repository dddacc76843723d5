//! Public keys as JSON Web Keys (RFC 7517, RFC 8037).

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P521_SHA512_ASN1, ED25519, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Algorithm;

/// Counts the bytes of a P-521 coordinate: 521 bits, rounded up.
const COORDINATE_BYTES: usize = 66;
/// Marks an uncompressed point (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// Holds a public key as a JWK: `EC` on `P-521`, or `OKP` with `Ed25519`.
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

/// Tells why a JWK is not a key that verifies deliveries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkError {
    /// The JWK has a private or symmetric member; such a key must not be stored as a public one.
    #[error("the JWK holds private key material")]
    PrivateMember,
    /// The key has another type or curve than `EC` with `P-521` or `OKP` with `Ed25519`.
    #[error("unsupported key type {key_type:?} with curve {curve:?}")]
    UnsupportedKey {
        /// Repeats the `kty` member, which names the family of keys.
        key_type: String,
        /// Repeats the `crv` member, which names the curve.
        curve: String,
    },
    /// A coordinate is missing, superfluous, not base64url without padding, or of the wrong length.
    #[error("coordinate {name} of the JWK is malformed")]
    MalformedCoordinate {
        /// Names the member: `x` or `y`.
        name: &'static str,
    },
    /// The coordinates are not a point on the curve, or one that lets anybody sign.
    #[error("the JWK is not a valid point on its curve")]
    InvalidPoint,
    /// `alg`, `use` or `key_ops` says that the key is for something else.
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
    key_ops: Option<Vec<String>>,
    // That they are there is enough to refuse the key: what they hold is not read into memory.
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

    /// Returns the `kid` member, by which deliveries name the key.
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

    /// Names the key itself, whatever its id and however its JSON is written: its thumbprint by RFC 7638, which is SHA-256 in
    /// base64url. People compare keys by it.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // The required members alone, sorted by name, without white space; their values need no escapes.
        let members = Members::from(self.clone());
        let x = members.x.unwrap_or_default();
        let y = members.y.map_or(String::new(), |y| format!(r#","y":"{y}""#));
        let json = format!(
            r#"{{"crv":"{}","kty":"{}","x":"{x}"{y}}}"#,
            members.crv, members.kty
        );
        URL_SAFE_NO_PAD.encode(Sha256::digest(json))
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
            // `EdDSA` is the name of RFC 8037, `Ed25519` that of RFC 9864; ECDSA has one, which stands twice.
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
        let other_use = members.purpose.is_some_and(|purpose| purpose != "sig")
            || members
                .key_ops
                .is_some_and(|operations| !operations.iter().any(|operation| operation == "verify"));
        if other_algorithm || other_use {
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
            key_ops: None,
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

// By hand, because the library's keys cannot be compared.
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const DOCUMENTED: &str = r#"{"kid":"9ed77463-c18e-4794-ab5c-17423f9b801a","kty":"EC","crv":"P-521","x":"AcYAf5Ou0UvtehpeRvyhnvvrUQvjI4B3VCxfSmxK4gqKJGxO_jTB-nTdrHbBfmZpwmwYR86DppMg43E579K5MQ54","y":"ALkrId77iD0Ye2vBS5bTkLqPH-bo8urTpTXiNc6Ub-VOFbXfJrR0tQ8COvVXXu58BTu8jWV-1mtbjfJpDl3ISbcK"}"#;
    /// The public key of RFC 8037, appendix A.
    const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    #[test]
    fn a_key_has_the_thumbprint_of_its_required_members() {
        // RFC 8037, appendix A.3.
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X, "kid": "any" });
        let jwk: Jwk = serde_json::from_value(jwk).unwrap();
        assert_eq!(jwk.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let documented: Jwk = serde_json::from_str(DOCUMENTED).unwrap();
        assert_eq!(
            documented.thumbprint(),
            "tZUIRrFZzEy-atfXF7rR6cr11cfEaDHGGrt8zOnPj7Q"
        );
        assert_eq!(
            documented.clone().with_key_id("other").thumbprint(),
            documented.thumbprint()
        );
    }

    fn changed(name: &str, value: Value) -> Result<Jwk, String> {
        let mut jwk: Value = serde_json::from_str(DOCUMENTED).unwrap();
        jwk[name] = value;
        serde_json::from_value(jwk).map_err(|error| error.to_string())
    }

    #[test]
    fn the_documented_key_survives_a_round_trip() {
        let jwk: Jwk = serde_json::from_str(DOCUMENTED).unwrap();
        assert_eq!(jwk.key_id(), Some("9ed77463-c18e-4794-ab5c-17423f9b801a"));
        assert_eq!(jwk.algorithm(), Algorithm::EcdsaP521Sha512);
        assert_eq!(serde_json::to_string(&jwk).unwrap(), DOCUMENTED);
    }

    #[test]
    fn an_ed25519_key_survives_a_round_trip_without_an_id() {
        let text = json!({"kty": "OKP", "crv": "Ed25519", "x": ED25519_X});
        let jwk: Jwk = serde_json::from_value(text.clone()).unwrap();
        assert_eq!((jwk.key_id(), jwk.algorithm()), (None, Algorithm::Ed25519));
        assert_eq!(serde_json::to_value(&jwk).unwrap(), text);
    }

    #[test]
    fn members_that_contradict_a_public_signature_key_are_refused() {
        for name in ["d", "k"] {
            assert_eq!(
                changed(name, json!("AA")).unwrap_err(),
                JwkError::PrivateMember.to_string()
            );
        }
        for (name, value) in [
            ("alg", json!("ES256")),
            ("use", json!("enc")),
            ("key_ops", json!(["sign"])),
        ] {
            assert_eq!(
                changed(name, value).unwrap_err(),
                JwkError::OtherPurpose.to_string()
            );
        }
        assert!(changed("alg", json!("ES512")).is_ok());
        assert!(changed("key_ops", json!(["verify", "x"])).is_ok());
        assert!(changed("x5t", json!("ignored")).is_ok());
        assert!(
            changed("crv", json!("P-256"))
                .unwrap_err()
                .starts_with("unsupported key type")
        );
    }

    #[test]
    fn coordinates_have_exactly_their_length() {
        let x = |text: &str| changed("x", json!(text)).unwrap_err();
        let good = "AcYAf5Ou0UvtehpeRvyhnvvrUQvjI4B3VCxfSmxK4gqKJGxO_jTB-nTdrHbBfmZpwmwYR86DppMg43E579K5MQ54";
        for text in [
            "",
            "AA",
            "not base64!",
            &good[4..],
            &format!("AAAA{good}"),
            &format!("{good}=="),
        ] {
            assert_eq!(
                x(text),
                JwkError::MalformedCoordinate { name: "x" }.to_string(),
                "{text}"
            );
        }
        assert!(changed("y", Value::Null).is_err());
    }

    #[test]
    fn points_off_the_curve_and_of_small_order_are_refused() {
        let x = "AcYAf5Ou0UvtehpeRvyhnvvrUQvjI4B3VCxfSmxK4gqKJGxO_jTB-nTdrHbBfmZpwmwYR86DppMg43E579K5MQ55";
        assert_eq!(
            changed("x", json!(x)).unwrap_err(),
            JwkError::InvalidPoint.to_string()
        );
        let mut weak = vec![[0; 32], [0xff; 32]];
        weak[1][0] = 0xec;
        weak.push(weak[1]);
        weak[2][31] = 0x7f;
        let order_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85";
        weak.push(hex::decode(order_8).unwrap().try_into().unwrap());
        for point in weak {
            let result = Jwk::from_raw(None, Algorithm::Ed25519, &point);
            assert_eq!(result.unwrap_err(), JwkError::InvalidPoint, "{point:?}");
        }
    }
}
