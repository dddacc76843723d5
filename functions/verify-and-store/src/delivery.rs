//! The way of one delivery: verify, archive, store. What is to be dispatched is left to the batch.

use aws_lambda_events::event::sqs::SqsMessage;
use jiff::Timestamp;
use pipeline::envelope::Envelope;
use pipeline::metric;
use pipeline::routing::Dispatch;
use upvest::signature::{Algorithm, Freshness, Rejection, UnverifiedDelivery, Verified};
use uuid::Uuid;

use crate::error::{DeliveryError, Step};
use crate::freshness::FreshnessPolicy;
use crate::intake::Intake;
use crate::{Deps, intake};

/// A delivery that is in the log or in quarantine.
#[derive(Debug)]
pub(crate) struct Received {
    /// When it arrived, and its id: the order in which events are dispatched.
    pub(crate) arrival: (Timestamp, Uuid),
    /// The events that it brought.
    pub(crate) dispatch: Vec<Dispatch>,
}

/// Handles one message of the deliveries queue.
pub(crate) async fn receive(deps: &Deps, message: &SqsMessage) -> Result<Received, DeliveryError> {
    let envelope = Envelope::from_message(message)?;
    let dispatch = match verify(deps, &envelope).await? {
        Ok(verified) => accept(deps, &envelope, &verified).await?,
        Err(Rejected { key_id, rejection }) => {
            let reason = rejection.reason();
            tracing::warn!(delivery.id = %envelope.delivery_id, reason, "delivery goes to quarantine");
            quarantine(deps, &envelope, key_id.as_deref(), reason, Vec::new()).await?;
            Vec::new()
        }
    };
    Ok(Received {
        arrival: (envelope.received_at, envelope.delivery_id),
        dispatch,
    })
}

/// A delivery of which nothing may be trusted.
struct Rejected {
    /// The key by which the sender claims to have signed.
    key_id: Option<String>,
    rejection: Rejection,
}

async fn verify<'e>(
    deps: &Deps,
    envelope: &'e Envelope,
) -> Result<Result<Verified<'e>, Rejected>, DeliveryError> {
    let unverified = match UnverifiedDelivery::parse(envelope.signed_request()) {
        Ok(unverified) => unverified,
        Err(rejection) => {
            return Ok(Err(Rejected {
                key_id: None,
                rejection,
            }));
        }
    };
    let key_id = unverified.key_id().to_owned();
    let delivery_id = || envelope.delivery_id.to_string();
    let found = deps.keys.find(&key_id).await;
    let found = found.map_err(|source| DeliveryError::Keys {
        delivery_id: delivery_id(),
        source,
    })?;
    let Some(key) = found else {
        return Err(DeliveryError::UnknownKey {
            delivery_id: delivery_id(),
            key_id,
        });
    };
    let verified = unverified.verify(&key, envelope.received_at);
    let verified = verified.inspect(|verified| report_freshness(envelope, verified.freshness()));
    if verified.is_ok() && key.algorithm() != Algorithm::HmacSha256 {
        metric::from_upvest();
    }
    let accepted = verified.and_then(|verified| match deps.freshness {
        FreshnessPolicy::Flag => Ok(verified),
        FreshnessPolicy::Strict => verified.require_fresh(),
    });
    Ok(accepted.map_err(|rejection| Rejected {
        key_id: Some(key_id),
        rejection,
    }))
}

fn report_freshness(envelope: &Envelope, freshness: Freshness) {
    metric::verified(freshness.as_str());
    if freshness != Freshness::Fresh {
        tracing::warn!(delivery.id = %envelope.delivery_id, %freshness, "signature is out of its time");
    }
}

/// Keeps a proven delivery and its events; gives those to be dispatched.
async fn accept(
    deps: &Deps,
    envelope: &Envelope,
    verified: &Verified<'_>,
) -> Result<Vec<Dispatch>, DeliveryError> {
    let failed = |step| {
        move |source| DeliveryError::Aws {
            delivery_id: envelope.delivery_id.to_string(),
            step,
            source,
        }
    };
    let key_id = verified.key_id();
    let kept = deps.archive.keep(envelope, key_id, verified.freshness()).await;
    kept.map_err(failed(Step::Archive))?;
    let intake = match Intake::of(envelope, verified.body()) {
        Ok(intake) => intake,
        Err(malformed) => {
            tracing::warn!(delivery.id = %envelope.delivery_id, "delivery goes to quarantine: {malformed}");
            quarantine(deps, envelope, Some(key_id), malformed.reason(), Vec::new()).await?;
            return Ok(Vec::new());
        }
    };
    for (reason, events) in &intake.unusable {
        tracing::warn!(delivery.id = %envelope.delivery_id, events = events.len(), reason, "events go to quarantine");
        quarantine(deps, envelope, Some(key_id), reason, events.clone()).await?;
    }
    let logged = deps
        .log
        .record(&intake.entries)
        .await
        .map_err(failed(Step::Store))?;
    let outcome = intake::judge(intake, &logged, &envelope.delivery_id.to_string());
    let contradictions = deps
        .log
        .record(&outcome.conflicting)
        .await
        .map_err(failed(Step::Store))?;
    outcome.report(envelope, &contradictions);
    metric::stored_after(deps.clock.now().duration_since(envelope.received_at));
    Ok(outcome.dispatch)
}

async fn quarantine(
    deps: &Deps,
    envelope: &Envelope,
    key_id: Option<&str>,
    reason: &'static str,
    events: Vec<usize>,
) -> Result<(), DeliveryError> {
    let kept = deps.archive.quarantine(envelope, key_id, reason, events).await;
    kept.map_err(|source| DeliveryError::Aws {
        delivery_id: envelope.delivery_id.to_string(),
        step: Step::Quarantine,
        source,
    })?;
    metric::quarantined(reason);
    Ok(())
}
