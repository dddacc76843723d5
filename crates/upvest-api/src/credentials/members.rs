//! The members of a credentials document, each of which is read once.

use std::collections::BTreeMap;

use reqwest::Url;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{CredentialsError, Environment, LIVE_URL, SANDBOX_URL, is_loopback};

/// Holds a member's text, wiped on drop.
#[derive(Deserialize)]
#[serde(from = "String")]
pub(super) struct Text(Zeroizing<String>);

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// Holds what is left of the document: each read takes its member out, so that the rest is unknown.
pub(super) struct Members(pub(super) BTreeMap<String, Text>);

impl Members {
    pub(super) fn optional(&mut self, name: &'static str) -> Option<String> {
        let mut text = self.0.remove(name)?;
        Some(std::mem::take(&mut *text.0)).filter(|text| !text.is_empty())
    }

    pub(super) fn required(&mut self, name: &'static str) -> Result<String, CredentialsError> {
        self.optional(name).ok_or(CredentialsError::Missing { name })
    }

    pub(super) fn printable(&mut self, name: &'static str) -> Result<String, CredentialsError> {
        let text = self.required(name)?;
        if text.trim() == text && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            Ok(text)
        } else {
            Err(CredentialsError::Malformed { name })
        }
    }

    pub(super) fn base_url(&mut self, wanted: Option<Environment>) -> Result<Url, CredentialsError> {
        let base = match (self.optional("environment"), self.optional("base_url")) {
            (Some(_), Some(_)) => return Err(CredentialsError::TwoBases),
            (None, Some(base)) => base,
            (None, None) => wanted.unwrap_or(Environment::Sandbox).base_url().to_owned(),
            (Some(environment), None) => match environment.as_str() {
                "sandbox" => SANDBOX_URL.to_owned(),
                "live" => LIVE_URL.to_owned(),
                _ => return Err(CredentialsError::Environment(environment)),
            },
        };
        let url = Url::parse(&base).map_err(|_| CredentialsError::BaseUrl)?;
        let secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !(secure && bare && url.has_host()) {
            return Err(CredentialsError::BaseUrl);
        }
        // Compared as URLs and not as texts: a slash at the end makes no other environment.
        match wanted.filter(|wanted| Url::parse(wanted.base_url()).as_ref() != Ok(&url)) {
            Some(wanted) => Err(CredentialsError::OtherEnvironment {
                base_url: url,
                wanted,
            }),
            None => Ok(url),
        }
    }
}
