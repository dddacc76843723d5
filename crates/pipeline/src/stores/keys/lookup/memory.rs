//! What is remembered of the keys table, and for how long.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use upvest::signature::VerifyingKey;

use super::{KeysError, Use};

/// Says how long a key read from the table is used without reading it again: a key that an operator takes away is used
/// for five minutes more.
pub(crate) const KNOWN_FOR: Duration = Duration::from_secs(300);
/// Says how long ago a key may have been read by which a delivery is refused: an operator may have put another one into its place,
/// or trust it again, and what is refused after that nobody may send on. Not each time, for whoever forges deliveries under a key's
/// id would have the table read for each.
pub const REFUSES_FOR: Duration = Duration::from_secs(2);
/// Says how long a key id that is not in the table is taken for unknown without asking again.
pub(super) const UNKNOWN_FOR: Duration = Duration::from_secs(5);
/// Says how long a key whose secret or row cannot be used is not read again. Less than the shortest pause between two attempts at a
/// delivery, so that each attempt has a chance of its own.
pub(super) const FAILED_FOR: Duration = Duration::from_secs(5);
/// Bounds the number of unknown key ids that are remembered: forged ones must not fill the memory.
const MISSES: usize = 1_000;

/// Holds what was read of the keys table lately.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Holds the keys that are in the table, of which there are few.
    pub(super) keys: HashMap<String, Remembered>,
    /// Tells until when each key id that is not in the table is taken for unknown; at most [`MISSES`].
    pub(super) misses: HashMap<String, Timestamp>,
    /// Tells until when each key that is there and cannot be had is not read again, and why it could not be had. Anybody can name its
    /// id, and have its secret read again by each attempt at each delivery.
    pub(super) failures: HashMap<String, (Timestamp, KeysError)>,
    /// Holds whose turn it is to read a key, for those that are being read.
    pub(super) reading: HashMap<String, Weak<tokio::sync::Mutex<()>>>,
}

#[derive(Debug, Clone)]
pub(super) struct Remembered {
    pub(super) key: Arc<VerifyingKey>,
    /// Holds the keys that had its id before.
    pub(super) earlier: Vec<Arc<VerifyingKey>>,
    /// Says that a fetch wrote it, and that a fetch may change what is known of it.
    pub(super) is_fetched: bool,
    pub(super) used: Use,
    /// Tells when it was read.
    pub(super) read_at: Timestamp,
}

impl Remembered {
    /// Lists the key, and those that had its id before.
    pub(super) fn keys(&self) -> Vec<Arc<VerifyingKey>> {
        std::iter::once(&self.key).chain(&self.earlier).cloned().collect()
    }
}

impl Memory {
    /// Lists the keys that are remembered of an id, or says why it could not be had; `None` when the table is to be asked.
    pub(super) fn recall(
        &self,
        key_id: &str,
        now: Timestamp,
    ) -> Option<Result<Vec<Arc<VerifyingKey>>, KeysError>> {
        let known = self
            .keys
            .get(key_id)
            .filter(|known| known.read_at + KNOWN_FOR > now);
        let missed = self.misses.get(key_id).is_some_and(|until| *until > now);
        known
            .map(|known| Ok(known.keys()))
            .or_else(|| missed.then(|| Ok(Vec::new())))
            .or_else(|| self.failure(key_id, now).map(Err))
    }

    /// Says why a key could not be had a moment ago.
    pub(super) fn failure(&self, key_id: &str, now: Timestamp) -> Option<KeysError> {
        let (_, error) = self.failures.get(key_id).filter(|(until, _)| *until > now)?;
        Some(error.clone())
    }

    /// Notes that a key cannot be had. A table that cannot be read says nothing of the key, and is none of it: of those ids there may be
    /// any number.
    pub(super) fn note_failed(&mut self, key_id: &str, error: &KeysError, until: Timestamp) {
        if matches!(error, KeysError::Secret { .. } | KeysError::Unusable { .. }) {
            self.failures.insert(key_id.to_owned(), (until, error.clone()));
        }
    }

    pub(super) fn note_missing(&mut self, key_id: &str, until: Timestamp) {
        self.keys.remove(key_id);
        self.failures.remove(key_id);
        if self.misses.len() >= MISSES {
            // Which ids are forged is not known, so all go: each costs one read again.
            self.misses.clear();
        }
        self.misses.insert(key_id.to_owned(), until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_key_ids_are_invented_so_many_are_remembered_and_no_key_is_forgotten() {
        let now: Timestamp = "2026-11-29T05:00:00Z".parse().unwrap();
        let mut memory = Memory::default();
        let key = VerifyingKey::hmac("known", vec![7; 32].into()).unwrap();
        let known = Remembered {
            key: Arc::new(key),
            earlier: Vec::new(),
            is_fetched: true,
            used: Use::default(),
            read_at: now,
        };
        memory.keys.insert("known".to_owned(), known);
        for number in 0..2 * MISSES + 1 {
            memory.note_missing(&format!("forged-{number}"), now + UNKNOWN_FOR);
            assert!(memory.misses.len() <= MISSES);
        }
        assert!(
            memory
                .recall("known", now)
                .is_some_and(|keys| keys.unwrap().len() == 1)
        );
        let last = format!("forged-{}", 2 * MISSES);
        assert!(
            memory
                .recall(&last, now)
                .is_some_and(|keys| keys.unwrap().is_empty())
        );
        assert!(memory.recall(&last, now + UNKNOWN_FOR).is_none());
    }
}
