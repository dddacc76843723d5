//! `webhooks list` and `webhooks get`: the text of subscriptions.

use upvest_api::Webhook;

use crate::output::{self, facts};
use crate::times::local;

/// Writes a table of subscriptions, or that there are none.
pub(super) fn list(webhooks: &[Webhook]) -> String {
    if webhooks.is_empty() {
        return "no subscriptions; create one with `upvest-webhooks webhooks create`".to_owned();
    }
    let mut table = output::table(["id", "title", "enabled", "categories", "url"]);
    for webhook in webhooks {
        table.add_row([
            webhook.id.as_str(),
            &webhook.title,
            yes_or_no(webhook.enabled),
            &categories(webhook),
            &webhook.url,
        ]);
    }
    table.to_string()
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
