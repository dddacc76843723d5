//! The calls that manage subscriptions.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::client::Client;
use crate::error::Error;
use crate::id::ResourceId;
use crate::request::Call;
use crate::scope::Scope;
use crate::webhook::{NewWebhook, Webhook, WebhookChange};

/// Bounds the subscriptions that Upvest puts on one page, by its API description.
const PAGE: usize = 1000;
/// Bounds the pages that are read of one list: nobody has 100,000 subscriptions, and a list that repeats itself ends
/// so.
const MAX_PAGES: usize = 100;

/// Tells what became of a subscription that was to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Upvest had the subscription, and deleted it.
    Deleted,
    /// There was none: it was deleted before, or the sandbox dropped it.
    AlreadyGone,
}

/// Tells what came of a test of a subscription.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TestOutcome {
    /// Upvest called the endpoint, which answered this.
    Answered(EndpointAnswer),
    /// Upvest will call the endpoint, and does not tell what it answers.
    Accepted,
}

/// Tells what an endpoint answered to a test, as Upvest reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndpointAnswer {
    /// Gives the URL that Upvest called; empty where it does not say.
    pub url: String,
    /// Gives the HTTP status; deliveries succeed with 200 alone.
    pub status: u16,
    /// Holds the answer's headers, as Upvest writes them.
    pub headers: Map<String, Value>,
    /// Holds the answer's body as text; JSON where Upvest reports an object.
    pub body: String,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    meta: Meta,
    data: Vec<Webhook>,
}

#[derive(Default, Deserialize)]
struct Meta {
    total_count: Option<usize>,
}

#[derive(Deserialize)]
struct TestAnswer {
    #[serde(default)]
    url: String,
    response: TestResponse,
}

#[derive(Deserialize)]
struct TestResponse {
    status: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    body: Value,
}

impl Client {
    /// Fetches all subscriptions, oldest first. One that is deleted meanwhile may hide another at a page's edge.
    ///
    /// # Errors
    /// Any [`Error`] of a call.
    pub async fn list_webhooks(&self) -> Result<Vec<Webhook>, Error> {
        let mut webhooks: Vec<Webhook> = Vec::new();
        let mut known = HashSet::new();
        let mut offset = 0;
        for _ in 0..MAX_PAGES {
            let page = self.page(offset).await?;
            let count = page.data.len();
            offset += count;
            webhooks.extend(
                page.data
                    .into_iter()
                    .filter(|webhook| known.insert(webhook.id.clone())),
            );
            let last = match page.meta.total_count {
                Some(total) => offset >= total,
                None => count < PAGE,
            };
            // An empty page ends the list too, whatever the count says: asking on would give it again.
            if last || count == 0 {
                return Ok(webhooks);
            }
        }
        Err(Error::EndlessList { pages: MAX_PAGES })
    }

    async fn page(&self, offset: usize) -> Result<Page, Error> {
        let mut call = self.call("GET", &["webhooks"], Scope::WebhooksRead);
        // Oldest first, so that one that is created meanwhile comes last and moves no other to another page.
        call.url.set_query(Some(&format!(
            "sort=created_at&order=ASC&offset={offset}&limit={PAGE}"
        )));
        self.json(&call).await
    }

    /// Fetches one subscription by its id.
    ///
    /// # Errors
    /// Any [`Error`] of a call; [`Error::is_not_found`] tells a subscription that is not there.
    pub async fn webhook(&self, id: &ResourceId) -> Result<Webhook, Error> {
        let call = self.call("GET", &["webhooks", id.as_str()], Scope::WebhooksRead);
        self.json(&call).await
    }

    /// Creates a subscription, which is disabled at first.
    ///
    /// Upvest is not known to refuse a second one for the same URL: look at [`list_webhooks`](Self::list_webhooks)
    /// before. Within this call a repetition creates no second one, thanks to the idempotency key.
    ///
    /// # Errors
    /// [`Error::InvalidWebhook`] before anything is sent, or another [`Error`].
    pub async fn create_webhook(&self, webhook: &NewWebhook) -> Result<Webhook, Error> {
        webhook.validate(self.inner.is_local())?;
        let call = self.call("POST", &["webhooks"], Scope::WebhooksAdmin);
        let call = call.with_json(json(webhook), webhook.idempotency_key);
        self.json(&call).await
    }

    /// Changes a subscription; what the change leaves out keeps its value.
    ///
    /// # Errors
    /// [`Error::InvalidWebhook`] before anything is sent, or another [`Error`].
    pub async fn update_webhook(&self, id: &ResourceId, change: &WebhookChange) -> Result<Webhook, Error> {
        change.validate(self.inner.is_local())?;
        let call = self.call("PATCH", &["webhooks", id.as_str()], Scope::WebhooksAdmin);
        let call = call.with_json(json(change), change.idempotency_key);
        self.json(&call).await
    }

    /// Deletes a subscription. That there is none is no failure: an earlier attempt may have succeeded unseen.
    ///
    /// # Errors
    /// Any [`Error`] of a call, but not that it is not there.
    pub async fn delete_webhook(&self, id: &ResourceId) -> Result<Deletion, Error> {
        let call = self.call("DELETE", &["webhooks", id.as_str()], Scope::WebhooksAdmin);
        match self.inner.send(&call).await {
            Ok(_) => Ok(Deletion::Deleted),
            Err(error) if error.is_not_found() => Ok(Deletion::AlreadyGone),
            Err(error) => Err(error),
        }
    }

    /// Has Upvest call a subscription's endpoint.
    ///
    /// Upvest's sources disagree about this call: POST answered with the endpoint's answer, POST answered
    /// with 202 and nothing, or GET. So POST is sent, and GET after a 404 or 405; both answers are accepted.
    ///
    /// # Errors
    /// Any [`Error`] of a call.
    pub async fn test_webhook(&self, id: &ResourceId) -> Result<TestOutcome, Error> {
        let segments = ["webhooks", id.as_str(), "test"];
        let call = self.call("POST", &segments, Scope::WebhooksAdmin);
        match self.inner.send(&call).await {
            Ok(answer) => outcome(answer, &call),
            Err(error) if matches!(error.status(), Some(404 | 405)) => {
                let call = self.call("GET", &segments, Scope::WebhooksAdmin);
                outcome(self.inner.send(&call).await?, &call)
            }
            Err(error) => Err(error),
        }
    }
}

fn outcome(answer: Answer, call: &Call) -> Result<TestOutcome, Error> {
    if answer.status == 202 || answer.body.is_empty() {
        return Ok(TestOutcome::Accepted);
    }
    let TestAnswer { url, response } = answer.into_json(call)?;
    Ok(TestOutcome::Answered(EndpointAnswer {
        url,
        status: response.status,
        headers: response.headers,
        body: match response.body {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        },
    }))
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts, numbers and lists of texts always are JSON")
}
