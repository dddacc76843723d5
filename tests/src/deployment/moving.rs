//! What tests do with messages that SQS or an operator might do: they are where they do not belong, or are lost.

use aws_sdk_sqs::types::MessageAttributeValue;
use fake_aws::QueuedMessage;
use pipeline::runtime::clock::Clock;

use super::Deployment;
use crate::receiver::key_of;

impl Deployment {
    /// Sets the clock of the account, which stands still, to the time of this machine, by which commands go: what was
    /// created before now is then received after it.
    pub fn catch_up(&self) {
        let clock = self.receiver.aws.clock();
        let late = Clock::system().now().duration_since(clock.timestamp());
        clock.advance(late.unsigned_abs());
    }

    /// Finds the URL of a queue.
    ///
    /// # Panics
    ///
    /// If there is no such queue.
    pub async fn url_of(&self, queue: &str) -> String {
        let found = self.receiver.aws.sqs().get_queue_url().queue_name(queue);
        let found = found.send().await.expect("the queue exists");
        found.queue_url.expect("a queue has a URL")
    }

    /// Sends a copy of a message to a queue, as SQS moves one; gives its id.
    ///
    /// # Panics
    ///
    /// If the queue does not take it.
    pub async fn copy_to(&self, queue: &str, message: &QueuedMessage) -> String {
        let attributes = message.attributes.iter().map(|(name, attribute)| {
            let value = MessageAttributeValue::builder().data_type("String");
            let value = value.set_string_value(attribute.string_value.clone());
            (name.clone(), value.build().expect("it has a type"))
        });
        let send = self.receiver.aws.sqs().send_message();
        let sent = send
            .queue_url(self.url_of(queue).await)
            .message_body(&message.body)
            .set_message_attributes(Some(attributes.collect()))
            .set_message_group_id(message.group.clone())
            .set_message_deduplication_id(message.group.as_ref().map(|_| message.id.clone()));
        let sent = sent.send().await.expect("the queue takes the message");
        sent.message_id.expect("a message has an id")
    }

    /// Sends a text that is no event to a FIFO queue; gives the message's id.
    ///
    /// # Panics
    ///
    /// If the queue does not take it.
    pub async fn scribble_to(&self, queue: &str) -> String {
        let send = self.receiver.aws.sqs().send_message();
        let sent = send
            .queue_url(self.url_of(queue).await)
            .message_body("hello")
            .message_group_id("g")
            .message_deduplication_id("d");
        let sent = sent.send().await.expect("the queue takes the message");
        sent.message_id.expect("a message has an id")
    }

    /// Copies a table as it is now into one of another name, as point-in-time recovery does.
    ///
    /// # Panics
    ///
    /// If there is one of that name.
    pub async fn copy_table(&self, table: &str, copy: &str) {
        self.receiver.aws.create_table(copy, key_of(table), None);
        let dynamodb = self.receiver.aws.dynamodb();
        let scanned = dynamodb.scan().table_name(table).into_paginator().items();
        let items = scanned.send().collect::<Result<Vec<_>, _>>().await;
        for item in items.expect("the table can be read") {
            let put = dynamodb.put_item().table_name(copy).set_item(Some(item));
            put.send().await.expect("the copy takes the item");
        }
    }

    /// Takes all visible messages of a queue away, as if they had been lost.
    ///
    /// # Panics
    ///
    /// If there is no such queue.
    pub async fn lose(&self, queue: &str) {
        let (sqs, url) = (self.receiver.aws.sqs(), self.url_of(queue).await);
        loop {
            let received = sqs.receive_message().queue_url(&url).max_number_of_messages(10);
            let received = received.send().await.expect("the queue exists");
            let messages = received.messages.unwrap_or_default();
            if messages.is_empty() {
                return;
            }
            for message in messages {
                let delete = sqs.delete_message().queue_url(&url);
                let handle = message.receipt_handle.expect("a message has a receipt");
                let delete = delete.receipt_handle(handle).send();
                delete.await.expect("the queue deletes the message");
            }
        }
    }
}
