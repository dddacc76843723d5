//! Upvest's rules for subscriptions (contract section 4, field table).

use std::net::IpAddr;

use reqwest::Url;

use super::ALL;
use crate::credentials::is_loopback;

const MAX_TITLE: usize = 32;
const MAX_URL: usize = 1000;

/// Which of Upvest's rules a subscription breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidWebhook {
    /// The title's length or characters.
    #[error("the title {title:?} is not 1 to {MAX_TITLE} of: A-Z a-z 0-9 space ( ) [ ] {{ }} . -")]
    Title {
        /// The title.
        title: String,
    },
    /// The URL's scheme.
    #[error("{url} is not an https URL")]
    NotHttps {
        /// The URL.
        url: String,
    },
    /// The URL's host.
    #[error("{url} does not name its host: Upvest delivers to DNS names, not to addresses")]
    NotADnsName {
        /// The URL.
        url: String,
    },
    /// The URL has a user, a password or a fragment.
    #[error("the URL has a user, a password or a fragment, which Upvest does not send")]
    Superfluous,
    /// The URL's length.
    #[error("the URL is longer than {MAX_URL} characters")]
    UrlTooLong,
    /// The delay.
    #[error("a delay of {seconds} s is not 1 to 30 s")]
    Delay {
        /// The delay, in seconds.
        seconds: u64,
    },
    /// The package size.
    #[error("a package size of {bytes} bytes is not 100 to 1048576")]
    PackageSize {
        /// The size.
        bytes: u64,
    },
    /// No category is received.
    #[error("there are no categories; \"ALL\" receives every one")]
    NoCategories,
    /// A category is no upper-case word.
    #[error("{category:?} is not a category, such as \"ORDER\"")]
    Category {
        /// The category.
        category: String,
    },
    /// Categories are excluded from a list that does not have them.
    #[error("categories can be excluded from \"ALL\" alone")]
    ExcludedFromList,
    /// A change of nothing.
    #[error("the change is empty")]
    EmptyChange,
}

pub(super) fn check_title(title: &str) -> Result<(), InvalidWebhook> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b" ()[]{}.-".contains(&byte);
    if (1..=MAX_TITLE).contains(&title.len()) && title.bytes().all(known) {
        return Ok(());
    }
    Err(InvalidWebhook::Title {
        title: title.chars().take(100).collect(),
    })
}

pub(super) fn check_url(url: &Url, allow_loopback: bool) -> Result<(), InvalidWebhook> {
    let text = || url.to_string();
    if url.as_str().len() > MAX_URL {
        return Err(InvalidWebhook::UrlTooLong);
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(InvalidWebhook::Superfluous);
    }
    if allow_loopback && is_loopback(url) && matches!(url.scheme(), "http" | "https") {
        return Ok(());
    }
    if url.scheme() != "https" {
        return Err(InvalidWebhook::NotHttps { url: text() });
    }
    let host = url.host_str().unwrap_or_default();
    let address = host.starts_with('[') || host.parse::<IpAddr>().is_ok();
    if address || is_loopback(url) || !host.contains('.') {
        return Err(InvalidWebhook::NotADnsName { url: text() });
    }
    Ok(())
}

pub(super) fn check_categories(categories: &[String], excluded: &[String]) -> Result<(), InvalidWebhook> {
    if categories.is_empty() {
        return Err(InvalidWebhook::NoCategories);
    }
    if !excluded.is_empty() && !categories.iter().any(|category| category == ALL) {
        return Err(InvalidWebhook::ExcludedFromList);
    }
    check_names(categories)?;
    check_names(excluded)
}

/// New categories appear weekly, so that their form alone is checked.
pub(super) fn check_names(categories: &[String]) -> Result<(), InvalidWebhook> {
    let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let bad = categories
        .iter()
        .find(|category| category.is_empty() || !category.bytes().all(known));
    bad.map_or(Ok(()), |category| {
        Err(InvalidWebhook::Category {
            category: category.chars().take(100).collect(),
        })
    })
}
