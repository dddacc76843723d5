//! Signs a body the way Upvest signs its deliveries.

use std::time::Duration;

use jiff::Timestamp;
use upvest::signature::{Headers, NONCE_DIGITS, SignError, SignatureOptions, SigningKey, UnsignedDelivery};

/// Signs bodies for one target with one key.
#[derive(Debug, Clone, Copy)]
pub struct DeliverySigner<'a> {
    /// Holds the key, with the dialect in which its owner signs.
    pub key: &'a SigningKey,
    /// Gives the path to which deliveries are posted.
    pub path: &'a str,
    /// Holds the raw query of the target, without its `?`.
    pub query: Option<&'a str>,
    /// Sets the time from `created` to `expires`.
    pub lifetime: Duration,
}

/// Holds a signed request, ready to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedDelivery {
    /// Gives the id of the key that signed it.
    pub key_id: String,
    /// Lists all headers that belong to the delivery, the signature's among them.
    pub headers: Headers,
    /// Holds the body, byte for byte as it was signed.
    pub body: Vec<u8>,
}

impl DeliverySigner<'_> {
    /// Signs `body`: covers method, path, query, digest, `content-type`, `content-length` and `accept`, in an order
    /// drawn from `random` as the nonce is, because Upvest's order is that of a Go map.
    ///
    /// # Errors
    /// [`SignError`] when the target cannot be signed or the cryptographic library refuses to.
    pub fn sign(
        &self,
        body: Vec<u8>,
        created: Timestamp,
        random: &mut fastrand::Rng,
    ) -> Result<SignedDelivery, SignError> {
        let delivery = UnsignedDelivery {
            path: self.path,
            query: self.query,
            body: &body,
        };
        let mut components = delivery.components(self.key.dialect());
        components.push("accept");
        random.shuffle(&mut components);
        let options = SignatureOptions {
            nonce: Some((0..NONCE_DIGITS).map(|_| random.digit(10)).collect()),
            ..SignatureOptions::new(components).valid(created, created + self.lifetime)
        };
        let headers = delivery.sign(self.key, &options)?;
        Ok(SignedDelivery {
            key_id: self.key.key_id().to_owned(),
            headers,
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use upvest::signature::{Freshness, SIGNATURE_LIFETIME, SignedRequest, UnverifiedDelivery};

    use super::*;
    use crate::keys::published_test_key;

    const PATH: &str = "/webhooks/upvest";

    fn sign(seed: u64, query: Option<&str>) -> SignedDelivery {
        let signer = DeliverySigner {
            key: &published_test_key().unwrap(),
            path: PATH,
            query,
            lifetime: SIGNATURE_LIFETIME,
        };
        let body = br#"{"payload":[]}"#.to_vec();
        signer
            .sign(body, Timestamp::UNIX_EPOCH, &mut fastrand::Rng::with_seed(seed))
            .unwrap()
    }

    fn input(delivery: &SignedDelivery) -> String {
        delivery.headers.combined("signature-input").unwrap().into_owned()
    }

    #[test]
    fn what_is_signed_verifies_with_and_without_a_query() {
        let key = published_test_key().unwrap().verifying_key().unwrap();
        for (seed, query) in [(1, None), (2, Some("tenant=1&b=%20"))] {
            let delivery = sign(seed, query);
            let request = SignedRequest {
                method: "POST",
                path: PATH,
                query,
                headers: &delivery.headers,
                body: &delivery.body,
            };
            let unverified = UnverifiedDelivery::parse(request).unwrap();
            let verified = unverified.verify([&key], Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(verified.freshness(), Freshness::Fresh);
            let covered: HashSet<&str> = verified.covered().collect();
            assert_eq!(covered.contains("@query"), query.is_some());
            assert!(covered.contains("content-length") && covered.contains("digest"));
        }
    }

    #[test]
    fn order_and_nonce_follow_from_the_seed() {
        assert_eq!(input(&sign(7, None)), input(&sign(7, None)));
        let orders: HashSet<String> = (0..20)
            .map(|seed| input(&sign(seed, None)).split(';').next().unwrap().to_owned())
            .collect();
        assert!(orders.len() > 10, "{orders:?}");
    }
}
