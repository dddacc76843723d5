//! An explanation for people: what is known line by line, each with a mark that says whether it holds.

mod brief;
mod delivery;

use operator::explain::{
    Action, Bytes, Delivery, EntityAccount, EventAccount, Explanation, Follows, Publication,
};
use operator::fold::{Comparison, Step, count};
use pipeline::stores::idempotency::RecordState;
use upvest::effects::Effect;

pub(crate) use self::brief::Brief;
use self::delivery::{delivery_text, duplicates_text, signature_text};
use crate::output::{Exit, Report, fitting, harmless_line, pretty, set_in};
use crate::times::local_text;

/// Marks what is told and was not checked.
const TOLD: char = ' ';
/// Marks what was checked, and holds.
const HOLDS: char = '✓';
/// Marks what was checked, and does not hold.
const FAILS: char = '✗';
/// Marks what cannot be known for certain, and so is no fault.
const DARK: char = '?';

/// Writes lines of a mark, a name and a value.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, mark: char, name: &str, value: impl AsRef<str>) {
        let first = format!("{mark} {name:<10}  ");
        self.0 += &(fitting(&first, &harmless_line(value.as_ref())) + "\n");
    }

    fn add_some(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.add(TOLD, name, value);
        }
    }
}

impl Report for Explanation {
    fn text(&self) -> String {
        let mut paragraphs = vec![verdict(&self.findings)];
        paragraphs.extend(self.delivery.as_ref().map(delivery_text));
        paragraphs.extend(self.entity.as_ref().map(entity_text));
        paragraphs.extend(earlier_text(self));
        paragraphs.extend(self.events.iter().map(|event| {
            let delivery = self.deliveries.get(&event.delivery_id);
            event_text(event, delivery, self.published_to.as_deref())
        }));
        paragraphs.extend(self.duplicates.as_deref().map(duplicates_text));
        paragraphs.join("\n")
    }

    fn exit(&self) -> Exit {
        Exit::of_findings(self.findings.is_empty())
    }
}

fn verdict(findings: &[String]) -> String {
    if findings.is_empty() {
        return format!("{HOLDS} everything on the way holds\n");
    }
    let line = |finding: &String| fitting(&format!("{FAILS} "), finding) + "\n";
    let findings: String = findings.iter().map(line).collect();
    format!("What does not hold:\n{findings}")
}

/// Says which events of an entity are left out, if any are.
fn earlier_text(explanation: &Explanation) -> Option<String> {
    let earlier = Some(explanation.earlier_events).filter(|earlier| *earlier > 0)?;
    let shown = count(explanation.events.len(), "event");
    Some(format!(
        "the newest {shown}, oldest first; {earlier} before them: --limit\n"
    ))
}

/// Says how a state compares with the log.
fn log_line(log: &Comparison) -> (char, String) {
    match log {
        Comparison::Same { events } => {
            let fold = if *events == 1 { "folds" } else { "fold" };
            let events = count(*events, "event");
            (HOLDS, format!("its {events} {fold} to exactly this state"))
        }
        other => match other.unknown() {
            Some(why) => (DARK, format!("cannot be compared: {why}")),
            None => (FAILS, other.fault().unwrap_or_default()),
        },
    }
}

fn entity_text(entity: &EntityAccount) -> String {
    let mut lines = Lines::default();
    lines.add_some("status", entity.status.as_ref());
    lines.add_some("version", entity.version.map(|version| version.to_string()));
    if let (Some(id), Some(kind), Some(at)) = (
        &entity.last_event_id,
        &entity.last_event_type,
        &entity.last_occurred_at,
    ) {
        let at = local_text(at);
        lines.add(TOLD, "last event", format!("{kind} at {at}, event {id}"));
    }
    if !entity.transitions.is_empty() {
        let events = entity.transitions.join(", ");
        let keeps = format!("the changes of {events}: a retry resumes their effects");
        lines.add(TOLD, "keeps", keeps);
    }
    let (mark, log) = log_line(&entity.log);
    lines.add(mark, "log", log);
    let object = object_text(entity.object.as_deref());
    format!("{}\n{}{object}", entity.entity, lines.0)
}

fn event_text(event: &EventAccount, delivery: Option<&Delivery>, bus: Option<&str>) -> String {
    let mut lines = Lines::default();
    lines.add(TOLD, "event", &event.event_id);
    if let Some(other) = &event.conflicts_with {
        lines.add(FAILS, "conflict", format!("with event {other}"));
    }
    if event.entity.is_none() && event.conflicts_with.is_none() {
        lines.add(
            DARK,
            "entity",
            "none: its object names none, so that it is in quarantine and has no state",
        );
    }
    if let Some(delivery) = delivery {
        add_origin(event, &mut lines, delivery);
    }
    add_bytes(event, &mut lines);
    add_effects(event, &mut lines, bus);
    lines.add_some("time flag", event.time_flag.as_ref());
    let title = format!("{}  {}", local_text(&event.occurred_at), event.r#type);
    format!("{title}\n{}{}", lines.0, object_text(event.object.as_deref()))
}

fn add_origin(event: &EventAccount, lines: &mut Lines, delivery: &Delivery) {
    let received_at = local_text(&event.received_at);
    let mut received = format!("{received_at} in delivery {}", event.delivery_id);
    if let Some(address) = &delivery.source_address {
        received.push_str(&format!(", from {address}"));
    }
    if let Some(batch) = delivery.batch {
        received.push_str(&format!(", of {}", count(batch, "event")));
    }
    lines.add(TOLD, "received", received);
    match &delivery.archived_at {
        Some(key) => lines.add(HOLDS, "archived", key),
        None => lines.add(FAILS, "archived", delivery.faults.join("; ")),
    }
    if delivery.archived_at.is_some() {
        let (mark, signature) = signature_text(&delivery.signature);
        lines.add(mark, "signature", signature);
    }
    if !delivery.flags.is_empty() {
        lines.add(TOLD, "flagged", delivery.flags.join(", "));
    }
}

fn add_bytes(event: &EventAccount, lines: &mut Lines) {
    let sha256 = &event.sha256;
    let (mark, text) = match event.bytes {
        Bytes::AsSigned => (HOLDS, format!("the log has what was signed, sha256 {sha256}")),
        Bytes::Changed => {
            let differs = event.differs.join(", ");
            (FAILS, format!("the log does not have what was signed: {differs}"))
        }
        Bytes::NotInDelivery => (FAILS, "the delivery does not have the event".to_owned()),
        Bytes::Unproven => (DARK, "nothing proven is there to compare the log with".to_owned()),
    };
    lines.add(mark, "bytes", text);
}

fn add_effects(event: &EventAccount, lines: &mut Lines, bus: Option<&str>) {
    if let Some(step) = &event.step {
        let status = match (&step.previous_status, &step.status) {
            (Some(before), Some(after)) if before != after => format!("{before} → {after}"),
            (None, Some(after)) => format!("→ {after}"),
            (_, Some(same)) => format!("stays {same}"),
            (_, None) => "none".to_owned(),
        };
        lines.add(TOLD, "status", status);
        lines.add(TOLD, "effect", effect_text(step));
    }
    for action in &event.actions {
        let mark = match (action.fault(), action.state) {
            (Some(_), _) => FAILS,
            (None, RecordState::Completed) => HOLDS,
            (None, _) => DARK,
        };
        lines.add(mark, "action", action_text(action));
    }
    // The record of a replay says nothing of whether the action ran when the event came.
    let has_own = event.actions.iter().any(|action| action.replay.is_none());
    if !has_own && event.step.is_some() {
        lines.add(
            DARK,
            "action",
            "no record: the domain's code did not want the event, failed, has not got to it, or the record expired",
        );
    }
    if let Some(publication) = &event.publication {
        lines.add(DARK, "published", publication_text(publication, bus));
    }
}

/// Says what was done about an event when it came, and what would be if its message came again.
fn effect_text(step: &Step) -> String {
    let came = match step.effect {
        Effect::Fresh => "it changed what the state shows",
        Effect::Late => "a newer event had been received before it",
        Effect::Resume => "its effects were gone on with",
        Effect::Duplicate => "it may have been told before",
        Effect::Replay => "it had no effects",
    };
    format!(
        "{}: {came}; sent again: {}",
        step.effect.name(),
        step.sent_again.name()
    )
}

fn action_text(action: &Action) -> String {
    let name = action.name();
    let kept_until = action.kept_until.as_deref().unwrap_or("no end");
    match action.state {
        _ if action.other_payload => format!("{name} ran for other content than the log has"),
        RecordState::Completed => {
            let result = action.result.as_ref().map_or("null", |result| result.get());
            format!("{name} completed, result {result}; record kept until {kept_until}")
        }
        RecordState::InProgress => {
            let until = action.leased_until.as_deref().unwrap_or_default();
            format!("{name} in progress, until {until} at most")
        }
        RecordState::Abandoned => format!("{name} was stopped before its end"),
        RecordState::Expired => {
            format!("record of {name} expired on {kept_until}: it says nothing any more")
        }
        RecordState::Unusable => format!("record of {name} is not one that the receiver writes"),
    }
}

fn publication_text(publication: &Publication, bus: Option<&str>) -> String {
    let follows = match publication.follows {
        Follows::Published => format!("to {}", bus.unwrap_or_default()),
        Follows::NotPublished => "no".to_owned(),
        Follows::Open => "not known".to_owned(),
    };
    format!(
        "not recorded; it follows: {follows}, because {}",
        publication.because
    )
}

fn object_text(object: Option<&serde_json::value::RawValue>) -> String {
    let object = object.map(|object| set_in(&pretty(object.get())));
    object.unwrap_or_default()
}
