//! Finding the key of a delivery: read from the table, and remembered for a while.

mod memory;
mod verifying_key;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jiff::Timestamp;
use upvest::signature::{Dialect, Verified, VerifyingKey};
use upvest::synthetic::Scope;

use super::canary::{CanarysKey, is_canarys};
use super::proved::Use;
use super::{HmacSecrets, KeyRow, KeysTable, PinnedKeys, is_reserved};
use crate::environment::Environment;
use crate::error::{AwsError, ErrorChain};
use crate::runtime::clock::Clock;
use crate::runtime::metrics;

pub(crate) use memory::KNOWN_FOR;
pub use memory::REFUSES_FOR;
use memory::{FAILED_FOR, Memory, Remembered, UNKNOWN_FOR};

/// Finds verification keys, remembers them, and remembers which ids are unknown and which keys could not be had.
#[derive(Debug)]
pub struct Keys {
    table: KeysTable,
    secrets: HmacSecrets,
    canary: CanarysKey,
    takes_made_up_events: bool,
    pinned: PinnedKeys,
    clock: Clock,
    // Never held across a read: a stranger's invented ids must not keep others waiting for theirs.
    remembered: Mutex<Memory>,
}

/// Says why a key could not be had. Absence is no error.
#[derive(Debug, Clone, thiserror::Error)]
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
    /// The key is a canary's, which only verify-and-store knows.
    #[error("key {key_id} is the canary's, which only verify-and-store can verify by")]
    Canary {
        /// Gives the id of the key.
        key_id: String,
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
    /// Finds keys in the table `table`, developers' among them: what these proved stays proven.
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
            canary: CanarysKey::Elsewhere,
            takes_made_up_events: true,
            pinned: PinnedKeys::default(),
            clock,
            remembered: Mutex::default(),
        }
    }

    /// Has the canary's key be that in the secret with this ARN; `None` where no canary runs. Any other key with an id of a
    /// canary's is unknown, whatever the table has.
    #[must_use]
    pub fn with_canary(self, secret_arn: Option<String>) -> Self {
        Self {
            canary: CanarysKey::Here(secret_arn),
            ..self
        }
    }

    /// Has keys prove what a stack of this environment takes: developers' keys are unknown to a live one.
    #[must_use]
    pub fn in_environment(self, environment: Environment) -> Self {
        Self {
            takes_made_up_events: environment.takes_made_up_events(),
            ..self
        }
    }

    /// Has public keys prove nothing that are not on this list, whatever the table has.
    #[must_use]
    pub fn held_against(self, pinned: PinnedKeys) -> Self {
        Self { pinned, ..self }
    }

    /// Finds the key with this id, and behind it those that had the id before; none when there is none in the table.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when that cannot be found out, or what is found is not a key.
    pub async fn find(&self, key_id: &str) -> Result<Vec<Arc<VerifyingKey>>, KeysError> {
        // Such an id is of our own making: as one that a delivery names it is unknown, and its row is no delivery's to have read.
        if is_reserved(key_id) {
            return Ok(Vec::new());
        }
        if let Some(known) = self.recall(key_id) {
            return known;
        }
        let turn = self.turn(key_id);
        let _turn = turn.lock().await;
        match self.recall(key_id) {
            Some(known) => known,
            None => self.look_again(key_id).await,
        }
    }

    /// Gives the turn of a key: of several deliveries that need it read, one reads and the others wait for it.
    fn turn(&self, key_id: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut memory = self.memory();
        memory.reading.retain(|_, turn| turn.strong_count() > 0);
        let turn = memory
            .reading
            .get(key_id)
            .and_then(Weak::upgrade)
            .unwrap_or_default();
        memory.reading.insert(key_id.to_owned(), Arc::downgrade(&turn));
        turn
    }

    fn recall(&self, key_id: &str) -> Option<Result<Vec<Arc<VerifyingKey>>, KeysError>> {
        self.memory().recall(key_id, self.clock.now())
    }

    /// Tells the time by which a key is old or not.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Reads a key anew that was read more than `age` ago, for a delivery that it did not prove at the time `tried_at`. Tells whether
    /// what is remembered of it may be another one than was tried.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub async fn renew(&self, key_id: &str, tried_at: Timestamp, age: Duration) -> Result<bool, KeysError> {
        let read_at = || self.memory().keys.get(key_id).map(|known| known.read_at);
        let is_old = |read_at: Option<Timestamp>| read_at.is_some_and(|at| at + age <= self.clock.now());
        if is_old(read_at()) {
            let turn = self.turn(key_id);
            let _turn = turn.lock().await;
            // A secret that could not be read a moment ago is not asked for again for each delivery that it does not prove.
            if let Some(error) = self.memory().failure(key_id, self.clock.now()) {
                return Err(error);
            }
            if is_old(read_at()) {
                self.look_again(key_id).await?;
            }
        }
        // One that is gone by now is unknown.
        Ok(read_at().is_none_or(|at| at >= tried_at))
    }

    /// Finds the key as of now, whatever is remembered of its id: a delivery that was just put to wait for it must not
    /// miss that it came in between.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub async fn look_again(&self, key_id: &str) -> Result<Vec<Arc<VerifyingKey>>, KeysError> {
        // Taken before the read: what is written after that is not known.
        let now = self.clock.now();
        let found = self.read_now(key_id).await;
        let found = found.inspect_err(|error| self.memory().note_failed(key_id, error, now + FAILED_FOR))?;
        let Some((key, row)) = found else {
            self.memory().note_missing(key_id, now + UNKNOWN_FOR);
            return Ok(Vec::new());
        };
        let entry = Remembered {
            read_at: now,
            key: Arc::new(key),
            earlier: self.earlier(&row).await?,
            is_fetched: row.is_fetched(),
            used: row.used(),
        };
        let keys = entry.keys();
        let mut memory = self.memory();
        memory.misses.remove(key_id);
        memory.failures.remove(key_id);
        memory.keys.insert(key_id.to_owned(), entry);
        Ok(keys)
    }

    /// Reads the key that has this id now, with its row; `None` where none has it that may prove anything.
    async fn read_now(&self, key_id: &str) -> Result<Option<(VerifyingKey, KeyRow)>, KeysError> {
        Ok(match (is_canarys(key_id), is_reserved(key_id)) {
            (true, _) => (self.canarys(key_id).await?).map(|key| (key, KeyRow::default())),
            (_, true) => None,
            _ => match self.table.row(key_id).await? {
                Some(row) if self.may_prove(&row) => Some((self.read(&row).await?, row)),
                _ => None,
            },
        })
    }

    /// Reads the keys that had the id of a row before. One that cannot be used proves nothing, and does not keep the others from
    /// it.
    async fn earlier(&self, row: &KeyRow) -> Result<Vec<Arc<VerifyingKey>>, KeysError> {
        let mut keys = Vec::new();
        for row in self.table.earlier_rows(row).await? {
            match self.read(&row).await {
                Ok(key) if self.may_prove(&row) => keys.push(Arc::new(key)),
                Ok(_) => {}
                Err(error) => tracing::warn!(error = %ErrorChain(&error), "an earlier key cannot be used"),
            }
        }
        Ok(keys)
    }

    /// Tells whether a fetch of Upvest's keys wrote the key with this id, by what is remembered of it.
    #[must_use]
    pub fn is_fetched(&self, key_id: &str) -> bool {
        let memory = self.memory();
        memory.keys.get(key_id).is_some_and(|known| known.is_fetched)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a key proved a delivery, and in which dialect: the next delivery is tried in it first, the table is
    /// told once an hour, and a dialect that is new for the key is reported by whoever is first to note it. Tells whether the
    /// delivery was the first that the key proved, to one receiver alone.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be told. The delivery is proven all the same.
    pub async fn proved(&self, verified: &Verified<'_>) -> Result<bool, AwsError> {
        let (key_id, dialect) = (verified.key_id(), verified.dialect());
        if is_canarys(key_id) {
            return Ok(false);
        }
        let noted = {
            let mut memory = self.memory();
            let Some(Remembered { key, used, .. }) = memory.keys.get_mut(key_id) else {
                return Ok(false);
            };
            // Of an earlier key nothing is learnt any more.
            if key.thumbprint() != verified.thumbprint() {
                return Ok(false);
            }
            if key.prefers() != dialect {
                *key = Arc::new(VerifyingKey::clone(key).preferring(dialect));
            }
            // Taken before the write, so that deliveries that are verified meanwhile do not write too. Where the write is
            // lost, the next hour's makes up for it.
            used.after(dialect, self.clock.now())
                .map(|new| (std::mem::replace(used, new.clone()), new))
        };
        let Some((old, new)) = noted else {
            return Ok(false);
        };
        let is_noted = self.table.note_proved(key_id, &old, &new).await?;
        if is_noted && is_news(&old, verified) {
            metrics::new_dialect();
            tracing::warn!(key.id = key_id, key.dialect = %dialect, known = ?old.dialects, "key signs in a dialect that is new for it");
        }
        Ok(is_noted && old.last_proved.is_none())
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
