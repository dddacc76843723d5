//! The order in which the domains' queues hand events out, which is the order that their effects have to have.

use std::collections::{BTreeMap, BTreeSet};

use fake_aws::QueuedMessage;
use upvest::{Domain, Occurred};

use crate::receiver::{Receiver, dead_letter_name, queue_name};

/// Lists the events of each entity in the order of its queue, and those that were buried, which are told later.
#[derive(Debug, Default)]
pub(super) struct HandedOut {
    by_group: BTreeMap<String, Vec<String>>,
    seen: BTreeSet<String>,
    pub(super) buried: BTreeSet<String>,
}

impl HandedOut {
    /// Looks at what lies in the queue of a domain before its processor does, and at what it has buried.
    pub(super) fn look(&mut self, receiver: &Receiver, domain: Domain) {
        for message in receiver.aws.messages(&queue_name(domain)) {
            let Some(event_id) = event_id(&message) else {
                continue;
            };
            if self.seen.insert(event_id.clone()) {
                let group = message.group.unwrap_or_default();
                self.by_group.entry(group).or_default().push(event_id);
            }
        }
        let dead = receiver.aws.messages(&dead_letter_name(domain));
        self.buried.extend(dead.iter().filter_map(event_id));
    }

    /// Gives the events of each entity that were never buried, in their order.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.by_group.iter().map(|(group, events)| {
            let events = events.iter().filter(|event| !self.buried.contains(*event));
            (group.as_str(), events.map(String::as_str).collect())
        })
    }
}

fn event_id(message: &QueuedMessage) -> Option<String> {
    let occurred = message.attributes.get("occurred")?.string_value.as_deref()?;
    Some(Occurred::from_stored(occurred).ok()?.event_id)
}
