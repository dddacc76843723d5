//! How a state compares with the log, in data and in words.

use pipeline::stores::entities::AttributeDifference;
use serde::Serialize;
use upvest::projection::RULES;

/// Tells how the state that is kept compares with the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Comparison {
    /// The log folds to exactly this state.
    Same {
        /// Counts the events that were folded.
        events: usize,
    },
    /// There are events, and no state.
    NoState {
        /// Counts the events that the log has and no state shows.
        events: usize,
    },
    /// The state lacks the events that were received last.
    Behind {
        /// Names these events by their ids.
        lacks: Vec<String>,
    },
    /// The state lacks one event, and has later ones.
    Lacks {
        /// Names the one event that the state lacks.
        event_id: String,
    },
    /// The state is not what the events fold to, and is not known to lack just some of them.
    Differs {
        /// Lists the attributes that differ between the two.
        attributes: Vec<AttributeDifference>,
    },
    /// The state was folded by rules of another number than today's, so that it is to be rebuilt.
    OtherRules {
        /// Gives the number of the rules by which it was folded.
        fold: u32,
    },
    /// There is a state, and no event.
    #[serde(rename = "unknown")]
    NoEvents {
        /// Explains to people why a state without events cannot be compared.
        why: String,
    },
    /// One of the events cannot be read, so that nothing can be folded.
    #[serde(rename = "unknown")]
    UnreadableEvent {
        /// Names the event, and why it cannot be read.
        why: String,
    },
    /// The item of the entity is not one that the receiver writes.
    #[serde(rename = "unknown")]
    UnreadableState {
        /// Explains to people what of the item cannot be read.
        why: String,
    },
}

fn text_of(difference: &AttributeDifference) -> String {
    let or_nothing = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    let AttributeDifference { attribute, .. } = difference;
    match (&difference.kept, &difference.folded) {
        (None, None) => attribute.clone(),
        (kept, folded) => {
            let (kept, folded) = (or_nothing(kept), or_nothing(folded));
            format!("{attribute} is {kept}, by the log {folded}")
        }
    }
}

impl Comparison {
    /// Tells whether the state is known to lack the event.
    #[must_use]
    pub fn lacks(&self, event_id: &str) -> bool {
        match self {
            Self::NoState { .. } => true,
            Self::Behind { lacks } => lacks.iter().any(|lacking| lacking == event_id),
            Self::Lacks { event_id: lacking } => lacking == event_id,
            _ => false,
        }
    }

    /// Tells why the state cannot be compared, if it cannot.
    #[must_use]
    pub fn unknown(&self) -> Option<&str> {
        match self {
            Self::NoEvents { why } | Self::UnreadableEvent { why } | Self::UnreadableState { why } => {
                Some(why)
            }
            _ => None,
        }
    }

    /// Tells what is wrong with the state.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        Some(match self {
            Self::Same { .. } => return None,
            Self::NoEvents { why } | Self::UnreadableEvent { why } | Self::UnreadableState { why } => {
                format!("the state cannot be compared with the log: {why}")
            }
            Self::NoState { events } => format!(
                "there is no state, but {} in the log: they wait in the domain's queue, or are in its dead-letter queue",
                count(*events, "event")
            ),
            Self::Behind { lacks } => format!(
                "the state lacks the last {}: they wait in the domain's queue, or are in its dead-letter queue",
                count(lacks.len(), "event")
            ),
            Self::Lacks { event_id } => format!(
                "the state lacks event {event_id}, and has later ones: look for it in the domain's dead-letter queue"
            ),
            Self::OtherRules { fold } => format!(
                "the state is to be rebuilt (`entities rebuild`): it was folded by rules {fold}, and today's are {RULES}"
            ),
            Self::Differs { attributes } => {
                let differences: Vec<_> = attributes.iter().map(text_of).collect();
                let differences = differences.join("; ");
                format!("the state is not what the log folds to: {differences}")
            }
        })
    }
}

/// Writes a number with the thing that it counts.
#[must_use]
pub fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}
