//! `explain`: from a state back to the bytes that were signed, and forward to what was done about it.

mod actions;
mod evidence;
mod folding;
mod inquiry;
mod publication;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use pipeline::error::AwsError;
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::ReadError;
use pipeline::stores::audit::AuditError;
use pipeline::stores::events::LogError;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::arguments::length_of_time;
use crate::stack::{Stack, StackError};

use actions::Action;
use evidence::{Bytes, Delivery, Signature};
use folding::{Comparison, Step};
use inquiry::Inquiry;
use publication::Publication;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// An entity, written TYPE#ID, an event's id, or a delivery's id; quote it, for shells take # and ! otherwise
    #[arg(value_name = "EVENT|ENTITY|DELIVERY")]
    subject: String,
    /// Show at most so many events of an entity, the newest ones; its state is folded from all
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// Also find other deliveries of the event: read all that were received up to so long after it, such as 1h
    #[arg(long, value_name = "TIME", value_parser = length_of_time)]
    repeats: Option<Duration>,
    /// Show the objects too, which hold personal data
    #[arg(long)]
    object: bool,
}

/// Why nothing could be explained.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExplainError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Archive(#[from] ReadError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(
        "no entity {0}: neither a state nor events (entities are written TYPE#ID, like ORDER#9fc8c651-...)"
    )]
    NoEntity(String),
    #[error(
        "no event or delivery {0}: neither in the event log nor in the archive (entities are written TYPE#ID, like \
         ORDER#9fc8c651-...)"
    )]
    Nothing(String),
}

/// All that could be found out.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Explanation {
    subject: String,
    /// The entity that was asked for, or that the event is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    entity: Option<Entity>,
    /// The delivery that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<Contents>,
    /// How many older events are not shown.
    #[serde(skip_serializing_if = "is_zero")]
    earlier_events: usize,
    /// Oldest first.
    events: Vec<Explained>,
    /// The deliveries that brought the events, by id.
    deliveries: BTreeMap<String, Delivery>,
    /// Other deliveries of the event, if they were looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeats: Option<Vec<Repeat>>,
    /// Where changes are published to.
    #[serde(skip_serializing_if = "Option::is_none")]
    published_to: Option<String>,
    /// What does not hold.
    findings: Vec<String>,
}

/// An entity's state, and whether it is what the log says.
#[derive(Debug, Serialize)]
struct Entity {
    entity: String,
    status: Option<String>,
    version: Option<u64>,
    last_event_id: Option<String>,
    last_event_type: Option<String>,
    last_occurred_at: Option<String>,
    /// The events whose actions or publication failed, and wait for a retry or a redrive.
    unfinished: Vec<String>,
    log: Comparison,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<Box<RawValue>>,
}

/// An event, where it came from and what it led to.
#[derive(Debug, Serialize)]
struct Explained {
    event_id: String,
    r#type: String,
    entity: Option<String>,
    occurred_at: String,
    received_at: String,
    delivery_id: String,
    sha256: String,
    /// The event that this one contradicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    contradicts: Option<String>,
    /// Whether the log has what was signed.
    bytes: Bytes,
    /// What the log has otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differs: Vec<&'static str>,
    /// What it did to its entity; absent where it belongs to none, or the entity cannot be folded.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Step>,
    actions: Vec<Action>,
    unfinished: bool,
    /// What follows about its publication; absent where it belongs to no entity, or the entity cannot be folded.
    #[serde(skip_serializing_if = "Option::is_none")]
    publication: Option<Publication>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<Box<RawValue>>,
}

/// Another delivery of an event.
#[derive(Debug, Serialize)]
struct Repeat {
    delivery_id: String,
    received_at: Option<String>,
    archived_at: Option<String>,
    sha256: String,
    /// Whether it brought the same bytes.
    same: bool,
    /// The id under which other bytes are in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    logged_as: Option<String>,
}

/// What a delivery held, and what became of it.
#[derive(Debug, Serialize)]
struct Contents {
    delivery_id: String,
    /// Whether it is in the archive as verified.
    verified: bool,
    received_at: Option<String>,
    source_address: Option<String>,
    archived_at: Option<String>,
    signature: Signature,
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine: Option<Quarantine>,
    /// In the order of the batch; none where nothing is proven.
    events: Vec<Fate>,
}

/// Why a delivery, or a part of it, is in quarantine.
#[derive(Debug, Serialize)]
struct Quarantine {
    reason: String,
    archived_at: String,
    /// The places in the batch; all of them where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    places: Vec<usize>,
}

/// What became of an event of a delivery.
#[derive(Debug, Serialize)]
struct Fate {
    event_id: String,
    r#type: String,
    entity: Option<String>,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
enum Outcome {
    /// The log has it from this delivery.
    Stored,
    /// The log has the same from another delivery.
    Repeat { of_delivery: String },
    /// The log has other content under its id, and this one beside it.
    Contradiction { logged_as: String },
    /// The log does not have it.
    NotLogged,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Arguments {
    /// Runs the command.
    pub(crate) async fn run(&self, stack: &Stack, clock: &Clock) -> Result<Explanation, ExplainError> {
        let inquiry = Inquiry::of(stack, clock)?;
        let mut explanation = if self.subject.contains('#') {
            inquiry.entity(&self.subject, usize::from(self.limit)).await?
        } else if let Some(event) = inquiry.log.find(&self.subject).await? {
            inquiry.event(event, self.repeats).await?
        } else {
            inquiry.delivery(&self.subject).await?
        };
        if !self.object {
            explanation.leave_objects_out();
        }
        Ok(explanation)
    }
}

impl Explanation {
    fn leave_objects_out(&mut self) {
        if let Some(entity) = &mut self.entity {
            entity.object = None;
        }
        for event in &mut self.events {
            event.object = None;
        }
    }
}
