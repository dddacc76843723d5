//! An explanation in short: the verdict, the state, and a line for each event.

use operator::explain::{Bytes, Delivery, EventAccount, Explanation, Signature};
use pipeline::stores::idempotency::RecordState;
use serde::Serialize;
use upvest::effects::Effect;

use super::{DARK, FAILS, HOLDS, earlier_text, log_line, object_text, verdict};
use super::{delivery_text, duplicates_text};
use crate::output::{Exit, Report, harmless_line};
use crate::times::local_text;

/// Tells an explanation in short. In JSON it is whole.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Brief(pub(crate) Explanation);

impl Report for Brief {
    fn text(&self) -> String {
        let explanation = &self.0;
        let mut paragraphs = vec![verdict(&explanation.findings)];
        paragraphs.extend(explanation.delivery.as_ref().map(delivery_text));
        if let Some(entity) = &explanation.entity {
            let status = entity.status.as_deref().unwrap_or("without a status");
            let (mark, log) = log_line(&entity.log);
            let object = object_text(entity.object.as_deref());
            let [entity, status, log] = [entity.entity.as_str(), status, &log].map(harmless_line);
            paragraphs.push(format!("{entity}  {status}\n{mark} {log}\n{object}"));
        }
        paragraphs.extend(earlier_text(explanation));
        let has_events = !explanation.events.is_empty();
        paragraphs.extend(has_events.then(|| lines(explanation)));
        paragraphs.extend(explanation.duplicates.as_deref().map(duplicates_text));
        let more = "each step from the signed bytes to the actions: -v\n";
        paragraphs.extend(has_events.then(|| more.to_owned()));
        paragraphs.join("\n")
    }

    fn exit(&self) -> Exit {
        self.0.exit()
    }
}

/// Writes a line for each event, its time and its type in columns of their own.
fn lines(explanation: &Explanation) -> String {
    let events = &explanation.events;
    let types = events.iter().map(|event| event.r#type.chars().count());
    let width = types.max().unwrap_or_default();
    // As exact as each is known, they differ in length.
    let times = events.iter().map(|event| local_text(&event.occurred_at).len());
    let times = times.max().unwrap_or_default();
    let line = |event: &EventAccount| {
        let delivery = explanation.deliveries.get(&event.delivery_id);
        let line = format!(
            "{:times$}  {:width$}  {}{}",
            local_text(&event.occurred_at),
            event.r#type,
            event.event_id,
            remarks(event)
        );
        let object = object_text(event.object.as_deref());
        format!("{} {}\n{object}", mark(event, delivery), harmless_line(&line))
    };
    events.iter().map(line).collect()
}

/// Says whether all that was checked of an event holds.
fn mark(event: &EventAccount, delivery: Option<&Delivery>) -> char {
    let is_proven = delivery.is_some_and(|delivery| {
        delivery.archived_at.is_some() && matches!(delivery.signature, Signature::Holds { .. })
    });
    let fails = event.conflicts_with.is_some()
        || event.actions.iter().any(|action| action.fault().is_some())
        || matches!(event.bytes, Bytes::Changed | Bytes::NotInDelivery);
    match (
        fails || !is_proven,
        event.bytes == Bytes::AsSigned && event.entity.is_some(),
    ) {
        (true, _) => FAILS,
        (false, true) => HOLDS,
        (false, false) => DARK,
    }
}

/// Says what is out of the ordinary about an event.
fn remarks(event: &EventAccount) -> String {
    let mut remarks = Vec::new();
    if let Some(other) = &event.conflicts_with {
        remarks.push(format!("conflict with {other}"));
    }
    if event.entity.is_none() && event.conflicts_with.is_none() {
        remarks.push("of no entity".to_owned());
    }
    if let Some(step) = event.step.as_ref().filter(|step| step.effect != Effect::Fresh) {
        remarks.push(step.effect.name().to_owned());
    }
    let unfinished = event
        .actions
        .iter()
        .filter(|action| action.state != RecordState::Completed);
    remarks.extend(unfinished.map(|action| format!("{}: not completed", action.name())));
    remarks.iter().map(|remark| format!(", {remark}")).collect()
}
