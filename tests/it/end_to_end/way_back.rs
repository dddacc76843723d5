//! The incidents of docs/incidents.md that end with a way back: tables, stacks and what is left of them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_cloudformation::types::{Capability, Parameter, TemplateStage};
use pipeline::runtime::clock::Clock;
use pipeline::stores::events::attributes::OBJECT;
use pipeline::stores::events::{EventLog, LoggedEvent};
use pipeline::stores::keys::KeyRow;
use serde_json::json;

use super::incidents::Walk;
use super::sender::{Sender, event, new_id};
use super::stack::{Stack, until, until_within};

/// The name of every local stack.
const STACK: &str = "upvest-webhooks";
/// How long the emulator may take to make a stack, or to give up.
const A_DEPLOYMENT: Duration = Duration::from_secs(240);

impl Stack {
    /// Delivers a status of an order, and waits until its state shows it; returns the event's id.
    async fn order_becomes(&self, sender: &Sender, order: &str, status: &str) -> String {
        let id = new_id();
        let object = json!({ "id": order, "status": status });
        let event = event(&id, &format!("ORDER.{status}"), &object);
        self.deliver(&sender.delivery(&[event])).await;
        until("the order has the status", async || {
            let state = self.entity(&format!("ORDER#{order}")).await?;
            (state.projection.status() == Some(status)).then_some(())
        })
        .await;
        id
    }
}

#[tokio::test]
async fn rows_that_were_deleted_or_edited_come_back_and_what_came_since_is_stored_again() {
    let (stack, _turn) = Stack::alone().await;
    let sender = Sender::known(&stack).await;
    let (order, other) = (new_id(), new_id());
    let first = stack.order_becomes(&sender, &order, "NEW").await;
    let edited = stack.order_becomes(&sender, &other, "NEW").await;
    let mut walk = Walk::through("Rows of a table are lost", &stack);
    walk.set("TABLE", stack.output("EventsTableName"));
    walk.set("BEFORE", Clock::system().now().to_string());
    // The emulator's copy is of the table as it is now, whatever the time.
    walk.run().await;
    let second = stack.order_becomes(&sender, &order, "FILLED").await;
    let ids = [first.clone(), second.clone(), edited.clone()];
    let log = stack.events(&ids).await;
    assert_eq!(log.len(), 3);

    let rows = stack.log_rows();
    for id in [&first, &second] {
        rows.delete(id).await;
    }
    rows.set(&edited, (OBJECT, "{}")).await;
    let state = format!("ORDER#{other}");
    stack.entity_rows().delete(&state).await;

    let seen = walk.run().await;
    assert!(seen.contains(&edited) && seen.contains(OBJECT), "{seen}");
    walk.run().await;
    walk.run().await;
    walk.run_until("nothing is wrong").await;
    let texts = |events: &[LoggedEvent]| -> BTreeSet<String> {
        let all = |event: &LoggedEvent| {
            let (place, object) = (&event.occurred, event.object.as_deref().unwrap_or_default());
            let ids = [&event.event_id, &event.sha256, &event.delivery_id].map(String::as_str);
            format!("{}|{place}|{object}", ids.join("|"))
        };
        events.iter().map(all).collect()
    };
    assert_eq!(
        texts(&stack.events(&ids).await),
        texts(&log),
        "each is there once, as it was"
    );
    let told = stack.published(&format!("ORDER#{order}"), &second).await;
    assert_eq!(told.len(), 2, "every change was told: {told:?}");
    walk.run_until("not as their events say").await;
    let states = stack
        .entities(&[format!("ORDER#{order}"), format!("ORDER#{other}")])
        .await;
    assert_eq!(states.len(), 2);
    walk.end();
}

/// Sends the request that makes or changes a stack: the SDK has a type for each, with the same methods.
macro_rules! deploy {
    ($another:expr, $request:ident, $changed:expr) => {{
        let (template, parameters) = $another.template($changed).await;
        let request = $another.client.$request().stack_name($another.name);
        let request = request
            .template_url(template)
            .set_parameters(Some(parameters))
            .capabilities(Capability::CapabilityIam)
            .capabilities(Capability::CapabilityAutoExpand);
        request.send().await.unwrap()
    }};
}

/// A stack beside the one of the tests, in the same account.
struct Another {
    client: aws_sdk_cloudformation::Client,
    s3: aws_sdk_s3::Client,
    name: &'static str,
}

impl Another {
    /// Deploys the template of the tests' stack under another name, with its parameters but for some; gives the stack's id.
    async fn create(&self, changed: &[(&str, &str)]) -> String {
        deploy!(self, create_stack, changed).stack_id.unwrap()
    }

    /// Deploys the same over the stack, as `make deploy` does.
    async fn update(&self, changed: &[(&str, &str)]) {
        deploy!(self, update_stack, changed);
    }

    async fn template(&self, changed: &[(&str, &str)]) -> (String, Vec<Parameter>) {
        let stack = self
            .client
            .describe_stacks()
            .stack_name(STACK)
            .send()
            .await
            .unwrap();
        let parameters = stack.stacks()[0].parameters().iter().map(|parameter| {
            let key = parameter.parameter_key().unwrap();
            let new = changed.iter().find(|(name, _)| *name == key);
            let value = new.map_or_else(|| parameter.parameter_value().unwrap(), |(_, value)| value);
            Parameter::builder()
                .parameter_key(key)
                .parameter_value(value)
                .build()
        });
        let template = self.client.get_template().stack_name(STACK);
        let template = template
            .template_stage(TemplateStage::Processed)
            .send()
            .await
            .unwrap();
        let url = self.put(template.template_body.unwrap()).await;
        (url, parameters.collect())
    }

    /// Puts a template, which is too large for a request, to where releases lie; gives its URL.
    async fn put(&self, template: String) -> String {
        let buckets = self.s3.list_buckets().send().await.unwrap();
        let mut names = buckets.buckets().iter().filter_map(|bucket| bucket.name());
        let bucket = names
            .find(|name| name.starts_with("upvest-webhooks-artifacts-"))
            .unwrap();
        let put = self.s3.put_object().bucket(bucket).key(self.name);
        put.body(template.into_bytes().into()).send().await.unwrap();
        format!("https://s3.amazonaws.com/{bucket}/{}", self.name)
    }

    /// Waits until the stack is neither being made nor changed; gives its status.
    async fn settled(&self, stack_id: &str) -> String {
        until_within(A_DEPLOYMENT, "the stack is settled", async || {
            let stack = self
                .client
                .describe_stacks()
                .stack_name(stack_id)
                .send()
                .await
                .ok()?;
            let status = stack.stacks().first()?.stack_status()?.as_str().to_owned();
            (!status.ends_with("IN_PROGRESS")).then_some(status)
        })
        .await
    }
}

/// The tables of a stack that are there.
async fn tables(stack: &Stack, name: &str) -> Vec<String> {
    let tables = stack.clients.dynamodb.list_tables().send().await.unwrap();
    let mut tables = tables.table_names.unwrap_or_default();
    tables.retain(|table| table.starts_with(name));
    tables
}

#[tokio::test]
async fn what_a_failed_first_deployment_leaves_is_deleted_unless_something_is_in_it() {
    let (stack, _turn) = Stack::alone().await;
    let another = Another {
        client: aws_sdk_cloudformation::Client::new(stack.sdk_config()),
        s3: stack.clients.s3.clone(),
        name: "failed-first",
    };
    let id = another
        .create(&[("UpvestSecret", "no-such-secret"), ("DeletionProtection", "true")])
        .await;
    assert_eq!(another.settled(&id).await, "ROLLBACK_COMPLETE");
    let left = tables(&stack, another.name).await;
    assert_eq!(left.len(), 6, "{left:?}");
    let kept = left.iter().find(|table| table.contains("KeysTable")).unwrap();
    let key = KeyRow {
        key_id: "k".to_owned(),
        ..KeyRow::default()
    };
    stack.import_into(kept, &key).await;

    let mut walk = Walk::through("A first deployment that failed", &stack);
    walk.set("STACK_ID", &id);
    walk.set("TABLE", kept);
    let listed = walk.run().await;
    for name in &left {
        assert!(listed.contains(name), "{listed}");
    }
    let deleted = walk.run().await;
    assert!(deleted.contains(&format!("{kept} is not empty")), "{deleted}");
    assert_eq!(&tables(&stack, another.name).await, std::slice::from_ref(kept));
    let queues = stack.clients.sqs.list_queues().queue_name_prefix(another.name);
    let queues = queues.send().await.unwrap();
    assert_eq!(queues.queue_urls(), [] as [&str; 0]);
    let buckets = stack.clients.s3.list_buckets().send().await.unwrap();
    let mut names = buckets.buckets().iter().filter_map(|bucket| bucket.name());
    assert!(!names.any(|name| name.starts_with(another.name)));
    walk.run().await;
    assert!(tables(&stack, another.name).await.is_empty());
    walk.end();
}

/// The outputs of a stack, by name.
async fn outputs(another: &Another) -> BTreeMap<String, String> {
    let stack = another
        .client
        .describe_stacks()
        .stack_name(another.name)
        .send()
        .await
        .unwrap();
    let outputs = stack.stacks()[0].outputs().iter();
    let output = |output: &aws_sdk_cloudformation::types::Output| {
        Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()))
    };
    outputs.filter_map(output).collect()
}

/// Posts an order to a stack beside the one of the tests; gives the event's id.
async fn post(stack: &Stack, outputs: &BTreeMap<String, String>) -> String {
    // The emulator serves every API below its own address.
    let url = reqwest::Url::parse(&outputs["WebhookUrl"]).unwrap();
    let (api, path) = (url.host_str().unwrap().split('.').next().unwrap(), url.path());
    let url = format!("{}/_aws/execute-api/{api}{path}", stack.connection().endpoint_url);
    let sender = Sender::unknown(stack).to(path);
    stack.import_into(&outputs["KeysTableName"], &sender.row()).await;
    let id = new_id();
    let object = json!({ "id": new_id(), "status": "NEW" });
    let delivery = sender.delivery(&[event(&id, "ORDER.NEW", &object)]);
    let request = stack.http.post(url).body(delivery.body);
    let request = delivery
        .headers
        .iter()
        .fold(request, |request, (name, value)| request.header(name, value));
    assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    id
}

/// Waits until an event is in the log of a stack beside the one of the tests.
async fn logged(stack: &Stack, outputs: &BTreeMap<String, String>, what: &str, id: &str) {
    let table = outputs["EventsTableName"].clone();
    let log = EventLog::new(stack.clients.dynamodb.clone(), table);
    until(&format!("{what} is in the log"), async || {
        log.find(id).await.unwrap()
    })
    .await;
}

/// Has nobody read the deliveries queue of a stack any more.
async fn stop_reading(stack: &Stack, queue_url: &str) {
    let lambda = aws_sdk_lambda::Client::new(stack.sdk_config());
    let arn = aws_sdk_sqs::types::QueueAttributeName::QueueArn;
    let attributes = stack.clients.sqs.get_queue_attributes().queue_url(queue_url);
    let attributes = attributes.attribute_names(arn.clone()).send().await.unwrap();
    let arn = attributes.attributes.unwrap().remove(&arn).unwrap();
    let mappings = lambda
        .list_event_source_mappings()
        .event_source_arn(arn)
        .send()
        .await;
    for mapping in mappings.unwrap().event_source_mappings() {
        let delete = lambda.delete_event_source_mapping().uuid(mapping.uuid().unwrap());
        delete.send().await.unwrap();
    }
}

/// Fails unless a stack has the tables, buckets and queues that it had before.
fn assert_kept(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) {
    for (name, value) in before {
        let is_kept = ["Table", "Bucket", "Queue"]
            .iter()
            .any(|kind| name.contains(kind));
        assert!(
            !is_kept || after[name] == *value,
            "{name}: {value}, {}",
            after[name]
        );
    }
}

#[tokio::test]
async fn a_new_stack_takes_over_what_a_deleted_one_has_left() {
    let (stack, _turn) = Stack::alone().await;
    let another = Another {
        client: aws_sdk_cloudformation::Client::new(stack.sdk_config()),
        s3: stack.clients.s3.clone(),
        name: "wanted-back",
    };
    let parameters = [
        ("PublicUrl", ""),
        ("UpvestSecret", ""),
        ("RetrieveReports", "false"),
        ("CanaryMinutes", "0"),
    ];
    let id = another.create(&parameters).await;
    assert_eq!(another.settled(&id).await, "CREATE_COMPLETE");
    let before = outputs(&another).await;
    let received = Clock::system().now();
    let stored = post(&stack, &before).await;
    logged(&stack, &before, "what is stored before", &stored).await;
    stop_reading(&stack, &before["DeliveriesQueueUrl"]).await;
    let waiting = post(&stack, &before).await;
    another
        .client
        .delete_stack()
        .stack_name(&id)
        .send()
        .await
        .unwrap();
    assert_eq!(another.settled(&id).await, "DELETE_COMPLETE");

    let mut walk = Walk::through("A deleted stack that is wanted back", &stack);
    let folder = stack.description().with_file_name("adopt");
    walk.set("FOLDER", folder.display().to_string());
    walk.set("STACK_ID", &id);
    walk.set("STACK", another.name);
    walk.set("RECEIVED", received.to_string());
    walk.run().await;
    walk.run().await;
    walk.skip("upvest-webhooks --stack $STACK deploy ");
    another.update(&parameters).await;
    assert_eq!(another.settled(another.name).await, "UPDATE_COMPLETE");
    let after = outputs(&another).await;
    assert_kept(&before, &after);
    let later = post(&stack, &after).await;
    logged(&stack, &after, "what was stored", &stored).await;
    logged(&stack, &after, "what waited in the queue", &waiting).await;
    logged(&stack, &after, "what came later", &later).await;
    walk.run_until("nothing is wrong").await;
    walk.end();
    another
        .client
        .delete_stack()
        .stack_name(another.name)
        .send()
        .await
        .unwrap();
}
