//! What was done about an event: the records of its actions.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pipeline::error::AwsError;
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::{Domain, category};

use super::read::{Item, Table, number, text};
use crate::commands::events::LoggedEvent;

/// The names of the actions that every domain has.
const ACTIONS: [&str; 2] = ["change", "superseded"];

/// The record of an action for an event.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Action {
    /// Domain and name, such as `orders/change`.
    pub(super) action: String,
    pub(super) state: State,
    /// What it gave back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result: Option<Box<RawValue>>,
    /// The end of the lease of one that is in progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) leased_until: Option<String>,
    /// When the record ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kept_until: Option<String>,
    /// Whether it ran for other content than the log has.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) other_payload: bool,
}

/// How far an action is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// It came to its end.
    Completed,
    /// Somebody is at it.
    InProgress,
    /// Whoever was at it was stopped before it came to its end.
    Abandoned,
    /// The record's time is over, so that it says nothing any more.
    Expired,
    /// The record is not one of ours.
    Unusable,
}

/// Reads the records of the actions for these events, by event id.
///
/// # Errors
///
/// [`AwsError`] when the table cannot be read.
pub(super) async fn of_events(
    table: &Table,
    events: &[&LoggedEvent],
    now: Timestamp,
) -> Result<BTreeMap<String, Vec<Action>>, AwsError> {
    let ids: BTreeSet<String> = events.iter().flat_map(|event| record_ids(event)).collect();
    let items = table.items(&ids).await?;
    let actions = events.iter().map(|event| {
        let items = record_ids(event).filter_map(|id| items.get_key_value(&id));
        let actions = items.map(|(id, item)| Action::of(id, item, event, now));
        (event.event_id.clone(), actions.collect())
    });
    Ok(actions.collect())
}

/// Where the records of an event are. The catch-all acts for domains that have no processor of their own.
fn record_ids(event: &LoggedEvent) -> impl Iterator<Item = String> {
    let domain = category::of(&event.r#type).domain;
    let domains: BTreeSet<&str> = [domain, Domain::Unrecognised].map(Domain::name).into();
    let event_id = event.event_id.clone();
    domains
        .into_iter()
        .flat_map(|domain| ACTIONS.map(|action| (domain, action)))
        .map(move |(domain, action)| format!("{domain}/{action}#{event_id}"))
}

impl Action {
    fn of(id: &str, item: &Item, event: &LoggedEvent, now: Timestamp) -> Self {
        let kept_until = number(item, "expiration").and_then(|at| Timestamp::from_second(at).ok());
        let leased_until = number(item, "in_progress_expiration");
        let leased_until = leased_until.and_then(|at| Timestamp::from_millisecond(at).ok());
        let state = match text(item, "status") {
            _ if kept_until.is_some_and(|until| until < now) => State::Expired,
            Some("COMPLETED") => State::Completed,
            Some("IN_PROGRESS") if leased_until.is_some_and(|until| until >= now) => State::InProgress,
            Some("IN_PROGRESS") => State::Abandoned,
            _ => State::Unusable,
        };
        let data = text(item, "data").map(str::to_owned);
        Self {
            action: id.split_once('#').map_or(id, |(action, _)| action).to_owned(),
            state,
            result: data.and_then(|data| RawValue::from_string(data).ok()),
            leased_until: leased_until.map(|at| at.to_string()),
            kept_until: kept_until.map(|at| at.to_string()),
            other_payload: text(item, "validation").is_some_and(|hash| hash != event.sha256),
        }
    }

    /// What is wrong with it.
    pub(super) fn fault(&self) -> Option<String> {
        let action = &self.action;
        Some(match self.state {
            _ if self.other_payload => {
                format!("the action {action} ran for other content than the log has")
            }
            State::Completed | State::InProgress | State::Expired => return None,
            State::Abandoned => format!(
                "the action {action} was stopped before its end; it runs again when the event comes back from its \
                 queue or dead-letter queue"
            ),
            State::Unusable => {
                format!("the record of the action {action} is not one that the receiver writes")
            }
        })
    }

    /// The same for people.
    pub(super) fn text(&self) -> String {
        let Self { action, .. } = self;
        let kept_until = self.kept_until.as_deref().unwrap_or("no end");
        match self.state {
            _ if self.other_payload => format!("{action} ran for other content than the log has"),
            State::Completed => {
                let result = self.result.as_ref().map_or("null", |result| result.get());
                format!("{action} completed, result {result}; record kept until {kept_until}")
            }
            State::InProgress => {
                let until = self.leased_until.as_deref().unwrap_or_default();
                format!("{action} in progress, until {until} at most")
            }
            State::Abandoned => format!("{action} was stopped before its end"),
            State::Expired => format!("record of {action} expired on {kept_until}: it says nothing any more"),
            State::Unusable => format!("record of {action} is not one that the receiver writes"),
        }
    }
}
