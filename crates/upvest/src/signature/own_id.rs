//! Keys that nobody has given an id.

use sha2::{Digest, Sha256};
use uuid::Builder;

use super::{Dialect, KeyError, SigningKey};

/// Stands for the id in what is hashed: with another text, every key would get another id.
const UNNAMED: &str = "unnamed";

impl SigningKey {
    /// Creates an ECDSA P-521 key from its unencrypted PKCS#8 document, in DER, under an id that follows from its public key:
    /// a UUID of version 8.
    ///
    /// The same key has the same id wherever it is read, so that a file with the private key alone is enough to come back
    /// after a restart.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidPrivateKey`] for another kind of document, or [`KeyError::Unavailable`] when the library
    /// rejects its own public key.
    pub fn p521_under_own_id(dialect: Dialect, der: &[u8]) -> Result<Self, KeyError> {
        let unnamed = Self::p521_from_pkcs8(UNNAMED, dialect, der)?;
        let public = unnamed.to_jwk().and_then(|jwk| serde_json::to_vec(&jwk).ok());
        let digest = Sha256::digest(public.ok_or(KeyError::Unavailable)?);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        let id = Builder::from_custom_bytes(bytes).into_uuid();
        Self::p521_from_pkcs8(id.to_string(), dialect, der)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_follows_from_a_key_stays_what_it_was() {
        let key = SigningKey::p521_from_scalar("k", Dialect::UnquotedDigest, &[7]).unwrap();
        let document = key.to_pkcs8().unwrap().unwrap();
        let named = SigningKey::p521_under_own_id(Dialect::QuotedContentDigest, &document).unwrap();
        assert_eq!(named.key_id(), "6eaf2daa-005e-89ac-8131-01352e7fb30f");
        assert_eq!(named.dialect(), Dialect::QuotedContentDigest);
        let thumbprint = |key: &SigningKey| key.to_jwk().unwrap().thumbprint();
        assert_eq!(thumbprint(&named), thumbprint(&key));
    }
}
