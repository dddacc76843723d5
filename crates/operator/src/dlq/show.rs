//! A message of a dead-letter queue, as far as people may see it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jiff::Timestamp;
use pipeline::envelope::Request;
use pipeline::envelope::attributes::REQUEST;
use pipeline::queues::domains::{TRANSITION, transition_from_text};
use serde::Serialize;

use super::message::{About, Message};
use super::queue::DeadLetterQueue;
use super::sweep::look;
use crate::error::{Error, Result};
use crate::hidden_headers::hide_in_request;
use crate::reporter::Reporter;
use crate::stack::{Queue, Stack};

/// Describes a message of a dead-letter queue in full, for one operator to read.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// Names the delivery, event and entity that it is about, without personal data.
    #[serde(flatten)]
    pub about: About,
    /// Gives the time at which it was looked at.
    pub at: Timestamp,
    /// Gives its message group, which is its entity.
    pub group: Option<String>,
    /// Gives the id by which a FIFO queue knows a duplicate.
    pub deduplication_id: Option<String>,
    /// Holds its SQS attributes by name, with credentials left out.
    pub attributes: BTreeMap<String, String>,
    /// Tells what it carries, decoded. It may hold personal data: a caller that was not asked for it leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// Looks for the message of this id, or about the event or delivery of this id, in these queues, or in all.
///
/// # Errors
///
/// [`ErrorKind::NotFound`](crate::ErrorKind) when it cannot be seen in any; [`Error`] when one cannot be read.
pub async fn show(
    stack: &Stack,
    queues: &[Queue],
    id: &str,
    at: Timestamp,
    reporter: Reporter<'_>,
) -> Result<Shown> {
    for queue in DeadLetterQueue::of(stack, queues)? {
        let mut found = None;
        let find = |message: &Message| {
            if !message.is(id) {
                return ControlFlow::Continue(());
            }
            let texts = message.texts().into_iter();
            found = Some(Shown {
                about: message.about.clone(),
                at,
                group: message.group.clone(),
                deduplication_id: message.deduplication_id.clone(),
                attributes: texts
                    .map(|(name, text)| (name.to_owned(), without_credentials(name, text)))
                    .collect(),
                body: Some(String::from_utf8_lossy(&message.content()).into_owned()),
            });
            ControlFlow::Break(())
        };
        look(&queue, reporter, find).await?;
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(Error::not_found(format!(
        "no message {id} can be seen in the dead-letter queues; one that another command looks at is back in 2 minutes"
    )))
}

/// Gives the text of an attribute; of the one that holds a delivery's headers without the values of some, and not at all
/// where these cannot be told apart.
fn without_credentials(name: &str, text: &str) -> String {
    if name == TRANSITION {
        return transition(text);
    }
    if name != REQUEST {
        return text.to_owned();
    }
    let request = serde_json::from_str::<Request>(text).map(hide_in_request);
    let json = request.and_then(|request| serde_json::to_string(&request));
    json.unwrap_or_else(|_| format!("{} bytes that cannot be read", text.len()))
}

/// Says of the change that a message took along to resume from, what its statuses are: its figures are somebody's.
fn transition(packed: &str) -> String {
    let Some(change) = transition_from_text(packed) else {
        return format!("{} bytes that cannot be read", packed.len());
    };
    let status = |status: Option<String>| status.unwrap_or_else(|| "none".to_owned());
    let before = change.previous.and_then(|previous| previous.status);
    format!(
        "the change of the status from {} to {}, from which its effects are resumed",
        status(before),
        status(change.current.status)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_shown_without_credentials_or_not_at_all() {
        let json = r#"{"method":"POST","path":"/w","headers":[["authorization","Bearer secret"],["a","b"]]}"#;
        for text in [json, &json[1..]] {
            let shown = without_credentials(REQUEST, text);
            assert!(!shown.contains("secret"), "{shown}");
        }
        assert_eq!(without_credentials("delivery_id", "d1"), "d1");
    }
}
