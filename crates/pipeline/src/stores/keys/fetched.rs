//! What a fetch of Upvest's keys writes into the keys table.
//!
//! Every write has a condition, because an operator may import keys at the same time: whatever Upvest serves, no key is
//! ever overwritten or deleted.

use upvest::signature::Jwk;

use super::{KeyRow, KeysTable, UPDATE, attributes};
use crate::error::AwsError;
use crate::stores::item::{condition_held, text};

impl KeysTable {
    /// Adds a key that Upvest serves. `false` when somebody else wrote a key of that id meanwhile.
    pub(crate) async fn add_fetched(&self, key_id: &str, jwk: &Jwk) -> Result<bool, AwsError> {
        self.add(&KeyRow::fetched(key_id, jwk, self.clock.now())).await
    }

    /// Notes that a key is served, which takes it out of retirement. A row that an operator replaced since it was read
    /// stays as it is.
    pub(crate) async fn note_served(&self, row: &KeyRow) -> Result<(), AwsError> {
        let updated = self
            .update_fetched(row, "SET last_seen = :now REMOVE retired_at")
            .condition_expression("#source = :source AND jwk = :jwk")
            .expression_attribute_values(
                ":jwk",
                text(row.jwk.as_ref().expect("what is served was compared with it")),
            )
            .send()
            .await;
        condition_held(updated, UPDATE).map(drop)
    }

    /// Notes that a key is served no longer. `false` when somebody else did, or when an operator replaced it.
    pub(crate) async fn retire(&self, row: &KeyRow) -> Result<bool, AwsError> {
        let updated = self
            .update_fetched(row, "SET retired_at = :now")
            .condition_expression("#source = :source AND attribute_not_exists(retired_at)")
            .send()
            .await;
        condition_held(updated, UPDATE)
    }

    fn update_fetched(
        &self,
        row: &KeyRow,
        expression: &str,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        self.update_now(&row.key_id, expression)
            // A reserved word of DynamoDB.
            .expression_attribute_names("#source", attributes::SOURCE)
            .expression_attribute_values(
                ":source",
                text(row.source.as_ref().expect("a fetch wrote the row")),
            )
    }
}
