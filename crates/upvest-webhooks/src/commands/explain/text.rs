//! An explanation for people: what is known line by line, each with a mark that says whether it holds.

use super::evidence::{Bytes, Delivery, Signature};
use super::folding::{Comparison, count};
use super::{Contents, Entity, Explained, Explanation, Fate, Outcome, Repeat};
use crate::output::{self, Report, pretty};

/// What is only told.
const TOLD: char = ' ';
/// What was checked, and holds.
const HOLDS: char = '✓';
/// What was checked, and does not hold.
const FAILS: char = '✗';
/// What cannot be known.
const DARK: char = '?';

/// Lines of a mark, a name and a value.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, mark: char, name: &str, value: impl AsRef<str>) {
        self.0
            .push_str(&format!("{mark} {name:<10}  {}\n", value.as_ref()));
    }

    fn add_some(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.add(TOLD, name, value);
        }
    }
}

impl Report for Explanation {
    fn text(&self) -> String {
        let mut text = String::new();
        let mut paragraph = |paragraph: String| {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&paragraph);
        };
        if let Some(delivery) = &self.delivery {
            paragraph(delivery.text());
        }
        if let Some(entity) = &self.entity {
            paragraph(entity.text());
        }
        if self.earlier_events > 0 {
            paragraph(format!(
                "the newest {}, oldest first; {} before them: --limit\n",
                count(self.events.len(), "event"),
                self.earlier_events
            ));
        }
        for event in &self.events {
            let delivery = self.deliveries.get(&event.delivery_id);
            paragraph(event.text(delivery, self.published_to.as_deref()));
        }
        if let Some(repeats) = &self.repeats {
            paragraph(repeats_text(repeats));
        }
        paragraph(self.verdict());
        text
    }

    fn succeeded(&self) -> bool {
        self.findings.is_empty()
    }
}

impl Explanation {
    fn verdict(&self) -> String {
        if self.findings.is_empty() {
            return format!("{HOLDS} everything on the way holds\n");
        }
        let mut text = "What does not hold:\n".to_owned();
        for finding in &self.findings {
            text.push_str(&format!("{FAILS} {finding}\n"));
        }
        text
    }
}

impl Entity {
    fn text(&self) -> String {
        let mut lines = Lines::default();
        lines.add_some("status", self.status.as_ref());
        lines.add_some("version", self.version.map(|version| version.to_string()));
        if let (Some(id), Some(kind), Some(at)) =
            (&self.last_event_id, &self.last_event_type, &self.last_occurred_at)
        {
            lines.add(TOLD, "last event", format!("{kind} at {at}, event {id}"));
        }
        match (&self.unfinished[..], &self.version) {
            ([], None) => {}
            ([], Some(_)) => lines.add(TOLD, "unfinished", "nothing"),
            (events, _) => lines.add(FAILS, "unfinished", events.join(", ")),
        }
        match &self.log {
            Comparison::Same { events } => {
                let events = count(*events, "event");
                lines.add(HOLDS, "log", format!("its {events} fold to exactly this state"));
            }
            Comparison::Unknown { why } => lines.add(DARK, "log", format!("cannot be compared: {why}")),
            other => lines.add(FAILS, "log", other.fault().unwrap_or_default()),
        }
        format!(
            "{}\n{}{}",
            self.entity,
            lines.0,
            object_text(self.object.as_deref())
        )
    }
}

impl Explained {
    fn text(&self, delivery: Option<&Delivery>, bus: Option<&str>) -> String {
        let mut lines = Lines::default();
        lines.add(TOLD, "event", &self.event_id);
        if let Some(other) = &self.contradicts {
            lines.add(FAILS, "contradicts", format!("event {other}"));
        }
        if self.entity.is_none() && self.contradicts.is_none() {
            lines.add(
                DARK,
                "entity",
                "none: its object names none, so that it is in quarantine and has no state",
            );
        }
        if let Some(delivery) = delivery {
            self.add_origin(&mut lines, delivery);
        }
        self.add_bytes(&mut lines);
        self.add_effects(&mut lines, bus);
        let title = format!("{}  {}", self.occurred_at, self.r#type);
        format!("{title}\n{}{}", lines.0, object_text(self.object.as_deref()))
    }

    fn add_origin(&self, lines: &mut Lines, delivery: &Delivery) {
        let mut received = format!("{} in delivery {}", self.received_at, self.delivery_id);
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
            let (mark, signature) = delivery.signature.text();
            lines.add(mark, "signature", signature);
        }
    }

    fn add_bytes(&self, lines: &mut Lines) {
        let Self { sha256, .. } = self;
        match self.bytes {
            Bytes::AsSigned => lines.add(
                HOLDS,
                "bytes",
                format!("the log has what was signed, sha256 {sha256}"),
            ),
            Bytes::Changed => {
                let differs = self.differs.join(", ");
                lines.add(
                    FAILS,
                    "bytes",
                    format!("the log does not have what was signed: {differs}"),
                );
            }
            Bytes::NotInDelivery => lines.add(FAILS, "bytes", "the delivery does not have the event"),
            Bytes::Unproven => lines.add(DARK, "bytes", "nothing proven is there to compare the log with"),
        }
    }

    fn add_effects(&self, lines: &mut Lines, bus: Option<&str>) {
        if let Some(step) = &self.step {
            let status = match (&step.previous_status, &step.status) {
                (Some(before), Some(after)) if before != after => format!("{before} → {after}"),
                (None, Some(after)) => format!("→ {after}"),
                (_, Some(same)) => format!("stays {same}"),
                (_, None) => "none".to_owned(),
            };
            lines.add(TOLD, "status", status);
            let effect = match step.effect {
                "late" => "late: a newer event had been received before it",
                "duplicate" => "none: it was in the state already",
                _ => "shows in the state",
            };
            lines.add(TOLD, "effect", effect);
        }
        for action in &self.actions {
            let mark = match (action.fault(), action.state) {
                (Some(_), _) => FAILS,
                (None, pipeline::stores::idempotency::RecordState::Completed) => HOLDS,
                (None, _) => DARK,
            };
            lines.add(mark, "action", action.text());
        }
        let has_own = self.actions.iter().any(|action| action.replay.is_none());
        match (self.unfinished, has_own) {
            (true, _) => lines.add(FAILS, "action", "failed, or the publication did; waits for a retry or a redrive"),
            (false, false) if self.step.is_some() => lines.add(
                DARK,
                "action",
                "no record: the domain's code did not want the event, has not got to it, or the record expired",
            ),
            _ => {}
        }
        if let Some(publication) = &self.publication {
            lines.add(DARK, "published", publication.text(bus));
        }
    }
}

impl Signature {
    fn text(&self) -> (char, String) {
        match self {
            Self::Holds {
                key_id,
                profile,
                algorithm,
                freshness,
                key,
            } => {
                let mut text = format!("holds, {freshness} on receipt: key {key_id}, {profile}, {algorithm}");
                if let Some(source) = &key.source {
                    text.push_str(&format!(", source {source}"));
                }
                if let Some(at) = &key.first_seen {
                    text.push_str(&format!(", first seen {at}"));
                }
                if let Some(at) = &key.retired_at {
                    text.push_str(&format!(", retired {at}"));
                }
                (HOLDS, text)
            }
            Self::Broken { reason, why } => (FAILS, format!("does not hold any more: {why} ({reason})")),
            Self::Unverifiable { why } => (FAILS, format!("cannot be verified: {why}")),
        }
    }
}

impl Contents {
    fn text(&self) -> String {
        let mut lines = Lines::default();
        lines.add_some("received", self.received_at.as_ref());
        lines.add_some("from", self.source_address.as_ref());
        let mark = if self.verified { HOLDS } else { FAILS };
        lines.add(mark, "archived", self.archived_at.as_deref().unwrap_or_default());
        let (mark, signature) = self.signature.text();
        lines.add(mark, "signature", signature);
        if let Some(quarantine) = &self.quarantine {
            let places: Vec<_> = quarantine.places.iter().map(usize::to_string).collect();
            let which = match places.is_empty() {
                true => "all of it".to_owned(),
                false => format!("events {} of the batch, counted from 0", places.join(", ")),
            };
            let text = format!("{}: {which}, in {}", quarantine.reason, quarantine.archived_at);
            lines.add(FAILS, "quarantine", text);
        }
        let mut text = format!("delivery {}\n{}", self.delivery_id, lines.0);
        if !self.events.is_empty() {
            let mut table = output::table(["event id", "type", "entity", "result"]);
            for fate in &self.events {
                let entity = fate.entity.as_deref().unwrap_or_default();
                table.add_row([fate.event_id.as_str(), &fate.r#type, entity, &fate.text()]);
            }
            text.push_str(&format!("\n{table}\n"));
        }
        text
    }
}

impl Fate {
    fn text(&self) -> String {
        match &self.outcome {
            Outcome::Stored => "stored".to_owned(),
            Outcome::Repeat { of_delivery } => format!("repeat: the log has it from {of_delivery}"),
            Outcome::Contradiction { logged_as } => format!("contradiction: logged as {logged_as}"),
            Outcome::NotLogged => "not in the log".to_owned(),
        }
    }
}

fn repeats_text(repeats: &[Repeat]) -> String {
    if repeats.is_empty() {
        return "no other delivery of it in that time\n".to_owned();
    }
    let mut table = output::table(["received", "delivery", "content"]);
    for repeat in repeats {
        let content = match (repeat.same, &repeat.logged_as) {
            (true, _) => "the same".to_owned(),
            (false, Some(id)) => format!("another, logged as {id}"),
            (false, None) => "another, not in the log".to_owned(),
        };
        let received = repeat.received_at.as_deref().unwrap_or_default();
        table.add_row([received, &repeat.delivery_id, &content]);
    }
    format!("other deliveries of it\n{table}\n")
}

fn object_text(object: Option<&serde_json::value::RawValue>) -> String {
    let object = object.map(|object| pretty(object.get()));
    object.map_or_else(String::new, |object| {
        let lines = object.lines().map(|line| format!("  {line}\n"));
        lines.collect()
    })
}
