//! What the commands of `dlq` tell.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pipeline::queues::envelope::Request;
use serde::Serialize;
use uuid::Uuid;

use super::letter::{About, Letter};
use super::queue::{Counts, QueueName};
use super::sweep::Redriven;
use crate::output::{self, Report, facts, pretty};
use crate::times::age_at;
use operator::credentials::hide_in_request;

/// The most of a reason that a table shows, in characters.
const REASON_WIDTH: usize = 80;

/// The result of any of the commands.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum DlqReport {
    List(List),
    Shown(Box<Shown>),
    Redriven(RedriveReport),
}

/// How many letters there are, and which.
#[derive(Debug, Serialize)]
pub(crate) struct List {
    pub(crate) at: Timestamp,
    pub(crate) queues: Vec<QueueCounts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) messages: Option<Vec<About>>,
    /// Whether there are more than were to be listed.
    pub(crate) more: bool,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) cut_off: BTreeSet<String>,
}

/// How many letters a queue has.
#[derive(Debug, Serialize)]
pub(crate) struct QueueCounts {
    pub(crate) queue: QueueName,
    #[serde(flatten)]
    pub(crate) counts: Counts,
}

/// A letter.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    #[serde(flatten)]
    about: About,
    at: Timestamp,
    group: Option<String>,
    deduplication_id: Option<String>,
    attributes: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// What was sent back, or would be.
#[derive(Debug, Serialize)]
pub(crate) struct RedriveReport {
    pub(crate) dry_run: bool,
    /// The operation in the audit table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<Uuid>,
    pub(crate) queues: Vec<QueueRedriven>,
    /// How many letters could not be seen at the beginning, because somebody has received them.
    pub(crate) out_of_sight: usize,
    /// Ids that were given and cannot be seen.
    pub(crate) missing: Vec<String>,
    /// What ended it early.
    pub(crate) failure: Option<String>,
    /// That the operator said no.
    pub(crate) declined: bool,
}

/// What became of a queue.
#[derive(Debug, Serialize)]
pub(crate) struct QueueRedriven {
    pub(crate) queue: QueueName,
    #[serde(flatten)]
    pub(crate) done: Redriven,
}

impl Report for DlqReport {
    fn text(&self) -> String {
        match self {
            Self::List(list) => list.text(),
            Self::Shown(shown) => shown.text(),
            Self::Redriven(report) => report.text(),
        }
    }

    fn succeeded(&self) -> bool {
        match self {
            Self::Redriven(report) => {
                report.failure.is_none() && report.missing.is_empty() && !report.declined
            }
            _ => true,
        }
    }
}

impl List {
    fn text(&self) -> String {
        let Some(messages) = &self.messages else {
            return self.counts();
        };
        if messages.is_empty() {
            return format!("no messages\n{}", behind(&self.cut_off));
        }
        let header = [
            "queue",
            "age",
            "event or delivery",
            "type",
            "entity",
            "receives",
            "message id",
            "reason",
        ];
        let mut table = output::table(header);
        for about in messages {
            let subject = about.event_id.as_ref().or(about.delivery_id.as_ref());
            let cell = |text: &Option<String>| text.clone().unwrap_or_default();
            table.add_row([
                about.queue.as_str().to_owned(),
                about
                    .sent_at
                    .map(|sent| age_at(self.at, sent))
                    .unwrap_or_default(),
                subject.cloned().unwrap_or_default(),
                cell(&about.r#type),
                cell(&about.entity),
                about.receive_count.to_string(),
                about.message_id.clone(),
                shortened(
                    about
                        .reason
                        .as_deref()
                        .unwrap_or("moved by SQS: crash, timeout or function error"),
                ),
            ]);
        }
        let more = if self.more {
            "\nthere is more: use --limit"
        } else {
            ""
        };
        format!("{table}\n{}{more}", behind(&self.cut_off))
    }

    fn counts(&self) -> String {
        let mut table = output::table(["queue", "messages", "in flight"]);
        for QueueCounts { queue, counts } in &self.queues {
            table.add_row([
                queue.as_str().to_owned(),
                counts.waiting.to_string(),
                counts.in_flight.to_string(),
            ]);
        }
        table.to_string()
    }
}

fn shortened(reason: &str) -> String {
    if reason.chars().count() <= REASON_WIDTH {
        return reason.to_owned();
    }
    let start: String = reason.chars().take(REASON_WIDTH).collect();
    format!("{start}…")
}

/// The text of an attribute; of the one that holds a delivery's headers without the values of some, and not at all where
/// these cannot be told apart.
fn without_credentials(name: &str, text: &str) -> String {
    if name != "request" {
        return text.to_owned();
    }
    let request = serde_json::from_str::<Request>(text).map(hide_in_request);
    let json = request.and_then(|request| serde_json::to_string(&request));
    json.unwrap_or_else(|_| format!("{} bytes that cannot be read", text.len()))
}

/// Tells of letters that cannot be seen.
fn behind(groups: &BTreeSet<String>) -> String {
    if groups.is_empty() {
        return String::new();
    }
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let groups = groups.join(", ");
    format!(
        "\nSQS shows of an entity no more than the first messages; there may be others behind them of: {groups}\n"
    )
}

impl Shown {
    /// A letter, with its body if wanted.
    pub(crate) fn of(letter: &Letter, with_body: bool, at: Timestamp) -> Self {
        let texts = letter.texts().into_iter();
        let body = with_body.then(|| String::from_utf8_lossy(&letter.content()).into_owned());
        Self {
            about: letter.about.clone(),
            at,
            group: letter.group.clone(),
            deduplication_id: letter.deduplication_id.clone(),
            attributes: texts
                .map(|(name, text)| (name.to_owned(), without_credentials(name, text)))
                .collect(),
            body,
        }
    }

    fn text(&self) -> String {
        let about = &self.about;
        let some = |text: &str| Some(text.to_owned());
        let sent = about
            .sent_at
            .map(|sent| format!("{sent} ({} ago)", age_at(self.at, sent)));
        let unknown = "none: SQS moved it, after a crash, a timeout or a function error";
        let mut text = facts([
            ("queue", some(about.queue.as_str())),
            ("message", some(&about.message_id)),
            ("reason", some(about.reason.as_deref().unwrap_or(unknown))),
            ("sent", sent),
            ("receives", Some(about.receive_count.to_string())),
            ("event", about.event_id.clone()),
            ("type", about.r#type.clone()),
            ("entity", about.entity.clone()),
            ("delivery", about.delivery_id.clone()),
            ("group", self.group.clone()),
            ("body", Some(format!("{} bytes", about.bytes))),
        ]);
        let shown = ["reason", "delivery_id"];
        let others = self
            .attributes
            .iter()
            .filter(|(name, _)| !shown.contains(&name.as_str()));
        for (name, value) in others {
            text.push_str(&format!("attribute {name}: {value}\n"));
        }
        if let Some(body) = &self.body {
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok();
            let body = if is_json { pretty(body) } else { body.clone() };
            text.push_str(&format!("\n{body}\n"));
        }
        text
    }
}

impl RedriveReport {
    /// Nothing was done so far.
    pub(crate) fn new(dry_run: bool) -> Self {
        Self {
            dry_run,
            operation: None,
            queues: Vec::new(),
            out_of_sight: 0,
            missing: Vec::new(),
            failure: None,
            declined: false,
        }
    }

    /// Adds what became of a queue.
    pub(crate) fn add(&mut self, queue: QueueName, done: Redriven) {
        if done != Redriven::default() {
            self.queues.push(QueueRedriven { queue, done });
        }
    }

    fn text(&self) -> String {
        if self.declined {
            return "nothing was sent back".to_owned();
        }
        let mut text = match self.queues.is_empty() {
            true => "no messages to send back\n".to_owned(),
            false => self.table(),
        };
        for id in &self.missing {
            text.push_str(&format!("\n{id}: no message of this id can be seen"));
        }
        if self.out_of_sight > 0 {
            text.push_str(&format!(
                "\n{} out of sight: another command looks at them, or one that was killed did; they are back in 2 minutes",
                self.out_of_sight
            ));
        }
        if self.queues.iter().any(|queue| queue.done.came_since > 0) {
            text.push_str("\nwhat came since then failed again, or is new: see `dlq list --messages`");
        }
        if let Some(failure) = &self.failure {
            text.push_str(&format!(
                "\nended early: {failure}\n  hint: nothing is lost; run the command again"
            ));
        }
        if self.dry_run {
            text.push_str("\ndry run: nothing was sent back");
        }
        text
    }

    fn table(&self) -> String {
        let sent = if self.dry_run {
            "would be sent back"
        } else {
            "sent back"
        };
        let mut table = output::table(["queue", sent, "others", "came since"]);
        let mut groups = BTreeSet::new();
        for QueueRedriven { queue, done } in &self.queues {
            table.add_row([
                queue.as_str().to_owned(),
                done.redriven.to_string(),
                done.other.to_string(),
                done.came_since.to_string(),
            ]);
            groups.extend(done.cut_off.iter().cloned());
        }
        format!("{table}\n{}", behind(&groups))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_shown_without_credentials_or_not_at_all() {
        let json = r#"{"method":"POST","path":"/w","headers":[["authorization","Bearer secret"],["a","b"]]}"#;
        for text in [json, &json[1..]] {
            let shown = without_credentials("request", text);
            assert!(!shown.contains("secret"), "{shown}");
        }
        assert_eq!(without_credentials("delivery_id", "d1"), "d1");
    }
}
