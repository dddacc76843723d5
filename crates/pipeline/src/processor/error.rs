//! Why an event was not processed, and what becomes of it.

use std::error::Error;

use upvest::Domain;
use upvest::entity_key::EntityKeyError;

use crate::error::{AwsError, Kind, Panicked};
use crate::stores::entities::EntityError;
use crate::stores::idempotency::CompleteError;

/// Says why an event was not processed, and with it what becomes of its message.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The message of the queue cannot be read as an event: only a bug, or somebody else's message, leads to this.
    #[error("{0}")]
    NoEvent(String),
    /// The event belongs to another domain.
    #[error("event {event_id} is of the domain {actual}, not {expected}")]
    WrongDomain {
        /// Gives the id of the event whose domain is another one.
        event_id: String,
        /// Names the domain that the event's category belongs to.
        actual: Domain,
        /// Names the domain whose queue brought the event.
        expected: Domain,
    },
    /// The event's `object` lacks a field that the entity's key is made of.
    #[error("event {event_id} names no entity")]
    NoEntityKey {
        /// Gives the id of the event without an entity.
        event_id: String,
        /// Says which field of the event's `object` is missing or cannot be used.
        #[source]
        source: EntityKeyError,
    },
    /// The entity could not be read or written.
    #[error(transparent)]
    Entity(#[from] EntityError),
    /// The idempotency record could not be claimed.
    #[error(transparent)]
    Claim(AwsError),
    /// The action ran, and its record could not be completed.
    #[error("action of event {event_id} ran, and its record was not completed")]
    Complete {
        /// Gives the id of the event whose action ran.
        event_id: String,
        /// Says whether the table failed, or another invocation has taken the lease over.
        #[source]
        source: CompleteError,
    },
    /// Another invocation is running the action.
    #[error("action of event {event_id} is being run by another invocation")]
    InProgress {
        /// Gives the id of the event whose action is run by another invocation.
        event_id: String,
    },
    /// Too little is left of the invocation to begin the action.
    #[error("action of event {event_id} was not begun: too little time was left")]
    NoTime {
        /// Gives the id of the event whose action was not begun.
        event_id: String,
    },
    /// The action ran for an event of the same id and another content.
    #[error("action of event {event_id} ran for another content of the event")]
    OtherPayload {
        /// Gives the id of the event whose record is of another payload.
        event_id: String,
    },
    /// The domain's own code returned an error, panicked, or did not end in time.
    #[error("action of event {event_id} failed")]
    Action {
        /// Gives the id of the event whose action failed.
        event_id: String,
        /// Tells whether no retry would change it, as the action says.
        permanent: bool,
        /// Gives the error as the action returned it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The message could not be read, because the code panicked.
    #[error("reading the message panicked")]
    Unread(#[from] Panicked),
    /// The domain's own code panicked when it was asked what it wants, or ours did.
    #[error("the work on event {event_id} panicked")]
    Panicked {
        /// Gives the id of the event that was worked on.
        event_id: String,
        /// Names what was being done, as the metrics of failures do.
        step: &'static str,
        /// Says that it was a panic, which the log locates.
        #[source]
        source: Panicked,
    },
    /// An event before it in its entity was not folded.
    #[error("event {event_id} waits for one before it")]
    Behind {
        /// Gives the id of the event that waits.
        event_id: String,
    },
    /// The event bus did not take the change: it is published by the next attempt at the event.
    #[error("change by event {event_id} was not published")]
    Publish {
        /// Gives the id of the event that changed the entity.
        event_id: String,
        /// Says what the call of the event bus failed with.
        #[source]
        source: AwsError,
    },
}

/// Names the steps of the work on an event, as metrics and reasons have them.
pub(super) const READ: &str = "read";
/// Names the step in which events are folded and their entities written.
pub(super) const FOLD: &str = "fold";
/// Names the step in which the domain's action runs.
pub(super) const ACTION: &str = "action";
/// Names the step in which changes are published.
pub(super) const PUBLISH: &str = "publish";

impl ProcessError {
    /// Decides whose failure it was, and with it what becomes of the message; and says at which step it happened.
    #[must_use]
    pub fn kind_and_step(&self) -> (Kind, &'static str) {
        match self {
            Self::NoEvent(_) | Self::NoEntityKey { .. } => (Kind::Never, READ),
            // A version that once knows the category knows it for good: a redrive sends the event to its domain.
            Self::WrongDomain {
                expected: Domain::Unrecognised,
                ..
            } => (Kind::Never, READ),
            // A processor of the version before, while a deployment is under way, does not know the category yet.
            Self::WrongDomain { .. } => (Kind::Infrastructure, READ),
            Self::Unread(_) => (Kind::Message, READ),
            Self::Entity(EntityError::Aws(error)) => (error.kind(), FOLD),
            Self::Entity(EntityError::Changed(_)) | Self::Behind { .. } => (Kind::Infrastructure, FOLD),
            // Somebody has to rebuild an item that was edited by hand: its events wait where they are seen.
            Self::Entity(EntityError::TooLarge(_) | EntityError::Unusable { .. }) => (Kind::Never, FOLD),
            Self::Panicked { step, .. } => (Kind::Message, step),
            Self::Claim(error)
            | Self::Complete {
                source: CompleteError::Aws(error),
                ..
            } => (error.kind(), ACTION),
            Self::Complete {
                source: CompleteError::LeaseLost(_),
                ..
            }
            | Self::InProgress { .. } => (Kind::Infrastructure, ACTION),
            // What used the time up is code of the same events.
            Self::NoTime { .. } | Self::Action { permanent: false, .. } => (Kind::Message, ACTION),
            Self::OtherPayload { .. } | Self::Action { permanent: true, .. } => (Kind::Never, ACTION),
            Self::Publish { source, .. } => (source.kind(), PUBLISH),
        }
    }
}
