//! The public URL, as Upvest sees it.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Client, Url, redirect, retry};
use upvest::signature::{
    Headers, NONCE_DIGITS, SIGNATURE_LIFETIME, SignError, SignatureOptions, SigningKey, UnsignedDelivery,
};

use crate::error::CanaryError;

/// Says how long the answer may take. The API gives ingest 15 seconds.
const TIMEOUT: Duration = Duration::from_secs(20);
const USER_AGENT: &str = concat!("upvest-webhooks-canary/", env!("CARGO_PKG_VERSION"));

/// Holds the public URL, and a client that reaches it or nothing: no redirect, no second attempt.
#[derive(Debug)]
pub struct Endpoint {
    url: Url,
    client: Client,
}

/// Holds a delivery that is signed and not sent yet.
#[derive(Debug)]
pub(crate) struct Signed {
    headers: Headers,
    body: Vec<u8>,
}

impl Endpoint {
    /// Prepares to post to `url`.
    ///
    /// # Errors
    ///
    /// When the TLS library finds no trusted certificates.
    pub fn new(url: Url) -> Result<Self, reqwest::Error> {
        let mut client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .timeout(TIMEOUT);
        // Only this machine is called without TLS, and a proxy of the environment could not reach its ports.
        if url.scheme() == "http" {
            client = client.no_proxy();
        }
        let client = client.build()?;
        Ok(Self { url, client })
    }

    /// Signs a delivery to the URL with the canary's key, as of `now`.
    pub(crate) fn sign(&self, key: &SigningKey, body: Vec<u8>, now: Timestamp) -> Result<Signed, SignError> {
        let delivery = UnsignedDelivery {
            path: self.url.path(),
            query: self.url.query(),
            body: &body,
        };
        let options = SignatureOptions {
            nonce: Some((0..NONCE_DIGITS).map(|_| fastrand::digit(10)).collect()),
            ..SignatureOptions::new(delivery.components(key.dialect())).valid(now, now + SIGNATURE_LIFETIME)
        };
        let headers = delivery.sign(key, &options)?;
        Ok(Signed { headers, body })
    }

    /// Posts a delivery, and takes no answer but 200, as Upvest does.
    pub(crate) async fn post(&self, Signed { headers, body }: Signed) -> Result<(), CanaryError> {
        let request = headers
            .iter()
            .fold(self.client.post(self.url.clone()), |request, (name, value)| {
                request.header(name, value)
            });
        let answer = request.body(body).send().await;
        // The URL may hold a token in its query.
        let answer = answer.map_err(|error| CanaryError::Unanswered(error.without_url()))?;
        match answer.status().as_u16() {
            200 => Ok(()),
            status => Err(CanaryError::Answered(status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use upvest::signature::{Dialect, SignedRequest, UnverifiedDelivery};

    use super::*;

    fn signed(url: &str, arrives_at: (&str, Option<&str>)) -> bool {
        let endpoint = Endpoint::new(url.parse().unwrap()).unwrap();
        let key = SigningKey::hmac("canary-1", Dialect::UnquotedDigest, vec![7; 32].into()).unwrap();
        let now = "2026-11-22T09:00:00Z".parse().unwrap();
        let Signed { headers, body } = endpoint.sign(&key, b"{}".to_vec(), now).unwrap();
        let (path, query) = arrives_at;
        let request = SignedRequest {
            method: "POST",
            path,
            query,
            headers: &headers,
            body: &body,
        };
        let delivery = UnverifiedDelivery::parse(request).unwrap();
        let verified = delivery.verify([&key.verifying_key().unwrap()], now);
        verified.is_ok_and(|verified| verified.require_fresh().is_ok())
    }

    #[test]
    fn path_and_query_are_signed_as_they_arrive() {
        assert!(signed(
            "https://example.com/webhooks/upvest",
            ("/webhooks/upvest", None)
        ));
        assert!(signed("https://example.com/w?a=b", ("/w", Some("a=b"))));
        assert!(!signed("https://example.com/w?a=b", ("/w", Some("a=c"))));
        assert!(!signed("https://example.com/w", ("/x", None)));
    }
}
