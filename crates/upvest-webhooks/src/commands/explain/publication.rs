//! Whether a change was published. No record is kept of that: what is told here follows from the records that are.

use pipeline::stores::events::LoggedEvent;
use serde::Serialize;
use upvest::category::is_synthetic;

use super::folding::LATE;
use super::inquiry::Known;

/// What follows about the publication of an event, and from what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Publication {
    pub(super) follows: Follows,
    /// Why.
    pub(super) because: String,
}

/// What follows from the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Follows {
    /// It was published.
    Published,
    /// It was not, and will not be.
    NotPublished,
    /// Neither.
    Open,
}

impl Publication {
    /// What is recorded about an event of an entity, with what it did to the state, by the order of receipt.
    pub(super) fn of(
        event: &LoggedEvent,
        known: &Known,
        lacks: bool,
        effect: &str,
        bus: Option<&str>,
    ) -> Self {
        let id = event.event_id.as_str();
        let last = known.stored().and_then(|stored| stored.last_change.as_ref());
        let (follows, because) = match bus {
            None => (Follows::NotPublished, "the stack has no event bus today"),
            Some(_) if is_synthetic(&event.event_type) => {
                (Follows::NotPublished, "synthetic events have no effects")
            }
            Some(_) if lacks => (Follows::Open, "the state does not have it yet"),
            Some(_) if known.is_unfinished(id) => (
                Follows::Open,
                "its change is unfinished: at the latest a retry or a redrive publishes it",
            ),
            Some(_) if known.is_applied(id) && last.is_some_and(|last| last.event_id == id) => (
                Follows::Published,
                "it was applied as its entity's newest and nothing of it is unfinished; not so if its first attempt is \
                 still under way",
            ),
            Some(_) if known.is_applied(id) => (
                Follows::Published,
                "it was applied as its entity's newest and nothing of it is unfinished",
            ),
            Some(_) if effect == LATE => (
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

    /// The same for people.
    pub(super) fn text(&self, bus: Option<&str>) -> String {
        let follows = match self.follows {
            Follows::Published => format!("to {}", bus.unwrap_or_default()),
            Follows::NotPublished => "no".to_owned(),
            Follows::Open => "not known".to_owned(),
        };
        format!("not recorded; it follows: {follows}, because {}", self.because)
    }
}
