//! Deliveries that we make ourselves, on their way to be signed.

use std::time::Duration;

use super::{Dialect, Headers, SignError, SignatureOptions, SignedRequest, SigningKey};

/// Says how long Upvest's signatures are taken to be valid: what its own signing proxy uses.
pub const SIGNATURE_LIFETIME: Duration = Duration::from_secs(60);
/// Gives the length of a nonce, in digits: that of the nonces of Upvest's signing proxy.
pub const NONCE_DIGITS: usize = 10;

/// Shows a delivery that is not signed yet, for whoever sends one as Upvest does: where it is posted to, and its body.
///
/// Nonce and time come from the caller, so that the same key and the same arguments cover the same.
///
/// ```
/// use jiff::Timestamp;
/// use upvest::signature::{
///     Dialect, SIGNATURE_LIFETIME, SignatureOptions, SignedRequest, SigningKey, UnsignedDelivery, UnverifiedDelivery,
/// };
///
/// let key = SigningKey::generate_p521("k1", Dialect::UnquotedDigest)?;
/// let now: Timestamp = "2026-11-28T12:00:00Z".parse()?;
/// let (path, query, body) = ("/webhooks/upvest", Some("tenant=1"), br#"{"payload":[]}"#);
/// let delivery = UnsignedDelivery { path, query, body };
/// let options = SignatureOptions {
///     nonce: Some("0123456789".to_owned()),
///     ..SignatureOptions::new(delivery.components(key.dialect())).valid(now, now + SIGNATURE_LIFETIME)
/// };
/// let headers = delivery.sign(&key, &options)?;
///
/// // What is posted with these headers is what a receiver verifies.
/// let request = SignedRequest { method: "POST", path, query, headers: &headers, body };
/// let verified = UnverifiedDelivery::parse(request)?.verify([&key.verifying_key()?], now)?;
/// assert_eq!(verified.body(), body);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct UnsignedDelivery<'a> {
    /// Holds the path of the URL to which it is posted.
    pub path: &'a str,
    /// Holds the raw query of that URL without its `?`; an empty one counts as absent.
    pub query: Option<&'a str>,
    /// Holds the body, byte for byte as it is posted.
    pub body: &'a [u8],
}

impl UnsignedDelivery<'_> {
    /// Lists the components that a receiver with this crate's policy asks for, and those that describe the body.
    #[must_use]
    pub fn components(&self, dialect: Dialect) -> Vec<&'static str> {
        let digest = dialect.digest_header();
        let mut covered = vec!["@method", "@path", digest, "content-type", "content-length"];
        // A query that is there must be covered, or it could be changed on the way.
        if self.query.is_some_and(|query| !query.is_empty()) {
            covered.push("@query");
        }
        covered
    }

    /// Signs the delivery, and returns all headers to post with it: those of every delivery, and the signature's.
    ///
    /// # Errors
    /// Returns [`SignError`] when a component is not in the delivery or an option cannot be written as a parameter.
    pub fn sign(&self, key: &SigningKey, options: &SignatureOptions) -> Result<Headers, SignError> {
        let mut headers = Headers::of_delivery(self.body);
        let request = SignedRequest {
            method: "POST",
            path: self.path,
            query: self.query,
            headers: &headers,
            body: self.body,
        };
        key.sign(&request, options)?.apply_to(&mut headers);
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_covered_where_there_is_one() {
        let covers_query = |query| {
            let delivery = UnsignedDelivery {
                path: "/hook",
                query,
                body: b"{}",
            };
            delivery.components(Dialect::UnquotedDigest).contains(&"@query")
        };
        assert!(covers_query(Some("a=b")));
        assert!(!covers_query(Some("")) && !covers_query(None));
    }
}
