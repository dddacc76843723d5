//! Answering CloudFormation.

use std::time::Duration;

use reqwest::{Client, redirect};
use serde::Serialize;

use crate::error::RegisterError;
use crate::request::Request;

/// Limits an answer, in bytes: CloudFormation reads no more.
const MAX_BYTES: usize = 4096;
/// Bounds the reason, in characters; it is shorter when the rest of the answer needs the place.
const MAX_REASON: usize = 1_500;
const ATTEMPTS: u32 = 3;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(500);

/// Holds the result of a request, as CloudFormation reads it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Answer {
    pub(crate) status: Status,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    physical_resource_id: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Status {
    Success,
    Failed,
}

/// Makes the client that answers. It follows no redirect: the URL is good for one place.
pub(crate) fn client() -> Result<Client, reqwest::Error> {
    let builder = Client::builder().redirect(redirect::Policy::none());
    builder.timeout(ATTEMPT_TIMEOUT).build()
}

impl Answer {
    pub(crate) fn new(
        request: &Request,
        physical_resource_id: String,
        result: &Result<(), RegisterError>,
    ) -> Self {
        let reason = result
            .as_ref()
            .err()
            .map(RegisterError::explain)
            .unwrap_or_default();
        let printable = reason.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self {
            status: if result.is_ok() {
                Status::Success
            } else {
                Status::Failed
            },
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

    /// Sends the answer to the URL of the request, up to three times: a stack waits long for one that never comes.
    pub(crate) async fn send(self, client: &Client, url: &str) -> Result<(), RegisterError> {
        let body = self.into_json();
        let mut result = Ok(());
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            // Without a content type, which the URL's signature does not cover.
            let answer = client.put(url).body(body.clone()).send().await;
            result = match answer {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => Err(RegisterError::AnswerRefused(answer.status().as_u16())),
                Err(error) => Err(RegisterError::Unanswered(error.without_url())),
            };
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_answer_is_never_longer_than_cloudformation_reads() {
        let event = json!({
            "RequestType": "Create", "ResponseURL": "https://answers/", "RequestId": "r", "StackId": "s".repeat(1_000),
        });
        let request = Request::of(&event).unwrap();
        let failed = Err(RegisterError::TestFailed {
            url: "https://tenant.tld/".to_owned(),
            status: 500,
            body: "\"ü\"\u{0}".repeat(2_000),
        });
        let json = Answer::new(&request, "nothing:r".to_owned(), &failed).into_json();
        assert!(json.len() <= MAX_BYTES, "{}", json.len());
        let answer: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(
            (&answer["Status"], &answer["RequestId"]),
            (&json!("FAILED"), &json!("r"))
        );
        assert!(answer["Reason"].as_str().unwrap().contains("answered 500"));
    }
}
