//! Why a delivery is not handled yet, and what becomes of it.

use pipeline::envelope::EnvelopeError;
use pipeline::error::{AwsError, Kind, Panicked};
use pipeline::stores::keys::KeysError;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Says why a delivery could not be handled. What is wrong with the delivery itself is no error: that goes to
/// quarantine.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The message is not a delivery's envelope.
    #[error("message is not a delivery")]
    NoEnvelope(#[from] EnvelopeError),
    /// The keys table, or the secret of a key, could not be read.
    #[error("key of delivery {delivery_id} cannot be had")]
    Keys {
        /// Gives the id of the delivery that waits for the key.
        delivery_id: String,
        /// Says what reading the keys table or a secret failed with.
        #[source]
        source: KeysError,
    },
    /// The work on the delivery panicked.
    #[error("the work on a delivery panicked")]
    Panicked(#[from] Panicked),
    /// The archive, the log or a queue could not be reached.
    #[error("delivery {delivery_id} could not be {step}")]
    Aws {
        /// Gives the id of the delivery that is tried again.
        delivery_id: String,
        /// Says what could not be done to it.
        step: Step,
        /// Says what the call of AWS failed with.
        #[source]
        source: AwsError,
    },
}

/// Names what is done to a delivery, in the words of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The delivery's subscriptions are held against ours.
    Attribute,
    /// Of a delivery that does not hold any longer, it is looked what an earlier attempt stored.
    LookBack,
    /// The delivery, or some of its events, is put into quarantine.
    Quarantine,
    /// The delivery is written into the archive.
    Archive,
    /// The delivery's events are written into the log.
    Store,
    /// The object is removed under which the delivery waited for its key.
    Release,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Attribute => "attributed to a subscription",
            Self::LookBack => "looked up among what was stored before",
            Self::Quarantine => "quarantined",
            Self::Archive => "archived",
            Self::Store => "stored",
            Self::Release => "taken out of quarantine, where it waited for its key",
        })
    }
}

/// Writes a key id as it may be logged. It is what a sender claims in a header that nobody has verified: only the form that
/// Upvest's ids have is shown, of anything else a hash, by which it can be told from others.
pub(crate) fn presentable(key_id: &str) -> String {
    match Uuid::try_parse(key_id) {
        Ok(id) => id.to_string(),
        Err(_) => format!("sha256 {}", &hex::encode(Sha256::digest(key_id))[..16]),
    }
}

impl Step {
    /// Names the step, as metrics and reasons have it.
    fn name(self) -> &'static str {
        match self {
            Self::Attribute => "attribute",
            Self::LookBack => "look-back",
            Self::Quarantine => "quarantine",
            Self::Archive => "archive",
            Self::Store => "store",
            Self::Release => "release",
        }
    }
}

impl DeliveryError {
    /// Decides whose failure it was, and with it what becomes of the message; and says at which step it happened.
    #[must_use]
    pub fn kind_and_step(&self) -> (Kind, &'static str) {
        match self {
            Self::NoEnvelope(_) => (Kind::Never, "read"),
            Self::Keys {
                source: KeysError::Aws(error),
                ..
            } => (error.kind(), "keys"),
            // An unusable key is mended in the table, so that the delivery will verify later.
            Self::Keys {
                source: KeysError::Unusable { .. } | KeysError::Secret { .. } | KeysError::Canary { .. },
                ..
            } => (Kind::Infrastructure, "keys"),
            Self::Panicked(_) => (Kind::Message, "handle"),
            Self::Aws { step, source, .. } => (source.kind(), step.name()),
        }
    }
}
