//! The check of a delivery's signature with the keys table: how verify-and-store does it, and how it is done again.

use std::str::FromStr;

use upvest::signature::{UnverifiedDelivery, Verified, VerifyError};

use crate::queues::envelope::Envelope;
use crate::stores::keys::{Keys, KeysError};

/// Says what to do about a delivery that arrived after its signature expired, or before it was made.
///
/// Upvest's documentation of signatures does not say whether a retry is signed anew. If it is not, refusing an expired
/// signature would refuse every retry, so by default it is only flagged; duplicates have no effect anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreshnessPolicy {
    /// Takes the delivery, counts it by its freshness and marks it in the archive.
    Flag,
    /// Refuses the delivery: it goes into quarantine, and none of its events is stored.
    Strict,
}

impl FromStr for FreshnessPolicy {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "flag" => Ok(Self::Flag),
            "strict" => Ok(Self::Strict),
            _ => Err("neither flag nor strict"),
        }
    }
}

/// Says what the check of a signature came to, as far as the delivery's own content goes.
#[derive(Debug)]
pub enum Verdict<'e> {
    /// Signature and digest hold, and the policy takes it.
    Holds(Box<Verified<'e>>),
    /// Nothing of it may be trusted.
    Rejected {
        /// Gives the id of the key by which the sender claims to have signed; `None` where the headers cannot be
        /// parsed.
        key_id: Option<String>,
        /// Says what does not hold; its reason is the name under which the delivery is in quarantine.
        rejection: VerifyError,
    },
    /// The key by which the sender claims to have signed is not in the keys table.
    UnknownKey {
        /// Gives the id that the sender wrote into `signature-input`, which anybody can make up.
        key_id: String,
    },
}

/// Verifies a delivery by the key that it names, as of the time of its receipt.
///
/// # Errors
///
/// [`KeysError`] when the key cannot be had.
pub async fn verify<'e>(
    keys: &Keys,
    policy: FreshnessPolicy,
    envelope: &'e Envelope,
) -> Result<Verdict<'e>, KeysError> {
    let unverified = match UnverifiedDelivery::parse(envelope.signed_request()) {
        Ok(unverified) => unverified,
        Err(rejection) => {
            return Ok(Verdict::Rejected {
                key_id: None,
                rejection,
            });
        }
    };
    let key_id = unverified.key_id().to_owned();
    let Some(key) = keys.find(&key_id).await? else {
        return Ok(Verdict::UnknownKey { key_id });
    };
    let verified = unverified.verify(&key, envelope.received_at);
    let accepted = verified.and_then(|verified| match policy {
        FreshnessPolicy::Flag => Ok(verified),
        FreshnessPolicy::Strict => verified.require_fresh(),
    });
    // The freshness is judged by the time of receipt: a delivery that waits in the queue does not grow stale there.
    Ok(match accepted {
        Ok(verified) => Verdict::Holds(Box::new(verified)),
        Err(rejection) => Verdict::Rejected {
            key_id: Some(key_id),
            rejection,
        },
    })
}
