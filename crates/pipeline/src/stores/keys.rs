//! The keys table: Upvest's verification keys and our own HMAC keys, with their history.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use secrecy::SecretSlice;
use tokio::sync::Mutex;
use upvest::signature::{Algorithm, Jwk, Profile, VerifyingKey};

use crate::error::AwsError;
use crate::key_refresh::SOURCE;
use crate::runtime::clock::Clock;
use crate::runtime::metrics;

/// How long a key read from the table is used without reading it again.
const KNOWN_FOR: Duration = Duration::from_secs(300);
/// How long a key id that is not in the table is taken for unknown without asking again: shorter than a delivery that names it
/// waits for its next attempt, so that this finds a key that was fetched meanwhile.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);
/// The most key ids remembered: forged ids must not fill the memory.
const REMEMBERED: usize = 1_000;

/// The attribute of a key that may sign only some events, and its one value. An HMAC key without it may sign all.
pub const ONLY: &str = "only";
/// See [`ONLY`].
pub const ONLY_SYNTHETIC: &str = "synthetic";

/// Reads verification keys, remembers them, and remembers which ids are unknown.
#[derive(Debug)]
pub struct Keys {
    dynamodb: aws_sdk_dynamodb::Client,
    secrets: aws_sdk_secretsmanager::Client,
    table: String,
    clock: Clock,
    // Held across the read: of several deliveries with the same new key id, one reads and the others wait for it.
    remembered: Mutex<HashMap<String, Remembered>>,
}

#[derive(Debug, Clone)]
struct Remembered {
    key: Option<Arc<VerifyingKey>>,
    until: Timestamp,
}

/// Why a key could not be had. Absence is no error.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The table could not be read.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The secret of an HMAC key could not be read.
    #[error("the secret of key {key_id} cannot be read")]
    Secret {
        /// The key's id.
        key_id: String,
        /// What the call failed with.
        source: AwsError,
    },
    /// The item in the table is not a key.
    #[error("key {key_id} in the keys table has no usable {attribute}")]
    Unusable {
        /// The key's id.
        key_id: String,
        /// The attribute at fault.
        attribute: &'static str,
    },
}

impl Keys {
    /// The keys of the table `table`.
    #[must_use]
    pub fn new(
        dynamodb: aws_sdk_dynamodb::Client,
        secrets: aws_sdk_secretsmanager::Client,
        table: String,
        clock: Clock,
    ) -> Self {
        Self {
            dynamodb,
            secrets,
            table,
            clock,
            remembered: Mutex::default(),
        }
    }

    /// The key with this id; `None` when there is none in the table.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when that cannot be found out, or what is found is not a key.
    pub async fn find(&self, key_id: &str) -> Result<Option<Arc<VerifyingKey>>, KeysError> {
        let mut remembered = self.remembered.lock().await;
        let now = self.clock.now();
        if let Some(known) = remembered.get(key_id).filter(|known| known.until > now) {
            return Ok(known.key.clone());
        }
        let key = self.read(key_id).await?;
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        let until = now + if key.is_some() { KNOWN_FOR } else { UNKNOWN_FOR };
        remembered.insert(
            key_id.to_owned(),
            Remembered {
                key: key.clone(),
                until,
            },
        );
        Ok(key)
    }

    async fn read(&self, key_id: &str) -> Result<Option<Arc<VerifyingKey>>, KeysError> {
        let request = self
            .dynamodb
            .get_item()
            .table_name(&self.table)
            .consistent_read(true);
        let id = AttributeValue::S(key_id.to_owned());
        let found = request
            .key("key_id", id)
            .send()
            .await
            .map_err(AwsError::of("GetItem of the keys table"))?;
        let Some(item) = found.item else { return Ok(None) };
        let unusable = |attribute| KeysError::Unusable {
            key_id: key_id.to_owned(),
            attribute,
        };
        let text = |attribute: &'static str| {
            item.get(attribute)
                .and_then(|value| value.as_s().ok())
                .ok_or_else(|| unusable(attribute))
        };
        if text("source").is_ok_and(|source| source == SOURCE)
            && let Ok(Ok(seen)) = text("last_seen").map(|seen| seen.parse::<Timestamp>())
        {
            metrics::key_age(self.clock.now().duration_since(seen));
        }
        let limited = |key: VerifyingKey| match item.get(ONLY) {
            None => Ok(Some(Arc::new(key))),
            Some(AttributeValue::S(only)) if only == ONLY_SYNTHETIC => {
                Ok(Some(Arc::new(key.only_synthetic())))
            }
            // A limit that this version does not know is not taken for none.
            Some(_) => Err(unusable(ONLY)),
        };
        let profile: Profile = text("profile")?.parse().map_err(|_| unusable("profile"))?;
        let algorithm: Algorithm = text("algorithm")?.parse().map_err(|_| unusable("algorithm"))?;
        if algorithm == Algorithm::HmacSha256 {
            let secret = self.secret(text("secret")?).await;
            let secret = secret.map_err(|source| KeysError::Secret {
                key_id: key_id.to_owned(),
                source,
            })?;
            let secret = secret.ok_or_else(|| unusable("secret"))?;
            let key = VerifyingKey::hmac(key_id, profile, secret).map_err(|_| unusable("secret"))?;
            return limited(key);
        }
        let jwk: Jwk = serde_json::from_str(text("jwk")?).map_err(|_| unusable("jwk"))?;
        let key = VerifyingKey::from_jwk(profile, &jwk.with_key_id(key_id)).map_err(|_| unusable("jwk"))?;
        if key.algorithm() == algorithm {
            limited(key)
        } else {
            Err(unusable("algorithm"))
        }
    }

    async fn secret(&self, arn: &str) -> Result<Option<SecretSlice<u8>>, AwsError> {
        let value = self.secrets.get_secret_value().secret_id(arn).send().await;
        let value = value.map_err(AwsError::of("GetSecretValue of an HMAC key"))?;
        let bytes = match (value.secret_binary, value.secret_string) {
            (Some(binary), _) => Some(binary.into_inner()),
            (None, text) => text.map(String::into_bytes),
        };
        Ok(bytes.map(SecretSlice::from))
    }
}
