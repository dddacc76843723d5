//! The poller settles batches as Lambda does.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::MessageAttributeValue;
use fake_aws::lambda::{EventSource, Settlement};
use fake_aws::{Aws, CallFilter, Fault, QueueSettings, Service};

use crate::dynamodb::claim;

async fn with_messages(settings: QueueSettings, bodies: &[&str]) -> (Aws, EventSource) {
    let aws = Aws::new(1);
    aws.create_table("events", "event_id", None);
    let source = EventSource::new(settings.name.clone(), "function");
    let fifo = settings.name.ends_with(".fifo");
    let url = aws.create_queue(settings);
    for body in bodies {
        let mut send = aws.sqs().send_message().queue_url(&url).message_body(*body);
        if fifo {
            send = send.message_group_id("A").message_deduplication_id(*body);
        }
        send.send().await.unwrap();
    }
    (aws, source)
}

fn failing(ids: &[&str]) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.set_failures(ids.iter().copied());
    response
}

fn id_of<'a>(event: &'a SqsEvent, body: &str) -> &'a str {
    let record = event
        .records
        .iter()
        .find(|record| record.body.as_deref() == Some(body));
    record.unwrap().message_id.as_deref().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_not_reported_is_deleted() {
    let (aws, source) = with_messages(QueueSettings::new("deliveries"), &["a", "b", "c"]).await;
    let settled = source
        .deliver(&aws, async |event| {
            Ok::<_, Infallible>(failing(&[id_of(&event, "b")]))
        })
        .await;
    let Some(Settlement::Partial { deleted, kept }) = settled else {
        panic!("{settled:?}")
    };
    assert_eq!((deleted.len(), kept.len()), (2, 1));
    assert_eq!(aws.messages("deliveries")[0].body, "b");
    assert_eq!(
        source
            .deliver(&aws, async |_| Ok::<_, Infallible>(failing(&[])))
            .await,
        None
    );
    aws.clock().advance(Duration::from_secs(30));
    let event = source.receive(&aws).unwrap().event();
    assert_eq!(event.records[0].attributes["ApproximateReceiveCount"], "2");
}

#[tokio::test(start_paused = true)]
async fn unknown_and_empty_identifiers_keep_the_whole_batch() {
    for identifier in ["", "no-such-message"] {
        let (aws, source) = with_messages(QueueSettings::new("deliveries"), &["a", "b"]).await;
        let settled = source
            .deliver(&aws, async |_| Ok::<_, Infallible>(failing(&[identifier])))
            .await;
        assert_eq!(settled, Some(Settlement::UnknownIdentifier));
        assert_eq!(aws.messages("deliveries").len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_invocation_keeps_the_whole_batch() {
    let (aws, source) = with_messages(QueueSettings::new("deliveries"), &["a", "b"]).await;
    let settled = source
        .deliver(&aws, async |_| Err::<SqsBatchResponse, _>("broken"))
        .await;
    assert_eq!(settled, Some(Settlement::Failed("\"broken\"".to_owned())));
    assert_eq!(aws.messages("deliveries").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_killed_invocation_takes_no_further_step() {
    for (fault, stored) in [(Fault::CrashBeforeEffect, 0), (Fault::CrashAfterEffect, 1)] {
        let (aws, source) = with_messages(QueueSettings::new("deliveries"), &["a"]).await;
        aws.inject(
            fault,
            CallFilter::operation(Service::DynamoDb, "PutItem").by("function"),
        );
        let reached = Cell::new(false);
        let settled = source
            .deliver(&aws, async |_| {
                claim(&aws, "e1", "d1").send().await.unwrap();
                reached.set(true);
                Ok::<_, Infallible>(failing(&[]))
            })
            .await;
        assert_eq!(settled, Some(Settlement::Crashed));
        assert!(!reached.get());
        assert_eq!(aws.items("events").len(), stored);
        assert_eq!(aws.messages("deliveries").len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn twins_work_on_the_same_message_at_the_same_time() {
    let (aws, source) = with_messages(QueueSettings::new("deliveries"), &["a"]).await;
    let log = RefCell::new(Vec::new());
    let runs = Cell::new(0);
    let settled = source.deliver_to_twins(&aws, async |event| {
        runs.set(runs.get() + 1);
        let run = runs.get();
        for step in 0..5 {
            log.borrow_mut().push(run);
            let _ = claim(&aws, &format!("e{step}"), id_of(&event, "a")).send().await;
        }
        Ok::<_, Infallible>(failing(&[]))
    });
    let (first, second) = settled.await.unwrap();
    assert!(matches!(first, Settlement::Partial { .. }) && second.is_some());
    let mut changes = log.into_inner();
    assert_eq!(changes.len(), 10);
    changes.dedup();
    assert!(
        changes.len() > 2,
        "the twins ran one after the other: {changes:?}"
    );
    assert_eq!(aws.items("events").len(), 5);
    assert!(aws.messages("deliveries").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_record_carries_what_lambda_puts_into_it() {
    let (aws, source) = with_messages(QueueSettings::new("orders.fifo"), &[]).await;
    let string = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("POST")
        .build()
        .unwrap();
    let binary = MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(Blob::new([0, 255]))
        .build()
        .unwrap();
    let url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders.fifo";
    let send = aws
        .sqs()
        .send_message()
        .queue_url(url)
        .message_body("a")
        .message_group_id("A");
    let send = send
        .message_deduplication_id("e1")
        .message_attributes("method", string);
    let sent = send.message_attributes("raw", binary).send().await.unwrap();
    let event = source.receive(&aws).unwrap().event();
    let record = &event.records[0];
    assert_eq!(record.message_id, sent.message_id);
    assert_eq!(record.md5_of_message_attributes, sent.md5_of_message_attributes);
    assert_eq!(
        record.event_source_arn.as_deref(),
        Some("arn:aws:sqs:eu-central-1:123456789012:orders.fifo")
    );
    assert_eq!(record.attributes["MessageGroupId"], "A");
    assert_eq!(record.attributes["MessageDeduplicationId"], "e1");
    assert_eq!(record.attributes["SequenceNumber"], sent.sequence_number.unwrap());
    assert_eq!(
        record.message_attributes["method"].string_value.as_deref(),
        Some("POST")
    );
    assert_eq!(
        record.message_attributes["method"].data_type.as_deref(),
        Some("String")
    );
    assert_eq!(
        **record.message_attributes["raw"].binary_value.as_ref().unwrap(),
        [0, 255]
    );
    // The receipt handle is the function's to use, as for a backoff of its own.
    let change = aws
        .sqs()
        .change_message_visibility()
        .queue_url(url)
        .visibility_timeout(1);
    change
        .receipt_handle(record.receipt_handle.as_deref().unwrap())
        .send()
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_event_stays_below_the_payload_limit() {
    let large = "x".repeat(1024 * 1024);
    let (aws, source) = with_messages(QueueSettings::new("deliveries"), &[large.as_str(); 8]).await;
    assert_eq!(source.receive(&aws).unwrap().message_ids().len(), 6);
    assert_eq!(source.receive(&aws).unwrap().message_ids().len(), 2);
}
