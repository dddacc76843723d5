//! Tells what came of changing a subscription, or would: the difference, and the request.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use upvest_api::{InvalidWebhookError, ResourceId, Webhook, WebhookChange};

use crate::error::{Error, ErrorKind, Result};

/// Tells what came of a change, or would.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// A subscription was created, and enabled if that was asked for.
    Created {
        /// Says `created` always, to tell the outcomes apart in JSON.
        result: &'static str,
        /// Shows the new subscription as Upvest answered it.
        webhook: Webhook,
    },
    /// The subscription is as it is wanted, whether or not that took a change.
    Changed {
        /// Says `changed`, or `as it was` when it was like that already and nothing was sent.
        result: &'static str,
        /// Lists the members that changed; empty when nothing was sent.
        changes: Vec<Difference>,
        /// Shows the subscription as Upvest has it after the change.
        webhook: Webhook,
    },
    /// The subscription is gone, was not there, or stays because the operator declined.
    Deleted {
        /// Names the subscription by its id at Upvest.
        id: ResourceId,
        /// Says what came of it: `deleted`, `not there`, or `kept` when the operator declined.
        result: &'static str,
    },
    /// Nothing was sent to Upvest but questions.
    Planned {
        /// Says `true` always, to tell the outcomes apart in JSON.
        dry_run: bool,
        /// Lists the requests that would be sent, in their order.
        requests: Vec<PlannedRequest>,
        /// Lists the members of an existing subscription that would change.
        changes: Vec<Difference>,
    },
}

/// Describes a member of a subscription that changes.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Names the member as Upvest's JSON does.
    pub member: &'static str,
    /// Shows the value before the change, as text for people.
    pub before: String,
    /// Shows the value that is asked for, as text for people.
    pub after: String,
}

/// Describes a request that would be sent to Upvest.
#[derive(Debug, Serialize)]
pub struct PlannedRequest {
    /// Names the HTTP method, like `PATCH`.
    pub method: &'static str,
    /// Gives the path below the API's address, like `/webhooks/ID`.
    pub path: String,
    /// Gives the JSON body; `None` for a request without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Box<RawValue>>,
}

impl Outcome {
    pub(super) fn planned(requests: Vec<PlannedRequest>, changes: Vec<Difference>) -> Self {
        Self::Planned {
            dry_run: true,
            requests,
            changes,
        }
    }
}

impl PlannedRequest {
    pub(super) fn new(method: &'static str, path: String, body: &impl Serialize) -> Result<Self> {
        let body = to_raw_value(body).map_err(Error::context("the request cannot be shown as JSON"))?;
        Ok(Self {
            method,
            path,
            body: Some(body),
        })
    }
}

/// Says that Upvest would refuse a subscription.
pub(super) fn invalid(error: InvalidWebhookError) -> Error {
    Error::context("the subscription would break Upvest's rules")(error).of_kind(ErrorKind::Usage)
}

/// Tells what a change would make of an existing subscription.
pub(super) fn differences(existing: &Webhook, change: &WebhookChange) -> Vec<Difference> {
    let listed = |categories: &[String]| categories.join(", ");
    let (config, new) = (&existing.config, change.config);
    let categories = change.categories.as_deref().map(listed);
    let excluded = change.excluded_categories.as_deref().map(listed);
    let bytes = new.map(|new| new.max_package_size.bytes());
    let differences = [
        difference("title", &existing.title, change.title.as_ref()),
        difference("url", &existing.url, change.url.as_ref()),
        difference("enabled", existing.enabled, change.enabled),
        difference("type", listed(&existing.categories), categories),
        difference("exclude_type", listed(&existing.excluded_categories), excluded),
        difference("delay", &config.delay, new.map(|new| new.delay)),
        difference("max_package_size", config.max_package_size, bytes),
    ];
    differences.into_iter().flatten().collect()
}

/// Describes a member that changes; `None` where it is not to change, or is as wanted.
fn difference(
    member: &'static str,
    before: impl ToString,
    after: Option<impl ToString>,
) -> Option<Difference> {
    let (before, after) = (before.to_string(), after?.to_string());
    (after != before).then_some(Difference {
        member,
        before,
        after,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_is_a_difference() {
        let json = r#"{"id":"w1","created_at":"2026-01-05T09:30:00Z","updated_at":"2026-01-05T09:30:00Z",
            "title":"Receiver","url":"https://tenant.tld/webhooks","type":["ALL"],"exclude_type":["USER"],
            "enabled":false,"config":{"delay":"5s","max_package_size":10240}}"#;
        let change = WebhookChange {
            title: Some("Receiver".to_owned()),
            excluded_categories: Some(Vec::new()),
            ..WebhookChange::enabled(true)
        };
        let differences = differences(&serde_json::from_str(json).unwrap(), &change);
        let members: Vec<_> = differences.iter().map(|difference| difference.member).collect();
        assert_eq!(members, ["enabled", "exclude_type"]);
    }
}
