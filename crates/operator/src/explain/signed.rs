//! Events as a delivery has them, and whether the log has the same.

use pipeline::stores::events::{LoggedEvent, attributes, conflicts_with, original_id};
use serde::Serialize;
use upvest::{EntityKey, Event, Occurred};

use super::evidence::Delivery;
use crate::signed_place::is_same_place;

/// Tells whether the log has what was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bytes {
    /// The log has the event byte for byte as the delivery has it.
    AsSigned,
    /// The delivery has the event with other content.
    Changed,
    /// The delivery does not have the event.
    NotInDelivery,
    /// There is nothing proven to compare with.
    Unproven,
}

/// Holds an event as a delivery has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub event_id: String,
    pub event_type: String,
    pub entity: Option<String>,
    pub occurred: Occurred,
    pub sha256: String,
    pub object: String,
}

impl Delivery {
    /// Compares an event of the log with what this delivery says of it. The second part is what differs.
    pub(super) fn compare(&self, event: &LoggedEvent) -> (Bytes, Vec<&'static str>) {
        if !self.is_proven() {
            return (Bytes::Unproven, Vec::new());
        }
        let of_id = |signed: &&Signed| signed.event_id == original_id(&event.event_id);
        let mut versions = self.events.iter().filter(of_id).peekable();
        let Some(first) = versions.peek().copied() else {
            return (Bytes::NotInDelivery, Vec::new());
        };
        let same = versions.find(|signed| signed.sha256 == event.sha256);
        let mut differs = same.unwrap_or(first).differences(event);
        if self.received_at != Some(event.received_at.to_string()) {
            differs.push("received_at");
        }
        match differs.is_empty() {
            true => (Bytes::AsSigned, differs),
            false => (Bytes::Changed, differs),
        }
    }
}

impl Signed {
    pub(super) fn of(event: &Event<'_>, occurred: Occurred) -> Self {
        Self {
            event_id: event.id().to_owned(),
            event_type: event.event_type().to_owned(),
            entity: event.entity_key().ok().map(|entity| entity.to_string()),
            occurred,
            sha256: event.identity().to_hex(),
            object: event.object().get().to_owned(),
        }
    }

    /// Names the attributes in which the log differs from what was signed.
    fn differences(&self, event: &LoggedEvent) -> Vec<&'static str> {
        // A conflicting event is kept out of the time lines.
        let entity = self
            .entity
            .as_ref()
            .filter(|_| conflicts_with(&event.event_id).is_none());
        let object = event.object.as_ref();
        let fields = [
            (attributes::SHA256, self.sha256 == event.sha256),
            (attributes::EVENT_TYPE, self.event_type == event.event_type),
            (
                attributes::AGGREGATE,
                entity.map(String::as_str) == event.aggregate.as_ref().map(EntityKey::as_str),
            ),
            (
                attributes::OCCURRED,
                is_same_place(&self.occurred, &event.occurred),
            ),
            (
                attributes::OBJECT,
                // What is too large for the log is in the delivery alone, and cannot differ from it.
                object.is_none_or(|object| *object == self.object),
            ),
        ];
        let differing = fields.into_iter().filter(|(_, same)| !same);
        differing.map(|(name, _)| name).collect()
    }
}
