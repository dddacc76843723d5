//! The check of a delivery's signature with the keys table: how verify-and-store does it, and how it is done again.

use upvest::signature::{Origin, UnverifiedDelivery, Verified, VerifyError};

use crate::envelope::Envelope;
use crate::policy::Policy;
use crate::stores::archive::ArchivedDelivery;
use crate::stores::keys::{Keys, KeysError};

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
        /// Lists the other ids of that kind that are unknown too, at most three.
        others: Vec<String>,
    },
}

/// Bounds the unknown keys beside the first that a delivery waits for: a sender may name sixteen.
const OTHERS: usize = 3;

/// Lists the ids of all keys by which a delivery claims to be signed; none where its headers cannot be parsed.
#[must_use]
pub fn named_keys(envelope: &Envelope) -> Vec<String> {
    let unverified = UnverifiedDelivery::parse(envelope.signed_request());
    let ids = unverified.map(|unverified| unverified.key_ids().into_iter().map(str::to_owned).collect());
    ids.unwrap_or_default()
}

/// Verifies a delivery by the keys that it names, [as of](Envelope::verified_as_of) the time of its receipt. `origin` is
/// the public URL that the sender should have called.
///
/// # Errors
///
/// [`KeysError`] when a key cannot be had that might have proven it.
pub async fn verify<'e>(
    keys: &Keys,
    policy: Policy,
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
    by_named_keys(keys, Policy::Flag, unverified, &delivery.envelope).await
}

async fn by_named_keys<'e>(
    keys: &Keys,
    policy: Policy,
    unverified: UnverifiedDelivery<'e>,
    envelope: &Envelope,
) -> Result<Verdict<'e>, KeysError> {
    let at = envelope.verified_as_of();
    let (mut known, mut unknown, mut failed) = (Vec::new(), Vec::new(), None);
    for key_id in unverified.key_ids() {
        match keys.find(key_id).await {
            Ok(keys) if keys.is_empty() => unknown.push(key_id.to_owned()),
            // Of those that had the id before, what cannot prove it is not tried: it would be work for nothing.
            Ok(keys) => {
                let mut keys = keys.into_iter();
                known.extend(keys.next());
                known.extend(keys.filter(|earlier| earlier.proves_at(at)));
            }
            // One of the other keys may do.
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    let key_id = unverified.key_id().to_owned();
    let verified = unverified.verify(known.iter().map(AsRef::as_ref), at);
    let accepted = verified.and_then(|verified| match policy {
        Policy::Flag => Ok(verified),
        Policy::Strict => verified.require_fresh(),
    });
    match (accepted, failed) {
        (Ok(verified), _) => Ok(Verdict::Holds(Box::new(verified))),
        (Err(_), Some(error)) => Err(error),
        (Err(VerifyError::UnknownKey { key_id }), None) => {
            unknown.retain(|other| *other != key_id);
            unknown.truncate(OTHERS);
            Ok(Verdict::UnknownKey {
                key_id,
                others: unknown,
            })
        }
        (Err(rejection), None) => Ok(Verdict::Rejected {
            key_id: Some(match &rejection {
                VerifyError::KeyRetired { key_id, .. } | VerifyError::KeyDistrusted { key_id } => {
                    key_id.clone()
                }
                _ => key_id,
            }),
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
