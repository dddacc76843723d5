//! Why an event was not processed, and what becomes of it.

use std::error::Error;

use upvest::Domain;
use upvest::entity_key::EntityKeyError;

use crate::error::{AwsError, Disposition};
use crate::queues::consumer::waits;
use crate::queues::domains::EventMessageError;
use crate::stores::entities::EntityError;
use crate::stores::idempotency::CompleteError;

/// Says why an event was not processed, and with it what becomes of its message.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The message holds no event.
    #[error(transparent)]
    NoEvent(#[from] EventMessageError),
    /// The event belongs to another domain.
    #[error("event {event_id} is of the domain {actual}, not {expected}")]
    WrongDomain {
        /// The event's id.
        event_id: String,
        /// The event's domain.
        actual: Domain,
        /// The processor's domain.
        expected: Domain,
    },
    /// The event names no entity.
    #[error("event {event_id} names no entity")]
    NoEntityKey {
        /// The event's id.
        event_id: String,
        /// What is missing.
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
        /// The event's id.
        event_id: String,
        /// What went wrong.
        #[source]
        source: CompleteError,
    },
    /// Another invocation is running the action.
    #[error("action of event {event_id} is being run by another invocation")]
    InProgress {
        /// The event's id.
        event_id: String,
    },
    /// The action ran for an event of the same id and another content.
    #[error("action of event {event_id} ran for another content of the event")]
    OtherPayload {
        /// The event's id.
        event_id: String,
    },
    /// The action failed.
    #[error("action of event {event_id} failed")]
    Action {
        /// The event's id.
        event_id: String,
        /// Whether no retry would change it.
        permanent: bool,
        /// What the action met.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The change was not published.
    #[error("change by event {event_id} was not published")]
    Publish {
        /// The event's id.
        event_id: String,
        /// What went wrong.
        #[source]
        source: AwsError,
    },
}

impl ProcessError {
    /// Decides what becomes of the message.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Entity(EntityError::Aws(_) | EntityError::Changed(_))
            | Self::Claim(_)
            | Self::Complete { .. }
            | Self::InProgress { .. }
            | Self::Action { permanent: false, .. }
            | Self::Publish { .. } => waits::INFRASTRUCTURE,
            Self::NoEvent(_)
            | Self::WrongDomain { .. }
            | Self::NoEntityKey { .. }
            | Self::OtherPayload { .. }
            | Self::Action { permanent: true, .. }
            | Self::Entity(EntityError::Unusable { .. } | EntityError::TooLarge(_)) => {
                Disposition::DeadLetter
            }
        }
    }
}
