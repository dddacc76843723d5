//! What a delivery that a key proved writes into the keys table: when, and in which dialect.
//!
//! verify-and-store may write these two attributes and no other one.

use jiff::{SignedDuration, Timestamp};
use upvest::signature::Dialect;

use super::row::texts;
use super::{KeysTable, UPDATE};
use crate::error::AwsError;
use crate::stores::item::{condition_held, text};

/// Sets for how long a key is not noted again that proves delivery after delivery in the dialects that are known of it.
const NOTED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// Holds what the table has on the use of a key: when it last proved a delivery, and in which dialects, the last one
/// first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) last_proved: Option<Timestamp>,
    pub(super) dialects: Vec<Dialect>,
}

impl Use {
    /// Adds a delivery that the key proved; `None` when the table need not be told.
    pub(super) fn after(&self, dialect: Dialect, now: Timestamp) -> Option<Self> {
        let is_recent = |at: Timestamp| now.duration_since(at) < NOTED_FOR;
        if self.dialects.contains(&dialect) && self.last_proved.is_some_and(is_recent) {
            return None;
        }
        let others = self.dialects.iter().copied().filter(|other| *other != dialect);
        Some(Self {
            last_proved: Some(now),
            dialects: std::iter::once(dialect).chain(others).collect(),
        })
    }
}

impl KeysTable {
    /// Notes the use of a key. `false` when somebody else noted another one meanwhile: of several receivers that see a
    /// new dialect at the same time one is told `true`.
    pub(super) async fn note_proved(&self, key_id: &str, old: &Use, new: &Use) -> Result<bool, AwsError> {
        let names =
            |dialects: &[Dialect]| texts(&dialects.iter().map(Dialect::to_string).collect::<Vec<_>>());
        let update = self
            .update_now(key_id, "SET last_proved = :now, dialects = :dialects")
            .expression_attribute_values(":dialects", names(&new.dialects));
        let at = |at: Timestamp| text(at.to_string());
        // The condition is the state that was read: whoever else wrote since has changed `last_proved`. A row that was
        // deleted meanwhile must not come back.
        let update = match old.last_proved {
            None => {
                update.condition_expression("attribute_exists(key_id) AND attribute_not_exists(last_proved)")
            }
            Some(old) => update
                .condition_expression("attribute_exists(key_id) AND last_proved = :old")
                .expression_attribute_values(":old", at(old)),
        };
        condition_held(update.send().await, UPDATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_noted_once_an_hour_or_in_a_dialect_that_is_new() {
        let start = Timestamp::UNIX_EPOCH;
        let first = Use::default().after(Dialect::UnquotedDigest, start).unwrap();
        assert_eq!(first.dialects, [Dialect::UnquotedDigest]);
        let soon = start + SignedDuration::from_mins(59);
        assert_eq!(first.after(Dialect::UnquotedDigest, soon), None);
        let other = first.after(Dialect::QuotedDigest, soon).unwrap();
        assert_eq!(other.dialects, [Dialect::QuotedDigest, Dialect::UnquotedDigest]);
        assert_eq!(other.after(Dialect::UnquotedDigest, soon), None);
        let later = soon + NOTED_FOR;
        let back = other.after(Dialect::UnquotedDigest, later).unwrap();
        assert_eq!(back.dialects, [Dialect::UnquotedDigest, Dialect::QuotedDigest]);
        assert_eq!(back.last_proved, Some(later));
    }
}
