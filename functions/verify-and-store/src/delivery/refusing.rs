//! Deliveries that do not hold: put into quarantine, but for what an earlier attempt proved and stored.

use std::collections::BTreeSet;

use aws_lambda_events::event::sqs::SqsMessage;
use pipeline::envelope::Envelope;
use pipeline::stores::archive::BAD_SIGNATURE;
use upvest::delivery::split;
use upvest::synthetic::Scope;

use super::quarantine;
use crate::Deps;
use crate::error::{DeliveryError, Step};
use crate::events::{DeliveredEvents, Owned, owned};
use crate::pending::was_tried_before;

/// Finds what an earlier attempt stored of a delivery that does not hold any longer: since then its key may have been distrusted,
/// or the stack verify more strictly. Every other delivery of its events leaves their dispatch to this one.
///
/// The archive only says whether to look: it is found by an id that comes with the message. That the events are those that were
/// proven is said by the log, which has their identity.
pub(super) async fn stored_before(
    deps: &Deps,
    message: &SqsMessage,
    envelope: &Envelope,
) -> Result<Owned, DeliveryError> {
    // Most of what is refused is forged, and new: it is worth no request.
    if !was_tried_before(message) {
        return Ok(Owned::default());
    }
    let delivery_id = envelope.delivery_id.to_string();
    let failed = |source| DeliveryError::Aws {
        delivery_id: delivery_id.clone(),
        step: Step::LookBack,
        source,
    };
    // Where this fails, the attempt does: refused, the delivery would be gone from the queue with what it stored.
    if !deps.archive.lists_verified(envelope).await.map_err(failed)? {
        return Ok(Owned::default());
    }
    let Ok(elements) = split(&envelope.body) else {
        return Ok(Owned::default());
    };
    let delivered = DeliveredEvents::of(envelope, Scope::Everything, elements, &BTreeSet::new());
    let ids: Vec<&str> = delivered
        .entries
        .iter()
        .map(|entry| entry.event_id.as_str())
        .collect();
    let owners = deps.log.owners(&ids).await.map_err(failed)?;
    let owned = owned(delivered, &owners, &delivery_id, deps.clock.now());
    if !owned.dispatch.is_empty() {
        tracing::warn!(
            delivery.id = delivery_id,
            events = owned.dispatch.len(),
            "delivery does not hold any longer, and what it stored before is dispatched"
        );
    }
    Ok(owned)
}

/// Puts a delivery that is not proven into quarantine. Where a key of Upvest's did not
/// sign it, Upvest may have another one under that id: a fetch of the keys finds out.
pub(super) async fn refuse(
    deps: &Deps,
    envelope: &Envelope,
    key_id: Option<&str>,
    reason: &'static str,
) -> Result<(), DeliveryError> {
    tracing::warn!(delivery.id = %envelope.delivery_id, reason, "delivery goes to quarantine");
    quarantine(deps, envelope, key_id, reason, Vec::new()).await?;
    let is_changed = |key_id| reason == BAD_SIGNATURE && deps.keys.is_fetched(key_id);
    if let Some(requests) = deps
        .key_requests
        .as_ref()
        .filter(|_| key_id.is_some_and(is_changed))
    {
        requests.request().await;
    }
    Ok(())
}
