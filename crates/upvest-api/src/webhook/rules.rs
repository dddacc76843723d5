//! Upvest's rules for subscriptions.

use reqwest::Url;

use crate::credentials::is_loopback;

/// Stands for every category, those to come included.
pub(super) const ALL: &str = "ALL";
/// Bounds the characters of a title, by Upvest's API description.
const MAX_TITLE: usize = 32;
/// Bounds the characters of a URL, by Upvest's API description.
const MAX_URL: usize = 1000;

/// Names the rule of Upvest's that a subscription breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidWebhookError {
    /// The title is too long, empty, or has other characters than Upvest takes.
    #[error("the title {title:?} is not 1 to {MAX_TITLE} of: A-Z a-z 0-9 space ( ) [ ] {{ }} . -")]
    Title {
        /// Gives the title's beginning, at most 100 characters.
        title: String,
    },
    /// The URL's scheme is not https.
    #[error("{url} is not an https URL")]
    NotHttps {
        /// Gives the URL that was to be delivered to.
        url: String,
    },
    /// The URL's host is an address, or a name of this machine.
    #[error("{url} does not name its host: Upvest delivers to DNS names, not to addresses")]
    NotADnsName {
        /// Gives the URL that was to be delivered to.
        url: String,
    },
    /// The URL has a user, a password or a fragment.
    #[error("the URL has a user, a password or a fragment, which Upvest does not send")]
    Superfluous,
    /// The URL has more than 1,000 characters.
    #[error("the URL is longer than {MAX_URL} characters")]
    UrlTooLong,
    /// The delay is shorter or longer than Upvest takes.
    #[error("a delay of {seconds} s is not 1 to 30 s")]
    Delay {
        /// Gives the delay that was asked for, in seconds.
        seconds: u64,
    },
    /// The delay is no number of seconds with its unit.
    #[error("expected seconds, such as 5s")]
    NoDelay,
    /// The package size is out of range.
    #[error("a package size of {bytes} bytes is not 100 to 1048576")]
    PackageSize {
        /// Gives the size that was asked for, in bytes.
        bytes: u64,
    },
    /// The package size is no number.
    #[error("expected a number of bytes")]
    NoPackageSize,
    /// The list of categories is empty, so that no event would be received.
    #[error("there are no categories; \"ALL\" receives every one")]
    NoCategories,
    /// A category is no upper-case word.
    #[error("{category:?} is not a category, such as \"ORDER\"")]
    Category {
        /// Gives the category's beginning, at most 100 characters.
        category: String,
    },
    /// Categories are excluded from a list that does not have them.
    #[error("categories can be excluded from \"ALL\" alone")]
    ExcludedFromList,
    /// The change leaves everything as it is; Upvest would refuse it.
    #[error("the change is empty")]
    EmptyChange,
}

/// Reads the categories of a text that separates them by commas, as a stack's parameters do; none of an empty one.
#[must_use]
pub fn categories_of(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// Refuses titles that Upvest does not take.
pub(super) fn check_title(title: &str) -> Result<(), InvalidWebhookError> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b" ()[]{}.-".contains(&byte);
    if (1..=MAX_TITLE).contains(&title.len()) && title.bytes().all(known) {
        return Ok(());
    }
    Err(InvalidWebhookError::Title {
        title: title.chars().take(100).collect(),
    })
}

/// Refuses URLs that Upvest does not deliver to; on this machine, tests alone may be delivered to.
pub(super) fn check_url(url: &Url, allow_loopback: bool) -> Result<(), InvalidWebhookError> {
    let text = || url.to_string();
    if url.as_str().len() > MAX_URL {
        return Err(InvalidWebhookError::UrlTooLong);
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(InvalidWebhookError::Superfluous);
    }
    if allow_loopback && is_loopback(url) && matches!(url.scheme(), "http" | "https") {
        return Ok(());
    }
    if url.scheme() != "https" {
        return Err(InvalidWebhookError::NotHttps { url: text() });
    }
    let is_dns_name = url.domain().is_some_and(|host| host.contains('.'));
    if !is_dns_name || is_loopback(url) {
        return Err(InvalidWebhookError::NotADnsName { url: text() });
    }
    Ok(())
}

/// Refuses categories by their form, and an exclusion from anything but all of them.
pub(super) fn check_categories(
    categories: &[String],
    excluded: &[String],
) -> Result<(), InvalidWebhookError> {
    if categories.is_empty() {
        return Err(InvalidWebhookError::NoCategories);
    }
    if !excluded.is_empty() && !categories.iter().any(|category| category == ALL) {
        return Err(InvalidWebhookError::ExcludedFromList);
    }
    check_names(categories)?;
    check_names(excluded)
}

/// Refuses what has not the form of a category. New ones appear weekly, so that their form alone is checked.
pub(super) fn check_names(categories: &[String]) -> Result<(), InvalidWebhookError> {
    let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let bad = categories
        .iter()
        .find(|category| category.is_empty() || !category.bytes().all(known));
    bad.map_or(Ok(()), |category| {
        Err(InvalidWebhookError::Category {
            category: category.chars().take(100).collect(),
        })
    })
}
