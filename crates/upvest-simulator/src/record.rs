//! Records what was sent and what was answered: one record for each request.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::faults::Fault;

/// Bounds what a record keeps of an answer's body, in bytes.
pub const MAX_ANSWER_BYTES: usize = 1024;

/// Records one request of the simulator's and its answer.
#[derive(Debug, Clone, Serialize)]
pub struct DeliveryRecord {
    /// Gives the id of the subscription that it belongs to.
    pub subscription_id: String,
    /// Numbers the delivery within its subscription, from 1; all its attempts share it.
    pub delivery: u64,
    /// Numbers the attempt, from 1; 0 for a request that a fault made besides the delivery.
    pub attempt: u32,
    /// Tells when it was sent, by the simulator's clock.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// Says how long the answer took, in milliseconds.
    pub took_ms: u64,
    /// Gives the `keyid` that its signature names.
    pub key_id: String,
    /// Lists the ids of its events, in their order.
    pub events: Arc<[String]>,
    /// Gives the size of the body that was posted, in bytes.
    pub bytes: usize,
    /// Tells what the receiver answered, if it did.
    pub answer: Answer,
    /// Says what was made to go wrong with it.
    pub fault: Option<Fault>,
    /// Tells whether the delivery ended with this attempt: a 200 that was not lost.
    pub accepted: bool,
}

/// Tells what the endpoint answered to a delivery, or why it did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The receiver answered with some status.
    Answered {
        /// Gives the HTTP status that it answered.
        status: u16,
        /// Holds the first [`MAX_ANSWER_BYTES`] of the body.
        body: String,
    },
    /// No answer came before the timeout.
    TimedOut,
    /// The endpoint could not be connected to.
    Unreachable,
    /// The connection broke, or the answer was not HTTP.
    Broken,
    /// The request could not be signed, and was not sent.
    NotSigned,
}

impl Answer {
    /// Returns the HTTP status, if the receiver answered.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Says whether Upvest takes the answer for success: 200 and nothing else.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status(), Some(200))
    }
}

fn as_text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}
