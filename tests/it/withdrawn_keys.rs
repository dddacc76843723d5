//! Keys that their owner does not use any longer, or that others may have.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use verify_and_store::Policy;
use webhook_tests::receiver::Receiver;

use crate::support::{deliver_events, event, key, quarantine, receiver};

const A_WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// For so long a key is used without reading it again.
const KNOWN_FOR: Duration = Duration::from_secs(300);

pub(crate) async fn note(receiver: &Receiver, attribute: &str, at: Timestamp) {
    let update = receiver.aws.dynamodb().update_item().table_name("keys");
    let update = update.key("key_id", AttributeValue::S(key().key_id().to_owned()));
    let update = update
        .update_expression("SET #attribute = :at")
        .expression_attribute_names("#attribute", attribute)
        .expression_attribute_values(":at", AttributeValue::S(at.to_string()));
    update.send().await.unwrap();
}

async fn deliver(receiver: &Receiver, id: &str) {
    let object = format!(r#"{{"id":"{id}","status":"NEW"}}"#);
    deliver_events(receiver, &[event(id, "ORDER.NEW", &object)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_upvest_withdrew_proves_for_a_week_more_and_no_longer() {
    let receiver = receiver(Policy::Flag).await;
    let withdrawn = receiver.aws.clock().timestamp();
    note(&receiver, "retired_at", withdrawn).await;
    receiver.aws.clock().advance(A_WEEK - Duration::from_millis(1));
    deliver(&receiver, "e1").await;
    receiver.aws.clock().advance(Duration::from_millis(1));
    deliver(&receiver, "e2").await;
    assert_eq!(receiver.stored("events"), ["e1"]);
    assert_eq!(quarantine(&receiver), ["key-retired"]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_trusted_proves_what_was_received_before_alone() {
    let receiver = receiver(Policy::Flag).await;
    deliver(&receiver, "e1").await;
    note(&receiver, "distrusted_at", receiver.aws.clock().timestamp()).await;
    receiver.aws.clock().advance(KNOWN_FOR);
    deliver(&receiver, "e2").await;
    assert_eq!(receiver.stored("events"), ["e1"]);
    assert_eq!(quarantine(&receiver), ["key-distrusted"]);
}
