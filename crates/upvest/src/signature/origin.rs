//! Where deliveries are to be sent: scheme and authority of our public URL.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Holds the scheme and the authority of the URL that senders call, in the form in which they are signed.
///
/// It comes from the receiver's configuration and never from the request: `host` and the headers that proxies add say
/// what their sender likes.
///
/// ```
/// use upvest::signature::Origin;
///
/// let origin: Origin = "https://Hooks.example.com:443/webhooks/upvest".parse()?;
/// assert_eq!(origin.to_string(), "https://hooks.example.com");
/// # Ok::<_, upvest::signature::OriginError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin {
    scheme: Scheme,
    authority: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// Tells that a text is not an `http` or `https` URL with a host and without user information.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is not an http or https URL with a host")]
pub struct OriginError {
    url: String,
}

impl Origin {
    /// Returns the value of `@scheme`: `http` or `https`.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// Returns the value of `@authority`: the host in lower case, and the port where it is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Says whether a `host` header names this authority.
    pub(super) fn is_host(&self, host: &str) -> bool {
        authority(self.scheme, host) == self.authority
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(url: &str) -> Result<Self, OriginError> {
        let error = || OriginError { url: url.to_owned() };
        let (scheme, rest) = url.split_once("://").ok_or_else(error)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(error()),
        };
        let written = rest
            .split(['/', '?', '#'])
            .next()
            .expect("a split has a first part");
        let usable = |byte: u8| byte.is_ascii_graphic() && byte != b'@' && byte != b'\\';
        if written.is_empty() || written.starts_with(':') || !written.bytes().all(usable) {
            return Err(error());
        }
        Ok(Self {
            scheme,
            authority: authority(scheme, written),
        })
    }
}

impl TryFrom<String> for Origin {
    type Error = OriginError;

    fn try_from(url: String) -> Result<Self, OriginError> {
        url.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme(), self.authority)
    }
}

/// Normalises an authority as RFC 9421, section 2.2.3, asks.
fn authority(scheme: Scheme, written: &str) -> String {
    let port = match scheme {
        Scheme::Http => ":80",
        Scheme::Https => ":443",
    };
    let lower = written.to_ascii_lowercase();
    lower.strip_suffix(port).unwrap_or(&lower).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_port_of_the_scheme_is_left_out() {
        for (url, origin) in [
            ("http://127.0.0.1:8080/webhooks", "http://127.0.0.1:8080"),
            ("HTTP://Localhost:80", "http://localhost"),
            ("https://a.example:80?x", "https://a.example:80"),
            ("https://[::1]:443/", "https://[::1]"),
        ] {
            assert_eq!(url.parse::<Origin>().unwrap().to_string(), origin);
        }
    }

    #[test]
    fn what_is_no_url_of_a_receiver_is_refused() {
        for url in [
            "",
            "hooks.example",
            "ftp://a",
            "https://",
            "https:///x",
            "https://:443",
            "https://u@a",
            "https://a b",
        ] {
            assert!(url.parse::<Origin>().is_err(), "{url}");
        }
    }
}
