//! Finding the key of a delivery: read from the table, and remembered for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use upvest::signature::{Algorithm, Dialect, Verified, VerifyingKey};
use upvest::synthetic::Scope;

use super::proved::Use;
use super::row::Limit;
use super::{HmacSecrets, KeyRow, KeysTable};
use crate::error::AwsError;
use crate::runtime::clock::Clock;
use crate::runtime::metrics;

/// Says how long a key read from the table is used without reading it again: a key that an operator takes away is used
/// for five minutes more.
const KNOWN_FOR: Duration = Duration::from_secs(300);
/// Says how long a key id that is not in the table is taken for unknown without asking again: shorter than a delivery
/// that names it waits for its next attempt, so that this finds a key that was fetched meanwhile.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);
/// Bounds the number of key ids remembered: forged ids must not fill the memory.
const REMEMBERED: usize = 1_000;

/// Finds verification keys, remembers them, and remembers which ids are unknown.
#[derive(Debug)]
pub struct Keys {
    table: KeysTable,
    secrets: HmacSecrets,
    clock: Clock,
    // Held across the read: of several deliveries with the same new key id, one reads and the others wait for it.
    remembered: Mutex<HashMap<String, Remembered>>,
}

#[derive(Debug, Clone)]
struct Remembered {
    key: Option<Arc<VerifyingKey>>,
    used: Use,
    until: Timestamp,
}

/// Says why a key could not be had. Absence is no error.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The table could not be read.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The secret of an HMAC key could not be read.
    #[error("the secret of key {key_id} cannot be read")]
    Secret {
        /// Gives the id of the key whose secret it is.
        key_id: String,
        /// Says what the call of Secrets Manager failed with.
        source: AwsError,
    },
    /// The item in the table is not a key.
    #[error("key {key_id} in the keys table has no usable {attribute}")]
    Unusable {
        /// Gives the id of the key, as deliveries name it.
        key_id: String,
        /// Names the attribute that is missing, or is not what we write.
        attribute: &'static str,
    },
}

impl Keys {
    /// Finds keys in the table `table`.
    #[must_use]
    pub fn new(
        dynamodb: aws_sdk_dynamodb::Client,
        secrets: aws_sdk_secretsmanager::Client,
        table: String,
        clock: Clock,
    ) -> Self {
        Self {
            table: KeysTable::new(dynamodb, table, clock.clone()),
            secrets: HmacSecrets::new(secrets),
            clock,
            remembered: Mutex::default(),
        }
    }

    /// Finds the key with this id; `None` when there is none in the table.
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
        let row = self.table.row(key_id).await?;
        let (key, used) = match &row {
            Some(row) => (Some(Arc::new(self.read(row).await?)), row.used()),
            None => (None, Use::default()),
        };
        if remembered.len() >= REMEMBERED {
            // Which ids are forged is not known, so all go: each of the real ones costs one read.
            remembered.clear();
        }
        let entry = Remembered {
            until: now + if key.is_some() { KNOWN_FOR } else { UNKNOWN_FOR },
            key: key.clone(),
            used,
        };
        remembered.insert(key_id.to_owned(), entry);
        Ok(key)
    }

    /// Notes that a key proved a delivery, and in which dialect: the next delivery is tried in it first, the table is
    /// told once an hour, and a dialect that is new for the key is reported by whoever is first to note it.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be told. The delivery is proven all the same.
    pub async fn proved(&self, verified: &Verified<'_>) -> Result<(), AwsError> {
        let (key_id, dialect) = (verified.key_id(), verified.dialect());
        let mut remembered = self.remembered.lock().await;
        let Some(Remembered {
            key: Some(key), used, ..
        }) = remembered.get_mut(key_id)
        else {
            return Ok(());
        };
        if key.prefers() != dialect {
            *key = Arc::new(VerifyingKey::clone(key).preferring(dialect));
        }
        let Some(new) = used.after(dialect, self.clock.now()) else {
            return Ok(());
        };
        // Taken before the write, so that deliveries that are verified meanwhile do not write too. Where the write is
        // lost, the next hour's makes up for it.
        let old = std::mem::replace(used, new.clone());
        drop(remembered);
        if self.table.note_proved(key_id, &old, &new).await? && is_news(&old, verified) {
            metrics::new_dialect();
            tracing::warn!(key.id = key_id, key.dialect = %dialect, known = ?old.dialects, "key signs in a dialect that is new for it");
        }
        Ok(())
    }

    /// Makes the key of a row, which may be one that somebody else wrote.
    async fn read(&self, row: &KeyRow) -> Result<VerifyingKey, KeysError> {
        let unusable = |attribute| KeysError::Unusable {
            key_id: row.key_id.clone(),
            attribute,
        };
        // The age tells that fetches fail. No fetch sees a key that was imported, nor the canary's.
        if row.is_fetched()
            && let Some(seen) = row.last_seen_at()
        {
            metrics::key_age(self.clock.now().duration_since(seen));
        }
        let algorithm = row.parsed_algorithm().map_err(unusable)?;
        let key = if algorithm == Algorithm::HmacSha256 {
            let arn = row.secret.as_deref().ok_or_else(|| unusable("secret"))?;
            let secret = self.secrets.read(arn).await;
            let secret = secret.map_err(|source| KeysError::Secret {
                key_id: row.key_id.clone(),
                source,
            })?;
            let secret = secret.ok_or_else(|| unusable("secret"))?;
            VerifyingKey::hmac(&row.key_id, secret).map_err(|_| unusable("secret"))?
        } else {
            let jwk = row.parsed_jwk().map_err(unusable)?;
            let key = VerifyingKey::from_jwk(&jwk).map_err(|_| unusable("jwk"))?;
            if key.algorithm() != algorithm {
                return Err(unusable("algorithm"));
            }
            key
        };
        let key = match row.known_dialects().first() {
            Some(dialect) => key.preferring(*dialect),
            None => key,
        };
        Ok(match row.limit().map_err(unusable)? {
            Limit::None => key,
            Limit::SyntheticEvents => key.only_synthetic(),
        })
    }
}

/// Says whether a dialect that is new for a key is worth a notice: another one than the key had, or, for the first
/// delivery by a key of Upvest's, another one than Upvest documents.
fn is_news(old: &Use, verified: &Verified<'_>) -> bool {
    let dialect = verified.dialect();
    match old.dialects.is_empty() {
        true => verified.scope() == Scope::Upvest && dialect != Dialect::UnquotedDigest,
        false => !old.dialects.contains(&dialect),
    }
}
