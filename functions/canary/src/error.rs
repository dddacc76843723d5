//! Says why a run of the canary failed, and at which stage.

use std::time::Duration;

use pipeline::error::AwsError;
use pipeline::runtime::config::ConfigError;
use pipeline::stores::entities::EntityError;
use serde::Serialize;
use upvest::signature::SignError;

use crate::key::KeyError;

/// Names a stage of a run, in the order in which an event passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The key is read and the delivery is signed.
    Key,
    /// The public URL answers exactly 200.
    Post,
    /// The event is in the events table: the delivery was queued, verified, archived and stored.
    Store,
    /// The event is in the entities table: it was dispatched and processed.
    Project,
}

impl Stage {
    /// Names the stage, in logs and as the value of a metric's dimension.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Post => "post",
            Self::Store => "store",
            Self::Project => "project",
        }
    }
}

/// Says why a run failed, and by [`stage`](Self::stage) how far it came.
#[derive(Debug, thiserror::Error)]
pub enum CanaryError {
    /// The key cannot be read, or is not in the keys table as the canary's.
    #[error("the canary has no key")]
    Key(#[from] KeyError),
    /// The delivery cannot be signed: this is a fault of the canary's own.
    #[error("the canary's delivery cannot be signed")]
    Sign(#[from] SignError),
    /// The public URL does not answer.
    #[error("the webhook URL does not answer")]
    Unanswered(#[source] reqwest::Error),
    /// The public URL answers something else than 200, which would have Upvest send nothing more.
    #[error("the webhook URL answered {0} instead of 200")]
    Answered(u16),
    /// The event log cannot be read, so nothing is known of the canary's event.
    #[error(transparent)]
    Log(AwsError),
    /// The event is not in the log.
    #[error("the event was not in the events table {} ms after it was sent", .0.as_millis())]
    NotStored(Duration),
    /// The entities table cannot be read, so nothing is known of the canary's state.
    #[error(transparent)]
    Entities(EntityError),
    /// The entity is not what the event makes of it.
    #[error("the event was not in the entities table {} ms after it was sent", .0.as_millis())]
    NotProjected(Duration),
}

impl CanaryError {
    /// Tells the stage that was not passed.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::Key(_) | Self::Sign(_) => Stage::Key,
            Self::Unanswered(_) | Self::Answered(_) => Stage::Post,
            Self::Log(_) | Self::NotStored(_) => Stage::Store,
            Self::Entities(_) | Self::NotProjected(_) => Stage::Project,
        }
    }
}

/// Says why the function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A variable is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client(#[from] reqwest::Error),
}
