//! What goes to a dead-letter queue, and what it says there of why it came.

use aws_lambda_events::event::sqs::SqsMessage;

use super::SourceQueue;
use crate::envelope::attributes::REASON;
use crate::envelope::string_attribute;
use crate::error::{AwsError, Failure};

/// Limits the reason in a dead letter, in bytes: SQS takes 1 MiB in all, and a person reads the beginning only.
const MAX_REASON_BYTES: usize = 1_000;
/// Limits the attributes of a message, of which SQS takes ten (`SendMessage`).
const MAX_ATTRIBUTES: usize = 10;

impl SourceQueue {
    /// Sends a copy of the message to the dead-letter queue, with the reason and what else the failure says of it.
    pub(super) async fn bury(&self, message: &SqsMessage, failure: &Failure) -> Result<(), AwsError> {
        let said = &failure.attributes;
        let attributes = message.message_attributes.iter().filter_map(|(name, attribute)| {
            let text = attribute.string_value.clone()?;
            let is_said = name == REASON || said.iter().any(|(said, _)| said == name);
            (!is_said).then(|| string_attribute((name, text)))
        });
        let said = said
            .iter()
            .map(|(name, text)| string_attribute((*name, text.clone())));
        let attributes = said.chain(attributes);
        let reason = string_attribute((REASON, printable(&failure.reason)));
        // One place is for the reason, which matters most to whoever finds the message.
        let attributes = attributes.take(MAX_ATTRIBUTES - 1).chain([reason]);
        let group = message.attributes.get("MessageGroupId");
        let request = self
            .client
            .send_message()
            .queue_url(&self.dead_letter_url)
            .set_message_body(message.body.clone())
            .set_message_attributes(Some(attributes.collect()))
            .set_message_group_id(group.cloned())
            // Not the event's id: an event that is redriven and fails again within five minutes would be lost.
            .set_message_deduplication_id(group.and_then(|_| message.message_id.clone()));
        let sent = request.send().await;
        sent.map_err(AwsError::of("SendMessage to the dead-letter queue"))?;
        Ok(())
    }
}

/// Writes a reason as a message attribute takes it: not empty, not long, no control characters.
fn printable(reason: &str) -> String {
    let mut printable: String = reason
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    while printable.len() > MAX_REASON_BYTES {
        printable.pop();
    }
    if printable.is_empty() {
        "unknown".to_owned()
    } else {
        printable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_and_cleaned_to_what_an_attribute_takes() {
        assert_eq!(printable("a\u{0}b\nc"), "a b c");
        assert_eq!(printable(""), "unknown");
        assert_eq!(printable(&"ü".repeat(1_000)).len(), MAX_REASON_BYTES);
    }
}
