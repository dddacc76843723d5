//! The deployed receiver as its owner sees it: tables, queues and archive.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use jiff::Timestamp;
use local_stack::LocalStack;
use operator::stack::queue_depth;
use pipeline::runtime::aws;
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::Archive;
use pipeline::stores::entities::Entities;
use pipeline::stores::events::{EventLog, LoggedEvent};
use serde::Deserialize;
use tokio::time::Instant;
use upvest::EntityKey;
use upvest::batch::Stored;
use upvest::projection::Summary;

use super::error::RunError;
use super::stories::Story;

/// Says how long the receiver may take to accept everything, and then to process it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Says how often it is looked at. A look is some forty calls, for whose time the functions wait.
const INTERVAL: Duration = Duration::from_millis(250);

/// Gives the name of the rule and the queue of the tap.
const TAP: &str = "changes-tap";

/// Reads the stores of a deployed stack.
pub(crate) struct Receiver {
    log: EventLog,
    entities: Entities,
    archive: Archive,
    sqs: aws_sdk_sqs::Client,
    event_bridge: aws_sdk_eventbridge::Client,
    clock: Clock,
    outputs: BTreeMap<String, String>,
}

/// Holds what became of the deliveries, store by store.
pub(crate) struct Observed {
    /// Holds the event log, by event id.
    pub(crate) events: BTreeMap<String, LoggedEvent>,
    /// Holds the entities' state, by aggregate key.
    pub(crate) entities: BTreeMap<EntityKey, Stored>,
    /// Holds the changes that were published, by event id.
    pub(crate) changes: BTreeMap<String, Change>,
    /// Says how many deliveries are in quarantine, by reason.
    pub(crate) quarantined: BTreeMap<String, usize>,
    /// Says how many messages are in each queue that is not empty, by output name.
    pub(crate) waiting: BTreeMap<String, usize>,
    /// Lists the times from the receipt of an event to the publication of the state that it led to, which is written by then,
    /// in milliseconds, ascending.
    pub(crate) latencies_ms: Vec<i64>,
}

/// Names a queue that gets a copy of everything that is published.
pub(crate) struct Tap(String);

/// Holds a published change, as far as the report shows it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Change {
    pub(crate) domain: String,
    pub(crate) entity: String,
    pub(crate) event: ChangeEvent,
    pub(crate) previous: Option<Summary>,
    pub(crate) current: Summary,
    pub(crate) flags_changed: BTreeMap<String, bool>,
    pub(crate) late: bool,
    /// Tells when the queue of the tap had it, in milliseconds since 1970.
    #[serde(skip)]
    pub(crate) told_at_ms: Option<i64>,
}

/// Names the event of a published change.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ChangeEvent {
    pub(crate) id: String,
    pub(crate) r#type: String,
}

/// Holds what EventBridge hands to a rule's target.
#[derive(Deserialize)]
struct Published {
    detail: Change,
}

impl Receiver {
    /// Looks at the receiver that a stack runs.
    pub(crate) fn of(stack: &LocalStack) -> Self {
        let config = stack.sdk_config();
        let output = |name: &str| stack.outputs().get(name).cloned().unwrap_or_default();
        let (dynamodb, clock) = (aws::dynamodb(config), Clock::system());
        Self {
            log: EventLog::new(dynamodb.clone(), output("EventsTableName")),
            entities: Entities::new(dynamodb, output("EntitiesTableName")),
            archive: Archive::new(
                aws::s3(config),
                output("ArchiveBucketName"),
                output("QuarantineBucketName"),
            ),
            sqs: aws::sqs(config),
            event_bridge: aws::event_bridge(config),
            clock,
            outputs: stack.outputs().clone(),
        }
    }

    /// Waits until the receiver has stored the event of Upvest's test, by which it has fetched the keys, and every function on
    /// the way has remembered them.
    pub(crate) async fn tested(&self) -> Result<(), RunError> {
        let deadline = Instant::now() + PATIENCE;
        while self.stored().await?.is_empty() && Instant::now() < deadline {
            tokio::time::sleep(INTERVAL).await;
        }
        Ok(())
    }

    /// Waits until the events of all stories are stored and the queues empty, or until that takes too long, and returns what is
    /// there.
    pub(crate) async fn observe(&self, stories: &[Story], tap: &Tap) -> Result<Observed, RunError> {
        let ids = event_ids(stories.iter().flat_map(|(_, events)| events));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let waiting = self.waiting().await?;
            let stored = self.stored().await?;
            let processing = waiting.keys().any(|name| !name.contains("DeadLetter"));
            let settled = !processing && ids.iter().all(|id| stored.contains_key(id));
            if settled || Instant::now() > deadline {
                let changes = self.changes(tap).await?;
                return Ok(Observed {
                    latencies_ms: latencies(&ids, &stored, &changes),
                    entities: self.states().await?,
                    changes,
                    quarantined: self.archive.count_quarantine(usize::MAX).await?,
                    events: stored,
                    waiting,
                });
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Reads the whole event log, by event id.
    async fn stored(&self) -> Result<BTreeMap<String, LoggedEvent>, RunError> {
        let any_time = Timestamp::UNIX_EPOCH..self.clock.now() + Duration::from_secs(3600);
        let (mut stored, mut after) = (BTreeMap::new(), None);
        loop {
            let (events, next) = self.log.received(&any_time, after).await?;
            stored.extend(events.into_iter().map(|event| (event.event_id.clone(), event)));
            match next {
                Some(next) => after = Some(next),
                None => return Ok(stored),
            }
        }
    }

    /// Reads the states of all entities.
    async fn states(&self) -> Result<BTreeMap<EntityKey, Stored>, RunError> {
        let (mut states, mut after) = (BTreeMap::new(), None);
        loop {
            let (keys, next) = self.entities.keys(after).await?;
            for (key, loaded) in self.entities.load_many(&keys.iter().collect()).await? {
                states.insert(key, loaded?.stored);
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(states),
            }
        }
    }

    /// Counts the messages in each queue that has any.
    async fn waiting(&self) -> Result<BTreeMap<String, usize>, RunError> {
        let mut waiting = BTreeMap::new();
        let queues = self.outputs.iter().filter(|(name, _)| name.ends_with("QueueUrl"));
        let mut queues: Vec<_> = queues.collect();
        // What leaves the deliveries queue after it was read is in its domain's queue when that is read, or is done.
        queues.sort_by_key(|(name, _)| *name != "DeliveriesQueueUrl");
        for (name, url) in queues {
            let messages = queue_depth(&self.sqs, url).await?.total();
            if messages > 0 {
                waiting.insert(name.clone(), messages);
            }
        }
        Ok(waiting)
    }

    /// Sends a copy of everything that is published to a queue of its own, as a subscriber's rule would.
    pub(crate) async fn tap(&self) -> Result<Tap, RunError> {
        let queue = self.sqs.create_queue().queue_name(TAP).send().await;
        let queue = queue.map_err(|error| RunError::DeployedQueue(Box::new(error.into())))?;
        let url = queue.queue_url.expect("a queue that was created has a URL");
        let attributes = self.sqs.get_queue_attributes().queue_url(&url);
        let attributes = attributes
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await;
        let attributes = attributes.map_err(|error| RunError::DeployedQueue(Box::new(error.into())))?;
        let arn = attributes
            .attributes
            .and_then(|attributes| attributes.get(&QueueAttributeName::QueueArn).cloned())
            .expect("a queue has an ARN, which was asked for");
        let failed = |error| RunError::Bus(Box::new(error));
        let bus = self.output("EventBusName");
        let rule = self.event_bridge.put_rule().name(TAP).event_bus_name(bus);
        let rule = rule
            .event_pattern(r#"{"source":["upvest-webhooks"]}"#)
            .send()
            .await;
        rule.map_err(|error| failed(error.into()))?;
        let target = Target::builder().id("queue").arn(arn).build();
        let target = target.map_err(|error| failed(error.into()))?;
        let targets = self.event_bridge.put_targets().rule(TAP).event_bus_name(bus);
        targets
            .targets(target)
            .send()
            .await
            .map_err(|error| failed(error.into()))?;
        Ok(Tap(url))
    }

    /// Takes from the tap everything that was published so far.
    async fn changes(&self, Tap(url): &Tap) -> Result<BTreeMap<String, Change>, RunError> {
        let mut changes = BTreeMap::new();
        loop {
            let messages = self
                .sqs
                .receive_message()
                .queue_url(url)
                .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
                .max_number_of_messages(10);
            let answer = messages.send().await;
            let answer = answer.map_err(|error| RunError::DeployedQueue(Box::new(error.into())))?;
            let messages = answer.messages.unwrap_or_default();
            if messages.is_empty() {
                return Ok(changes);
            }
            for change in messages.iter().filter_map(published) {
                // Told again, it is no later for that.
                changes.entry(change.event.id.clone()).or_insert(change);
            }
        }
    }

    fn output(&self, name: &str) -> &str {
        self.outputs.get(name).map_or("", String::as_str)
    }
}

/// Reads the ids of events from their texts.
pub(crate) fn event_ids<'e>(events: impl IntoIterator<Item = &'e String>) -> BTreeSet<String> {
    let id = |event: &String| {
        let event: serde_json::Value = serde_json::from_str(event).ok()?;
        Some(event.get("id")?.as_str()?.to_owned())
    };
    events.into_iter().filter_map(id).collect()
}

/// Reads a change off a message of the tap.
fn published(message: &Message) -> Option<Change> {
    let Published { detail } = serde_json::from_str(message.body()?).ok()?;
    let attributes = message.attributes();
    let sent = attributes.and_then(|attributes| attributes.get(&MessageSystemAttributeName::SentTimestamp));
    Some(Change {
        told_at_ms: sent.and_then(|sent| sent.parse().ok()),
        ..detail
    })
}

fn latencies(
    ids: &BTreeSet<String>,
    stored: &BTreeMap<String, LoggedEvent>,
    changes: &BTreeMap<String, Change>,
) -> Vec<i64> {
    let latency = |id: &String| {
        let received_at = stored.get(id)?.received_at;
        Some(changes.get(id)?.told_at_ms? - received_at.as_millisecond())
    };
    let mut latencies: Vec<i64> = ids.iter().filter_map(latency).collect();
    latencies.sort_unstable();
    latencies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_at_the_time_at_which_the_tap_had_it() {
        let body = serde_json::json!({ "detail": {
            "domain": "orders",
            "entity": "ORDER#1",
            "event": { "id": "a", "type": "ORDER.NEW" },
            "previous": null,
            "current": { "version": 1, "status": "NEW", "derived": {} },
            "late": false,
            "flags_changed": {},
        }});
        let message = Message::builder()
            .body(body.to_string())
            .attributes(MessageSystemAttributeName::SentTimestamp, "1700000000123")
            .build();
        let change = published(&message).unwrap();
        assert_eq!(
            (change.event.id.as_str(), change.told_at_ms),
            ("a", Some(1_700_000_000_123))
        );
    }
}
