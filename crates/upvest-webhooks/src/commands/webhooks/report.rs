//! What the operator sees of subscriptions.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use upvest_api::{ResourceId, TestOutcome, Webhook, WebhookChange};

use super::arrival::Arrival;
use crate::output::{self, Report, facts, pretty};

const OK: u16 = 200;

/// The result of any of the commands.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum WebhooksReport {
    Listed {
        webhooks: Vec<Shown>,
    },
    One {
        webhook: Shown,
    },
    Created {
        result: &'static str,
        webhook: Shown,
    },
    Changed(Changed),
    Deleted {
        id: ResourceId,
        result: &'static str,
    },
    Planned {
        dry_run: bool,
        requests: Vec<PlannedRequest>,
        changes: Vec<Difference>,
    },
    Tested(Box<Tested>),
}

/// A subscription, its members called as at Upvest.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    id: ResourceId,
    title: String,
    url: String,
    enabled: bool,
    r#type: Vec<String>,
    exclude_type: Vec<String>,
    config: ShownConfig,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Serialize)]
struct ShownConfig {
    delay: String,
    max_package_size: u64,
}

/// A change that was made, or was none.
#[derive(Debug, Serialize)]
pub(crate) struct Changed {
    pub(super) result: &'static str,
    pub(super) changes: Vec<Difference>,
    pub(super) webhook: Shown,
}

/// A member that changes.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    member: &'static str,
    before: String,
    after: String,
}

/// A request that would be sent.
#[derive(Debug, Serialize)]
pub(crate) struct PlannedRequest {
    method: &'static str,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
}

/// A test, and what became of it.
#[derive(Debug, Serialize)]
pub(crate) struct Tested {
    webhook: Shown,
    /// What the endpoint answered, if Upvest tells.
    response: Option<Response>,
    arrival: Arrival,
}

/// What an endpoint answered.
#[derive(Debug, Serialize)]
struct Response {
    url: String,
    status: u16,
    headers: Map<String, Value>,
    body: String,
}

impl From<Webhook> for Shown {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            title: webhook.title,
            url: webhook.url,
            enabled: webhook.enabled,
            r#type: webhook.categories,
            exclude_type: webhook.excluded_categories,
            config: ShownConfig {
                delay: webhook.config.delay,
                max_package_size: webhook.config.max_package_size,
            },
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

impl PlannedRequest {
    pub(super) fn new(method: &'static str, path: String) -> Self {
        Self {
            method,
            path,
            body: None,
        }
    }

    pub(super) fn with_body(
        method: &'static str,
        path: String,
        body: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            method,
            path,
            body: Some(to_raw_value(body)?),
        })
    }
}

/// What a change would make of an existing subscription.
pub(super) fn differences(existing: &Webhook, change: &WebhookChange) -> Vec<Difference> {
    let config = &existing.config;
    let differences = [
        ("title", existing.title.clone(), change.title.clone()),
        (
            "url",
            existing.url.clone(),
            change.url.as_ref().map(ToString::to_string),
        ),
        (
            "enabled",
            existing.enabled.to_string(),
            change.enabled.map(|enabled| enabled.to_string()),
        ),
        (
            "type",
            listed(&existing.categories),
            change.categories.as_deref().map(listed),
        ),
        (
            "exclude_type",
            listed(&existing.excluded_categories),
            change.excluded_categories.as_deref().map(listed),
        ),
        (
            "delay",
            config.delay.clone(),
            change.config.map(|config| config.delay.to_string()),
        ),
        (
            "max_package_size",
            config.max_package_size.to_string(),
            change
                .config
                .map(|config| config.max_package_size.bytes().to_string()),
        ),
    ];
    let differences = differences.into_iter().filter_map(|(member, before, after)| {
        let after = after.filter(|after| *after != before)?;
        Some(Difference {
            member,
            before,
            after,
        })
    });
    differences.collect()
}

fn listed(categories: &[String]) -> String {
    categories.join(", ")
}

impl WebhooksReport {
    pub(super) fn planned(requests: Vec<PlannedRequest>, changes: Vec<Difference>) -> Self {
        Self::Planned {
            dry_run: true,
            requests,
            changes,
        }
    }
}

impl Report for WebhooksReport {
    fn text(&self) -> String {
        match self {
            Self::Listed { webhooks } if webhooks.is_empty() => {
                "no subscriptions; create one with `upvest-webhooks webhooks create`".to_owned()
            }
            Self::Listed { webhooks } => list(webhooks),
            Self::One { webhook } => webhook.text(),
            Self::Created { result, webhook } => {
                let mut text = format!("{result}\n\n{}", webhook.text());
                if !webhook.enabled {
                    let id = &webhook.id;
                    text.push_str(&format!(
                        "\nit delivers once enabled: upvest-webhooks webhooks enable {id}"
                    ));
                }
                text
            }
            Self::Changed(changed) => changed.text(),
            Self::Deleted { id, result } => format!("{id}: {result}"),
            Self::Planned {
                requests, changes, ..
            } => planned(requests, changes),
            Self::Tested(tested) => tested.text(),
        }
    }

    fn succeeded(&self) -> bool {
        match self {
            Self::Tested(tested) => tested.succeeded(),
            Self::Deleted { result, .. } => *result != "kept",
            _ => true,
        }
    }
}

fn list(webhooks: &[Shown]) -> String {
    let mut table = output::table(["id", "title", "enabled", "categories", "url"]);
    for webhook in webhooks {
        table.add_row([
            webhook.id.as_str(),
            &webhook.title,
            yes_or_no(webhook.enabled),
            &webhook.categories(),
            &webhook.url,
        ]);
    }
    table.to_string()
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

impl Shown {
    fn categories(&self) -> String {
        let included = listed(&self.r#type);
        match self.exclude_type.is_empty() {
            true => included,
            false => format!("{included} but {}", listed(&self.exclude_type)),
        }
    }

    fn text(&self) -> String {
        facts([
            ("subscription", Some(self.id.to_string())),
            ("title", Some(self.title.clone())),
            ("url", Some(self.url.clone())),
            ("enabled", Some(yes_or_no(self.enabled).to_owned())),
            ("categories", Some(self.categories())),
            ("delay", Some(self.config.delay.clone())),
            (
                "package size",
                Some(format!("{} bytes", self.config.max_package_size)),
            ),
            ("created", Some(self.created_at.to_string())),
            ("updated", Some(self.updated_at.to_string())),
        ])
    }
}

impl Changed {
    fn text(&self) -> String {
        match self.changes.is_empty() {
            true => format!("{}\n\n{}", self.result, self.webhook.text()),
            false => format!(
                "{}\n{}\n\n{}",
                self.result,
                compare(&self.changes),
                self.webhook.text()
            ),
        }
    }
}

fn compare(changes: &[Difference]) -> String {
    let mut table = output::table(["changed", "before", "after"]);
    for change in changes {
        table.add_row([change.member, &change.before, &change.after]);
    }
    table.to_string()
}

fn planned(requests: &[PlannedRequest], changes: &[Difference]) -> String {
    let mut text = String::new();
    for PlannedRequest { method, path, body } in requests {
        text.push_str(&format!("{method} {path}\n"));
        if let Some(body) = body {
            text.push_str(&format!("{}\n", pretty(body.get())));
        }
        text.push('\n');
    }
    if !changes.is_empty() {
        text.push_str(&format!("{}\n\n", compare(changes)));
    }
    text.push_str("dry run: nothing was changed");
    text
}

impl Tested {
    pub(super) fn of(webhook: Webhook, outcome: TestOutcome, arrival: Arrival) -> Self {
        let response = match outcome {
            TestOutcome::Answered(answer) => Some(Response {
                url: answer.url,
                status: answer.status,
                headers: answer.headers,
                body: answer.body,
            }),
            _ => None,
        };
        Self {
            webhook: webhook.into(),
            response,
            arrival,
        }
    }

    fn succeeded(&self) -> bool {
        let accepted = self
            .response
            .as_ref()
            .is_none_or(|response| response.status == OK);
        accepted && self.arrival.is_fine()
    }

    fn text(&self) -> String {
        let arrival = self.arrival.text();
        let Some(response) = &self.response else {
            let url = &self.webhook.url;
            return format!(
                "Upvest took the test of {url}, and does not tell what it was answered\n\n{arrival}"
            );
        };
        let called = match response.url.as_str() {
            "" => &self.webhook.url,
            url => url,
        };
        let status = match response.status {
            OK => format!("{OK}: delivered"),
            status => format!("{status}: not delivered, because Upvest takes 200 alone"),
        };
        let headers = response.headers.iter().map(|(name, value)| match value {
            Value::String(value) => format!("  {name}: {value}\n"),
            other => format!("  {name}: {other}\n"),
        });
        let headers: String = headers.collect();
        let facts = facts([("called", Some(called.to_owned())), ("answer", Some(status))]);
        format!("{facts}{headers}\n{}\n\n{arrival}", response.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook() -> Webhook {
        let json = r#"{"id":"w1","created_at":"2026-01-05T09:30:00Z","updated_at":"2026-01-05T09:30:00Z",
            "title":"Receiver","url":"https://tenant.tld/webhooks","type":["ALL"],"exclude_type":["USER"],
            "enabled":false,"config":{"delay":"5s","max_package_size":10240}}"#;
        serde_json::from_str(json).unwrap()
    }

    fn tested(status: u16, arrival: Arrival) -> Tested {
        Tested {
            webhook: webhook().into(),
            response: Some(Response {
                url: String::new(),
                status,
                headers: Map::new(),
                body: "{}".to_owned(),
            }),
            arrival,
        }
    }

    #[test]
    fn a_subscription_is_called_in_json_as_at_upvest() {
        let report = WebhooksReport::One {
            webhook: webhook().into(),
        };
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            r#"{"webhook":{"id":"w1","title":"Receiver","url":"https://tenant.tld/webhooks","enabled":false,"type":["ALL"],"exclude_type":["USER"],"config":{"delay":"5s","max_package_size":10240},"created_at":"2026-01-05T09:30:00Z","updated_at":"2026-01-05T09:30:00Z"}}"#
        );
        assert!(report.text().contains("ALL but USER"));
    }

    #[test]
    fn only_what_changes_is_a_difference() {
        let change = WebhookChange {
            title: Some("Receiver".to_owned()),
            excluded_categories: Some(Vec::new()),
            ..WebhookChange::enabled(true)
        };
        let differences = differences(&webhook(), &change);
        let members: Vec<_> = differences.iter().map(|difference| difference.member).collect();
        assert_eq!(members, ["enabled", "exclude_type"]);
    }

    #[test]
    fn a_test_fails_unless_it_was_answered_with_200_and_is_not_lost() {
        let lost = Arrival::NotSeen {
            delivery_id: uuid::Uuid::nil(),
        };
        assert!(tested(200, Arrival::unknown("no stack is named")).succeeded());
        assert!(!tested(204, Arrival::unknown("no stack is named")).succeeded());
        assert!(!tested(200, lost).succeeded());
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let text = tested(200, Arrival::unknown("no stack is named")).text();
        assert!(text.ends_with("cannot be told: no stack is named"), "{text}");
    }
}
