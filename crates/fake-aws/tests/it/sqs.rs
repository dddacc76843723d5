//! SQS through the SDK.

use std::time::Duration;

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use aws_sdk_sqs::operation::send_message_batch::builders::SendMessageBatchFluentBuilder;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName, SendMessageBatchRequestEntry,
};
use fake_aws::{Aws, CallFilter, Fault, FaultRates, QueueSettings};

const MINUTE: Duration = Duration::from_secs(60);

fn with_queue(settings: QueueSettings) -> (Aws, String) {
    let aws = Aws::new(1);
    let url = aws.create_queue(settings);
    (aws, url)
}

fn send(aws: &Aws, url: &str, body: &str) -> SendMessageFluentBuilder {
    aws.sqs().send_message().queue_url(url).message_body(body)
}

async fn send_fifo(aws: &Aws, url: &str, group: &str, id: &str) -> String {
    let sent = send(aws, url, id)
        .message_group_id(group)
        .message_deduplication_id(id)
        .send()
        .await;
    sent.unwrap().message_id.unwrap()
}

async fn receive(aws: &Aws, url: &str) -> Vec<Message> {
    let receive = aws
        .sqs()
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10);
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
    receive
        .message_attribute_names("All")
        .send()
        .await
        .unwrap()
        .messages
        .unwrap_or_default()
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body().unwrap()).collect()
}

async fn delete(aws: &Aws, url: &str, message: &Message) {
    let handle = message.receipt_handle().unwrap();
    aws.sqs()
        .delete_message()
        .queue_url(url)
        .receipt_handle(handle)
        .send()
        .await
        .unwrap();
}

fn batch(aws: &Aws, url: &str, bodies: &[&str]) -> SendMessageBatchFluentBuilder {
    let entries = bodies.iter().enumerate().map(|(at, body)| {
        SendMessageBatchRequestEntry::builder()
            .id(at.to_string())
            .message_body(*body)
            .build()
            .unwrap()
    });
    aws.sqs()
        .send_message_batch()
        .queue_url(url)
        .set_entries(Some(entries.collect()))
}

#[tokio::test(start_paused = true)]
async fn a_message_keeps_its_body_and_attributes() {
    let (aws, url) = with_queue(QueueSettings::new("deliveries"));
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
    let sent = send(&aws, &url, "{\"payload\":[]}")
        .message_attributes("method", string.clone())
        .message_attributes("raw", binary.clone());
    let sent = sent.send().await.unwrap();
    let received = receive(&aws, &url).await;
    let message = &received[0];
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(
        message.md5_of_message_attributes(),
        sent.md5_of_message_attributes()
    );
    let attributes = message.message_attributes().unwrap();
    assert_eq!((&attributes["method"], &attributes["raw"]), (&string, &binary));
}

#[tokio::test(start_paused = true)]
async fn a_message_is_invisible_until_its_timeout_ends() {
    let (aws, url) = with_queue(QueueSettings::new("deliveries").visibility_timeout(MINUTE));
    send(&aws, &url, "a").send().await.unwrap();
    assert_eq!(receive(&aws, &url).await.len(), 1);
    aws.clock().advance(MINUTE - Duration::from_millis(1));
    assert_eq!(receive(&aws, &url).await.len(), 0);
    aws.clock().advance(Duration::from_millis(1));
    let again = receive(&aws, &url).await;
    assert_eq!(
        again[0].attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount],
        "2"
    );
    delete(&aws, &url, &again[0]).await;
    aws.clock().advance(MINUTE);
    assert_eq!(receive(&aws, &url).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_changed_visibility_counts_from_the_change() {
    let (aws, url) = with_queue(QueueSettings::new("deliveries").visibility_timeout(MINUTE));
    send(&aws, &url, "a").send().await.unwrap();
    let received = receive(&aws, &url).await;
    let change = aws
        .sqs()
        .change_message_visibility()
        .queue_url(&url)
        .visibility_timeout(5);
    let change = change.receipt_handle(received[0].receipt_handle().unwrap());
    change.clone().send().await.unwrap();
    aws.clock().advance(Duration::from_secs(5));
    let late = change.send().await.unwrap_err().into_service_error();
    assert!(late.is_message_not_inflight());
    assert_eq!(receive(&aws, &url).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_received_too_often_goes_to_the_dead_letter_queue() {
    let (aws, url) = with_queue(QueueSettings::new("deliveries").redrive_to("dead", 2));
    let dead = aws.create_queue(QueueSettings::new("dead"));
    send(&aws, &url, "poison").send().await.unwrap();
    for _ in 0..2 {
        assert_eq!(receive(&aws, &url).await.len(), 1);
        aws.clock().advance(MINUTE);
    }
    assert_eq!(receive(&aws, &url).await.len(), 0);
    let buried = receive(&aws, &dead).await;
    assert_eq!(bodies(&buried), ["poison"]);
    aws.clock().advance(MINUTE);
    assert_eq!(aws.redrive("dead"), 1);
    assert_eq!(receive(&aws, &url).await[0].message_id(), buried[0].message_id());
}

#[tokio::test(start_paused = true)]
async fn a_group_waits_for_its_message_in_flight() {
    let (aws, url) = with_queue(QueueSettings::new("orders.fifo"));
    send_fifo(&aws, &url, "A", "a1").await;
    send_fifo(&aws, &url, "B", "b1").await;
    let first = receive(&aws, &url).await;
    assert_eq!(bodies(&first), ["a1", "b1"]);
    send_fifo(&aws, &url, "A", "a2").await;
    send_fifo(&aws, &url, "C", "c1").await;
    assert_eq!(bodies(&receive(&aws, &url).await), ["c1"]);
    delete(&aws, &url, &first[0]).await;
    assert_eq!(bodies(&receive(&aws, &url).await), ["a2"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_keeps_its_order_when_a_message_comes_back() {
    let (aws, url) = with_queue(QueueSettings::new("orders.fifo"));
    for id in ["a1", "a2", "a3"] {
        send_fifo(&aws, &url, "A", id).await;
    }
    let all = receive(&aws, &url).await;
    assert_eq!(bodies(&all), ["a1", "a2", "a3"]);
    delete(&aws, &url, &all[1]).await;
    aws.clock().advance(MINUTE);
    assert_eq!(bodies(&receive(&aws, &url).await), ["a1", "a3"]);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_within_five_minutes_is_accepted_and_dropped() {
    let (aws, url) = with_queue(QueueSettings::new("orders.fifo"));
    let original = send_fifo(&aws, &url, "A", "e1").await;
    let received = receive(&aws, &url).await;
    delete(&aws, &url, &received[0]).await;
    aws.clock().advance(5 * MINUTE - Duration::from_millis(1));
    assert_eq!(send_fifo(&aws, &url, "B", "e1").await, original);
    assert!(aws.messages("orders.fifo").is_empty());
    aws.clock().advance(Duration::from_millis(1));
    assert_ne!(send_fifo(&aws, &url, "A", "e1").await, original);
    assert_eq!(aws.messages("orders.fifo").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_scope_of_duplicates_can_be_the_group() {
    let settings = QueueSettings {
        deduplicates_per_group: true,
        ..QueueSettings::new("orders.fifo")
    };
    let (aws, url) = with_queue(settings);
    for group in ["A", "B", "A"] {
        send_fifo(&aws, &url, group, "e1").await;
    }
    assert_eq!(aws.messages("orders.fifo").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queue_insists_on_its_parameters() {
    let (aws, url) = with_queue(QueueSettings::new("orders.fifo"));
    let no_group = send(&aws, &url, "a")
        .message_deduplication_id("1")
        .send()
        .await
        .unwrap_err();
    assert_eq!(no_group.code(), Some("MissingParameter"));
    let no_id = send(&aws, &url, "a")
        .message_group_id("A")
        .send()
        .await
        .unwrap_err();
    assert_eq!(no_id.code(), Some("InvalidParameterValue"));
    let spaced = send(&aws, &url, "a")
        .message_group_id("A B")
        .message_deduplication_id("1")
        .send()
        .await;
    assert_eq!(spaced.unwrap_err().code(), Some("InvalidParameterValue"));
}

#[tokio::test(start_paused = true)]
async fn an_expired_receipt_handle_deletes_nothing_from_a_fifo_queue() {
    let (aws, url) = with_queue(QueueSettings::new("orders.fifo"));
    send_fifo(&aws, &url, "A", "e1").await;
    let received = receive(&aws, &url).await;
    aws.clock().advance(MINUTE);
    let handle = received[0].receipt_handle().unwrap();
    let late = aws
        .sqs()
        .delete_message()
        .queue_url(&url)
        .receipt_handle(handle)
        .send()
        .await
        .unwrap_err();
    assert_eq!(late.code(), Some("InvalidParameterValue"));
    assert_eq!(aws.messages("orders.fifo").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bad_entry_fails_alone() {
    let (aws, url) = with_queue(QueueSettings::new("deliveries"));
    let sent = batch(&aws, &url, &["a", "\u{0}", "c"]).send().await.unwrap();
    assert_eq!(sent.successful().len(), 2);
    let failed = &sent.failed()[0];
    assert_eq!(
        (failed.id(), failed.code(), failed.sender_fault()),
        ("1", "InvalidMessageContents", true)
    );
    assert_eq!(aws.messages("deliveries").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_limits_of_its_own() {
    let (aws, url) = with_queue(QueueSettings::new("deliveries"));
    let eleven = batch(&aws, &url, &["a"; 11])
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(eleven.is_too_many_entries_in_batch_request());
    let half = "x".repeat(512 * 1024);
    batch(&aws, &url, &[&half, &half]).send().await.unwrap();
    let long = batch(&aws, &url, &[&half, &half, "x"])
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(long.is_batch_request_too_long());
    let none = batch(&aws, &url, &[])
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(none.is_empty_batch_request());
}

#[tokio::test(start_paused = true)]
async fn more_than_ten_attributes_are_refused() {
    let (aws, url) = with_queue(QueueSettings::new("deliveries"));
    let value = || {
        MessageAttributeValue::builder()
            .data_type("String")
            .string_value("v")
            .build()
            .unwrap()
    };
    let with = |count: usize| {
        (0..count).fold(send(&aws, &url, "a"), |send, at| {
            send.message_attributes(format!("n{at}"), value())
        })
    };
    with(10).send().await.unwrap();
    assert_eq!(
        with(11).send().await.unwrap_err().code(),
        Some("InvalidParameterValue")
    );
}

#[tokio::test(start_paused = true)]
async fn entries_that_sqs_failed_are_reported_and_not_queued() {
    let (aws, url) = with_queue(QueueSettings::new("deliveries"));
    aws.inject(Fault::Partial, CallFilter::any());
    let sent = aws
        .invoke("test", batch(&aws, &url, &["a"; 10]).send())
        .await
        .unwrap()
        .unwrap();
    assert!(!sent.failed().is_empty());
    assert!(sent.failed().iter().all(|entry| !entry.sender_fault()));
    assert_eq!(sent.successful().len() + sent.failed().len(), 10);
    assert_eq!(aws.messages("deliveries").len(), sent.successful().len());
}

#[tokio::test(start_paused = true)]
async fn a_standard_queue_may_reorder_and_deliver_twice() {
    let (aws, url) = with_queue(QueueSettings::new("deliveries"));
    aws.set_fault_rates(FaultRates {
        duplicate_delivery: 1000,
        reorder: 1000,
        ..FaultRates::default()
    });
    for body in ["a", "b", "c", "d", "e", "f"] {
        send(&aws, &url, body).send().await.unwrap();
    }
    let first = receive(&aws, &url).await;
    assert_eq!(first.len(), 6);
    assert_ne!(bodies(&first), ["a", "b", "c", "d", "e", "f"]);
    aws.heal();
    assert_eq!(receive(&aws, &url).await.len(), 6);
    assert_eq!(receive(&aws, &url).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_missing_queue_is_a_typed_error() {
    let aws = Aws::new(1);
    let error = send(
        &aws,
        "https://sqs.eu-central-1.amazonaws.com/123456789012/no",
        "a",
    )
    .send()
    .await
    .unwrap_err();
    assert!(error.into_service_error().is_queue_does_not_exist());
}

#[tokio::test(start_paused = true)]
async fn the_attributes_of_a_queue_count_its_messages() {
    let (aws, url) = with_queue(QueueSettings::new("deliveries"));
    batch(&aws, &url, &["a", "b", "c"]).send().await.unwrap();
    aws.sqs().receive_message().queue_url(&url).send().await.unwrap();
    use aws_sdk_sqs::types::QueueAttributeName as Name;
    let read = aws
        .sqs()
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(Name::All)
        .send()
        .await
        .unwrap();
    let attributes = read.attributes.unwrap();
    assert_eq!(attributes[&Name::ApproximateNumberOfMessages], "2");
    assert_eq!(attributes[&Name::ApproximateNumberOfMessagesNotVisible], "1");
    let found = aws
        .sqs()
        .get_queue_url()
        .queue_name("deliveries")
        .send()
        .await
        .unwrap();
    assert_eq!(found.queue_url(), Some(url.as_str()));
}
