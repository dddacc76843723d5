//! The keys that sign deliveries, and those that are published.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha512};
use upvest::signature::{Dialect, Jwk, KeyError, SigningKey};
use uuid::Uuid;

/// Gives the key id of [`published_test_key`].
pub const TEST_KEY_ID: &str = "00000000-0000-4000-8000-000000000001";

/// Shapes the body of `GET /auth/verify_keys`.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyKeys {
    /// Lists the key in use, followed by replaced ones that are still published.
    pub keys: Vec<Jwk>,
}

/// Holds the key in use, and the replaced ones that are still published.
#[derive(Debug)]
pub(crate) struct KeyRing {
    current: Arc<SigningKey>,
    replaced: Vec<Replaced>,
}

#[derive(Debug)]
struct Replaced {
    key: Arc<SigningKey>,
    published_until: Timestamp,
}

impl KeyRing {
    pub(crate) fn new(current: SigningKey) -> Self {
        Self {
            current: Arc::new(current),
            replaced: Vec::new(),
        }
    }

    pub(crate) fn current(&self) -> Arc<SigningKey> {
        Arc::clone(&self.current)
    }

    pub(crate) fn replace(&mut self, next: SigningKey, published_until: Timestamp) {
        let key = std::mem::replace(&mut self.current, Arc::new(next));
        self.replaced.push(Replaced { key, published_until });
    }

    pub(crate) fn published(&mut self, now: Timestamp) -> VerifyKeys {
        self.replaced.retain(|replaced| now < replaced.published_until);
        let replaced = self.replaced.iter().rev().map(|replaced| &replaced.key);
        let keys = std::iter::once(&self.current).chain(replaced);
        VerifyKeys {
            keys: keys.filter_map(|key| key.to_jwk()).collect(),
        }
    }
}

/// Generates a P-521 key for Upvest's dialect of webhooks; its id is a UUID that follows from the public key.
///
/// # Errors
/// [`KeyError::Unavailable`] when the cryptographic library cannot generate one.
pub fn generate_key() -> Result<SigningKey, KeyError> {
    let key = SigningKey::generate_p521("unnamed", Dialect::UnquotedDigest)?;
    let document = key.to_pkcs8()?.ok_or(KeyError::Unavailable)?;
    SigningKey::p521_under_own_id(Dialect::UnquotedDigest, &document)
}

/// Makes the key of the published test vector and of `events/deliveries/`: its private scalar is the SHA-512 of the
/// text `synthetic upvest webhook test key`, so everybody can sign with it. Never trust it outside of tests.
///
/// # Errors
/// [`KeyError`] when the cryptographic library refuses the scalar.
pub fn published_test_key() -> Result<SigningKey, KeyError> {
    let scalar = Sha512::digest("synthetic upvest webhook test key");
    SigningKey::p521_from_scalar(TEST_KEY_ID, Dialect::UnquotedDigest, &scalar)
}

/// Makes a key that is never published, under a random id.
pub(crate) fn stranger_key() -> Result<SigningKey, KeyError> {
    SigningKey::generate_p521(Uuid::new_v4().to_string(), Dialect::UnquotedDigest)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ids(keys: &VerifyKeys) -> Vec<&str> {
        keys.keys.iter().map(|key| key.key_id().unwrap()).collect()
    }

    #[test]
    fn a_replaced_key_stays_published_until_its_overlap_ends() {
        let (first, second) = (generate_key().unwrap(), generate_key().unwrap());
        let (old, new) = (first.key_id().to_owned(), second.key_id().to_owned());
        let now = Timestamp::UNIX_EPOCH;
        let mut ring = KeyRing::new(first);
        ring.replace(second, now + Duration::from_secs(60));
        assert_eq!(ring.current().key_id(), new);
        assert_eq!(ids(&ring.published(now + Duration::from_secs(59))), [&new, &old]);
        assert_eq!(ids(&ring.published(now + Duration::from_secs(60))), [&new]);
    }

    #[test]
    fn the_test_key_is_the_one_of_the_published_vector() {
        let jwk = serde_json::to_value(published_test_key().unwrap().to_jwk()).unwrap();
        assert_eq!(jwk["kid"], TEST_KEY_ID);
        assert_eq!(
            jwk["x"],
            "ADx82EleuOrgp5VsmcXPD0BxHr1f_u90XDglI4wzeGMvedD7SzMF6eh6-UmneJCa7aDYo6Snbn8mbNwTXOya3svF"
        );
    }
}
