//! What was done about an event: the records of its actions.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pipeline::error::AwsError;
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::{Domain, category};

use pipeline::stores::events::LoggedEvent;
use pipeline::stores::idempotency::{Idempotency, Record, RecordState, record_id};

/// Shows the record of a domain's action for an event: one, whichever of its actions ran.
#[derive(Debug, Clone, Serialize)]
pub struct Action {
    /// Names the domain whose action it is, such as `orders`.
    pub action: String,
    /// Names the replay that it ran for: the id of its operation in the audit table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// Tells how far the action came, by its idempotency record.
    pub state: RecordState,
    /// Holds the JSON that the action gave back; `None` where none is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<RawValue>>,
    /// Tells when the lease ends of one that is in progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leased_until: Option<String>,
    /// Gives the time from which the record no longer counts; `None` where none is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<String>,
    /// Tells whether it ran for other content than the log has.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub other_payload: bool,
}

/// Reads the records of the actions for these events, by event id: those of the events themselves, then those of the
/// replays with these ids.
///
/// # Errors
///
/// [`AwsError`] when the table cannot be read.
pub(super) async fn of_events(
    records: &Idempotency,
    events: &[&LoggedEvent],
    replays: &[String],
    now: Timestamp,
) -> Result<BTreeMap<String, Vec<Action>>, AwsError> {
    let names = |event: &LoggedEvent| RecordName::all(event, replays);
    let ids = events.iter().flat_map(|event| names(event));
    let records = records.records(&ids.map(|name| name.id).collect()).await?;
    let actions = events.iter().map(|event| {
        let actions = names(event).into_iter().filter_map(|name| {
            let record = records.get(&name.id)?;
            Some(Action::of(name, record, event, now))
        });
        (event.event_id.clone(), actions.collect())
    });
    Ok(actions.collect())
}

/// Names the record that an action may have.
struct RecordName {
    domain: Domain,
    replay: Option<String>,
    id: String,
}

impl RecordName {
    /// Lists where the records of an event may be. The catch-all acted for categories that a version before did not know.
    fn all(event: &LoggedEvent, replays: &[String]) -> Vec<Self> {
        let own = category::of(&event.event_type).domain;
        let domains = BTreeSet::from([own, Domain::Unrecognised]);
        let runs = std::iter::once(None).chain(replays.iter().map(Some));
        let names = runs.flat_map(|replay| {
            domains.iter().map(move |domain| Self {
                domain: *domain,
                replay: replay.cloned(),
                id: record_id(*domain, &event.event_id, replay.map(String::as_str)),
            })
        });
        names.collect()
    }
}

impl Action {
    fn of(name: RecordName, record: &Record, event: &LoggedEvent, now: Timestamp) -> Self {
        let result = record.data.clone();
        Self {
            action: name.domain.name().to_owned(),
            replay: name.replay,
            state: record.state(now),
            result: result.and_then(|result| RawValue::from_string(result).ok()),
            leased_until: record.leased_until.map(|at| at.to_string()),
            kept_until: record.kept_until.map(|at| at.to_string()),
            other_payload: record
                .validation
                .as_ref()
                .is_some_and(|hash| *hash != event.sha256),
        }
    }

    /// Names it, with the replay that it ran for.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.replay {
            None => self.action.clone(),
            Some(replay) => format!("{} for replay {replay}", self.action),
        }
    }

    /// Tells for people what is wrong with the record; `None` where all is well.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let action = self.name();
        Some(match self.state {
            _ if self.other_payload => {
                format!("the action {action} ran for other content than the log has")
            }
            RecordState::Completed | RecordState::InProgress | RecordState::Expired => return None,
            RecordState::Abandoned => format!(
                "the action {action} was stopped before its end; it runs again when the event comes back from its \
                 queue or dead-letter queue"
            ),
            RecordState::Unusable => {
                format!("the record of the action {action} is not one that the receiver writes")
            }
        })
    }
}
