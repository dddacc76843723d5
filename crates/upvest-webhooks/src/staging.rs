//! What tests stage: messages that are where they do not belong, or are lost, and a clock that goes with events.

use aws_sdk_sqs::types::MessageAttributeValue;
use fake_aws::QueuedMessage;
use webhook_tests::deployment::Deployment;

/// Sets the clock of the account, which stands still, to the time of this machine, by which commands go: what was created
/// before now is then received after it.
pub(crate) fn catch_up(site: &Deployment) {
    let clock = site.receiver.aws.clock();
    let late = pipeline::runtime::clock::Clock::system()
        .now()
        .duration_since(clock.timestamp());
    clock.advance(late.unsigned_abs());
}

/// Finds the URL of a queue.
pub(crate) async fn url_of(site: &Deployment, queue: &str) -> String {
    let found = site.receiver.aws.sqs().get_queue_url().queue_name(queue);
    found.send().await.unwrap().queue_url.unwrap()
}

/// Sends a copy of a message to a queue, as SQS moves one; gives its id.
pub(crate) async fn copy_to(site: &Deployment, queue: &str, message: &QueuedMessage) -> String {
    let attributes = message.attributes.iter().map(|(name, attribute)| {
        let value = MessageAttributeValue::builder().data_type("String");
        let value = value.set_string_value(attribute.string_value.clone());
        (name.clone(), value.build().unwrap())
    });
    let send = site.receiver.aws.sqs().send_message();
    let sent = send
        .queue_url(url_of(site, queue).await)
        .message_body(&message.body)
        .set_message_attributes(Some(attributes.collect()))
        .set_message_group_id(message.group.clone())
        .set_message_deduplication_id(message.group.as_ref().map(|_| message.id.clone()));
    sent.send().await.unwrap().message_id.unwrap()
}

/// Sends a text that is no event to a FIFO queue; gives the message's id.
pub(crate) async fn scribble_to(site: &Deployment, queue: &str) -> String {
    let send = site.receiver.aws.sqs().send_message();
    let sent = send
        .queue_url(url_of(site, queue).await)
        .message_body("hello")
        .message_group_id("g")
        .message_deduplication_id("d");
    sent.send().await.unwrap().message_id.unwrap()
}

/// Takes all visible messages of a queue away, as if they had been lost.
pub(crate) async fn lose(site: &Deployment, queue: &str) {
    let (sqs, url) = (site.receiver.aws.sqs(), url_of(site, queue).await);
    loop {
        let received = sqs.receive_message().queue_url(&url).max_number_of_messages(10);
        let messages = received.send().await.unwrap().messages.unwrap_or_default();
        if messages.is_empty() {
            return;
        }
        for message in messages {
            let delete = sqs.delete_message().queue_url(&url);
            delete
                .receipt_handle(message.receipt_handle.unwrap())
                .send()
                .await
                .unwrap();
        }
    }
}
