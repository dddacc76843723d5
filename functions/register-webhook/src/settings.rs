//! The subscription that is wanted, and the access to Upvest.

use std::fmt::Display;
use std::time::Duration;

use aws_config::SdkConfig;
use pipeline::runtime::clock::Clock;
use pipeline::runtime::config::{ConfigError, Lookup};
use pipeline::upvest_access::UpvestAccess;
use upvest_api::{NewWebhook, Options, Url, WebhookConfig, categories_of};

const DELAY: &str = "WEBHOOK_DELAY";
const MAX_PACKAGE_SIZE: &str = "WEBHOOK_MAX_PACKAGE_SIZE";

/// Holds what the environment says. Each part is right or wrong on its own, so that a subscription can be deleted
/// although its title is wrong, and CloudFormation is answered whatever is wrong.
#[derive(Debug)]
pub struct Settings {
    /// Describes the subscription as it is to be at Upvest.
    pub wanted: Result<NewWebhook, ConfigError>,
    /// Tells whether the subscription outlives the stack.
    pub keep: Result<bool, ConfigError>,
    /// Gives access to Upvest's API, with the credentials of the stack's secret.
    pub upvest: Result<UpvestAccess, ConfigError>,
}

impl Settings {
    /// Reads `WEBHOOK_URL`, `WEBHOOK_TITLE`, `WEBHOOK_CATEGORIES` (ALL), `WEBHOOK_EXCLUDED_CATEGORIES` (none),
    /// `WEBHOOK_DELAY` and `WEBHOOK_MAX_PACKAGE_SIZE` (Upvest decides where one of them is not set),
    /// `KEEP_SUBSCRIPTION` (false) and `UPVEST_SECRET`.
    #[must_use]
    pub fn read(aws: &SdkConfig, lookup: &Lookup<'_>, clock: &Clock) -> Self {
        Self {
            wanted: wanted(lookup),
            keep: lookup.parsed("KEEP_SUBSCRIPTION", false),
            upvest: UpvestAccess::from_config(aws, lookup, clock.clone(), options()),
        }
    }
}

/// Bounds the calls to Upvest, which waits for the endpoint while it tests, as a stack waits for this function.
fn options() -> Options {
    Options {
        request_timeout: Some(Duration::from_secs(15)),
        total_time: Duration::from_secs(25),
        ..Options::default()
    }
}

fn wanted(lookup: &Lookup<'_>) -> Result<NewWebhook, ConfigError> {
    let url = lookup.required("WEBHOOK_URL")?;
    let url = Url::parse(&url).map_err(invalid("WEBHOOK_URL"))?;
    let mut wanted = NewWebhook::new(lookup.required("WEBHOOK_TITLE")?, url);
    let categories = list(lookup, "WEBHOOK_CATEGORIES");
    if !categories.is_empty() {
        wanted.categories = categories;
    }
    wanted.excluded_categories = list(lookup, "WEBHOOK_EXCLUDED_CATEGORIES");
    wanted.config = batching(lookup)?;
    Ok(wanted)
}

fn batching(lookup: &Lookup<'_>) -> Result<Option<WebhookConfig>, ConfigError> {
    // A configuration of batching has both limits: with one alone, batching is left to Upvest.
    let (Some(delay), Some(size)) = (lookup.optional(DELAY), lookup.optional(MAX_PACKAGE_SIZE)) else {
        return Ok(None);
    };
    Ok(Some(WebhookConfig {
        delay: delay.parse().map_err(invalid(DELAY))?,
        max_package_size: size.parse().map_err(invalid(MAX_PACKAGE_SIZE))?,
    }))
}

fn list(lookup: &Lookup<'_>, name: &'static str) -> Vec<String> {
    categories_of(&lookup.optional(name).unwrap_or_default())
}

fn invalid<E: Display>(name: &'static str) -> impl FnOnce(E) -> ConfigError {
    move |error| ConfigError::Invalid {
        name,
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(changed: &str, value: &str) -> Result<NewWebhook, ConfigError> {
        let lookup = |name: &str| {
            let value = match name {
                _ if name == changed => value,
                "WEBHOOK_URL" => "https://tenant.tld/webhooks/upvest",
                "WEBHOOK_TITLE" => "Receiver",
                DELAY => "1s",
                MAX_PACKAGE_SIZE => "262144",
                _ => return None,
            };
            Some(value.to_owned())
        };
        wanted(&Lookup::new(&lookup))
    }

    #[test]
    fn without_a_choice_all_categories_are_wanted() {
        assert_eq!(read("", "").unwrap().categories, ["ALL"]);
        assert_eq!(
            read("WEBHOOK_CATEGORIES", "USER, ORDER,").unwrap().categories,
            ["USER", "ORDER"]
        );
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (name, value) in [
            ("WEBHOOK_URL", "tenant"),
            (DELAY, "31s"),
            (DELAY, "1m"),
            (DELAY, "5"),
            (MAX_PACKAGE_SIZE, "1 MiB"),
        ] {
            let error = read(name, value).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        assert_eq!(
            read("WEBHOOK_TITLE", "").unwrap_err(),
            ConfigError::Missing("WEBHOOK_TITLE")
        );
    }
}
