//! From verify-and-store to the domains: one FIFO queue each, grouped by entity.
//!
//! | Module | Knows |
//! |---|---|
//! | `groups` | which message group an entity has |
//! | `message` | what travels: attributes and deduplication id |
//! | `routes` | which queue a domain has |

mod groups;
mod message;
mod routes;

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures_util::stream::{self, StreamExt};

use upvest::{Domain, EntityKey};

pub use self::message::{
    AGGREGATE, DISPATCH, Dispatched, EventMessage, EventMessageError, TRANSITION, subject,
    transition_from_text, transition_text,
};
pub use self::routes::{Routes, RoutesError};
use crate::envelope::encoding::MAX_MESSAGE_BYTES;
use crate::error::{AwsError, ErrorChain, Kind};
use crate::runtime::trace::TraceHeader;

const CALL: &str = "SendMessageBatch to a domain queue";
/// Bounds the number of messages in one batch (`SendMessageBatch`).
const BATCH: usize = 10;
/// Bounds the number of requests that are under way at a time, over all queues.
pub const AT_A_TIME: usize = 16;
/// Says from how many messages for a queue on they are sent in several lanes, each with entities of its own: that a lane
/// more costs a request that is not full is then no matter.
const LANE: usize = 100;
/// Bounds the number of lanes of a queue.
const LANES: usize = 8;
/// Bounds how many messages of one entity go one to a request. More of them, which no more than a few seconds would be left
/// for, go ten at a time: there the order of those that a queue takes in part is left to the fold.
const ONE_BY_ONE: usize = 1_000;
/// Leaves room for a message's attributes and their names, in bytes: keys, ids and a place take a little over 1,000 at most,
/// the reason and the transition of a dead letter the rest.
const ATTRIBUTES: usize = 8 * 1024;

/// Sends events to the queues of their domains, in the order in which they are given.
#[derive(Debug, Clone)]
pub struct DomainQueues {
    client: Client,
    routes: Routes,
    trace: TraceHeader,
}

/// Lists the events that are not known to be in their queues. All others are.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{} events were not sent, the first of them: {}", .unsent.len(), first(.unsent))]
pub struct SendError {
    unsent: Vec<Unsent>,
}

/// Names an event that is not known to be in its queue.
#[derive(Debug, Clone, thiserror::Error)]
#[error("event {event_id} was not sent to {domain}")]
pub struct Unsent {
    /// Gives the event's id, by which the log has it.
    pub event_id: String,
    /// Names the delivery that brought it.
    pub delivery_id: String,
    /// Names the domain whose queue did not take it.
    pub domain: Domain,
    /// Says why: what is [`Kind::Infrastructure`] may be sent later, all else is refused for what it is.
    #[source]
    pub error: AwsError,
}

impl SendError {
    /// Finds an event of a delivery that was not sent, one that may be sent later before one that was refused; `None` when all
    /// were sent.
    #[must_use]
    pub fn of_delivery(&self, delivery_id: &str) -> Option<&Unsent> {
        let own = self
            .unsent
            .iter()
            .filter(|unsent| unsent.delivery_id == delivery_id);
        own.min_by_key(|unsent| unsent.error.kind())
    }
}

fn first(unsent: &[Unsent]) -> String {
    let first = unsent.first();
    ErrorChain(first.expect("there is an error where an event was not sent")).to_string()
}

impl DomainQueues {
    /// Sends to the queues at `routes`.
    #[must_use]
    pub fn new(client: Client, routes: Routes) -> Self {
        Self {
            client,
            routes,
            trace: TraceHeader::of_invocation(),
        }
    }

    /// Makes the messages carry this trace, in place of the one of the invocation.
    #[must_use]
    pub fn traced_by(self, trace: TraceHeader) -> Self {
        Self { trace, ..self }
    }

    /// Sends events to their domains, those of an entity in their order.
    ///
    /// A request has at most one event of an entity, and an entity's next one is sent when the one before is in the queue:
    /// of a request that SQS takes in part, a later one could otherwise overtake the one that it did not take. What is for
    /// one queue is sent whatever becomes of the others.
    ///
    /// # Errors
    ///
    /// [`SendError`] when some event is not known to be in its queue; it lists these events.
    pub async fn send(&self, events: Vec<EventMessage>) -> Result<(), SendError> {
        let mut by_domain: BTreeMap<Domain, Vec<EventMessage>> = BTreeMap::new();
        for event in events {
            by_domain.entry(event.domain).or_default().push(event);
        }
        let lanes = by_domain
            .into_iter()
            .flat_map(|(domain, events)| lanes(events).into_iter().map(move |lane| (domain, lane)));
        let sends = lanes.map(async |(domain, events)| self.send_to(domain, events).await);
        let unsent: Vec<Vec<Unsent>> = stream::iter(sends).buffer_unordered(AT_A_TIME).collect().await;
        let unsent = unsent.concat();
        match unsent.is_empty() {
            true => Ok(()),
            false => Err(SendError { unsent }),
        }
    }

    /// Sends the events of a lane; lists those that were not. What SQS will never take is left out, and the lane goes on after it;
    /// at any other failure it stops, because an event must not overtake the one before.
    async fn send_to(&self, domain: Domain, events: Vec<EventMessage>) -> Vec<Unsent> {
        let (requests, mut unsent) = requests(domain, events);
        let mut stopped: Option<AwsError> = None;
        for request in requests {
            let (entries, events): (Vec<_>, Vec<_>) = request.into_iter().unzip();
            let failed = match &stopped {
                Some(error) => vec![Some(error.clone()); entries.len()],
                None => self.send_request(domain, entries).await,
            };
            for (event, failed) in events.into_iter().zip(failed) {
                let Some(error) = failed else { continue };
                if error.kind() == Kind::Infrastructure {
                    stopped.get_or_insert_with(|| error.clone());
                }
                unsent.push(event.unsent(domain, error));
            }
        }
        unsent
    }

    /// Sends a request; tells of each entry why it was not taken, if it was not.
    async fn send_request(
        &self,
        domain: Domain,
        mut entries: Vec<SendMessageBatchRequestEntry>,
    ) -> Vec<Option<AwsError>> {
        let trace = self.trace.attributes();
        for entry in &mut entries {
            entry.message_system_attributes.clone_from(&trace);
        }
        let ids: Vec<String> = entries.iter().map(|entry| entry.id.clone()).collect();
        let request = self
            .client
            .send_message_batch()
            .queue_url(self.routes.url(domain));
        match request.set_entries(Some(entries)).send().await {
            // A batch may succeed in part.
            Ok(answer) => {
                let of = |id: &String| {
                    let failed = answer.failed.iter().find(|failed| failed.id == *id);
                    failed.map(|failed| AwsError::entries(CALL, &failed.code))
                };
                ids.iter().map(of).collect()
            }
            Err(error) => vec![Some(AwsError::of(CALL)(error)); ids.len()],
        }
    }
}

/// Holds an entry of a request, and the names of what it is an entry of.
type Parcel = (SendMessageBatchRequestEntry, Names);

/// Names an event on its way.
#[derive(Debug)]
struct Names {
    event_id: String,
    delivery_id: String,
}

impl Names {
    fn unsent(self, domain: Domain, error: AwsError) -> Unsent {
        Unsent {
            event_id: self.event_id,
            delivery_id: self.delivery_id,
            domain,
            error,
        }
    }
}

/// Cuts the messages for a queue into lanes, which have no entity in common and can be sent side by side.
fn lanes(events: Vec<EventMessage>) -> Vec<Vec<EventMessage>> {
    let count = (events.len() / LANE).clamp(1, LANES);
    let mut lanes: Vec<_> = std::iter::repeat_with(Vec::new).take(count).collect();
    for event in events {
        let mut hasher = DefaultHasher::new();
        event.aggregate.as_str().hash(&mut hasher);
        lanes[(hasher.finish() % count as u64) as usize].push(event);
    }
    lanes
}

/// Cuts messages into requests that SQS takes: ten messages, and 1 MiB in all. A message comes after all earlier ones of its
/// entity. Lists those beside that no request can hold.
fn requests(domain: Domain, events: Vec<EventMessage>) -> (Vec<Vec<Parcel>>, Vec<Unsent>) {
    let mut requests: Vec<(Vec<Parcel>, usize)> = Vec::new();
    let mut unsent = Vec::new();
    // Where the last message of an entity is, and how many there were.
    let mut sent: HashMap<EntityKey, (usize, usize)> = HashMap::new();
    // All before it are full.
    let mut open = 0;
    for (index, event) in events.into_iter().enumerate() {
        let (last, count) = sent.get(&event.aggregate).copied().unwrap_or_default();
        let after = match count {
            0 => 0,
            1..=ONE_BY_ONE => last + 1,
            _ => last,
        };
        let entity = event.aggregate.clone();
        let names = Names {
            event_id: event.event_id.clone(),
            delivery_id: event.delivery_id.clone(),
        };
        let entry = match event.into_entry(index) {
            Ok(entry) => entry,
            Err(error) => {
                unsent.push(names.unsent(domain, error));
                continue;
            }
        };
        // SQS counts attributes in, so that the body alone would say too little.
        let size = entry.message_body.len() + ATTRIBUTES;
        let fits = |(entries, room): &(Vec<_>, usize)| entries.len() < BATCH && size <= *room;
        let from = after.max(open);
        let found = requests
            .iter()
            .skip(from)
            .position(fits)
            .map(|found| from + found);
        let place = found.unwrap_or_else(|| {
            requests.push((Vec::new(), MAX_MESSAGE_BYTES));
            requests.len() - 1
        });
        let (entries, room) = &mut requests[place];
        entries.push((entry, names));
        *room = room.saturating_sub(size);
        sent.insert(entity, (place, count + 1));
        while requests
            .get(open)
            .is_some_and(|(entries, _)| entries.len() == BATCH)
        {
            open += 1;
        }
    }
    let requests = requests.into_iter().map(|(entries, _)| entries);
    (requests.collect(), unsent)
}

#[cfg(test)]
mod tests {
    use super::message::tests::event;
    use super::*;

    fn of(entity: &str, size: usize) -> EventMessage {
        EventMessage {
            aggregate: EntityKey::from_stored(entity.to_owned()),
            ..event(size)
        }
    }

    fn groups(events: Vec<EventMessage>) -> Vec<Vec<String>> {
        let group = |(entry, _): &Parcel| entry.message_group_id.clone().unwrap();
        let requests = requests(Domain::Orders, events).0.into_iter();
        requests
            .map(|entries| entries.iter().map(group).collect())
            .collect()
    }

    #[test]
    fn a_request_holds_ten_messages_and_one_mebibyte() {
        let sizes = |count: usize, size: usize| {
            let events = (0..count).map(|number| of(&format!("ORDER#{number}"), size));
            let (requests, _) = requests(Domain::Orders, events.collect());
            requests.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(25, 100), [10, 10, 5]);
        assert_eq!(sizes(5, 400_000), [2, 2, 1]);
        assert_eq!(sizes(0, 0), [0; 0]);
    }

    #[test]
    fn a_message_that_no_request_can_hold_is_listed_and_the_others_are_in_requests() {
        // What does not compress: every character another one.
        let mut state = 1_u64;
        let noise: String = (0..2_000_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b' ' + (state >> 33) as u8 % 94)
            })
            .collect();
        let too_large = EventMessage {
            event_id: "e2".to_owned(),
            json: noise,
            ..of("a", 1)
        };
        let (requests, unsent) = requests(Domain::Orders, vec![of("a", 100), too_large, of("a", 100)]);
        assert_eq!(requests.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
        let [unsent] = &unsent[..] else {
            panic!("{unsent:?}")
        };
        assert_eq!((&*unsent.event_id, unsent.error.kind()), ("e2", Kind::Never));
    }

    #[test]
    fn a_request_has_one_message_of_an_entity() {
        let events = ["a", "a", "b", "a", "c", "b"].map(|entity| of(entity, 100));
        assert_eq!(
            groups(events.into()),
            [vec!["a", "b", "c"], vec!["a", "b"], vec!["a"]]
        );
        let hot = groups(vec![of("a", 100); ONE_BY_ONE + 25]);
        assert_eq!(
            hot.len(),
            ONE_BY_ONE + 1 + 2,
            "a delivery of one entity alone ends in time"
        );
    }

    #[test]
    fn the_lanes_of_a_queue_have_no_entity_in_common() {
        let events: Vec<_> = (0..1_000)
            .map(|number| of(&format!("ORDER#{}", number % 300), 100))
            .collect();
        let mut seen = std::collections::BTreeSet::new();
        let lanes = lanes(events);
        assert_eq!((lanes.len(), lanes.iter().map(Vec::len).sum()), (LANES, 1_000));
        for lane in lanes {
            let entities: std::collections::BTreeSet<_> =
                lane.into_iter().map(|event| event.aggregate).collect();
            for entity in entities {
                assert!(seen.insert(entity));
            }
        }
        assert_eq!(
            super::lanes(vec![event(100); 199]).len(),
            1,
            "what is little is sent in full requests"
        );
    }
}
