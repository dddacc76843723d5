//! The proxy that the environment names.
//!
//! It is that of `HTTPS_PROXY`, as the template has it. A request without TLS, as emulators take it, is sent through none. What
//! was to go through a proxy goes nowhere where the value can be none: who has everything pass a proxy wants nothing past it.

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use super::Variables;
use crate::runtime::config::ConfigError;

/// Lists the variables that name a proxy, of which the first that does counts.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Stands for a proxy that cannot be one, to tell for which hosts it would have been. Nothing is sent to it.
const UNUSABLE: &str = "http://unusable.invalid";

/// Tells which hosts are reached through a proxy: all but those of `NO_PROXY`, or none where no proxy is named.
#[derive(Debug)]
pub(super) struct Proxies {
    matcher: Matcher,
    refused: Option<ConfigError>,
}

impl Proxies {
    /// Reads which proxy is named, and which hosts are not reached through it.
    pub(super) fn read(variables: &Variables<'_>) -> Self {
        let named = PROXIES.into_iter().find_map(|name| {
            let proxy = variables(name).filter(|proxy| !proxy.is_empty())?;
            Some((name, proxy))
        });
        let Some((name, proxy)) = named else {
            return Self {
                matcher: Matcher::builder().build(),
                refused: None,
            };
        };
        let (proxy, refused) = match is_usable(&proxy) {
            true => (proxy, None),
            false => (UNUSABLE.to_owned(), Some(refusal(name))),
        };
        let exceptions = variables("NO_PROXY").or_else(|| variables("no_proxy"));
        let matcher = Matcher::builder().https(proxy).no(exceptions.unwrap_or_default());
        Self {
            matcher: matcher.build(),
            refused,
        }
    }

    /// Says why the proxy that is named can be none, if it cannot.
    pub(super) fn refused(&self) -> Option<&ConfigError> {
        self.refused.as_ref()
    }

    /// Finds the proxy on the way to a host, if there is to be one.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] when there is to be one, and the value can be none.
    pub(super) fn intercept(&self, host: &Uri) -> Result<Option<Intercept>, ConfigError> {
        match (self.matcher.intercept(host), self.refused()) {
            (Some(_), Some(refused)) => Err(refused.clone()),
            (proxy, _) => Ok(proxy),
        }
    }
}

/// Refuses the value of a variable, and does not repeat it, because it may have a password.
fn refusal(name: &'static str) -> ConfigError {
    ConfigError::Invalid {
        name,
        reason: "a proxy is written http://HOST:PORT or https://HOST:PORT".to_owned(),
    }
}

/// Says whether a proxy can be reached by its URL. The library leaves one that it cannot read out, without a word.
fn is_usable(proxy: &str) -> bool {
    let matcher = Matcher::builder().https(proxy).build();
    let Some(found) = matcher.intercept(&Uri::from_static("https://amazonaws.com/")) else {
        return false;
    };
    let speaks_http = matches!(found.uri().scheme_str(), Some("http" | "https"));
    speaks_http
        && found.uri().authority().is_some_and(|authority| {
            // In place of a port that is no number the scheme's would be taken.
            let has_port = authority.port_u16().is_some() || authority.as_str() == authority.host();
            has_port && !authority.host().is_empty()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(variables: &[(&str, &str)], url: &'static str) -> Result<Option<String>, String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let proxy = Proxies::read(&lookup).intercept(&Uri::from_static(url));
        match proxy {
            Ok(proxy) => Ok(proxy.map(|proxy| proxy.uri().to_string())),
            Err(error) => Err(error.to_string()),
        }
    }

    fn proxy_of(variables: &[(&str, &str)], url: &'static str) -> Option<String> {
        read_of(variables, url).expect("a proxy, or none")
    }

    #[test]
    fn requests_with_tls_go_through_the_first_proxy_that_is_named() {
        type Variables = &'static [(&'static str, &'static str)];
        let cases: [(Variables, Option<&str>); 11] = [
            (&[], None),
            (&[("HTTPS_PROXY", "")], None),
            (&[("HTTPS_PROXY", "http://one:3128")], Some("http://one:3128/")),
            (&[("HTTPS_PROXY", "https://one:3128/")], Some("https://one:3128/")),
            (&[("HTTPS_PROXY", "one:3128")], Some("http://one:3128/")),
            (&[("HTTPS_PROXY", "http://one")], Some("http://one/")),
            (
                &[("HTTPS_PROXY", "http://[::1]:3128")],
                Some("http://[::1]:3128/"),
            ),
            (&[("https_proxy", "http://two:1")], Some("http://two:1/")),
            (
                &[("all_proxy", "http://two:1"), ("HTTPS_PROXY", "http://one:1")],
                Some("http://one:1/"),
            ),
            (
                &[("ALL_PROXY", "http://two:1"), ("HTTPS_PROXY", "")],
                Some("http://two:1/"),
            ),
            (&[("HTTP_PROXY", "http://two:1")], None),
        ];
        for (variables, proxy) in cases {
            let found = proxy_of(variables, "https://sqs.eu-central-1.amazonaws.com/");
            assert_eq!(found.as_deref(), proxy, "{variables:?}");
            assert_eq!(
                proxy_of(variables, "http://127.0.0.1:4566/"),
                None,
                "{variables:?}"
            );
        }
    }

    #[test]
    fn hosts_domains_and_networks_of_no_proxy_are_reached_without_one() {
        for (exceptions, url, is_direct) in [
            (".amazonaws.com", "https://sqs.eu-central-1.amazonaws.com/", true),
            (".amazonaws.com", "https://api.upvest.co/", false),
            (".amazonaws.com", "https://notamazonaws.com/", false),
            ("localhost, 10.0.0.0/8", "https://10.1.2.3/", true),
            ("localhost, 10.0.0.0/8", "https://11.1.2.3/", false),
            // The template refuses it, because it excepts nothing.
            (
                "*.amazonaws.com",
                "https://sqs.eu-central-1.amazonaws.com/",
                false,
            ),
            ("*", "https://api.upvest.co/", true),
            ("", "https://api.upvest.co/", false),
        ] {
            for name in ["NO_PROXY", "no_proxy"] {
                let variables = [("HTTPS_PROXY", "http://one:3128"), (name, exceptions)];
                let proxy = proxy_of(&variables, url);
                assert_eq!(proxy.is_none(), is_direct, "{name}={exceptions} {url}");
            }
        }
    }

    #[test]
    fn what_was_to_go_through_what_can_be_no_proxy_goes_nowhere_and_is_told_without_its_password() {
        for proxy in [
            "http://user:secret@proxy:port",
            "http://user:secret@proxy:99999",
            "http://user:secret@",
            "socks5://user:secret@proxy:1080",
            "ftp://user:secret@proxy",
            "http:// user:secret@proxy",
            "user secret proxy",
        ] {
            let variables = [("HTTPS_PROXY", proxy), ("NO_PROXY", ".amazonaws.com")];
            assert_eq!(
                read_of(&variables, "https://api.upvest.co/").err().as_deref(),
                Some(
                    "environment variable HTTPS_PROXY is not valid: a proxy is written http://HOST:PORT or https://HOST:PORT"
                ),
                "{proxy}"
            );
            for direct in [
                "https://sqs.eu-central-1.amazonaws.com/",
                "http://127.0.0.1:4566/",
            ] {
                assert_eq!(read_of(&variables, direct), Ok(None), "{proxy} {direct}");
            }
        }
    }
}
