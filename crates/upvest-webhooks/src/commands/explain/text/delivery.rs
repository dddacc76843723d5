//! A delivery for people: what its signature is worth, what it held, and what else brought an event.

use operator::explain::{DeliveredEvent, DeliveryContents, OtherDelivery, Outcome, Signature};

use super::{FAILS, HOLDS, Lines};
use crate::output::{joined, rows_of};
use crate::times::local_text;

pub(super) fn delivery_text(delivery: &DeliveryContents) -> String {
    let mut lines = Lines::default();
    lines.add_some("received", delivery.received_at.as_deref().map(local_text));
    lines.add_some("from", delivery.source_address.as_ref());
    let mark = if delivery.verified { HOLDS } else { FAILS };
    let archived_at = delivery.archived_at.as_deref().unwrap_or_default();
    lines.add(mark, "archived", archived_at);
    let (mark, signature) = signature_text(&delivery.signature);
    lines.add(mark, "signature", signature);
    if let Some(quarantine) = &delivery.quarantine {
        let which = match quarantine.positions.as_slice() {
            [] => "all of it".to_owned(),
            positions => format!("events {} of the batch, counted from 0", joined(positions)),
        };
        let text = format!("{}: {which}, in {}", quarantine.reason, quarantine.archived_at);
        lines.add(FAILS, "quarantine", text);
    }
    let events = rows_of(&delivery.events)
        .column("event id", |event| &event.event_id)
        .column("type", |event| &event.r#type)
        .optional("entity", |event| event.entity.as_ref())
        .column("result", result_text);
    format!(
        "delivery {}\n{}{}",
        delivery.delivery_id,
        lines.0,
        events.below("")
    )
}

fn result_text(event: &DeliveredEvent) -> String {
    match &event.outcome {
        Outcome::Stored => "stored".to_owned(),
        Outcome::Duplicate { of_delivery } => format!("duplicate: the log has it from {of_delivery}"),
        Outcome::Conflict { logged_as } => format!("conflict: logged as {logged_as}"),
        Outcome::NotLogged => "not in the log".to_owned(),
    }
}

pub(super) fn duplicates_text(others: &[OtherDelivery]) -> String {
    if others.is_empty() {
        return "no other delivery of it in that time\n".to_owned();
    }
    let content = |other: &OtherDelivery| match (other.same, &other.logged_as) {
        (true, _) => "the same".to_owned(),
        (false, Some(id)) => format!("another, logged as {id}"),
        (false, None) => "another, not in the log".to_owned(),
    };
    let table = rows_of(others)
        .optional("received", |other| other.received_at.as_deref().map(local_text))
        .column("delivery", |other| &other.delivery_id)
        .column("content", content);
    format!("other deliveries of it\n{table}\n")
}

pub(super) fn signature_text(signature: &Signature) -> (char, String) {
    match signature {
        Signature::Holds {
            key_id,
            dialect,
            rewritten,
            algorithm,
            freshness,
            key,
        } => {
            let mut text = format!("holds, {freshness} on receipt: key {key_id}, {dialect}, {algorithm}");
            for (component, signed) in rewritten {
                text.push_str(&format!(", {component} signed as {signed:?}"));
            }
            let at = |at: &Option<String>| at.as_deref().map(local_text);
            let known = [
                ("source", key.source.clone()),
                ("first seen", at(&key.first_seen)),
                ("retired", at(&key.retired_at)),
                ("distrusted since", at(&key.distrusted_at)),
                ("thumbprint", key.thumbprint.clone()),
            ];
            for (name, value) in known {
                text.extend(value.map(|value| format!(", {name} {value}")));
            }
            text.extend(key.unread.iter().map(|why| format!(", {why}")));
            (HOLDS, text)
        }
        Signature::Broken { reason, why } => (FAILS, format!("does not hold any more: {why} ({reason})")),
        Signature::Unverifiable { why } => (FAILS, format!("cannot be verified: {why}")),
    }
}
