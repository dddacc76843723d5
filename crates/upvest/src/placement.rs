//! Where an event stands among those of its entity, computed once: when it is stored.

use jiff::SignedDuration;

use crate::event::Event;
use crate::occurred::Occurred;
use crate::time::Instant;

/// Bounds how far Upvest's clock may be ahead of ours: an event from later than that would come after all real ones for
/// good.
const MAX_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// Tells how an event arrived: when, and where in its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Tells when the delivery that brings it was received.
    pub received_at: Instant,
    /// Counts the elements before it in that delivery. A delivery has at most
    /// [`MAX_EVENTS`](crate::delivery::MAX_EVENTS).
    pub position: u16,
}

impl Receipt {
    /// Describes the receipt of what has `position` elements before it in its delivery.
    #[must_use]
    pub fn of(received_at: impl Into<Instant>, position: usize) -> Self {
        Self {
            received_at: received_at.into(),
            // A delivery has no more events than fit.
            position: u16::try_from(position).unwrap_or(u16::MAX),
        }
    }
}

/// Says where an event belongs in its entity's time line, and where its time comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Places the event in the time line.
    pub occurred: Occurred,
    /// Names what the time of the place was taken from.
    pub time_source: TimeSource,
}

/// Names what says when an event was created. All but the first are flagged in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSource {
    /// The event itself tells, by its `created_at`.
    Event,
    /// The object's `updated_at` counts, because the event has no `created_at`.
    ObjectUpdated,
    /// The object's `created_at` counts, because the event has none and the object no `updated_at`.
    ObjectCreated,
    /// The receipt counts, because neither says anything.
    Receipt,
    /// The receipt counts, because the time that was given lies more than five minutes after it.
    Future,
}

impl TimeSource {
    /// Finds out where the time of an event comes from that was received then.
    #[must_use]
    pub fn of(event: &Event<'_>, received_at: Instant) -> Self {
        created(event, received_at).1
    }

    /// Names the flag that the log's item gets; `None` for an event that says itself when it was created.
    #[must_use]
    pub const fn flag(self) -> Option<&'static str> {
        match self {
            Self::Event => None,
            Self::ObjectUpdated => Some("object-updated-at"),
            Self::ObjectCreated => Some("object-created-at"),
            Self::Receipt => Some("receipt"),
            Self::Future => Some("future"),
        }
    }
}

impl Placement {
    /// Places an event among those of its entity.
    ///
    /// ```
    /// use upvest::time::Instant;
    /// use upvest::{Event, Placement, Receipt};
    ///
    /// let receipt = Receipt { received_at: Instant::parse("2026-11-28T19:00:00.25Z")?, position: 0 };
    /// let place = |status: &str| {
    ///     let json = format!(
    ///         r#"{{"id":"e-{status}","created_at":"2026-11-28T19:00:00Z","type":"ORDER.{status}","object":{{"id":"o1"}}}}"#
    ///     );
    ///     Placement::of(&Event::parse(&json).unwrap(), &receipt).occurred
    /// };
    /// // Created in the same second: the last of the lifecycle is the last.
    /// assert!(place("NEW") < place("PROCESSING") && place("PROCESSING") < place("FILLED"));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of(event: &Event<'_>, receipt: &Receipt) -> Self {
        let (created_at, time_source) = created(event, receipt.received_at);
        Self {
            occurred: Occurred {
                created_at,
                rank: event
                    .category()
                    .rank(event.event_type(), event.status().as_deref()),
                updated_at: event
                    .object_time("updated_at")
                    // Bounded too: an object of the year 9999 would win every tie of its rank.
                    .map(|at| believed(at, receipt.received_at)),
                received_at: receipt.received_at,
                position: receipt.position,
                event_id: event.id().to_owned(),
            },
            time_source,
        }
    }
}

/// Finds the time at which an event counts as created, and what says so.
fn created(event: &Event<'_>, received_at: Instant) -> (Instant, TimeSource) {
    let object = |field, source| event.object_time(field).map(|at| (at, source));
    let (given, source) = event
        .created_at()
        .map(|at| (at, TimeSource::Event))
        .or_else(|| object("updated_at", TimeSource::ObjectUpdated))
        .or_else(|| object("created_at", TimeSource::ObjectCreated))
        .unwrap_or((received_at, TimeSource::Receipt));
    match is_future(given, received_at) {
        true => (received_at, TimeSource::Future),
        false => (given, source),
    }
}

fn believed(given: Instant, received_at: Instant) -> Instant {
    match is_future(given, received_at) {
        true => received_at,
        false => given,
    }
}

fn is_future(given: Instant, received_at: Instant) -> bool {
    given.is_after(received_at, MAX_AHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::MAX_EVENTS;

    const RECEIVED: &str = "2026-11-28T19:00:00.25Z";

    fn place(members: &str, object: &str) -> Placement {
        let json = format!(r#"{{"id":"e1","type":"ISA_WRAPPER.NEW",{members}"object":{object}}}"#);
        let receipt = Receipt {
            received_at: Instant::parse(RECEIVED).unwrap(),
            position: 3,
        };
        Placement::of(&Event::parse(&json).unwrap(), &receipt)
    }

    #[test]
    fn no_two_events_of_the_largest_delivery_have_the_same_position() {
        let received_at = Instant::parse(RECEIVED).unwrap();
        let last = Receipt::of(received_at, MAX_EVENTS - 1);
        assert_eq!(usize::from(last.position), MAX_EVENTS - 1);
        assert_eq!(last.received_at, received_at);
    }

    fn created(members: &str, object: &str) -> (String, TimeSource) {
        let placement = place(members, object);
        (placement.occurred.created_at.to_string(), placement.time_source)
    }

    #[test]
    fn an_event_without_a_time_has_that_of_its_object_and_else_that_of_its_receipt() {
        let own = r#""created_at":"2026-11-28T18:00:00Z","#;
        let both = r#"{"id":"w","created_at":"2026-11-01T00:00:00Z","updated_at":"2026-11-02T00:00:00Z"}"#;
        let one = r#"{"id":"w","created_at":"2026-11-01T00:00:00Z","updated_at":"soon"}"#;
        assert_eq!(
            created(own, both),
            ("2026-11-28T18:00:00Z".to_owned(), TimeSource::Event)
        );
        assert_eq!(
            created("", both),
            ("2026-11-02T00:00:00Z".to_owned(), TimeSource::ObjectUpdated)
        );
        assert_eq!(
            created("", one),
            ("2026-11-01T00:00:00Z".to_owned(), TimeSource::ObjectCreated)
        );
        assert_eq!(
            created("", r#"{"id":"w"}"#),
            (RECEIVED.to_owned(), TimeSource::Receipt)
        );
        let null = r#""created_at":null,"#;
        assert_eq!(
            created(null, r#"{"id":"w"}"#),
            (RECEIVED.to_owned(), TimeSource::Receipt)
        );
    }

    #[test]
    fn a_time_more_than_five_minutes_ahead_counts_as_the_receipt() {
        let own = |at: &str| created(&format!(r#""created_at":"{at}","#), r#"{"id":"w"}"#);
        assert_eq!(
            own("2026-11-28T19:05:00.25Z"),
            ("2026-11-28T19:05:00.25Z".to_owned(), TimeSource::Event)
        );
        assert_eq!(
            own("2026-11-28T19:05:00.26Z"),
            (RECEIVED.to_owned(), TimeSource::Future)
        );
        assert_eq!(
            own("9999-12-31T23:59:59Z"),
            (RECEIVED.to_owned(), TimeSource::Future)
        );
        let object = r#"{"id":"w","updated_at":"9999-12-31T23:59:59Z"}"#;
        assert_eq!(created("", object), (RECEIVED.to_owned(), TimeSource::Future));
        let own = r#""created_at":"2026-11-28T18:00:00Z","#;
        assert_eq!(
            place(own, object).occurred.updated_at.unwrap().to_string(),
            RECEIVED
        );
    }

    #[test]
    fn every_other_field_of_the_place_is_what_the_event_and_its_receipt_say() {
        let occurred = place(
            "",
            r#"{"id":"w","status":"ACTIVE","updated_at":"2026-11-02T00:00:00Z"}"#,
        )
        .occurred;
        assert_eq!(
            occurred.to_string(),
            "2026-11-02T00:00:00#2010#2026-11-02T00:00:00#2026-11-28T19:00:00.25#00003#e1"
        );
    }

    #[test]
    fn only_a_time_of_the_events_own_is_not_flagged() {
        let flags = [
            TimeSource::Event,
            TimeSource::ObjectUpdated,
            TimeSource::ObjectCreated,
            TimeSource::Receipt,
            TimeSource::Future,
        ]
        .map(TimeSource::flag);
        assert_eq!(
            flags,
            [
                None,
                Some("object-updated-at"),
                Some("object-created-at"),
                Some("receipt"),
                Some("future")
            ]
        );
    }
}
