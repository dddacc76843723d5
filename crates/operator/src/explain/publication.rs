//! Whether a change was published. No record is kept of that: what is told here follows from the records that are.

use pipeline::stores::events::LoggedEvent;
use serde::Serialize;
use upvest::category::is_synthetic;
use upvest::effects::Effect;

use crate::fold::Refold;

/// Tells what follows about the publication of an event, and from what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Publication {
    /// Gives the conclusion about the publication.
    pub follows: Follows,
    /// Names the records or settings that lead to it, for people.
    pub because: &'static str,
}

/// Tells what can be concluded, as publications themselves leave no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Follows {
    /// The change was published, unless its message waits for another attempt: every event is told once its message is
    /// done.
    Published,
    /// The change was not published, and will not be.
    NotPublished,
    /// The records do not decide it, or the publication is still to come.
    Open,
}

impl Publication {
    /// Concludes from what is recorded about an event of an entity, with what it did to the state, by the order of receipt.
    pub(super) fn of(
        event: &LoggedEvent,
        refold: &Refold,
        lacks: bool,
        effect: Effect,
        bus: Option<&str>,
    ) -> Self {
        let (follows, because) = match bus {
            None => (Follows::NotPublished, "the stack has no event bus today"),
            Some(_) if is_synthetic(&event.event_type) => {
                (Follows::NotPublished, "synthetic events have no effects")
            }
            Some(_) if lacks => (Follows::Open, "the state does not have it yet"),
            Some(_) if refold.keeps(&event.event_id) => (
                Follows::Published,
                "its entity was written with it last; not so while its attempt is under way, or its message is in the \
                 queue or dead-letter queue after a failure, whose retry publishes it",
            ),
            Some(_) if effect.is_late() => (
                Follows::Published,
                "a newer event was received before it, so that it was told as late; not so if its message is in the \
                 dead-letter queue, or only a replay brought it",
            ),
            Some(_) => (
                Follows::Published,
                "the state has it; not so if its message is in the dead-letter queue, or only a replay brought it",
            ),
        };
        Self { follows, because }
    }
}
