//! What a function does not need is refused to it.

use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use serde_json::json;

use super::processes::FunctionProcess;
use super::sender::{Sender, event, new_id, new_order};
use super::stack::{Clients, Stack, refused, until};

/// Somebody with the credentials that the emulator gave to a function's process.
struct Caller<'s> {
    stack: &'s Stack,
    clients: Clients,
}

impl<'s> Caller<'s> {
    async fn with_credentials_of(function: &str, stack: &'s Stack) -> Self {
        let process = until("the function runs", async || {
            FunctionProcess::running(stack, function).pop()
        })
        .await;
        let credentials = Credentials::new(
            process.variable("AWS_ACCESS_KEY_ID"),
            process.variable("AWS_SECRET_ACCESS_KEY"),
            Some(process.variable("AWS_SESSION_TOKEN").to_owned()),
            None,
            "function",
        );
        let clients = stack.clients_of(credentials).await;
        Self { stack, clients }
    }

    async fn may_read(&self, table: &str, item: (&str, &str)) {
        let request = self
            .clients
            .dynamodb
            .get_item()
            .table_name(self.stack.output(table));
        let answer = request.key(item.0, id(item.1)).send().await;
        answer.expect("the function's own calls are allowed");
    }

    async fn may_read_entity(&self, entity: &str) {
        let key = [("aggregate".to_owned(), id(entity))].into();
        let keys = KeysAndAttributes::builder().keys(key).build();
        let request = self.clients.dynamodb.batch_get_item().request_items(
            self.stack.output("EntitiesTableName"),
            keys.expect("it has a key"),
        );
        let answer = request.send().await;
        answer.expect("the function's own calls are allowed");
    }

    async fn may_not_read(&self, table: &str, key: &str) {
        let request = self
            .clients
            .dynamodb
            .get_item()
            .table_name(self.stack.output(table));
        let answer = request.key(key, id("x")).send().await;
        refused(&format!("GetItem of {table}"), answer);
    }

    async fn may_not_put(&self, table: &str, key: &str) {
        let request = self
            .clients
            .dynamodb
            .put_item()
            .table_name(self.stack.output(table));
        let answer = request.item(key, id("x")).send().await;
        refused(&format!("PutItem to {table}"), answer);
    }

    async fn may_not_change_or_scan(&self, table: &str, item: (&str, &str)) {
        let (dynamodb, name) = (&self.clients.dynamodb, self.stack.output(table));
        let update = dynamodb.update_item().table_name(name).key(item.0, id(item.1));
        refused(&format!("UpdateItem of {table}"), update.send().await);
        self.may_not_delete_or_scan(table, item).await;
    }

    async fn may_not_delete_or_scan(&self, table: &str, item: (&str, &str)) {
        let (dynamodb, name) = (&self.clients.dynamodb, self.stack.output(table));
        let delete = dynamodb.delete_item().table_name(name).key(item.0, id(item.1));
        refused(&format!("DeleteItem of {table}"), delete.send().await);
        refused(
            &format!("Scan of {table}"),
            dynamodb.scan().table_name(name).send().await,
        );
    }

    async fn may_not_send_to(&self, queue: &str) {
        let request = self
            .clients
            .sqs
            .send_message()
            .queue_url(self.stack.output(queue));
        let is_fifo = !queue.starts_with("Deliveries");
        let request = request.set_message_group_id(is_fifo.then(|| "x".to_owned()));
        let request = request.set_message_deduplication_id(is_fifo.then(|| "x".to_owned()));
        refused(
            &format!("SendMessage to {queue}"),
            request.message_body("x").send().await,
        );
    }

    async fn may_not_receive_from(&self, queue: &str) {
        let request = self.clients.sqs.receive_message();
        let answer = request.queue_url(self.stack.output(queue)).send().await;
        refused(&format!("ReceiveMessage of {queue}"), answer);
    }

    async fn may_not_read_or_delete_objects(&self) {
        let (s3, bucket) = (&self.clients.s3, self.stack.output("ArchiveBucketName"));
        let get = s3.get_object().bucket(bucket).key("verified/x");
        refused("GetObject", get.send().await);
        let delete = s3.delete_object().bucket(bucket).key("verified/x");
        refused("DeleteObject", delete.send().await);
        refused("ListObjectsV2", s3.list_objects_v2().bucket(bucket).send().await);
    }

    async fn may_not_read_secret(&self, name: &str) {
        let request = self.clients.secrets.get_secret_value().secret_id(name);
        refused(&format!("GetSecretValue of {name}"), request.send().await);
    }
}

fn id(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

#[tokio::test]
async fn ingest_may_do_nothing_but_send_deliveries() {
    let stack = Stack::shared().await;
    stack.deliver(&Sender::known(&stack).await.delivery(&[])).await;
    let ingest = Caller::with_credentials_of("IngestFunction", &stack).await;
    let deliveries = stack.output("DeliveriesQueueUrl");
    let allowed = ingest.clients.sqs.get_queue_attributes().queue_url(deliveries);
    allowed
        .send()
        .await
        .expect("the function's own calls are allowed");

    ingest.may_not_read("KeysTableName", "key_id").await;
    ingest.may_not_read("EventsTableName", "event_id").await;
    ingest.may_not_read("EntitiesTableName", "aggregate").await;
    ingest.may_not_send_to("OrdersQueueUrl").await;
    ingest.may_not_send_to("DeliveriesDeadLetterQueueUrl").await;
    ingest.may_not_receive_from("DeliveriesQueueUrl").await;
    ingest.may_not_read_or_delete_objects().await;
    let bucket = stack.output("ArchiveBucketName");
    let put = ingest.clients.s3.put_object().bucket(bucket).key("verified/x");
    refused("PutObject", put.send().await);
    ingest
        .may_not_read_secret("upvest-webhooks/upvest-webhooks/hmac/x")
        .await;
}

#[tokio::test]
async fn verify_and_store_may_neither_change_nor_delete_what_it_stored() {
    let stack = Stack::shared().await;
    let (order, _) = new_order(&new_id());
    stack
        .deliver(&Sender::known(&stack).await.delivery(&[order]))
        .await;
    let verify = Caller::with_credentials_of("VerifyAndStoreFunction", &stack).await;
    verify.may_read("KeysTableName", ("key_id", "x")).await;

    verify
        .may_not_change_or_scan("EventsTableName", ("event_id", "x"))
        .await;
    // A put would overwrite; it inserts.
    verify.may_not_put("EventsTableName", "event_id").await;
    verify.may_not_put("KeysTableName", "key_id").await;
    // It may note the use of a key; which attributes it may write, the emulator does not look at.
    verify
        .may_not_delete_or_scan("KeysTableName", ("key_id", "x"))
        .await;
    verify.may_not_read("EntitiesTableName", "aggregate").await;
    verify.may_not_read("IdempotencyTableName", "id").await;
    verify.may_not_send_to("DeliveriesQueueUrl").await;
    verify.may_not_send_to("OrdersDeadLetterQueueUrl").await;
    verify.may_not_receive_from("OrdersQueueUrl").await;
    verify.may_not_read_or_delete_objects().await;
    verify.may_not_read_secret("another-application/password").await;
}

#[tokio::test]
async fn a_processor_may_touch_nothing_but_entities_records_and_its_own_queue() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    let user = json!({ "id": new_id(), "status": "ACTIVE" });
    let events = [
        new_order(&new_id()).0,
        event(&new_id(), "USER.CREATED", &user),
        event(&new_id(), "SOMETHING_NEW.CREATED", &json!({ "id": new_id() })),
    ];
    stack.deliver(&sender.delivery(&events)).await;
    for (domain, entity, others_queue) in [
        ("Orders", "ORDER#x", "UsersQueueUrl"),
        ("Users", "USER#x", "OrdersQueueUrl"),
        ("Unrecognised", "SOMETHING_NEW#x", "OrdersQueueUrl"),
    ] {
        let processor = Caller::with_credentials_of(&format!("{domain}Function"), &stack).await;
        processor.may_read_entity(entity).await;
        processor
            .may_not_change_or_scan("EntitiesTableName", ("aggregate", entity))
            .await;
        processor.may_not_read("KeysTableName", "key_id").await;
        processor.may_not_read("EventsTableName", "event_id").await;
        processor.may_not_read("IdempotencyTableName", "id").await;
        // It may put and delete records, of its own domain alone; which rows, the emulator does not look at.
        processor.may_not_send_to("DeliveriesQueueUrl").await;
        processor.may_not_send_to(&format!("{domain}QueueUrl")).await;
        processor.may_not_send_to("FeesDeadLetterQueueUrl").await;
        processor.may_not_receive_from(others_queue).await;
        processor.may_not_read_or_delete_objects().await;
    }
}
