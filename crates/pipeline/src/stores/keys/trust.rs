//! What an operator writes into the keys table about a key that others may have.
//!
//! No fetch touches it: that Upvest serves a key says nothing on who else has it.

use jiff::Timestamp;

use super::{KeyRow, KeysTable, UPDATE};
use crate::error::AwsError;
use crate::stores::item::{condition_held, text};

impl KeysTable {
    /// Has a key prove nothing that was received from `since` on. `false` when somebody else wrote another time meanwhile, or
    /// removed the row.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be written.
    pub async fn distrust(&self, row: &KeyRow, since: Timestamp) -> Result<bool, AwsError> {
        let update = self
            .update(&row.key_id, "SET distrusted_at = :since")
            .expression_attribute_values(":since", text(since.to_string()));
        let update = match &row.distrusted_at {
            None => update
                .condition_expression("attribute_exists(key_id) AND attribute_not_exists(distrusted_at)"),
            Some(known) => update
                .condition_expression("distrusted_at = :known")
                .expression_attribute_values(":known", text(known)),
        };
        condition_held(update.send().await, UPDATE)
    }

    /// Has a distrusted key prove again what it signs. `false` when somebody else wrote another time meanwhile, or removed the
    /// row.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be written.
    pub async fn trust(&self, row: &KeyRow) -> Result<bool, AwsError> {
        let known = row.distrusted_at.as_deref().unwrap_or_default();
        let update = self
            .update(&row.key_id, "REMOVE distrusted_at")
            .condition_expression("distrusted_at = :known")
            .expression_attribute_values(":known", text(known));
        condition_held(update.send().await, UPDATE)
    }
}
