//! Keys that sign: for the simulator, smoke tests, replays and requests to the API.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::base::BaseSource;
use super::component::Component;
use super::digest;
use super::value::Form;
use super::verifying_key::{checked_key_id, checked_secret};
use super::{
    Algorithm, Dialect, Jwk, KeyError, SignError, SignatureHeaders, SignatureOptions, SignedRequest,
    VerifyingKey,
};

/// Holds a key that signs: id, dialect, algorithm and private key or shared secret.
pub struct SigningKey {
    key_id: String,
    dialect: Dialect,
    material: Material,
}

enum Material {
    EcdsaP521(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Hmac(SecretSlice<u8>),
}

impl SigningKey {
    /// Generates an ECDSA P-521 key from the operating system's randomness.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`], or [`KeyError::Unavailable`] when the library cannot generate one.
    pub fn generate_p521(key_id: impl AsRef<str>, dialect: Dialect) -> Result<Self, KeyError> {
        let pair =
            EcdsaKeyPair::generate(&ECDSA_P521_SHA512_ASN1_SIGNING).map_err(|_| KeyError::Unavailable)?;
        Self::new(key_id, dialect, Material::EcdsaP521(pair))
    }

    /// Generates an Ed25519 key from the operating system's randomness.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`], or [`KeyError::Unavailable`] when the library cannot generate one.
    pub fn generate_ed25519(key_id: impl AsRef<str>, dialect: Dialect) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Unavailable)?;
        Self::new(key_id, dialect, Material::Ed25519(pair))
    }

    /// Creates an ECDSA P-521 key from its private scalar, big-endian, up to 66 bytes.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`], or [`KeyError::InvalidPrivateKey`] for a scalar out of range.
    pub fn p521_from_scalar(
        key_id: impl AsRef<str>,
        dialect: Dialect,
        scalar: &[u8],
    ) -> Result<Self, KeyError> {
        let der = scalar_to_der(scalar).ok_or(KeyError::InvalidPrivateKey)?;
        Self::p521_from_sec1(key_id, dialect, &der)
    }

    /// Creates an ECDSA P-521 key from its unencrypted PKCS#8 document, in DER.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`], or [`KeyError::InvalidPrivateKey`] for another kind of document.
    pub fn p521_from_pkcs8(key_id: impl AsRef<str>, dialect: Dialect, der: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P521_SHA512_ASN1_SIGNING, der)
            .map_err(|_| KeyError::InvalidPrivateKey)?;
        Self::new(key_id, dialect, Material::EcdsaP521(pair))
    }

    /// Creates an ECDSA P-521 key from its SEC1 document (RFC 5915, `EC PRIVATE KEY` in PEM), in DER.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`], or [`KeyError::InvalidPrivateKey`] for another kind of document.
    pub fn p521_from_sec1(key_id: impl AsRef<str>, dialect: Dialect, der: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P521_SHA512_ASN1_SIGNING, der)
            .map_err(|_| KeyError::InvalidPrivateKey)?;
        Self::new(key_id, dialect, Material::EcdsaP521(pair))
    }

    /// Creates an Ed25519 key from its unencrypted PKCS#8 document (version 1 or 2), in DER.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`], or [`KeyError::InvalidPrivateKey`] for another kind of document.
    pub fn ed25519_from_pkcs8(
        key_id: impl AsRef<str>,
        dialect: Dialect,
        der: &[u8],
    ) -> Result<Self, KeyError> {
        let pair =
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| KeyError::InvalidPrivateKey)?;
        Self::new(key_id, dialect, Material::Ed25519(pair))
    }

    /// Creates an Ed25519 key from its 32-byte seed.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`], or [`KeyError::InvalidPrivateKey`] for a seed of another length.
    pub fn ed25519_from_seed(
        key_id: impl AsRef<str>,
        dialect: Dialect,
        seed: &[u8],
    ) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::InvalidPrivateKey)?;
        Self::new(key_id, dialect, Material::Ed25519(pair))
    }

    /// Creates an HMAC-SHA-256 key, for deliveries that we sign ourselves.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`] or [`KeyError::SecretTooShort`].
    pub fn hmac(
        key_id: impl AsRef<str>,
        dialect: Dialect,
        secret: SecretSlice<u8>,
    ) -> Result<Self, KeyError> {
        Self::new(key_id, dialect, Material::Hmac(checked_secret(secret)?))
    }

    fn new(key_id: impl AsRef<str>, dialect: Dialect, material: Material) -> Result<Self, KeyError> {
        Ok(Self {
            key_id: checked_key_id(key_id.as_ref())?,
            dialect,
            material,
        })
    }

    /// Returns the id that signatures carry in their `keyid` parameter.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Returns the dialect in which the key's owner chose to sign.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the algorithm in which the key signs.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::EcdsaP521(_) => Algorithm::EcdsaP521Sha512,
            Material::Ed25519(_) => Algorithm::Ed25519,
            Material::Hmac(_) => Algorithm::HmacSha256,
        }
    }

    /// Returns the public key; `None` for HMAC, which has none.
    #[must_use]
    pub fn to_jwk(&self) -> Option<Jwk> {
        let raw = match &self.material {
            Material::EcdsaP521(pair) => pair.public_key().as_ref(),
            Material::Ed25519(pair) => pair.public_key().as_ref(),
            Material::Hmac(_) => return None,
        };
        Jwk::from_raw(Some(self.key_id.clone()), self.algorithm(), raw).ok()
    }

    /// Exports the private key as PKCS#8 in DER; `None` for HMAC, whose secret the caller has.
    ///
    /// # Errors
    /// Returns [`KeyError::Unavailable`] when the library cannot export it.
    pub fn to_pkcs8(&self) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
        let document = match &self.material {
            Material::EcdsaP521(pair) => pair.to_pkcs8v1(),
            Material::Ed25519(pair) => pair.to_pkcs8v1(),
            Material::Hmac(_) => return Ok(None),
        };
        let document = document.map_err(|_| KeyError::Unavailable)?;
        Ok(Some(Zeroizing::new(document.as_ref().to_vec())))
    }

    /// Returns the key that verifies what this one signs.
    ///
    /// # Errors
    /// Returns [`KeyError::Unavailable`] when the library rejects its own public key.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyError> {
        match &self.material {
            Material::Hmac(secret) => VerifyingKey::hmac(&self.key_id, secret.clone()),
            _ => VerifyingKey::from_jwk(&self.to_jwk().ok_or(KeyError::Unavailable)?),
        }
    }

    /// Signs a request: computes the digest of its body and the three headers to send with it.
    ///
    /// The digest header is covered only if `options` lists it; a receiver with this crate's policy asks for it.
    ///
    /// ```
    /// use upvest::signature::{Dialect, Headers, SignatureOptions, SignedRequest, SigningKey};
    ///
    /// let key = SigningKey::ed25519_from_seed("k1", Dialect::UnquotedDigest, &[7; 32])?;
    /// let mut headers = Headers::from_iter([("content-type", "application/json")]);
    /// let request = SignedRequest { method: "POST", path: "/hook", query: None, headers: &headers, body: b"{}" };
    /// let signature = key.sign(&request, &SignatureOptions::new(["@method", "@path", "digest"]))?;
    /// assert_eq!(signature.signature_input, r#"sig1=("@method" "@path" "digest");keyid="k1""#);
    ///
    /// signature.apply_to(&mut headers);
    /// assert!(headers.combined("digest").is_some_and(|digest| digest.starts_with("SHA-256=")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`SignError`] when a component is not in the request or an option cannot be written as a parameter.
    pub fn sign(
        &self,
        request: &SignedRequest<'_>,
        options: &SignatureOptions,
    ) -> Result<SignatureHeaders, SignError> {
        let digest_name = self.dialect.digest_header();
        let digest = digest::header_value(self.dialect.digest(), options.digest, request.body);
        let mut headers = request.headers.clone();
        headers.set(digest_name, digest.as_str());
        let components = options
            .components
            .iter()
            .map(|text| Component::parse(text))
            .collect::<Result<Vec<_>, _>>()
            .map_err(SignError::Component)?;
        let parameters = options.parameters(&components, self)?;
        let source = BaseSource {
            request: &SignedRequest {
                headers: &headers,
                ..*request
            },
            origin: options.sent_to.as_ref(),
            components: &components,
            parameters: &parameters,
        };
        let base = source
            .write(self.dialect.names(), Form::RECEIVED)
            .map_err(SignError::Component)?;
        let signature = STANDARD.encode(self.sign_base(&base)?);
        Ok(SignatureHeaders {
            digest_name,
            digest,
            signature_input: format!("{}={parameters}", options.label),
            signature: format!("{}=:{signature}:", options.label),
        })
    }

    /// Signs a text as it stands, for callers that write the signature base themselves.
    ///
    /// # Errors
    /// Returns [`SignError::Unavailable`] when the library cannot sign.
    pub fn sign_base(&self, base: &str) -> Result<Vec<u8>, SignError> {
        Ok(match &self.material {
            Material::EcdsaP521(pair) => {
                let signature = pair.sign(&SystemRandom::new(), base.as_bytes());
                signature.map_err(|_| SignError::Unavailable)?.as_ref().to_vec()
            }
            Material::Ed25519(pair) => pair
                .try_sign(base.as_bytes())
                .map_err(|_| SignError::Unavailable)?
                .as_ref()
                .to_vec(),
            Material::Hmac(secret) => Hmac::<Sha256>::new_from_slice(secret.expose_secret())
                .map_err(|_| SignError::Unavailable)?
                .chain_update(base)
                .finalize()
                .into_bytes()
                .to_vec(),
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SigningKey")
            .field("key_id", &self.key_id)
            .field("dialect", &self.dialect)
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

/// Wraps a scalar as an RFC 5915 `ECPrivateKey` without its optional parts; the library derives the public key.
fn scalar_to_der(scalar: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const SCALAR_BYTES: usize = 66;
    // A sequence of 71 bytes, the version 1, and a string of 66 bytes.
    const PREFIX: [u8; 7] = [0x30, 0x47, 0x02, 0x01, 0x01, 0x04, 0x42];
    let padding = SCALAR_BYTES.checked_sub(scalar.len())?;
    let mut der = Zeroizing::new(Vec::with_capacity(PREFIX.len() + SCALAR_BYTES));
    der.extend_from_slice(&PREFIX);
    der.resize(PREFIX.len() + padding, 0);
    der.extend_from_slice(scalar);
    Some(der)
}

#[cfg(test)]
mod tests;
