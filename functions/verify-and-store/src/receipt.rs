//! Whether the time is believed that ingest gives as that of a receipt.
//!
//! It decides whether a key that was retired since still proves a delivery, and only ingest's word is behind it, which is the
//! function that stands at the door. SQS notes by itself who sent a message and when. Others may send a delivery on long after
//! its receipt, those whom the stack lets: an operator, and refresh-keys.

use std::borrow::Cow;

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use jiff::{SignedDuration, Timestamp};
use pipeline::envelope::attributes::{JUDGED_AT, RECEIVED_AT};
use pipeline::envelope::{Envelope, attribute};
use pipeline::queues::consumer::sent_at;

/// Bounds how long after the receipt ingest sends a delivery, and how wrong its clock may be.
const BELIEVED_WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// Flags, in the archive, a delivery whose time of receipt is not believed.
pub(crate) const DOUBTED: &str = "receipt-doubted";

/// Notes in each message of ingest's what its delivery is to be verified as of, where that is not the receipt that it names:
/// before anything is made of the messages, so that copies of them, in quarantine or in a dead-letter queue, say so too. `ingest`
/// is the id of its role; `None` believes everybody.
pub(crate) fn with_doubts<'e>(event: &'e SqsEvent, ingest: Option<&str>) -> Cow<'e, SqsEvent> {
    let mut noted = Cow::Borrowed(event);
    let Some(ingest) = ingest else {
        return noted;
    };
    for (place, message) in event.records.iter().enumerate() {
        if !is_from(message, ingest) {
            continue;
        }
        let doubt = doubt(message).map(|at| at.to_string());
        if attribute(message, JUDGED_AT) != doubt.as_deref() {
            note(&mut noted.to_mut().records[place], doubt);
        }
    }
    noted
}

/// Logs that the time of receipt is not believed, where it is not.
pub(crate) fn report(envelope: &Envelope) {
    if let Some(judged_at) = envelope.judged_at {
        tracing::warn!(
            delivery.id = %envelope.delivery_id,
            received_at = %envelope.received_at,
            %judged_at,
            "the time of receipt is not believed"
        );
    }
}

/// Tells whether a role sent a message: SQS gives the role's id, and after it the name of the session.
fn is_from(message: &SqsMessage, role_id: &str) -> bool {
    let sender = message.attributes.get("SenderId");
    let role = sender.and_then(|sender| sender.split_once(':'));
    role.is_some_and(|(role, _)| role == role_id)
}

/// Gives the time at which SQS took a message, where that is far from the receipt that it names.
fn doubt(message: &SqsMessage) -> Option<Timestamp> {
    let sent = sent_at(message)?;
    let received: Timestamp = attribute(message, RECEIVED_AT)?.parse().ok()?;
    (sent.duration_since(received).abs() > BELIEVED_WITHIN).then_some(sent)
}

/// Writes the attribute, or takes away one that the sender had no right to write.
fn note(message: &mut SqsMessage, judged_at: Option<String>) {
    message.message_attributes.remove(JUDGED_AT);
    let like = message.message_attributes.get(RECEIVED_AT).cloned();
    if let (Some(judged_at), Some(mut attribute)) = (judged_at, like) {
        attribute.string_value = Some(judged_at);
        message.message_attributes.insert(JUDGED_AT.to_owned(), attribute);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INGEST: &str = "AROAINGEST";
    const SENT: &str = "2026-11-21T10:00:00Z";

    fn message(sender: &str, received_at: &str, judged_at: Option<&str>) -> SqsEvent {
        let sent: Timestamp = SENT.parse().unwrap();
        let mut message = SqsMessage::default();
        let system = [
            ("SenderId", sender.to_owned()),
            ("SentTimestamp", sent.as_millisecond().to_string()),
        ];
        message.attributes = system.map(|(name, value)| (name.to_owned(), value)).into();
        let own = [(RECEIVED_AT, Some(received_at)), (JUDGED_AT, judged_at)];
        for (name, value) in own.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            let json = serde_json::json!({ "stringValue": value, "dataType": "String" });
            let attribute = serde_json::from_value(json).unwrap();
            message.message_attributes.insert(name.to_owned(), attribute);
        }
        let mut event = SqsEvent::default();
        event.records = vec![message];
        event
    }

    fn judged_at(event: &SqsEvent) -> Option<String> {
        let noted = with_doubts(event, Some(INGEST));
        attribute(&noted.records[0], JUDGED_AT).map(str::to_owned)
    }

    #[test]
    fn what_ingest_says_of_the_receipt_is_believed_within_five_minutes_of_what_sqs_says() {
        let session = format!("{INGEST}:stack-IngestFunction");
        for (received_at, believed) in [
            ("2026-11-21T09:59:59.9Z", true),
            ("2026-11-21T09:55:00Z", true),
            ("2026-11-21T10:05:00Z", true),
            ("2026-11-21T09:54:59.9Z", false),
            ("2026-11-21T10:05:00.1Z", false),
            ("2025-11-21T10:00:00Z", false),
        ] {
            let event = message(&session, received_at, None);
            let expected = (!believed).then(|| SENT.to_owned());
            assert_eq!(judged_at(&event), expected, "{received_at}");
        }
    }

    #[test]
    fn what_others_send_on_keeps_its_receipt_and_what_was_noted_of_it() {
        let long_ago = "2025-11-21T10:00:00Z";
        for sender in [
            "AROAREFRESH:refresh-keys",
            "AIDAOPERATOR",
            "AROAINGESTED:x",
            INGEST,
        ] {
            let event = message(sender, long_ago, None);
            assert_eq!(judged_at(&event), None, "{sender}");
            let noted = message(sender, long_ago, Some(SENT));
            assert_eq!(judged_at(&noted).as_deref(), Some(SENT), "{sender}");
        }
    }

    #[test]
    fn ingest_cannot_say_itself_as_of_when_it_is_verified() {
        let session = format!("{INGEST}:stack-IngestFunction");
        let event = message(&session, SENT, Some("2025-01-01T00:00:00Z"));
        assert_eq!(judged_at(&event), None);
        let event = message(&session, "2025-11-21T10:00:00Z", Some("2025-01-01T00:00:00Z"));
        assert_eq!(judged_at(&event).as_deref(), Some(SENT));
    }
}
