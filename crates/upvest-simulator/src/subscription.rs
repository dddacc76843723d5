//! What Upvest calls a webhook: where events are delivered, which ones, and how they are batched.

use std::time::Duration;

use reqwest::Url;

/// Describes a subscription to events, which Upvest calls a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Gives its id, which is the `webhook_id` of its events.
    pub id: String,
    /// Gives the title that its owner gave it.
    pub title: String,
    /// Gives the URL that deliveries are posted to.
    pub url: Url,
    /// Tells whether it receives events; what occurs while it does not is not kept for it.
    pub enabled: bool,
    /// Lists the categories it receives; `ALL` stands for every one.
    pub categories: Vec<String>,
    /// Lists the categories it does not receive; effective together with `ALL` alone.
    pub excluded_categories: Vec<String>,
    /// Says how long an event may wait for others to share its delivery: Upvest allows 1 to 30 seconds.
    pub delay: Duration,
    /// Gives the size of a body, in bytes, at which a batch does not wait any longer: Upvest allows 100 to 1,048,576.
    /// One event that is larger is sent all the same, alone.
    pub max_package_size: usize,
}

impl Subscription {
    /// Gives the `webhook_id` of the events in `events/samples/` and of generated ones. It stands for whichever
    /// subscription receives them: the simulator sends the id of that one in its place, as Upvest does.
    pub const SAMPLE_ID: &str = "5a3f1c1e-6b0d-4c57-9a44-0d7a4f2f8e10";

    /// Creates an enabled subscription to all categories, with a delay of one second and packages of 50 KiB.
    #[must_use]
    pub fn new(id: impl Into<String>, url: Url) -> Self {
        Self {
            id: id.into(),
            title: "Simulated".to_owned(),
            url,
            enabled: true,
            categories: vec!["ALL".to_owned()],
            excluded_categories: Vec::new(),
            delay: Duration::from_secs(1),
            max_package_size: 50 * 1024,
        }
    }

    /// Says whether events of a category are delivered to it.
    #[must_use]
    pub fn receives(&self, category: &str) -> bool {
        let listed = |list: &[String], name: &str| list.iter().any(|own| own == name);
        let included = if listed(&self.categories, "ALL") {
            !listed(&self.excluded_categories, category)
        } else {
            listed(&self.categories, category)
        };
        self.enabled && included
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription() -> Subscription {
        Subscription::new("s", "http://127.0.0.1/".parse().unwrap())
    }

    #[test]
    fn exclusions_hold_together_with_all_alone() {
        let mut subscription = subscription();
        subscription.excluded_categories = vec!["USER".to_owned()];
        assert!(subscription.receives("ORDER") && !subscription.receives("USER"));
        subscription.categories = vec!["USER".to_owned()];
        assert!(subscription.receives("USER") && !subscription.receives("ORDER"));
    }

    #[test]
    fn a_disabled_subscription_receives_nothing() {
        let disabled = Subscription {
            enabled: false,
            ..subscription()
        };
        assert!(!disabled.receives("ORDER"));
    }
}
