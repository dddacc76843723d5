//! Whether a change was published. No record is kept of that: what is told here follows from the records that are.

use pipeline::stores::events::LoggedEvent;
use serde::Serialize;
use upvest::category::is_synthetic;

use crate::fold::{Effect, Refold};

/// Tells what follows about the publication of an event, and from what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Publication {
    /// Gives the conclusion about the publication.
    pub follows: Follows,
    /// Names the records or settings that lead to it, for people.
    pub because: String,
}

/// Tells what can be concluded, as publications themselves leave no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Follows {
    /// The records say that it was published: it was applied as the newest, and nothing is unfinished.
    Published,
    /// It was not, and will not be.
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
        let id = event.event_id.as_str();
        let last = refold.stored().and_then(|stored| stored.last_change.as_ref());
        let (follows, because) = match bus {
            None => (Follows::NotPublished, "the stack has no event bus today"),
            Some(_) if is_synthetic(&event.event_type) => {
                (Follows::NotPublished, "synthetic events have no effects")
            }
            Some(_) if lacks => (Follows::Open, "the state does not have it yet"),
            Some(_) if refold.is_unfinished(id) => (
                Follows::Open,
                "its change is unfinished: at the latest a retry or a redrive publishes it",
            ),
            Some(_) if refold.is_applied(id) && last.is_some_and(|last| last.event_id == id) => (
                Follows::Published,
                "it was applied as its entity's newest and nothing of it is unfinished; not so if its first attempt is \
                 still under way",
            ),
            Some(_) if refold.is_applied(id) => (
                Follows::Published,
                "it was applied as its entity's newest and nothing of it is unfinished",
            ),
            Some(_) if effect == Effect::Late => (
                Follows::NotPublished,
                "a newer event was received before it; only with PublishLateEvents=true it is published, as late",
            ),
            Some(_) => (
                Follows::Open,
                "its entity does not note that it was applied as the newest: a hundred others were since, a newer one \
                 overtook it, or only a replay applied it",
            ),
        };
        Self {
            follows,
            because: because.to_owned(),
        }
    }
}
