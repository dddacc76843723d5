//! What the stack publishes: a rule copies every change to a queue, which all tests read together.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use pipeline::error::ErrorChain;
use serde_json::Value;

use super::stack::{Clients, Stack, until};

/// The rule, and its queue.
const TAP: &str = "changes-tap";
/// Twelve hours, the longest that there is: what a test read once does not come back.
const VISIBILITY_TIMEOUT_S: &str = "43200";
/// The most messages in one answer.
const RECEIVED: i32 = 10;

/// All that any test read, by entity and event: the tests run in parallel, and each reads what it meets.
static READ: Mutex<BTreeMap<String, BTreeMap<String, Value>>> = Mutex::new(BTreeMap::new());

/// Copies everything that is published to a queue, and gives its URL.
pub(super) async fn tap(clients: &Clients, bus: &str) -> Result<String, String> {
    let failed = |error: &(dyn std::error::Error + 'static)| ErrorChain(error).to_string();
    let request = clients.sqs.create_queue().queue_name(TAP);
    let request = request.attributes(QueueAttributeName::VisibilityTimeout, VISIBILITY_TIMEOUT_S);
    let queue = request.send().await.map_err(|error| failed(&error))?;
    let url = queue.queue_url.unwrap_or_default();
    let arn = QueueAttributeName::QueueArn;
    let request = clients.sqs.get_queue_attributes().queue_url(&url);
    let attributes = request.attribute_names(arn.clone()).send().await;
    let attributes = attributes.map_err(|error| failed(&error))?.attributes;
    let arn = attributes.unwrap_or_default().remove(&arn);

    let request = clients.event_bridge.put_rule().name(TAP).event_bus_name(bus);
    let rule = request.event_pattern(r#"{"source":["upvest-webhooks"]}"#).send();
    rule.await.map_err(|error| failed(&error))?;
    let target = Target::builder().id("queue").arn(arn.unwrap_or_default()).build();
    let target = target.map_err(|error| failed(&error))?;
    let request = clients.event_bridge.put_targets().rule(TAP).event_bus_name(bus);
    let targets = request.targets(target).send();
    targets.await.map_err(|error| failed(&error))?;
    Ok(url)
}

impl Stack {
    /// Waits until the change that `event_id` made of an entity is published, and returns all changes of the entity
    /// that were, in the order of what they tell about: each as EventBridge hands it to a rule's target.
    ///
    /// Publishing is at least once: changes by the same event are one.
    pub(super) async fn published(&self, entity: &str, event_id: &str) -> Vec<Value> {
        until("the change is published", async || {
            self.read_changes().await;
            let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
            let mut changes: Vec<Value> = read
                .get(entity)
                .filter(|changes| changes.contains_key(event_id))?
                .values()
                .cloned()
                .collect();
            changes.sort_by_key(|change| change["detail"]["event"]["occurred"].to_string());
            Some(changes)
        })
        .await
    }

    /// Tells whether any change of the entity was published so far.
    pub(super) async fn has_published(&self, entity: &str) -> bool {
        self.read_changes().await;
        let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        read.contains_key(entity)
    }

    async fn read_changes(&self) {
        loop {
            let request = self.clients.sqs.receive_message().queue_url(self.changes_queue());
            let answer = request.max_number_of_messages(RECEIVED).send().await;
            let messages = answer
                .expect("the queue can be read")
                .messages
                .unwrap_or_default();
            if messages.is_empty() {
                return;
            }
            let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
            for message in messages {
                let body = message.body.unwrap_or_default();
                let change: Value = serde_json::from_str(&body).expect("a change is JSON");
                let detail = &change["detail"];
                let [entity, event_id] = [&detail["entity"], &detail["event"]["id"]].map(|text| {
                    text.as_str()
                        .expect("a change names its entity and event")
                        .to_owned()
                });
                read.entry(entity).or_default().insert(event_id, change);
            }
        }
    }

    /// Tells whether a rule with this pattern selects a change.
    pub(super) async fn selects(&self, pattern: &str, change: &Value) -> bool {
        let request = self.clients.event_bridge.test_event_pattern();
        let request = request.event_pattern(pattern).event(change.to_string());
        request.send().await.expect("the pattern is valid").result
    }
}
