//! Deliveries and their keys, of which more may be learnt: what waits for one is put there, found again, and taken out; what is refused
//! by one is verified by what it is now.

use std::collections::BTreeSet;
use std::time::Duration;

use pipeline::envelope::Envelope;
use pipeline::runtime::metrics;
use pipeline::stores::archive::{OF_A_KEY, UNKNOWN_KEY, quarantine_key};
use pipeline::stores::keys::{KeysError, REFUSES_FOR};
use pipeline::verification::{self, Verdict, named_keys};
use upvest::signature::VerifyError;

use crate::Deps;
use crate::error::{DeliveryError, Step, presentable};

/// Removes a delivery from where it waited, and from where it could be found under other ids, but for the folders of the keys that
/// it waits for still. Nothing is to be removed of one that did not wait.
pub(super) async fn release(
    deps: &Deps,
    envelope: &Envelope,
    waited_at: Option<String>,
    still: &[&str],
) -> Result<(), DeliveryError> {
    let Some(waited_at) = waited_at else {
        return Ok(());
    };
    let named = named_keys(envelope);
    let place = |key_id: &str| quarantine_key(UNKNOWN_KEY, Some(key_id), envelope);
    let mut places = BTreeSet::from([waited_at]);
    if named.len() > 1 {
        places.extend(named.iter().map(|key_id| place(key_id)));
    }
    let still: Vec<String> = still.iter().map(|key_id| place(key_id)).collect();
    for key in places.iter().filter(|key| !still.contains(key)) {
        let removed = deps.archive.remove_waiting(key, envelope.delivery_id).await;
        removed.map_err(|source| DeliveryError::Aws {
            delivery_id: envelope.delivery_id.to_string(),
            step: Step::Release,
            source,
        })?;
    }
    Ok(())
}

/// Verifies a delivery; by its keys as the table has them now, where it does not hold by them as they are remembered. For one that was
/// sent on, something was learnt of its key just now.
///
/// Where they cannot be read, that is an error, and the delivery is tried again: from quarantine nobody might send it on.
pub(super) async fn verdict_of<'e>(
    deps: &'e Deps,
    envelope: &'e Envelope,
    is_sent_on: bool,
) -> Result<Verdict<'e>, KeysError> {
    let verify = || verification::verify(&deps.keys, deps.freshness, deps.origin.as_ref(), envelope);
    let tried_at = deps.keys.now();
    let verdict = verify().await?;
    if !may_be_outdated(&verdict) {
        return Ok(verdict);
    }
    let age = if is_sent_on { Duration::ZERO } else { REFUSES_FOR };
    let mut is_outdated = false;
    for key_id in named_keys(envelope) {
        is_outdated |= deps.keys.renew(&key_id, tried_at, age).await?;
    }
    match is_outdated {
        true => verify().await,
        false => Ok(verdict),
    }
}

/// Tells whether a delivery was refused for what its key is, or may prove.
fn may_be_outdated(verdict: &Verdict<'_>) -> bool {
    let Verdict::Rejected { rejection, .. } = verdict else {
        return false;
    };
    let is_otherwise = matches!(
        rejection,
        VerifyError::AlgorithmMismatch | VerifyError::KeyOnlySynthetic
    );
    is_otherwise || OF_A_KEY.contains(&rejection.reason())
}

/// Puts a delivery to where it waits for its key, which it may do for a while or for good, and asks for a fetch of the keys. Under
/// the ids of other unknown keys that it names it can be found too.
pub(super) async fn wait_for_key(
    deps: &Deps,
    envelope: &Envelope,
    key_id: &str,
    others: &[String],
) -> Result<(), DeliveryError> {
    tracing::warn!(
        delivery.id = %envelope.delivery_id,
        key.id = presentable(key_id),
        reason = UNKNOWN_KEY,
        "delivery waits in quarantine for its key"
    );
    let keep = async {
        let archive = &deps.archive;
        archive
            .quarantine(envelope, Some(key_id), UNKNOWN_KEY, Vec::new())
            .await?;
        archive.point(envelope, key_id, others).await
    };
    keep.await.map_err(|source| DeliveryError::Aws {
        delivery_id: envelope.delivery_id.to_string(),
        step: Step::Quarantine,
        source,
    })?;
    metrics::unknown_key();
    if let Some(requests) = &deps.key_requests {
        requests.request().await;
    }
    Ok(())
}

/// Looks for the key again, after the delivery was put to where it waits: whoever added the key in between may have
/// looked there before.
pub(super) async fn is_there_after_all(
    deps: &Deps,
    envelope: &Envelope,
    key_id: &str,
) -> Result<bool, DeliveryError> {
    let found = deps.keys.look_again(key_id).await;
    let found = found.map_err(|source| DeliveryError::Keys {
        delivery_id: envelope.delivery_id.to_string(),
        source,
    })?;
    Ok(!found.is_empty())
}
