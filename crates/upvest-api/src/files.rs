//! Files that Upvest shares, such as treasury reports and regulatory filings.
//!
//! Upvest's API description 1.9.0 lacks these calls; what is known is from the guide "Retrieving data via the
//! Investment API" (<https://docs.upvest.co/documentation/guides/files/retrieving_data>): `GET /files/{folder}/{file_name}` with
//! the scope `files:read` answers `{"id", "signed_url", "updated_at"}`. The URL is on Google's storage, needs no
//! credentials and expires, after 15 minutes by default. Assumed: a plain GET fetches it, and 200 is its only success.

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::client::Client;
use crate::credentials::is_loopback;
use crate::download::Download;
use crate::error::{Error, RequestLine};
use crate::retry::Attempts;
use crate::scope::Scope;

#[derive(Deserialize)]
struct Location {
    signed_url: LocationUrl,
}

/// Holds a location, which is a secret: who has it can fetch the file.
#[derive(Deserialize)]
#[serde(from = "String")]
struct LocationUrl(SecretString);

impl From<String> for LocationUrl {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl Client {
    /// Begins to fetch a file: asks Upvest for its location, then the storage for its bytes, without our credentials
    /// and signature.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_not_found`] tells a file that Upvest does not know, [`Error::Storage`] a location that
    /// gives nothing.
    pub async fn file(&self, namespace: &str, name: &str) -> Result<Download, Error> {
        for part in [namespace, name] {
            check(part)?;
        }
        let call = self.call("GET", &["files", namespace, name], Scope::FilesRead);
        let location: Location = self.json(&call).await?;
        let url = Url::parse(location.signed_url.0.expose_secret())
            .ok()
            .filter(|url| url.scheme() == "https" || (self.inner.is_local() && is_loopback(url)))
            .ok_or_else(|| Error::UnsafeLocation {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            })?;
        let response = self.fetch(&url, namespace, name).await?;
        Ok(Download::new(response, call.line()))
    }

    async fn fetch(&self, url: &Url, namespace: &str, name: &str) -> Result<reqwest::Response, Error> {
        let mut attempts = Attempts::new(&self.inner.options);
        loop {
            attempts.begin();
            let error = match self.inner.http.get(url.clone()).send().await {
                Ok(response) if response.status().as_u16() == 200 => return Ok(response),
                Ok(response) => Error::Storage {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                    status: response.status().as_u16(),
                },
                Err(error) => Error::Network {
                    request: RequestLine {
                        method: "GET",
                        path: format!("/files/{namespace}/{name}"),
                    },
                    attempts: attempts.made(),
                    // The URL is the location, by which anybody may fetch the file.
                    source: error.without_url(),
                },
            };
            if !error.is_temporary() || !attempts.wait(None).await {
                return Err(error);
            }
        }
    }
}

/// Refuses names that would not stay one segment of the path: percent-encoding keeps `..` and `/` apart nowhere.
///
/// Names have at most 1,000 bytes, so that an error which quotes one stays readable; Upvest states no limit.
fn check(part: &str) -> Result<(), Error> {
    let leaves = matches!(part, "" | "." | "..") || part.contains(['/', '\\']);
    if leaves || part.chars().any(char::is_control) || part.len() > 1000 {
        return Err(Error::InvalidName(part.chars().take(100).collect()));
    }
    Ok(())
}
