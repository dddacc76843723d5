//! `webhooks list` and `webhooks get`: the text of subscriptions.

use serde::Serialize;
use upvest_api::Webhook;

use crate::output::{Report, facts, rows_of};
use crate::times::local;

/// Lists the subscriptions that Upvest has.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    pub(super) webhooks: Vec<Webhook>,
}

/// Shows a single subscription, with all that Upvest says of it.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) webhook: Webhook,
}

impl Report for Listed {
    fn text(&self) -> String {
        if self.webhooks.is_empty() {
            return "no subscriptions; create one with `upvest-webhooks webhooks create`".to_owned();
        }
        rows_of(&self.webhooks)
            .column("id", |webhook| &webhook.id)
            .column("title", |webhook| &webhook.title)
            .column("enabled", |webhook| yes_or_no(webhook.enabled))
            .column("categories", categories)
            .column("url", |webhook| &webhook.url)
            .to_string()
    }
}

impl Report for Shown {
    fn text(&self) -> String {
        text(&self.webhook)
    }
}

/// Writes all that Upvest says of a subscription, a line each.
pub(super) fn text(webhook: &Webhook) -> String {
    let config = &webhook.config;
    facts([
        ("subscription", Some(webhook.id.to_string())),
        ("title", Some(webhook.title.clone())),
        ("url", Some(webhook.url.clone())),
        ("enabled", Some(yes_or_no(webhook.enabled).to_owned())),
        ("categories", Some(categories(webhook))),
        ("delay", Some(config.delay.clone())),
        ("package size", Some(format!("{} bytes", config.max_package_size))),
        ("created", Some(local(webhook.created_at))),
        ("updated", Some(local(webhook.updated_at))),
    ])
}

fn categories(webhook: &Webhook) -> String {
    let included = webhook.categories.join(", ");
    match webhook.excluded_categories.is_empty() {
        true => included,
        false => format!("{included} but {}", webhook.excluded_categories.join(", ")),
    }
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_is_called_in_json_as_at_upvest() {
        let json = r#"{"id":"w1","created_at":"2026-01-05T09:30:00Z","updated_at":"2026-01-05T09:30:00Z","title":"Receiver","url":"https://tenant.tld/webhooks","enabled":false,"type":["ALL"],"exclude_type":["USER"],"config":{"delay":"5s","max_package_size":10240}}"#;
        let webhook: Webhook = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&webhook).unwrap(), json);
        assert!(text(&webhook).contains("ALL but USER"));
    }
}
