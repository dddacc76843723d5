//! From verify-and-store to the domains: one FIFO queue each, grouped by entity.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use aws_lambda_events::event::sqs::SqsMessage;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use futures_util::future::try_join_all;
use sha2::{Digest, Sha256};
use upvest::{Domain, EntityKey, Event};

use crate::error::AwsError;
use crate::queues::encoding::{self, Carried, Encoding, MAX_MESSAGE_BYTES, NotCarried};
use crate::queues::envelope::{attribute, string_attribute};
use crate::runtime::trace::TraceHeader;

/// The most messages in one batch.
const BATCH: usize = 10;
/// The longest group id that SQS takes.
const MAX_GROUP_LENGTH: usize = 128;
/// Room for a message's attributes and their names, in bytes.
const ATTRIBUTES: usize = 1024;

/// The queues of the domains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes(BTreeMap<Domain, String>);

/// A list of queues that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRoutes {
    /// An entry is not `<domain>=<queue url>`.
    #[error("{0:?} is not <domain>=<queue url>")]
    Entry(String),
    /// An entry's domain does not exist.
    #[error(transparent)]
    Domain(#[from] upvest::category::UnknownDomainError),
    /// The catch-all has no queue, so that some events would have nowhere to go.
    #[error("the domain unrecognised has no queue")]
    NoCatchAll,
}

impl FromStr for Routes {
    type Err = BadRoutes;

    /// Reads `<domain>=<queue url>,...`.
    fn from_str(list: &str) -> Result<Self, BadRoutes> {
        let mut routes = BTreeMap::new();
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (domain, url) = entry
                .split_once('=')
                .ok_or_else(|| BadRoutes::Entry(entry.to_owned()))?;
            routes.insert(domain.parse()?, url.to_owned());
        }
        if routes.contains_key(&Domain::Unrecognised) {
            Ok(Self(routes))
        } else {
            Err(BadRoutes::NoCatchAll)
        }
    }
}

impl Routes {
    /// The queue for a domain's events: the domain's own, or that of the catch-all while the domain has none.
    fn url(&self, domain: Domain) -> &str {
        // The constructor makes sure of the catch-all's queue.
        self.0
            .get(&domain)
            .or_else(|| self.0.get(&Domain::Unrecognised))
            .map_or("", String::as_str)
    }
}

/// An event on its way to its domain: the message body is the event's exact bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// The event's id, by which the queue drops repeats within five minutes.
    pub event_id: String,
    /// Whose processor gets it.
    pub domain: Domain,
    /// The entity whose events stay in order.
    pub entity: EntityKey,
    /// The event's exact bytes.
    pub json: String,
    /// The delivery that brought it.
    pub delivery_id: String,
    /// The replay that sends it again, if one does: it tells actions, and gets the event past the queue's memory of ids.
    pub replay: Option<String>,
}

/// The sending ends of the domain queues.
#[derive(Debug, Clone)]
pub struct DomainQueues {
    client: Client,
    routes: Routes,
    trace: TraceHeader,
}

impl DomainQueues {
    /// The queues at `routes`.
    #[must_use]
    pub fn new(client: Client, routes: Routes) -> Self {
        Self {
            client,
            routes,
            trace: TraceHeader::of_invocation(),
        }
    }

    /// The same queues with messages that carry this trace.
    #[must_use]
    pub fn traced_by(self, trace: TraceHeader) -> Self {
        Self { trace, ..self }
    }

    /// Sends events to their domains, in their order for each queue.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when some event is not known to be in its queue; others may be.
    pub async fn send(&self, events: Vec<Dispatch>) -> Result<(), AwsError> {
        let mut by_queue: BTreeMap<&str, Vec<Dispatch>> = BTreeMap::new();
        for event in events {
            by_queue
                .entry(self.routes.url(event.domain))
                .or_default()
                .push(event);
        }
        try_join_all(
            by_queue
                .into_iter()
                .map(|(url, events)| self.send_to(url, events)),
        )
        .await?;
        Ok(())
    }

    async fn send_to(&self, url: &str, events: Vec<Dispatch>) -> Result<(), AwsError> {
        const CALL: &str = "SendMessageBatch to a domain queue";
        let trace = self.trace.attributes();
        for mut batch in batches(events)? {
            for entry in &mut batch {
                entry.message_system_attributes.clone_from(&trace);
            }
            let request = self
                .client
                .send_message_batch()
                .queue_url(url)
                .set_entries(Some(batch));
            let answer = request.send().await.map_err(AwsError::of(CALL))?;
            if let Some(failed) = answer.failed.first() {
                return Err(AwsError::entries(CALL, &failed.code));
            }
        }
        Ok(())
    }
}

/// Cuts messages into batches that SQS takes: ten messages, and 1 MiB in all.
fn batches(events: Vec<Dispatch>) -> Result<Vec<Vec<SendMessageBatchRequestEntry>>, AwsError> {
    let mut batches: Vec<Vec<SendMessageBatchRequestEntry>> = Vec::new();
    let mut room = 0;
    for (index, event) in events.into_iter().enumerate() {
        let entry = entry(index, event)?;
        let size = entry.message_body.len() + ATTRIBUTES;
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH && size <= room => {
                batch.push(entry);
                room -= size;
            }
            _ => {
                batches.push(vec![entry]);
                room = MAX_MESSAGE_BYTES.saturating_sub(size);
            }
        }
    }
    Ok(batches)
}

fn entry(index: usize, event: Dispatch) -> Result<SendMessageBatchRequestEntry, AwsError> {
    const CALL: &str = "SendMessageBatch to a domain queue";
    let carried = encoding::encode(event.json.as_bytes(), MAX_MESSAGE_BYTES - ATTRIBUTES);
    let Carried { encoding, text } = carried.map_err(AwsError::of(CALL))?;
    let mut attributes: HashMap<String, MessageAttributeValue> = HashMap::new();
    attributes.extend([string_attribute(("delivery_id", event.delivery_id))]);
    let replay = event.replay.as_ref();
    attributes.extend(replay.map(|replay| string_attribute(("replay", replay.clone()))));
    attributes.extend(
        encoding
            .name()
            .map(|name| string_attribute(("encoding", name.to_owned()))),
    );
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(text)
        .set_message_attributes(Some(attributes))
        .message_group_id(group_id(event.entity.as_str()))
        .message_deduplication_id(match event.replay {
            None => event.event_id,
            Some(replay) => hex::encode(Sha256::digest(format!("{}#{replay}", event.event_id))),
        })
        .build()
        .map_err(AwsError::of(CALL))
}

/// The message group of an entity: its key, or the key's hash where SQS would not take it.
fn group_id(entity: &str) -> String {
    let taken = entity.len() <= MAX_GROUP_LENGTH && entity.bytes().all(|byte| byte.is_ascii_graphic());
    if taken {
        entity.to_owned()
    } else {
        hex::encode(Sha256::digest(entity))
    }
}

/// A message of a domain queue, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatched {
    /// The event's exact bytes.
    pub json: String,
    /// The delivery that brought it.
    pub delivery_id: Option<String>,
    /// The replay that brought it again; `None` for one that Upvest delivered.
    pub replay: Option<String>,
}

/// A message that holds no event.
#[derive(Debug, thiserror::Error)]
pub enum NoEvent {
    /// There is no body.
    #[error("message has no body")]
    Body,
    /// The body is not what the attribute `encoding` says.
    #[error("message body cannot be decoded")]
    NotCarried(#[from] NotCarried),
    /// The decoded body is not text.
    #[error("message body is not UTF-8")]
    NotText,
    /// The text is not an event.
    #[error("message body is not an event")]
    Malformed(#[from] upvest::event::EventError),
}

impl Dispatched {
    /// Reads a message of a domain queue.
    ///
    /// # Errors
    ///
    /// [`NoEvent`] when it was not written by [`DomainQueues::send`].
    pub fn from_message(message: &SqsMessage) -> Result<Self, NoEvent> {
        let body = message.body.clone().ok_or(NoEvent::Body)?;
        let bytes = encoding::decode(Encoding::from_name(attribute(message, "encoding"))?, body)?;
        let json = String::from_utf8(bytes).map_err(|_| NoEvent::NotText)?;
        Ok(Self {
            json,
            delivery_id: attribute(message, "delivery_id").map(str::to_owned),
            replay: attribute(message, "replay").map(str::to_owned),
        })
    }

    /// The event in it.
    ///
    /// # Errors
    ///
    /// [`NoEvent::Malformed`].
    pub fn event(&self) -> Result<Event<'_>, NoEvent> {
        Ok(Event::parse(&self.json)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dispatch(size: usize) -> Dispatch {
        Dispatch {
            event_id: "e1".to_owned(),
            domain: Domain::Orders,
            entity: EntityKey::from_stored("ORDER#o1".to_owned()),
            json: "x".repeat(size),
            delivery_id: "d1".to_owned(),
            replay: None,
        }
    }

    #[test]
    fn batches_hold_ten_messages_and_one_mebibyte() {
        let sizes = |events: Vec<Dispatch>| batches(events).unwrap().iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec![dispatch(100); 25]), [10, 10, 5]);
        assert_eq!(sizes(vec![dispatch(400_000); 5]), [2, 2, 1]);
        assert_eq!(sizes(vec![]), [0; 0]);
    }

    #[test]
    fn a_group_id_is_what_sqs_takes() {
        assert_eq!(group_id("POSITION#a#b"), "POSITION#a#b");
        assert_eq!(group_id(&"x".repeat(129)).len(), 64);
    }

    #[test]
    fn a_replay_gets_past_the_memory_of_ids_and_is_marked() {
        let first = entry(0, dispatch(1)).unwrap();
        let replayed = Dispatch {
            replay: Some("r1".to_owned()),
            ..dispatch(1)
        };
        let replayed = entry(0, replayed).unwrap();
        assert_eq!(first.message_deduplication_id(), Some("e1"));
        assert_ne!(
            first.message_deduplication_id(),
            replayed.message_deduplication_id()
        );
        let marked = |entry: &SendMessageBatchRequestEntry| {
            entry
                .message_attributes()
                .is_some_and(|all| all.contains_key("replay"))
        };
        assert!(marked(&replayed) && !marked(&first));
    }

    #[test]
    fn a_domain_without_a_queue_goes_to_the_catch_all() {
        let routes: Routes = "orders=https://q/orders, unrecognised=https://q/rest"
            .parse()
            .unwrap();
        assert_eq!(routes.url(Domain::Orders), "https://q/orders");
        assert_eq!(routes.url(Domain::Fees), "https://q/rest");
        assert_eq!(
            "orders=https://q/orders".parse::<Routes>(),
            Err(BadRoutes::NoCatchAll)
        );
        assert_eq!(
            "orders".parse::<Routes>(),
            Err(BadRoutes::Entry("orders".to_owned()))
        );
        assert!(matches!(
            "order=https://q".parse::<Routes>(),
            Err(BadRoutes::Domain(_))
        ));
    }
}
