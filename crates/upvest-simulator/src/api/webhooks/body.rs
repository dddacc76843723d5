//! Reads what a client says about a subscription, and refuses what it may not say.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use crate::api::problem::Problem;
use crate::subscription::Subscription;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    title: Option<String>,
    url: Option<String>,
    enabled: Option<bool>,
    #[serde(rename = "type")]
    categories: Option<Vec<String>>,
    exclude_type: Option<Vec<String>>,
    config: Option<Config>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    delay: Option<String>,
    max_package_size: Option<usize>,
}

impl Change {
    /// Reads the body that creates a subscription, which cannot enable it.
    pub(super) fn of_creation(body: &[u8]) -> Result<Self, Problem> {
        let change = Self::of_update(body)?;
        if change.enabled.is_some() {
            return Err(Problem::bad_request("unknown field `enabled`"));
        }
        if change.title.is_none() {
            return Err(Problem::bad_request("title is missing"));
        }
        Ok(change)
    }

    pub(super) fn of_update(body: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(body).map_err(|error| Problem::bad_request(error.to_string()))
    }

    pub(super) fn url(&self) -> Result<Option<Url>, Problem> {
        let parse = |text: &String| Url::parse(text).ok().filter(is_reachable);
        match &self.url {
            Some(text) if text.len() <= 1000 => match parse(text) {
                Some(url) => Ok(Some(url)),
                None => Err(Problem::bad_request("url is to be https and to have a DNS name")),
            },
            Some(_) => Err(Problem::bad_request("url is too long")),
            None => Ok(None),
        }
    }

    pub(super) fn apply_to(self, mut subscription: Subscription) -> Result<Subscription, Problem> {
        if let Some(url) = self.url()? {
            subscription.url = url;
        }
        if let Some(title) = self.title {
            if !is_title(&title) {
                return Err(Problem::bad_request(
                    "title does not match ^[a-zA-Z0-9 ()\\[\\]{}.-]{1,32}$",
                ));
            }
            subscription.title = title;
        }
        if let Some(categories) = self.categories {
            subscription.categories = known(categories)?;
        }
        if let Some(categories) = self.exclude_type {
            subscription.excluded_categories = known(categories)?;
        }
        if let Some(config) = self.config {
            config.apply_to(&mut subscription)?;
        }
        subscription.enabled = self.enabled.unwrap_or(subscription.enabled);
        Ok(subscription)
    }
}

impl Config {
    fn apply_to(self, subscription: &mut Subscription) -> Result<(), Problem> {
        if let Some(text) = self.delay {
            let seconds = text.strip_suffix('s').and_then(|text| text.parse::<u64>().ok());
            let seconds =
                // The library also reads `+5` and `05`, which do not match Upvest's pattern.
                seconds.filter(|seconds| (1..=30).contains(seconds) && !text.starts_with(['0', '+']));
            let seconds = seconds.ok_or_else(|| Problem::bad_request("delay is to be 1s to 30s"))?;
            subscription.delay = Duration::from_secs(seconds);
        }
        if let Some(size) = self.max_package_size {
            if !(100..=1_048_576).contains(&size) {
                return Err(Problem::bad_request("max_package_size is to be 100 to 1048576"));
            }
            subscription.max_package_size = size;
        }
        Ok(())
    }
}

fn is_title(title: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b" ()[]{}.-".contains(&byte);
    (1..=32).contains(&title.len()) && title.bytes().all(known)
}

/// Tells whether a URL may be delivered to. Unlike Upvest, the simulator also delivers to this machine, and without TLS
/// there.
fn is_reachable(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let local = host == "localhost"
        || host.ends_with(".localhost")
        || address.is_some_and(|address| address.is_loopback());
    (local && url.scheme() == "http") || (url.scheme() == "https" && address.is_none() && !host.is_empty())
}

fn known(categories: Vec<String>) -> Result<Vec<String>, Problem> {
    let word = |category: &String| {
        let known = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        !category.is_empty() && category.bytes().all(known)
    };
    match categories.iter().all(word) {
        true => Ok(categories),
        false => Err(Problem::bad_request("type has an unknown category")),
    }
}
