//! What Upvest calls a webhook: a subscription to events.

mod limits;
mod rules;

use jiff::Timestamp;
use reqwest::Url;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

pub use self::limits::{Delay, PackageSize};
use self::rules::{ALL, check_categories, check_names, check_title, check_url};
pub use self::rules::{InvalidWebhookError, categories_of};
use crate::id::ResourceId;

/// Describes a subscription as Upvest reports it. Members that are not known are ignored, categories are not checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Webhook {
    /// Gives the subscription's id, probably the `webhook_id` of its events.
    pub id: ResourceId,
    /// Tells when Upvest created the subscription, by its own clock.
    pub created_at: Timestamp,
    /// Tells when the subscription was last changed.
    pub updated_at: Timestamp,
    /// Gives the title that was given to it.
    pub title: String,
    /// Gives the URL that deliveries are posted to.
    pub url: String,
    /// Tells whether Upvest delivers events to it.
    pub enabled: bool,
    /// Lists the categories that it receives, such as `ORDER`.
    #[serde(rename = "type")]
    pub categories: Vec<String>,
    /// Lists the categories that it does not receive; effective together with `ALL` alone.
    #[serde(default, rename = "exclude_type")]
    pub excluded_categories: Vec<String>,
    /// Says how Upvest batches the subscription's deliveries.
    pub config: ReportedConfig,
}

/// Tells how deliveries are batched, as Upvest reports it: older subscriptions may break today's limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReportedConfig {
    /// Says how long an event waits for others, such as `5s`.
    pub delay: String,
    /// Gives the size of a body, in bytes, at which a batch does not wait any longer.
    pub max_package_size: u64,
}

/// Asks for a way of batching deliveries; both limits hold, whichever is reached first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WebhookConfig {
    /// Says how long an event waits for others.
    pub delay: Delay,
    /// Gives the size of a body at which a batch does not wait any longer.
    pub max_package_size: PackageSize,
}

/// Describes a subscription to create. Upvest creates it disabled: a [`WebhookChange`] enables it.
///
/// ```
/// use upvest_api::{Delay, NewWebhook, PackageSize, WebhookConfig};
///
/// let mut webhook = NewWebhook::new("Receiver", "https://hooks.example.com/webhooks/upvest".parse()?);
/// webhook.excluded_categories = vec!["INSTRUMENT".to_owned()];
/// webhook.config = Some(WebhookConfig {
///     delay: Delay::from_seconds(5)?,
///     max_package_size: PackageSize::from_bytes(262_144)?,
/// });
/// webhook.validate(false)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewWebhook {
    /// Gives the title: 1 to 32 letters, digits, spaces or `()[]{}.-`.
    pub title: String,
    /// Says where deliveries are posted to: `https` and a host name.
    #[serde(serialize_with = "as_text")]
    pub url: Url,
    /// Lists the categories that it is to receive; `ALL` stands for every one.
    #[serde(rename = "type")]
    pub categories: Vec<String>,
    /// Lists the categories that it is not to receive; only together with `ALL`.
    #[serde(rename = "exclude_type", skip_serializing_if = "Vec::is_empty")]
    pub excluded_categories: Vec<String>,
    /// Says how deliveries are to be batched; Upvest decides without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<WebhookConfig>,
    /// Gives the idempotency key, for callers that may repeat the call after a crash; a new one by default.
    #[serde(skip)]
    pub idempotency_key: Option<Uuid>,
}

/// Describes a change of a subscription: what is `None` keeps its value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WebhookChange {
    /// Gives the title, by the rules of [`NewWebhook::title`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Gives the URL that deliveries are posted to.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_optional_text")]
    pub url: Option<Url>,
    /// Tells whether Upvest delivers events to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Lists the categories that it is to receive.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
    /// Lists the categories that it is not to receive.
    #[serde(rename = "exclude_type", skip_serializing_if = "Option::is_none")]
    pub excluded_categories: Option<Vec<String>>,
    /// Says how deliveries are to be batched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<WebhookConfig>,
    /// Gives the idempotency key, for callers that may repeat the call after a crash; a new one by default.
    #[serde(skip)]
    pub idempotency_key: Option<Uuid>,
}

impl PartialEq<WebhookConfig> for ReportedConfig {
    fn eq(&self, wanted: &WebhookConfig) -> bool {
        self.delay == wanted.delay.to_string()
            && self.max_package_size == u64::from(wanted.max_package_size.bytes())
    }
}

impl NewWebhook {
    /// Describes a subscription to all categories, batched as Upvest likes.
    pub fn new(title: impl Into<String>, url: Url) -> Self {
        Self {
            title: title.into(),
            url,
            categories: vec![ALL.to_owned()],
            excluded_categories: Vec::new(),
            config: None,
            idempotency_key: None,
        }
    }

    /// Checks the subscription against Upvest's rules. `allow_loopback` lets it name this machine, without TLS, for tests.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn validate(&self, allow_loopback: bool) -> Result<(), InvalidWebhookError> {
        check_title(&self.title)?;
        check_url(&self.url, allow_loopback)?;
        check_categories(&self.categories, &self.excluded_categories)
    }
}

impl WebhookChange {
    /// Makes the change that enables or disables a subscription.
    #[must_use]
    pub fn enabled(enabled: bool) -> Self {
        Self {
            enabled: Some(enabled),
            ..Self::default()
        }
    }

    /// Returns what makes an existing subscription the wanted one, and enables it; `None` when it is that already.
    #[must_use]
    pub fn between(existing: &Webhook, wanted: &NewWebhook) -> Option<Self> {
        let same_set = |left: &[String], right: &[String]| {
            left.len() == right.len() && left.iter().all(|category| right.contains(category))
        };
        let change = Self {
            title: (existing.title != wanted.title).then(|| wanted.title.clone()),
            url: (existing.url != wanted.url.as_str()).then(|| wanted.url.clone()),
            enabled: (!existing.enabled).then_some(true),
            categories: (!same_set(&existing.categories, &wanted.categories))
                .then(|| wanted.categories.clone()),
            excluded_categories: (!same_set(&existing.excluded_categories, &wanted.excluded_categories))
                .then(|| wanted.excluded_categories.clone()),
            config: wanted.config.filter(|config| existing.config != *config),
            idempotency_key: None,
        };
        (!change.is_empty()).then_some(change)
    }

    fn is_empty(&self) -> bool {
        *self
            == Self {
                idempotency_key: self.idempotency_key,
                ..Self::default()
            }
    }

    /// Checks the change against Upvest's rules, like [`NewWebhook::validate`].
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn validate(&self, allow_loopback: bool) -> Result<(), InvalidWebhookError> {
        if self.is_empty() {
            return Err(InvalidWebhookError::EmptyChange);
        }
        if let Some(title) = &self.title {
            check_title(title)?;
        }
        if let Some(url) = &self.url {
            check_url(url, allow_loopback)?;
        }
        let excluded = self.excluded_categories.as_deref().unwrap_or_default();
        match &self.categories {
            Some(categories) => check_categories(categories, excluded),
            // What the subscription has is not known here, and may be `ALL`.
            None => check_names(excluded),
        }
    }
}

fn as_text<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(url.as_str())
}

fn as_optional_text<S: Serializer>(url: &Option<Url>, serializer: S) -> Result<S::Ok, S::Error> {
    url.as_ref().map(Url::as_str).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(title: &str, url: &str) -> NewWebhook {
        NewWebhook::new(title, url.parse().unwrap())
    }

    #[test]
    fn titles_keep_to_the_pattern() {
        let check = |title: &str| webhook(title, "https://tenant.tld/").validate(false);
        for good in ["User webhook", "a", "(1) [b] {c}.-", &"x".repeat(32)] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", "under_score", "ü", "a/b", &"x".repeat(33)] {
            assert!(
                matches!(check(bad), Err(InvalidWebhookError::Title { .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn deliveries_go_to_https_and_a_dns_name() {
        let check = |url: &str, local| webhook("t", url).validate(local);
        assert_eq!(check("https://tenant.tld/webhooks?x=1", false), Ok(()));
        assert!(matches!(
            check("http://tenant.tld/", true),
            Err(InvalidWebhookError::NotHttps { .. })
        ));
        for address in [
            "https://1.2.3.4/",
            "https://[::1]/",
            "https://localhost/",
            "https://tenant/",
        ] {
            let refused = check(address, false);
            assert!(
                matches!(refused, Err(InvalidWebhookError::NotADnsName { .. })),
                "{address}"
            );
        }
        assert_eq!(
            check("https://u:p@tenant.tld/", false),
            Err(InvalidWebhookError::Superfluous)
        );
        let long = format!("https://tenant.tld/{}", "x".repeat(1000));
        assert_eq!(check(&long, false), Err(InvalidWebhookError::UrlTooLong));
    }

    #[test]
    fn this_machine_is_allowed_when_the_api_is_on_it_alone() {
        for url in [
            "http://127.0.0.1:1/",
            "http://localhost:1/",
            "http://a.localhost:1/",
            "http://[::1]:1/",
        ] {
            assert_eq!(webhook("t", url).validate(true), Ok(()), "{url}");
            assert!(webhook("t", url).validate(false).is_err(), "{url}");
        }
    }

    #[test]
    fn limits_of_batches_hold_at_both_ends() {
        assert!([1, 30].map(Delay::from_seconds).iter().all(Result::is_ok));
        assert!([0, 31, 300].map(Delay::from_seconds).iter().all(Result::is_err));
        assert!(
            [100, 1_048_576]
                .map(PackageSize::from_bytes)
                .iter()
                .all(Result::is_ok)
        );
        assert!(
            [99, 1_048_577, u64::MAX]
                .map(PackageSize::from_bytes)
                .iter()
                .all(Result::is_err)
        );
    }

    #[test]
    fn categories_are_upper_case_words_and_excluded_from_all_alone() {
        let mut webhook = webhook("t", "https://tenant.tld/");
        webhook.excluded_categories = vec!["USER_CHECK".to_owned()];
        assert_eq!(webhook.validate(false), Ok(()));
        webhook.categories = vec!["USER".to_owned()];
        assert_eq!(
            webhook.validate(false),
            Err(InvalidWebhookError::ExcludedFromList)
        );
        webhook.categories = vec!["user".to_owned(), ALL.to_owned()];
        assert!(matches!(
            webhook.validate(false),
            Err(InvalidWebhookError::Category { .. })
        ));
        webhook.categories.clear();
        assert_eq!(webhook.validate(false), Err(InvalidWebhookError::NoCategories));
    }

    #[test]
    fn a_change_holds_what_differs_alone() {
        let existing: Webhook = serde_json::from_str(
            r#"{"id":"a8eb3540-5a84-40f9-b2bb-7f99f282fc5a","created_at":"2021-07-21T14:10:00.00Z",
                "updated_at":"2021-07-21T14:10:00.00Z","title":"User webhook","url":"https://tenant.tld/webhooks/users",
                "type":["USER"],"enabled":false,"config":{"delay":"5s","max_package_size":10240},"new_member":1}"#,
        )
        .unwrap();
        let mut wanted = webhook("User webhook", "https://tenant.tld/webhooks/users");
        wanted.config = Some(WebhookConfig {
            delay: Delay::from_seconds(5).unwrap(),
            max_package_size: PackageSize::from_bytes(10_240).unwrap(),
        });
        let change = WebhookChange::between(&existing, &wanted).unwrap();
        assert_eq!(
            serde_json::to_string(&change).unwrap(),
            r#"{"enabled":true,"type":["ALL"]}"#
        );
        let done = Webhook {
            enabled: true,
            categories: vec![ALL.to_owned()],
            ..existing
        };
        assert_eq!(WebhookChange::between(&done, &wanted), None);
        assert_eq!(
            WebhookChange::default().validate(false),
            Err(InvalidWebhookError::EmptyChange)
        );
    }
}
