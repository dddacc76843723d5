//! Keys that verify.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, ParsedPublicKey, UnparsedPublicKey};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

use super::{Algorithm, Dialect, Freshness, Jwk, JwkError, MAX_KEY_ID_BYTES, VerifyError};
use crate::synthetic::Scope;

/// Bounds an HMAC secret from below, in bytes: 128 bits, which nobody can search through.
pub(super) const MIN_SECRET_BYTES: usize = 16;

/// Holds a key that verifies deliveries: id, algorithm, public key or shared secret, and what its owner may report.
///
/// It says nothing about how its owner signs: that is recognised in each delivery. It remembers what to try first.
#[derive(Clone)]
pub struct VerifyingKey {
    key_id: String,
    prefers: Dialect,
    material: Material,
    thumbprint: Option<String>,
    scope: Scope,
    retired_at: Option<Timestamp>,
    distrusted_at: Option<Timestamp>,
}

#[derive(Clone)]
enum Material {
    EcdsaP521(ParsedPublicKey),
    Ed25519(ParsedPublicKey),
    Hmac(SecretSlice<u8>),
}

/// Tells why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The JWK has no `kid`, by which deliveries could name it.
    #[error("the key has no id")]
    MissingKeyId,
    /// The id is empty, longer than [`MAX_KEY_ID_BYTES`](super::MAX_KEY_ID_BYTES), or not printable ASCII.
    #[error("the key id is not 1 to {MAX_KEY_ID_BYTES} printable ASCII characters")]
    InvalidKeyId,
    /// The HMAC secret is too short to protect anything.
    #[error("the secret is shorter than {MIN_SECRET_BYTES} bytes")]
    SecretTooShort,
    /// The private key cannot be read, is of another type, or is out of range.
    #[error("the private key is malformed or of another type")]
    InvalidPrivateKey,
    /// The public key is not valid.
    #[error("the public key is not valid")]
    InvalidPublicKey(#[from] JwkError),
    /// The cryptographic library could not generate or export a key.
    #[error("the key could not be generated or exported")]
    Unavailable,
}

impl VerifyingKey {
    /// Creates the key that a JWK describes, under the JWK's `kid`; its owner is taken to be Upvest.
    ///
    /// ```
    /// use upvest::signature::{Algorithm, Jwk, KeyError, VerifyingKey};
    ///
    /// // RFC 8037, appendix A.2.
    /// let named = r#"{"kid":"k1","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// let key = VerifyingKey::from_jwk(&serde_json::from_str::<Jwk>(named)?)?;
    /// assert_eq!((key.key_id(), key.algorithm()), ("k1", Algorithm::Ed25519));
    ///
    /// let nameless: Jwk = serde_json::from_str(&named.replace(r#""kid":"k1","#, ""))?;
    /// assert_eq!(VerifyingKey::from_jwk(&nameless).unwrap_err(), KeyError::MissingKeyId);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`KeyError::MissingKeyId`] or [`KeyError::InvalidKeyId`] when the `kid` cannot be used.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        let key_id = checked_key_id(jwk.key_id().ok_or(KeyError::MissingKeyId)?)?;
        let public_key = jwk.public_key().clone();
        let material = match jwk.algorithm() {
            Algorithm::Ed25519 => Material::Ed25519(public_key),
            // A JWK is never one for HMAC: `Jwk` refuses those.
            Algorithm::EcdsaP521Sha512 | Algorithm::HmacSha256 => Material::EcdsaP521(public_key),
        };
        Ok(Self {
            key_id,
            prefers: Dialect::UnquotedDigest,
            material,
            thumbprint: Some(jwk.thumbprint()),
            scope: Scope::Upvest,
            retired_at: None,
            distrusted_at: None,
        })
    }

    /// Creates an HMAC-SHA-256 key; its owner is taken to be us.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`] or [`KeyError::SecretTooShort`].
    pub fn hmac(key_id: impl AsRef<str>, secret: SecretSlice<u8>) -> Result<Self, KeyError> {
        let key_id = checked_key_id(key_id.as_ref())?;
        let material = Material::Hmac(checked_secret(secret)?);
        Ok(Self {
            key_id,
            prefers: Dialect::UnquotedDigest,
            material,
            thumbprint: None,
            scope: Scope::Everything,
            retired_at: None,
            distrusted_at: None,
        })
    }

    /// Limits the key to deliveries of synthetic events.
    #[must_use]
    pub fn only_synthetic(self) -> Self {
        Self {
            scope: Scope::Synthetic,
            ..self
        }
    }

    /// Limits the key to events whose ids mark them as made up.
    #[must_use]
    pub fn only_made_up(self) -> Self {
        Self {
            scope: Scope::Developer,
            ..self
        }
    }

    /// Has the key prove only what was received before `at`: its owner does not use it any longer.
    #[must_use]
    pub fn retired(self, at: Timestamp) -> Self {
        Self {
            retired_at: Some(at),
            ..self
        }
    }

    /// Has the key prove only what was received before `at`: since then others may have it.
    #[must_use]
    pub fn distrusted(self, at: Timestamp) -> Self {
        Self {
            distrusted_at: Some(at),
            ..self
        }
    }

    /// Tells whether the key was neither retired by its owner nor distrusted by an operator yet at this time.
    #[must_use]
    pub fn proves_at(&self, received_at: Timestamp) -> bool {
        ![self.distrusted_at, self.retired_at]
            .into_iter()
            .flatten()
            .any(|end| received_at >= end)
    }

    /// Refuses what was received when the key proved nothing any longer.
    pub(super) fn check_time(&self, received_at: Timestamp, freshness: Freshness) -> Result<(), VerifyError> {
        let is_over = |end: Option<Timestamp>| end.is_some_and(|end| received_at >= end);
        let key_id = || self.key_id.clone();
        if is_over(self.distrusted_at) {
            return Err(VerifyError::KeyDistrusted { key_id: key_id() });
        }
        if is_over(self.retired_at) {
            let key_id = key_id();
            return Err(VerifyError::KeyRetired { key_id, freshness });
        }
        Ok(())
    }

    /// Returns which events the key's owner may report.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// Returns the id that deliveries name in their `keyid` parameter.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Names the public key itself, whatever its id, by its [thumbprint](Jwk::thumbprint); `None` for a secret.
    #[must_use]
    pub fn thumbprint(&self) -> Option<&str> {
        self.thumbprint.as_deref()
    }

    /// Has this dialect tried first: that of the last delivery which the key proved. A wrong one costs a second
    /// verification and changes no outcome.
    #[must_use]
    pub fn preferring(self, dialect: Dialect) -> Self {
        Self {
            prefers: dialect,
            ..self
        }
    }

    /// Returns the dialect that is tried first; that which Upvest documents unless told.
    #[must_use]
    pub const fn prefers(&self) -> Dialect {
        self.prefers
    }

    /// Returns the algorithm, which the key alone decides and never the delivery.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::EcdsaP521(_) => Algorithm::EcdsaP521Sha512,
            Material::Ed25519(_) => Algorithm::Ed25519,
            Material::Hmac(_) => Algorithm::HmacSha256,
        }
    }

    /// Says whether a signature holds over a signature base; for ECDSA in either of its two encodings.
    pub(super) fn verify_base(&self, base: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::EcdsaP521(key) => {
                key.verify_sig(base, signature).is_ok() || fixed_holds(key, base, signature)
            }
            Material::Ed25519(key) => key.verify_sig(base, signature).is_ok(),
            Material::Hmac(secret) => Hmac::<Sha256>::new_from_slice(secret.expose_secret())
                .is_ok_and(|mac| mac.chain_update(base).verify_slice(signature).is_ok()),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VerifyingKey")
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm())
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// Verifies the other encoding of an ECDSA signature, r and s one after the other. Upvest's signers write ASN.1, but do
/// not promise it for deliveries.
fn fixed_holds(key: &ParsedPublicKey, base: &[u8], signature: &[u8]) -> bool {
    // No look at the length before: the library refuses all but 132 bytes.
    UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, key.as_ref())
        .verify(base, signature)
        .is_ok()
}

pub(super) fn checked_key_id(key_id: &str) -> Result<String, KeyError> {
    // What a string of a structured field may hold (RFC 9651, section 3.3.3): no delivery names another.
    let printable = key_id.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if (1..=MAX_KEY_ID_BYTES).contains(&key_id.len()) && printable {
        Ok(key_id.to_owned())
    } else {
        Err(KeyError::InvalidKeyId)
    }
}

pub(super) fn checked_secret(secret: SecretSlice<u8>) -> Result<SecretSlice<u8>, KeyError> {
    if secret.expose_secret().len() < MIN_SECRET_BYTES {
        Err(KeyError::SecretTooShort)
    } else {
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::signature::SigningKey;

    #[test]
    fn the_ed25519_example_of_rfc_9421_holds() {
        let jwk: Jwk = serde_json::from_str(
            r#"{"kty":"OKP","crv":"Ed25519","kid":"test-key-ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}"#,
        )
        .unwrap();
        let base = "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\
            \"@authority\": example.com\n\"content-type\": application/json\n\"content-length\": 18\n\
            \"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \
            \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"";
        let signature = STANDARD
            .decode(
                "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
            )
            .unwrap();
        let key = VerifyingKey::from_jwk(&jwk).unwrap();
        assert!(key.verify_base(base.as_bytes(), &signature));
    }

    #[test]
    fn the_hmac_example_of_rfc_9421_holds() {
        let secret =
            "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
        let base = "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n\
            \"content-type\": application/json\n\
            \"@signature-params\": (\"date\" \"@authority\" \"content-type\");created=1618884473\
            ;keyid=\"test-shared-secret\"";
        let secret = STANDARD.decode(secret).unwrap().into();
        let key = VerifyingKey::hmac("test-shared-secret", secret).unwrap();
        let signature = STANDARD
            .decode("pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=")
            .unwrap();
        assert!(key.verify_base(base.as_bytes(), &signature));
        assert!(!key.verify_base(base.as_bytes(), &signature[..31]));
        assert!(!key.verify_base(base.as_bytes(), b""));
    }

    #[test]
    fn unusable_ids_and_short_secrets_are_refused() {
        let hmac = |key_id: &str, secret: &[u8]| VerifyingKey::hmac(key_id, secret.to_vec().into());
        for key_id in ["", "a\nb", "é", &"k".repeat(MAX_KEY_ID_BYTES + 1)] {
            assert_eq!(
                hmac(key_id, &[7; 32]).unwrap_err(),
                KeyError::InvalidKeyId,
                "{key_id}"
            );
        }
        assert_eq!(
            hmac("k", &[7; MIN_SECRET_BYTES - 1]).unwrap_err(),
            KeyError::SecretTooShort
        );
        assert!(hmac("k", &[7; MIN_SECRET_BYTES]).is_ok());
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let secret = b"sixteen byte key".to_vec();
        let verifying = VerifyingKey::hmac("k", secret.clone().into()).unwrap();
        let signing = SigningKey::hmac("k", Dialect::QuotedContentDigest, secret.into()).unwrap();
        let text = format!("{verifying:?} {signing:?}");
        assert!(
            text.contains("HmacSha256") && !text.contains("sixteen") && !text.contains("115"),
            "{text}"
        );
    }
}
