//! The identity of an event: what makes two texts the same event.

use sha2::{Digest, Sha256};

use crate::json::Object;
use crate::subscription;

/// Identifies what an event says, by a SHA-256.
///
/// It covers the event's members except `webhook_id`, sorted by name, each as the length of its name, the name, the length
/// of its value and the value's bytes as sent; lengths are eight bytes, the highest first. So neither a second subscription
/// nor another order of the members makes a conflict of one event. Members of the same name keep their order.
///
/// ```
/// use upvest::Event;
///
/// let one = r#"{"id":"e1","type":"USER.ACTIVE","webhook_id":"w1","object":{"id":"u1"}}"#;
/// let same = r#"{"webhook_id":"w2","id":"e1","type":"USER.ACTIVE","object":{"id":"u1"}}"#;
/// let other = r#"{"id":"e1","type":"USER.ACTIVE","webhook_id":"w1","object":{"id":"u2"}}"#;
/// assert_eq!(Event::parse(one)?.identity(), Event::parse(same)?.identity());
/// assert_ne!(Event::parse(one)?.identity(), Event::parse(other)?.identity());
/// # Ok::<(), upvest::event::EventError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity([u8; 32]);

impl Identity {
    /// Computes the identity of the event with these members.
    pub(crate) fn of(members: &Object<'_>) -> Self {
        let mut sorted: Vec<_> = members
            .members()
            // It differs between two subscriptions that report the same event.
            .filter(|(name, _)| *name != subscription::MEMBER.as_bytes())
            .collect();
        // A stable sort, so that members of one name stay in their order.
        sorted.sort_by_key(|(name, _)| *name);
        let mut hash = Sha256::new();
        for (name, value) in sorted {
            // With their lengths, or bytes could move from a value into the next name and give the same hash.
            for bytes in [name, value.get().as_bytes()] {
                hash.update((bytes.len() as u64).to_be_bytes());
                hash.update(bytes);
            }
        }
        Self(hash.finalize().into())
    }

    /// Writes the identity as the log and idempotency records have it: 64 hexadecimal digits, in small letters.
    #[must_use]
    pub fn to_hex(self) -> String {
        self.0
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect()
    }
}
