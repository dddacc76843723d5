//! The incidents of docs/incidents.md that would disturb other tests: staged on a stack of their own.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_cloudformation::types::{Capability, Parameter, Stack as Described};
use aws_sdk_sqs::types::QueueAttributeName;
use local_stack::Connection;
use serde_json::{Value, json};
use upvest_simulator::DeliveryRecord;

use super::incidents::Walk;
use super::sender::{Sender, batch, event, new_id, new_order};
use super::stack::{Stack, last, until, until_within};

/// The name of every local stack.
const STACK: &str = "upvest-webhooks";
/// What a signature's age must be to have expired, in seconds.
const AN_HOUR: i64 = 3600;
/// How long the canary's schedule may take, and then the canary.
const A_SCHEDULE: Duration = Duration::from_secs(240);

impl Stack {
    /// Puts the deliveries queue out of everybody's reach, or back into it.
    async fn refuse_deliveries(&self, are_refused: bool) {
        let url = self.output("DeliveriesQueueUrl");
        let nobody = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*" }],
        });
        let policy = if are_refused {
            nobody.to_string()
        } else {
            String::new()
        };
        let request = self.clients.sqs.set_queue_attributes().queue_url(url);
        let request = request.attributes(QueueAttributeName::Policy, policy);
        request.send().await.expect("the queue takes a policy");
    }

    /// Deletes a queue, as somebody does by mistake; gives its name and its attributes.
    async fn lose_queue(&self, output: &str) -> (String, HashMap<QueueAttributeName, String>) {
        let (sqs, url) = (&self.clients.sqs, self.output(output));
        let all = sqs.get_queue_attributes().queue_url(url);
        let all = all.attribute_names(QueueAttributeName::All).send().await.unwrap();
        sqs.delete_queue().queue_url(url).send().await.unwrap();
        let settings = [
            QueueAttributeName::FifoQueue,
            QueueAttributeName::DeduplicationScope,
            QueueAttributeName::FifoThroughputLimit,
            QueueAttributeName::RedrivePolicy,
            QueueAttributeName::VisibilityTimeout,
        ];
        let mut attributes = all.attributes.unwrap_or_default();
        attributes.retain(|name, _| settings.contains(name));
        let name = url.rsplit('/').next().expect("a URL has a last part");
        (name.to_owned(), attributes)
    }

    /// Deploys the same version with another value of a parameter.
    async fn deploy_with(&self, name: &str, value: &str) {
        let client = aws_sdk_cloudformation::Client::new(self.sdk_config());
        let parameters = described(&client).await.parameters.unwrap_or_default();
        let parameters = parameters.into_iter().map(|parameter| {
            let is_it = parameter.parameter_key() == Some(name);
            let changed = Parameter::builder().parameter_key(name).parameter_value(value);
            if is_it { changed.build() } else { parameter }
        });
        let request = client.update_stack().stack_name(STACK);
        let request = request
            .use_previous_template(true)
            .set_parameters(Some(parameters.collect()))
            .capabilities(Capability::CapabilityIam)
            .capabilities(Capability::CapabilityAutoExpand);
        request.send().await.expect("CloudFormation takes the template");
        let stack = until("the stack is deployed", async || {
            let stack = described(&client).await;
            let status = stack.stack_status()?.as_str();
            (!status.ends_with("IN_PROGRESS")).then_some(stack)
        })
        .await;
        assert_eq!(stack.stack_status().unwrap().as_str(), "UPDATE_COMPLETE");
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        let connection = Connection {
            outputs: outputs
                .filter_map(|output| Some((output.output_key?, output.output_value?)))
                .collect(),
            ..serde_json::from_slice(&std::fs::read(self.description()).unwrap()).unwrap()
        };
        std::fs::write(self.description(), json!(connection).to_string()).unwrap();
    }

    /// The requests of Upvest's that had this event.
    fn requests_with(&self, event_id: &str) -> Vec<DeliveryRecord> {
        let mut records = self.upvest().records();
        records.retain(|record| record.events.iter().any(|id| id == event_id));
        records
    }
}

async fn described(client: &aws_sdk_cloudformation::Client) -> Described {
    let stacks = client.describe_stacks().stack_name(STACK).send().await.unwrap();
    stacks.stacks.unwrap_or_default().remove(0)
}

/// The `delivery_id` that ingest answered the last of these requests with.
fn delivery_id(requests: &[DeliveryRecord]) -> String {
    let upvest_simulator::Answer::Answered { status: 200, body } = &requests.last().unwrap().answer else {
        panic!("the last request was accepted: {requests:?}");
    };
    let body: Value = serde_json::from_str(body).unwrap();
    body["delivery_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_upvest_sends_while_the_queue_is_out_of_reach_arrives_once_when_it_is_back() {
    let (stack, _turn) = Stack::alone().await;
    let statuses = ["NEW", "PROCESSING", "FILLED"];
    let ids = statuses.map(|_| new_id());
    let order = new_id();
    let entity = format!("ORDER#{order}");
    stack.refuse_deliveries(true).await;
    for (id, status) in ids.iter().zip(statuses) {
        let object = json!({ "id": order, "status": status });
        let event = event(id, &format!("ORDER.{status}"), &object);
        stack.upvest().queue(&event).unwrap();
        // The first blocks the others, whether they share its delivery or have one of their own.
        until("Upvest has tried twice", async || {
            (stack.requests_with(&ids[0]).len() > 1).then_some(())
        })
        .await;
    }
    for request in stack.requests_with(&ids[0]) {
        assert_eq!(request.answer.status(), Some(503), "{request:?}");
    }
    assert!(stack.events(&ids).await.is_empty());

    stack.refuse_deliveries(false).await;
    stack.upvest().delivered().await;
    let filled = until("the order is filled", async || {
        let state = stack.entity(&entity).await?;
        (state.projection.status() == Some("FILLED")).then_some(state)
    })
    .await;
    let changes = stack.published(&entity, &ids[2]).await;
    assert_eq!(changes.len(), 3, "each event is told once: {filled:?}");
    let mut walk = Walk::through("A queue that cannot be reached", &stack);
    let seen = walk.run().await;
    for id in &ids {
        let delivery = delivery_id(&stack.requests_with(id));
        assert!(seen.contains(&delivery), "{delivery} is seen to come: {seen}");
    }
    walk.run().await;
    walk.end();
}

#[tokio::test]
async fn a_queue_that_is_gone_holds_up_its_own_domain_and_its_events_arrive_once_when_it_is_back() {
    let (stack, _turn) = Stack::alone().await;
    let sender = Sender::known(&stack).await;
    let (name, attributes) = stack.lose_queue("UsersQueueUrl").await;
    let (user, user_event) = (new_id(), new_id());
    let object = json!({ "id": user, "status": "ACTIVE" });
    let user_created = event(&user_event, "USER.CREATED", &object);
    let user = format!("USER#{user}");
    let (with_it, with_it_entity) = new_order(&new_id());
    let (after_it, after_it_entity) = new_order(&new_id());
    stack.deliver(&sender.delivery(&[user_created, with_it])).await;
    stack.deliver(&sender.delivery(&[after_it])).await;
    for order in [with_it_entity, after_it_entity] {
        until("the order has a state", async || stack.entity(&order).await).await;
    }
    assert!(stack.event(&user_event).await.is_some());
    assert!(stack.entity(&user).await.is_none());

    let create = stack.clients.sqs.create_queue().queue_name(name);
    create.set_attributes(Some(attributes)).send().await.unwrap();
    let state = until_within(A_SCHEDULE, "the user has a state", async || {
        stack.entity(&user).await
    })
    .await;
    assert_eq!(state.version, 1);
    assert_eq!(stack.published(&user, &user_event).await.len(), 1);
}

#[tokio::test]
async fn a_delivery_of_a_wrong_clock_is_accepted_once_the_policy_allows_it() {
    let (stack, _turn) = Stack::alone().await;
    let sender = Sender::known(&stack).await;
    let id = new_id();
    let (order, entity) = new_order(&id);
    let draft = sender
        .draft(batch(&[order]))
        .with_parameters(sender.parameters(AN_HOUR));
    let delivery = stack.deliver(&sender.sign(draft)).await;
    let reasons = stack.quarantine_of(&delivery).await;
    assert_eq!(reasons.into_iter().collect::<Vec<_>>(), ["expired"]);

    let mut walk = Walk::through("A clock that is wrong", &stack);
    walk.set("DELIVERY", &delivery);
    let seen = walk.run().await;
    assert!(
        seen.contains(&delivery) && seen.contains(&sender.key_id),
        "{seen}"
    );
    walk.skip("upvest-webhooks --stack $STACK configure ");
    stack.deploy_with("FreshnessPolicy", "flag").await;
    walk.run().await;
    let state = until("the order has a state", async || stack.entity(&entity).await).await;
    assert_eq!(state.version, 1);
    assert!(stack.event(&id).await.is_some());
    assert!(stack.quarantined(&delivery).await.is_empty());
    // Whatever else doctor finds, it compares the clocks.
    let found = walk.look().await;
    let clock = found.lines().find(|line| line.contains("clock of this machine"));
    assert!(clock.is_some_and(|line| line.contains('✓')), "{found}");
    walk.end();
}

#[tokio::test]
async fn the_canary_goes_all_the_way_by_itself_and_nothing_is_published_of_it() {
    let (stack, _turn) = Stack::alone().await;
    let entity = upvest::synthetic::canary_entity();
    let state = until_within(A_SCHEDULE, "the canary has a state", async || {
        stack.entity(entity.as_str()).await
    })
    .await;
    let event_id = &last(&state).occurred.event_id;
    assert!(stack.event(event_id).await.is_some());
    // By the time a later change is published, the canary's would be.
    let id = new_id();
    let (order, order_entity) = new_order(&id);
    stack
        .deliver(&Sender::known(&stack).await.delivery(&[order]))
        .await;
    stack.published(&order_entity, &id).await;
    assert!(!stack.has_published(entity.as_str()).await);
}
