//! The way of one delivery: verify, archive, store. What is to be dispatched is left to the batch.

mod refusing;
mod waiting;

use std::collections::BTreeSet;

use aws_lambda_events::event::sqs::SqsMessage;
use jiff::Timestamp;
use pipeline::envelope::attributes::WAITED_AT;
use pipeline::envelope::{Envelope, attribute};
use pipeline::error::ErrorChain;
use pipeline::queues::domains::EventMessage;
use pipeline::runtime::metrics;
use pipeline::stores::archive::{Proof, UNKNOWN_KEY, quarantine_key};
use pipeline::verification::Verdict;
use upvest::delivery::{Element, split};
use upvest::signature::{Freshness, Verified, VerifyError};
use upvest::subscription::FOREIGN;
use upvest::synthetic::Scope;
use uuid::Uuid;

use crate::error::{DeliveryError, Step};
use crate::events::{self, DeliveredEvents, Owned};
use crate::{Deps, Policy, receipt};

use refusing::{refuse, stored_before};
use waiting::{is_there_after_all, release, verdict_of, wait_for_key};

/// Describes a delivery that is in the log or in quarantine.
#[derive(Debug)]
pub(crate) struct Received {
    /// Gives the time at which it arrived, and its id: the order in which events are dispatched.
    pub(crate) arrival: (Timestamp, Uuid),
    /// Lists the events that it brought first, and that are to be sent to their domains; of a delivery in quarantine those that
    /// an earlier attempt stored.
    pub(crate) dispatch: Vec<EventMessage>,
}

/// Handles one message of the deliveries queue.
pub(crate) async fn receive(deps: &Deps, message: &SqsMessage) -> Result<Received, DeliveryError> {
    let envelope = Envelope::from_message(message)?;
    let mut waited_at = attribute(message, WAITED_AT).map(str::to_owned);
    receipt::report(&envelope);
    let mut verdict = verify(deps, &envelope, waited_at.is_some()).await?;
    let before = match &verdict {
        Verdict::Holds(_) => Owned::default(),
        _ => stored_before(deps, message, &envelope).await?,
    };
    if before.is_whole {
        release(deps, &envelope, waited_at, &[]).await?;
        return Ok(Received::with(&envelope, before.dispatch));
    }
    if let Verdict::UnknownKey { key_id, others } = &verdict {
        wait_for_key(deps, &envelope, key_id, others).await?;
        if !is_there_after_all(deps, &envelope, key_id).await? {
            let waits: Vec<&str> = others
                .iter()
                .map(String::as_str)
                .chain([key_id.as_str()])
                .collect();
            // Sent on for another of its keys, which did not prove it.
            release(deps, &envelope, waited_at, &waits).await?;
            return Ok(Received::with(&envelope, before.dispatch));
        }
        waited_at = Some(quarantine_key(UNKNOWN_KEY, Some(key_id), &envelope));
        verdict = verify(deps, &envelope, false).await?;
    }
    let dispatch = match verdict {
        Verdict::Holds(verified) => accept(deps, &envelope, &verified).await?,
        Verdict::Rejected { key_id, rejection } => {
            let place = quarantine_key(rejection.reason(), key_id.as_deref(), &envelope);
            // One that is refused again for the same reason lies where it lay, with the note that it was sent on: else each fetch
            // would send it again, and have the next fetch asked for.
            if waited_at.as_ref() == Some(&place) {
                return Ok(Received::with(&envelope, before.dispatch));
            }
            refuse(deps, &envelope, key_id.as_deref(), rejection.reason()).await?;
            before.dispatch
        }
        // The key was there a moment ago. It lies where it waits, and is sent on by the next fetch.
        Verdict::UnknownKey { .. } => return Ok(Received::with(&envelope, before.dispatch)),
    };
    release(deps, &envelope, waited_at, &[]).await?;
    Ok(Received::with(&envelope, dispatch))
}

impl Received {
    /// Describes a delivery of which this is to be dispatched.
    fn with(envelope: &Envelope, dispatch: Vec<EventMessage>) -> Self {
        Self {
            arrival: (envelope.received_at, envelope.delivery_id),
            dispatch,
        }
    }
}

async fn verify<'e>(
    deps: &'e Deps,
    envelope: &'e Envelope,
    is_sent_on: bool,
) -> Result<Verdict<'e>, DeliveryError> {
    let verdict = verdict_of(deps, envelope, is_sent_on).await;
    let verdict = verdict.map_err(|source| DeliveryError::Keys {
        delivery_id: envelope.delivery_id.to_string(),
        source,
    })?;
    match &verdict {
        Verdict::Holds(verified) => {
            // The canary goes on while Upvest is silent, and must not hide that it is.
            if verified.scope() != Scope::Synthetic {
                report_freshness(envelope, verified.freshness());
            }
            note_proof(deps, envelope, verified).await;
        }
        Verdict::Rejected { rejection, .. } => match rejection {
            VerifyError::Expired => report_freshness(envelope, Freshness::Expired),
            VerifyError::NotYetValid => report_freshness(envelope, Freshness::NotYetValid),
            VerifyError::KeyRetired {
                freshness: Freshness::Fresh,
                ..
            } => metrics::by_retired_key(),
            _ => {}
        },
        Verdict::UnknownKey { .. } => {}
    }
    Ok(verdict)
}

/// Notes what proved a delivery. That this fails does not make the delivery any less proven.
async fn note_proof(deps: &Deps, envelope: &Envelope, verified: &Verified<'_>) {
    for (component, _) in verified.rewritten() {
        tracing::info!(delivery.id = %envelope.delivery_id, component, "component was not signed with the value that arrived");
    }
    match deps.keys.proved(verified).await {
        Ok(false) => {}
        // Told by its first delivery, and not when it was written: whoever could write its row would not say so.
        Ok(true) => {
            metrics::new_key();
            tracing::warn!(delivery.id = %envelope.delivery_id, key.id = verified.key_id(), "key proved its first delivery");
        }
        Err(error) => tracing::warn!(
            delivery.id = %envelope.delivery_id,
            error = %ErrorChain(&error),
            "use of the key could not be noted"
        ),
    }
}

fn report_freshness(envelope: &Envelope, freshness: Freshness) {
    metrics::verified(freshness.as_str());
    if freshness != Freshness::Fresh {
        tracing::warn!(delivery.id = %envelope.delivery_id, %freshness, "signature is out of its time");
    }
}

/// Keeps a proven delivery and its events; gives those to be dispatched.
async fn accept(
    deps: &Deps,
    envelope: &Envelope,
    verified: &Verified<'_>,
) -> Result<Vec<EventMessage>, DeliveryError> {
    let failed = |step| {
        move |source| DeliveryError::Aws {
            delivery_id: envelope.delivery_id.to_string(),
            step,
            source,
        }
    };
    let key_id = verified.key_id();
    let elements = split(verified.body());
    let others = others(
        deps,
        envelope,
        verified.scope(),
        elements.as_deref().unwrap_or_default(),
    )
    .await?;
    let flags = flags(envelope, &others);
    let proof = Proof::of(verified, deps.origin.as_ref(), &flags);
    // Archived first: what is in the log can then always be proven, and an object too large for the log be found.
    let kept = deps.archive.keep(envelope, &proof).await;
    // There already: by an earlier attempt, or because its bytes come out of the archive, as when the log is restored.
    let proven_before = !kept.map_err(failed(Step::Archive))?;
    let delivered = match elements {
        Ok(elements) => {
            let refused = refused(deps, others);
            DeliveredEvents::of(envelope, verified.scope(), elements, &refused)
        }
        Err(malformed) => {
            tracing::warn!(delivery.id = %envelope.delivery_id, "delivery goes to quarantine: {malformed}");
            quarantine(deps, envelope, Some(key_id), malformed.reason(), Vec::new()).await?;
            return Ok(Vec::new());
        }
    };
    for (reason, events) in &delivered.unusable {
        tracing::warn!(delivery.id = %envelope.delivery_id, events = events.len(), reason, "events go to quarantine");
        quarantine(deps, envelope, Some(key_id), reason, events.clone()).await?;
    }
    let logged = deps
        .log
        .record(&delivered.entries)
        .await
        .map_err(failed(Step::Store))?;
    let delivery_id = envelope.delivery_id.to_string();
    let outcome = events::decide(delivered, &logged, &delivery_id, proven_before, deps.clock.now());
    let conflicts = deps
        .log
        .record(&outcome.conflicting)
        .await
        .map_err(failed(Step::Store))?;
    outcome.report(envelope, &conflicts);
    // What anybody can send again, be it an hour after the last one, must not hide that Upvest is silent.
    if verified.scope() == Scope::Upvest && verified.freshness() == Freshness::Fresh && outcome.is_new() {
        metrics::from_upvest();
    }
    metrics::stored_after(deps.clock.now().duration_since(envelope.received_at));
    Ok(outcome.dispatch)
}

/// Lists the subscriptions of others that Upvest sent a delivery's events for. By our own keys we may send what we want.
async fn others(
    deps: &Deps,
    envelope: &Envelope,
    scope: Scope,
    elements: &[Element<'_>],
) -> Result<BTreeSet<String>, DeliveryError> {
    let Some(for_us) = deps.for_us.as_ref().filter(|_| scope == Scope::Upvest) else {
        return Ok(BTreeSet::new());
    };
    let delivery_id = envelope.delivery_id.to_string();
    match for_us.others(&delivery_id, elements).await {
        Ok(others) => Ok(others),
        Err(source) if for_us.policy == Policy::Strict => Err(DeliveryError::Aws {
            delivery_id,
            step: Step::Attribute,
            source,
        }),
        // A flag is not worth the delay of what is proven.
        Err(error) => {
            let error = ErrorChain(&error).to_string();
            tracing::warn!(
                delivery.id = delivery_id,
                error,
                "whose subscription it is cannot be told"
            );
            Ok(BTreeSet::new())
        }
    }
}

fn flags(envelope: &Envelope, others: &BTreeSet<String>) -> Vec<&'static str> {
    let flags = [
        (FOREIGN, !others.is_empty()),
        (receipt::DOUBTED, envelope.judged_at.is_some()),
    ];
    let meant = flags.into_iter().filter(|(_, is_meant)| *is_meant);
    meant.map(|(flag, _)| flag).collect()
}

/// Lists the subscriptions whose events are not taken.
fn refused(deps: &Deps, others: BTreeSet<String>) -> BTreeSet<String> {
    let policy = deps.for_us.as_ref().map(|for_us| for_us.policy);
    match policy {
        Some(Policy::Strict) => others,
        Some(Policy::Flag) | None => BTreeSet::new(),
    }
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
    metrics::quarantined(reason);
    Ok(())
}
