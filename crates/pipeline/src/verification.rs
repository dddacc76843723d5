//! The check of a delivery's signature with the keys table: how verify-and-store does it, and how it is done again.

use std::str::FromStr;

use upvest::signature::{Origin, UnverifiedDelivery, Verified, VerifyError};

use crate::queues::envelope::Envelope;
use crate::stores::archive::ArchivedDelivery;
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
    /// Signature and digest hold, and the policy accepts the delivery.
    Holds(Box<Verified<'e>>),
    /// Nothing of the delivery may be trusted.
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

/// Verifies a delivery by the keys that it names, as of the time of its receipt. `origin` is the public URL that the
/// sender should have called.
///
/// # Errors
///
/// [`KeysError`] when a key cannot be had that might have proven it.
pub async fn verify<'e>(
    keys: &Keys,
    policy: FreshnessPolicy,
    origin: Option<&'e Origin>,
    envelope: &'e Envelope,
) -> Result<Verdict<'e>, KeysError> {
    let unverified = match UnverifiedDelivery::parse(envelope.signed_request()) {
        Ok(unverified) => unverified.sent_to(origin),
        Err(rejection) => return Ok(Verdict::unsigned(rejection)),
    };
    by_named_keys(keys, policy, unverified, envelope).await
}

/// Verifies a delivery of the archive again: in the dialect in which it was proven, for the URL that was ours.
///
/// # Errors
///
/// As [`verify`].
pub async fn verify_again<'d>(keys: &Keys, delivery: &'d ArchivedDelivery) -> Result<Verdict<'d>, KeysError> {
    let unverified = match UnverifiedDelivery::parse(delivery.envelope.signed_request()) {
        Ok(unverified) => unverified
            .sent_to(delivery.public_url.as_ref())
            .in_dialect(delivery.dialect),
        Err(rejection) => return Ok(Verdict::unsigned(rejection)),
    };
    by_named_keys(keys, FreshnessPolicy::Flag, unverified, &delivery.envelope).await
}

async fn by_named_keys<'e>(
    keys: &Keys,
    policy: FreshnessPolicy,
    unverified: UnverifiedDelivery<'e>,
    envelope: &Envelope,
) -> Result<Verdict<'e>, KeysError> {
    let (mut known, mut failed) = (Vec::new(), None);
    for key_id in unverified.key_ids() {
        match keys.find(key_id).await {
            Ok(key) => known.extend(key),
            // One of the other keys may do.
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    let key_id = unverified.key_id().to_owned();
    let verified = unverified.verify(known.iter().map(AsRef::as_ref), envelope.received_at);
    let accepted = verified.and_then(|verified| match policy {
        FreshnessPolicy::Flag => Ok(verified),
        FreshnessPolicy::Strict => verified.require_fresh(),
    });
    match (accepted, failed) {
        (Ok(verified), _) => Ok(Verdict::Holds(Box::new(verified))),
        (Err(_), Some(error)) => Err(error),
        (Err(VerifyError::UnknownKey { key_id }), None) => Ok(Verdict::UnknownKey { key_id }),
        (Err(rejection), None) => Ok(Verdict::Rejected {
            key_id: Some(key_id),
            rejection,
        }),
    }
}

impl Verdict<'_> {
    fn unsigned(rejection: VerifyError) -> Self {
        Self::Rejected {
            key_id: None,
            rejection,
        }
    }
}
