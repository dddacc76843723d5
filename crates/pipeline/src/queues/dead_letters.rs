//! A dead-letter queue: looking at its messages, and what of them is sent again.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName};

use crate::envelope::attributes::{MAY_BE_PENDING, REASON};
use crate::envelope::string_attribute;
use crate::error::AwsError;

/// Bounds the messages of one receive: SQS gives out ten at most (`ReceiveMessage`).
pub const BATCH: i32 = 10;
/// Has a receive wait for a second. One that waits asks all servers of a queue: its empty answer means that there is
/// nothing.
const WAIT_SECONDS: i32 = 1;

/// Looks at the messages of a dead-letter queue.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    client: Client,
    url: String,
}

impl DeadLetters {
    /// Looks into the queue at `url`.
    #[must_use]
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Receives up to `most` messages, [`BATCH`] at most, with all their attributes; none when there is nothing to be had. Nobody
    /// else sees them for the time `hidden`, unless they are given back.
    ///
    /// # Errors
    ///
    /// [`AwsError`]; messages may be out of sight all the same.
    pub async fn receive(&self, most: i32, hidden: Duration) -> Result<Vec<Message>, AwsError> {
        let request = self.client.receive_message().queue_url(&self.url);
        let answer = request
            .max_number_of_messages(most)
            .visibility_timeout(i32::try_from(hidden.as_secs()).unwrap_or(i32::MAX))
            .wait_time_seconds(WAIT_SECONDS)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(AwsError::of("ReceiveMessage of a dead-letter queue"))?;
        Ok(answer.messages.unwrap_or_default())
    }

    /// Lets the message of this receipt be seen again.
    ///
    /// # Errors
    ///
    /// [`AwsError`]; it is then seen again after the time for which it was hidden.
    pub async fn give_back(&self, receipt: &str) -> Result<(), AwsError> {
        let request = self.client.change_message_visibility().queue_url(&self.url);
        let given = request.receipt_handle(receipt).visibility_timeout(0).send().await;
        given.map_err(AwsError::of("ChangeMessageVisibility of a dead-letter queue"))?;
        Ok(())
    }
}

/// Makes the attributes of a message that is sent again: what it had, but for the reason why it had failed.
#[must_use]
pub fn again(
    attributes: impl IntoIterator<Item = (String, MessageAttributeValue)>,
) -> HashMap<String, MessageAttributeValue> {
    let attributes = attributes.into_iter();
    attributes.filter(|(name, _)| name != REASON).collect()
}

/// Makes those of a delivery's message, which is marked too: it is received for the first time, and verify-and-store is to remove
/// it from where it is pending once it is handled.
#[must_use]
pub fn delivery_again(
    attributes: impl IntoIterator<Item = (String, MessageAttributeValue)>,
) -> HashMap<String, MessageAttributeValue> {
    let mut marked = again(attributes);
    marked.extend([string_attribute((MAY_BE_PENDING, "true".to_owned()))]);
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_again_has_no_reason_and_a_delivery_is_marked() {
        let had = || [REASON, "delivery_id"].map(|name| string_attribute((name, "x".to_owned())));
        let names = |attributes: HashMap<String, MessageAttributeValue>| {
            let mut names: Vec<String> = attributes.into_keys().collect();
            names.sort();
            names
        };
        assert_eq!(names(again(had())), ["delivery_id"]);
        assert_eq!(names(delivery_again(had())), ["delivery_id", MAY_BE_PENDING]);
    }
}
