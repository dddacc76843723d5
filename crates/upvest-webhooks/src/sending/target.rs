//! Where deliveries go.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use reqwest::{Client, Url, redirect};

/// A URL to deliver to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    url: Url,
}

/// Why nothing is sent to a URL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("{text:?} is not an http:// or https:// URL")]
    NotHttp { text: String },
    #[error(
        "{url} is neither encrypted nor on this machine, and events hold personal data: use https://, or --insecure-http"
    )]
    Insecure { url: Url },
    #[error(
        "{url} is not on this machine: everybody has the test key, so a receiver elsewhere must not trust it"
    )]
    TestKey { url: Url },
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

impl Target {
    /// Takes a URL that may be delivered to: `https://`, or on this machine, or, with `insecure_http`, any.
    ///
    /// # Errors
    ///
    /// [`TargetError::NotHttp`], [`TargetError::Insecure`].
    pub(crate) fn new(text: &str, insecure_http: bool) -> Result<Self, TargetError> {
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| TargetError::NotHttp {
            text: text.to_owned(),
        })?;
        let target = Self { url };
        if target.url.scheme() == "https" || target.is_loopback() || insecure_http {
            Ok(target)
        } else {
            Err(TargetError::Insecure { url: target.url })
        }
    }

    /// Refuses a target for which the published test key is not meant.
    ///
    /// # Errors
    ///
    /// [`TargetError::TestKey`] for another machine.
    pub(crate) fn allow_test_key(&self) -> Result<(), TargetError> {
        if self.is_loopback() {
            Ok(())
        } else {
            Err(TargetError::TestKey {
                url: self.url.clone(),
            })
        }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// A client that follows no redirect: Upvest follows none.
    ///
    /// # Errors
    ///
    /// [`TargetError::Client`].
    pub(crate) fn client(&self, timeout: Duration) -> Result<Client, TargetError> {
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(timeout)
            .user_agent(concat!("upvest-webhooks/", env!("CARGO_PKG_VERSION")));
        if self.is_loopback() {
            builder = builder.no_proxy();
        }
        // Resolvers need not know names under `localhost` (RFC 6761). Port 0 stands for the URL's own.
        if let Some(host) = self.url.host_str().filter(|host| host.ends_with(".localhost")) {
            builder = builder.resolve(host, SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));
        }
        builder.build().map_err(TargetError::Client)
    }

    fn is_loopback(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default();
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        match address {
            Some(address) => address.is_loopback(),
            None => host == "localhost" || host.ends_with(".localhost"),
        }
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
            assert!(matches!(refused, TargetError::Insecure { .. }), "{url}");
            assert!(Target::new(url, true).is_ok(), "{url}");
        }
        for text in ["example.com", "ftp://example.com", ""] {
            let refused = Target::new(text, true).unwrap_err();
            assert!(matches!(refused, TargetError::NotHttp { .. }), "{text}");
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
