//! What CloudFormation asks of a function as a custom resource, and answering it.

use std::fmt;
use std::time::Duration;

use reqwest::{Client, redirect};
use serde::Serialize;
use serde_json::Value;

/// Limits an answer, in bytes: CloudFormation reads no more.
const MAX_BYTES: usize = 4096;
/// Bounds the reason, in characters; it is shorter when the rest of the answer needs the place.
const MAX_REASON: usize = 1_500;
const ATTEMPTS: u32 = 3;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(500);

/// Describes a request of CloudFormation. It is read with leniency, because whatever it says must be answered.
pub struct Request {
    /// Says what is to be done: `Create`, `Update` or `Delete`.
    pub kind: String,
    /// Identifies the request; the same for all attempts of Lambda at it.
    pub request_id: String,
    /// Holds the id of the resource that is updated or deleted, which it was given by the answer to its creation.
    pub physical_resource_id: Option<String>,
    /// Says where it is to be answered: whoever knows this URL can answer.
    response_url: String,
    stack_id: String,
    logical_resource_id: String,
    properties: Value,
    /// Holds what the properties were before an update.
    old_properties: Value,
}

impl Request {
    /// Reads an event; `None` for one of another kind.
    #[must_use]
    pub fn of(event: &Value) -> Option<Self> {
        let optional = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
        let text = |name: &str| optional(name).unwrap_or_default();
        Some(Self {
            kind: text("RequestType"),
            response_url: optional("ResponseURL")?,
            stack_id: text("StackId"),
            request_id: text("RequestId"),
            logical_resource_id: text("LogicalResourceId"),
            physical_resource_id: optional("PhysicalResourceId").filter(|id| !id.is_empty()),
            properties: event["ResourceProperties"].clone(),
            old_properties: event["OldResourceProperties"].clone(),
        })
    }

    /// Tells whether an update gives a property of the resource another value. One that the template had not before has none.
    #[must_use]
    pub fn has_changed(&self, property: &str) -> bool {
        let old = self.old_properties.get(property);
        old.is_some_and(|old| self.properties.get(property) != Some(old))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("kind", &self.kind)
            .field("request_id", &self.request_id)
            .field("logical_resource_id", &self.logical_resource_id)
            .field("physical_resource_id", &self.physical_resource_id)
            .finish_non_exhaustive()
    }
}

/// Says whether CloudFormation was told that what it asked for is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// What it asked for is done: the deployment goes on.
    Success,
    /// It is not done: the deployment fails.
    Failed,
}

/// Says why CloudFormation has no answer. No text holds the URL that it was to be sent to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The TLS library finds no trusted certificates.
    #[error("no HTTP client can be made")]
    Client(#[source] reqwest::Error),
    /// The URL gave no answer, in three attempts.
    #[error("CloudFormation's URL does not answer")]
    Unanswered(#[source] reqwest::Error),
    /// The URL answered with this status, which is no success: it may have expired.
    #[error("CloudFormation's URL refused the answer with status {0}")]
    Refused(u16),
}

/// Answers CloudFormation. It follows no redirect: the URL of a request is good for one place.
#[derive(Debug, Clone)]
pub struct CloudFormation(Client);

impl CloudFormation {
    /// Makes the client that answers.
    ///
    /// # Errors
    ///
    /// [`AnswerError::Client`] when the TLS library finds no trusted certificates.
    pub fn new() -> Result<Self, AnswerError> {
        let builder = Client::builder().redirect(redirect::Policy::none());
        let client = builder.timeout(ATTEMPT_TIMEOUT).build();
        client.map(Self).map_err(AnswerError::Client)
    }

    /// Answers a request, up to three times, because a stack waits long for an answer that never comes: that the resource has
    /// this id now, and what failed, if anything did.
    ///
    /// # Errors
    ///
    /// [`AnswerError`] when the answer is not taken.
    pub async fn answer(
        &self,
        request: &Request,
        physical_resource_id: String,
        failure: Option<String>,
    ) -> Result<Status, AnswerError> {
        let answer = Answer::new(request, physical_resource_id, failure);
        let status = answer.status;
        let body = answer.into_json();
        let mut result = Ok(status);
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            // Without a content type, which the URL's signature does not cover.
            let answered = self.0.put(&request.response_url).body(body.clone()).send().await;
            result = match answered {
                Ok(answered) if answered.status().is_success() => return Ok(status),
                Ok(answered) => Err(AnswerError::Refused(answered.status().as_u16())),
                Err(error) => Err(AnswerError::Unanswered(error.without_url())),
            };
        }
        result
    }
}

/// Holds the result of a request, as CloudFormation reads it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    status: Status,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    physical_resource_id: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
}

impl Answer {
    fn new(request: &Request, physical_resource_id: String, failure: Option<String>) -> Self {
        let status = match &failure {
            None => Status::Success,
            Some(_) => Status::Failed,
        };
        let reason = failure.unwrap_or_default();
        let printable = reason.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self {
            status,
            reason: printable.take(MAX_REASON).collect(),
            physical_resource_id,
            stack_id: request.stack_id.clone(),
            request_id: request.request_id.clone(),
            logical_resource_id: request.logical_resource_id.clone(),
        }
    }

    /// Writes the answer's JSON, with as much of the reason as fits.
    fn into_json(mut self) -> Vec<u8> {
        loop {
            let json = serde_json::to_vec(&self).expect("texts alone can be written as JSON");
            if json.len() <= MAX_BYTES || self.reason.is_empty() {
                return json;
            }
            // By halves, because escapes make the length of the JSON hard to tell from that of the reason.
            let half = self.reason.chars().count() / 2;
            self.reason = self.reason.chars().take(half).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_never_longer_than_cloudformation_reads() {
        let event = json!({
            "RequestType": "Create", "ResponseURL": "https://answers/", "RequestId": "r", "StackId": "s".repeat(1_000),
        });
        let request = Request::of(&event).unwrap();
        let failure = format!("the endpoint answered 500: {}", "\"ü\"\u{0}".repeat(2_000));
        let json = Answer::new(&request, "nothing:r".to_owned(), Some(failure)).into_json();
        assert!(json.len() <= MAX_BYTES, "{}", json.len());
        let answer: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(
            (&answer["Status"], &answer["RequestId"]),
            (&json!("FAILED"), &json!("r"))
        );
        assert!(answer["Reason"].as_str().unwrap().contains("answered 500"));
    }

    #[test]
    fn a_request_is_shown_without_the_url_that_answers_it() {
        let event = json!({ "RequestType": "Create", "ResponseURL": "https://answers/?signature=secret" });
        let request = Request::of(&event).unwrap();
        assert!(!format!("{request:?}").contains("secret"));
        assert!(Request::of(&json!({ "detail-type": "Scheduled Event" })).is_none());
    }
}
