//! What an operator writes into the keys table about a key that others may have.
//!
//! No fetch touches it: that Upvest serves a key says nothing on who else has it.

use jiff::Timestamp;

use super::changed::unchanged;
use super::{KeyRow, KeysTable, UPDATE};
use crate::error::AwsError;
use crate::stores::item::{condition_held, text};

impl KeysTable {
    /// Has a key prove nothing that was received from `since` on. `false` when somebody else wrote another time meanwhile, changed
    /// the key under its id, or removed the row.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be written.
    pub async fn distrust(&self, row: &KeyRow, since: Timestamp) -> Result<bool, AwsError> {
        let (condition, values) = unchanged(row);
        let update = self
            .update(&row.key_id, "SET distrusted_at = :since")
            .condition_expression(condition)
            .set_expression_attribute_values(values)
            .expression_attribute_values(":since", text(since.to_string()));
        condition_held(update.send().await, UPDATE)
    }

    /// Has a distrusted key prove again what it signs. `false` when somebody else wrote another time meanwhile, changed the key under
    /// its id, or removed the row.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be written.
    pub async fn trust(&self, row: &KeyRow) -> Result<bool, AwsError> {
        let (condition, values) = unchanged(row);
        let update = self
            .update(&row.key_id, "REMOVE distrusted_at")
            .condition_expression(condition)
            .set_expression_attribute_values(values);
        condition_held(update.send().await, UPDATE)
    }
}
