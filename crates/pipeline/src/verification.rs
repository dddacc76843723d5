//! The check of a delivery's signature with the keys table: how verify-and-store does it, and how it is done again.

use std::str::FromStr;

use upvest::signature::{UnverifiedDelivery, Verified, VerifyError};

use crate::queues::envelope::Envelope;
use crate::stores::keys::{Keys, KeysError};

/// What to do about a delivery that arrived after its signature expired, or before it was made.
///
/// Whether Upvest signs its retries anew is not known (contract section 2.6). If it does not, refusing an expired
/// signature would refuse every retry, so by default it is only flagged; duplicates have no effect anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreshnessPolicy {
    /// Take it and count it.
    Flag,
    /// Put it into quarantine.
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

/// What the check came to.
#[derive(Debug)]
pub enum Verdict<'e> {
    /// Signature and digest hold, and the policy takes it.
    Holds(Box<Verified<'e>>),
    /// Nothing of it may be trusted.
    Rejected {
        /// The key by which the sender claims to have signed.
        key_id: Option<String>,
        /// Why.
        rejection: VerifyError,
    },
    /// The key by which the sender claims to have signed is not in the keys table.
    UnknownKey {
        /// Its id.
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
    Ok(match accepted {
        Ok(verified) => Verdict::Holds(Box::new(verified)),
        Err(rejection) => Verdict::Rejected {
            key_id: Some(key_id),
            rejection,
        },
    })
}
