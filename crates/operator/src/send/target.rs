//! Holds the URL that deliveries go to, and refuses one that they should not go to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use reqwest::{Client, Url, redirect};
use upvest_api::is_loopback;

use crate::error::{Error, Result};

/// Holds a URL that may be delivered to: encrypted, on this machine, or allowed by the operator.
#[derive(Debug, Clone)]
pub struct Target {
    url: Url,
    text: String,
}

impl Target {
    /// Takes a URL that may be delivered to: `https://`, or on this machine, or, with `insecure_http`, any.
    ///
    /// # Errors
    ///
    /// [`Error`] of the kind usage for any other.
    pub fn new(text: &str, insecure_http: bool) -> Result<Self> {
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| Error::usage(format!("{text:?} is not an http:// or https:// URL")))?;
        let target = Self {
            url,
            text: text.to_owned(),
        };
        if target.url.scheme() == "https" || is_loopback(&target.url) || insecure_http {
            Ok(target)
        } else {
            let url = target.url;
            Err(Error::usage(format!(
                "{url} is neither encrypted nor on this machine, and events hold personal data: use https://, or \
                 --insecure-http"
            )))
        }
    }

    /// Refuses a target for which the published test key is not meant.
    ///
    /// # Errors
    ///
    /// [`Error`] of the kind usage for another machine.
    pub fn allow_test_key(&self) -> Result<()> {
        if is_loopback(&self.url) {
            Ok(())
        } else {
            Err(Error::usage(format!(
                "{} is not on this machine: everybody has the test key, so a receiver elsewhere must not trust it",
                self.url
            )))
        }
    }

    /// Gives the parsed URL, to which requests are posted.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Gives the URL as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Makes a client that follows no redirect: Upvest follows none.
    ///
    /// # Errors
    ///
    /// [`Error`] when it cannot be set up.
    pub fn client(&self, timeout: Duration) -> Result<Client> {
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(timeout)
            .user_agent(concat!("upvest-webhooks/", env!("CARGO_PKG_VERSION")));
        // A proxy of the environment does not reach this machine's ports.
        if is_loopback(&self.url) {
            builder = builder.no_proxy();
        }
        // Resolvers need not know names under `localhost` (RFC 6761). Port 0 stands for the URL's own.
        if let Some(host) = self.url.host_str().filter(|host| host.ends_with(".localhost")) {
            builder = builder.resolve(host, SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));
        }
        builder
            .build()
            .map_err(Error::context("the HTTP client cannot be set up"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_leaves_this_machine_only_when_told() {
        for url in [
            "https://example.com/webhooks/upvest",
            "http://127.0.0.1:8080/webhooks/upvest",
            "http://[::1]/w",
            "http://localhost:3000/w",
            "http://api.localhost/w",
        ] {
            assert!(Target::new(url, false).is_ok(), "{url}");
        }
        for url in [
            "http://example.com/w",
            "http://127.0.0.1.example.com/w",
            "http://10.0.0.1/w",
        ] {
            let refused = Target::new(url, false).unwrap_err();
            assert!(refused.to_string().contains("--insecure-http"), "{refused}");
            assert!(Target::new(url, true).is_ok(), "{url}");
        }
        for text in ["example.com", "ftp://example.com", ""] {
            let refused = Target::new(text, true).unwrap_err();
            assert!(refused.to_string().contains("is not an http"), "{refused}");
        }
    }

    #[test]
    fn the_test_key_stays_on_this_machine() {
        let allowed = |url| Target::new(url, true).unwrap().allow_test_key().is_ok();
        assert!(allowed("http://127.0.0.1:8080/w"));
        assert!(!allowed("https://example.com/w"));
        assert!(!allowed("http://192.168.0.1/w"));
    }
}
