//! Which events were applied to an entity last, in few bytes.

use sha2::{Digest, Sha256};

/// Bounds the number of events that are remembered.
const MAX_EVENTS: usize = 32;
/// Counts the bytes kept of the hash of an event's id: enough that no two of so few are alike.
const BYTES: usize = 8;

type Mark = [u8; BYTES];

/// Holds the last 32 events that were applied to an entity as its newest. Not those of replays, which have no effects.
///
/// An event that comes again after newer ones looks like one that arrives late: both change nothing. What tells them
/// apart is written here, by the write that applies the event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppliedEvents(Vec<Mark>);

impl AppliedEvents {
    /// Tells whether the event is among them. It may err once in 10¹⁷ times: only eight bytes of a hash are compared.
    #[must_use]
    pub fn contains(&self, event_id: &str) -> bool {
        self.0.contains(&mark(event_id))
    }

    /// Adds one event, and without the oldest where they would be too many.
    #[must_use]
    pub fn with(mut self, event_id: &str) -> Self {
        self.0.push(mark(event_id));
        let surplus = self.0.len().saturating_sub(MAX_EVENTS);
        self.0.drain(..surplus);
        self
    }

    /// Tells whether no event was applied as the newest since the item was made, but for replays.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes them as they are kept: eight bytes each, oldest first.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.0.concat()
    }

    /// Reads them back; `None` when the bytes are not of this form.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (marks, rest) = bytes.as_chunks::<BYTES>();
        rest.is_empty().then(|| Self(marks.to_vec()))
    }
}

fn mark(event_id: &str) -> Mark {
    let hash = Sha256::digest(event_id);
    std::array::from_fn(|index| hash[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_applied_last_are_remembered_and_come_back() {
        let mut applied = AppliedEvents::default();
        assert!(applied.is_empty() && !applied.contains("e0"));
        for number in 0..150 {
            applied = applied.with(&format!("e{number}"));
        }
        let bytes = applied.to_bytes();
        assert_eq!(bytes.len(), MAX_EVENTS * BYTES);
        let again = AppliedEvents::from_bytes(&bytes).unwrap();
        assert_eq!(again, applied);
        assert!(!again.contains("e117") && again.contains("e118") && again.contains("e149"));
        assert_eq!(AppliedEvents::from_bytes(&bytes[1..]), None);
    }
}
