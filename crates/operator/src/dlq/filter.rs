//! Choosing from what is in dead-letter queues.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use upvest::category::name_of;

use super::message::{About, Message};
use crate::stack::Queue;

/// Says which messages are meant, by what they are about.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Filter {
    /// Selects by a text that the reason contains, in whatever case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Selects by the entity of the event, written `TYPE#ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Selects by the type of the event (`ORDER.FILLED`), or its category (`ORDER`).
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
}

/// Says which messages of which dead-letter queues are meant.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Selection {
    /// Names the queues whose dead-letter queues are looked through; all where none is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<Queue>,
    /// Lists ids of messages, or of the events or deliveries that they are about; all where none is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// Tells what else is asked of them.
    #[serde(flatten)]
    pub filter: Filter,
}

impl fmt::Display for Selection {
    /// Writes what comes after `messages in dead-letter queues`: nothing where all are meant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Filter {
            because,
            entity,
            event_type,
        } = &self.filter;
        if !self.queues.is_empty() {
            let queues: Vec<&str> = self.queues.iter().map(|queue| queue.as_str()).collect();
            write!(f, " of {}", queues.join(" or "))?;
        }
        if !self.ids.is_empty() {
            f.write_str(" with the ids that you named")?;
        }
        let parts = [("because", because), ("about", entity), ("of type", event_type)];
        for (name, value) in parts {
            if let Some(value) = value {
                write!(f, " {name} {value}")?;
            }
        }
        Ok(())
    }
}

impl Filter {
    /// Tells whether no condition is set, so that every message is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.because.is_none() && self.entity.is_none() && self.event_type.is_none()
    }

    /// Tells whether a message about this is meant.
    #[must_use]
    pub fn takes(&self, about: &About) -> bool {
        let because = self.because.as_ref().map(|text| text.to_lowercase());
        let reason = about.reason.as_ref().map(|reason| reason.to_lowercase());
        let event_type = about.r#type.as_deref();
        because.is_none_or(|text| reason.is_some_and(|reason| reason.contains(&text)))
            && (self.entity.is_none() || self.entity == about.entity)
            && self
                .event_type
                .as_deref()
                .is_none_or(|wanted| event_type.is_some_and(|own| own == wanted || name_of(own) == wanted))
    }
}

impl Selection {
    /// Tells whether it takes every message of its queues.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.ids.is_empty() && self.filter.is_empty()
    }

    /// Lists those of the ids that mean a message.
    pub(crate) fn ids_of(&self, message: &Message) -> impl Iterator<Item = &String> {
        self.ids.iter().filter(|id| message.is(id))
    }

    /// Lists those of the ids that were not found.
    pub(crate) fn missing(&self, found: &BTreeSet<String>) -> Vec<String> {
        let missing = self.ids.iter().filter(|id| !found.contains(*id));
        missing.cloned().collect()
    }

    /// Tells whether all that the filter asks for is so of a message.
    pub(crate) fn takes(&self, message: &Message) -> bool {
        let is_named = self.ids.is_empty() || self.ids_of(message).next().is_some();
        is_named && self.filter.takes(&message.about)
    }
}

#[cfg(test)]
mod tests {
    use upvest::Domain;

    use super::*;

    fn about(reason: Option<&str>) -> About {
        About {
            queue: Queue::Domain(Domain::Orders),
            message_id: "m".to_owned(),
            reason: reason.map(str::to_owned),
            sent_at: None,
            receive_count: 1,
            delivery_id: None,
            event_id: Some("e".to_owned()),
            r#type: Some("ORDER.FILLED".to_owned()),
            entity: Some("ORDER#o1".to_owned()),
            bytes: 2,
        }
    }

    #[test]
    fn a_filter_takes_what_all_its_parts_take() {
        let filter = |because: Option<&str>, entity: Option<&str>, event_type: Option<&str>| Filter {
            because: because.map(str::to_owned),
            entity: entity.map(str::to_owned),
            event_type: event_type.map(str::to_owned),
        };
        let throttled = about(Some("PutEvents failed: Throttled"));
        for (filter, taken) in [
            (filter(None, None, None), true),
            (filter(Some("throttled"), Some("ORDER#o1"), Some("ORDER")), true),
            (filter(Some("timed out"), None, None), false),
            (filter(None, Some("ORDER#o2"), None), false),
            (filter(None, None, Some("ORDER.FILLED")), true),
            (filter(None, None, Some("ORDER.NEW")), false),
            (filter(None, None, Some("ORD")), false),
        ] {
            assert_eq!(filter.takes(&throttled), taken, "{filter:?}");
        }
        assert!(
            !filter(Some(""), None, None).takes(&about(None)),
            "no reason has no text"
        );
    }
}
