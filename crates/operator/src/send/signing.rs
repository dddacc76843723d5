//! Signing deliveries, and spoiling them.

use jiff::Timestamp;
use upvest::signature::{
    Headers, NONCE_DIGITS, SIGNATURE_LIFETIME, SignError, SignatureOptions, SigningKey, UnsignedDelivery,
};

use super::Target;

/// Says what goes wrong with a delivery on purpose, after it was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A byte of the body changes.
    Tamper,
    /// The signature's headers are left out.
    DropSignature,
}

/// Signs bodies for one target, whose path and query the signature covers.
///
/// ```
/// use operator::send::{Fault, Signer, Target};
/// use upvest::signature::{Dialect, SigningKey};
///
/// let key = SigningKey::generate_ed25519("k1", Dialect::UnquotedDigest)?;
/// let target = Target::new("http://127.0.0.1:8080/webhooks/upvest", false)?;
/// let mut signer = Signer::new(key, &target);
/// let now = "2026-11-28T12:00:00Z".parse()?;
/// let body = br#"{"payload":[{"id":"e1"}]}"#;
/// assert_eq!(signer.sign(body.to_vec(), now)?.body, body);
///
/// // What a receiver has to refuse: the body is no longer the one that was signed.
/// signer.fault = Some(Fault::Tamper);
/// assert_ne!(signer.sign(body.to_vec(), now)?.body, body);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Signer {
    /// Signs in the dialect that the key was made with.
    pub key: SigningKey,
    /// Lists the covered components; empty stands for those that the receiver's policy asks for, and more.
    pub cover: Vec<String>,
    /// Gives what a covered `@path` stands for: the path of the target's URL.
    pub path: String,
    /// Gives what a covered `@query` stands for, without its `?`; `None` when the URL has no query.
    pub query: Option<String>,
    /// Spoils each delivery after it was signed; `None` leaves it as it is.
    pub fault: Option<Fault>,
}

/// Holds a signed delivery, ready to be posted.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Lists all headers, those of the signature included unless they were dropped.
    pub headers: Headers,
    /// Has the bytes to post; after tampering, not the ones that were signed.
    pub body: Vec<u8>,
}

impl Signer {
    /// Signs deliveries to a target as Upvest would.
    #[must_use]
    pub fn new(key: SigningKey, target: &Target) -> Self {
        Self {
            key,
            cover: Vec::new(),
            path: target.url().path().to_owned(),
            query: target.url().query().map(str::to_owned),
            fault: None,
        }
    }

    /// Signs a body as of `now`.
    ///
    /// # Errors
    ///
    /// [`SignError`] when a component cannot be covered.
    pub fn sign(&self, body: Vec<u8>, now: Timestamp) -> Result<Signed, SignError> {
        let delivery = UnsignedDelivery {
            path: &self.path,
            query: self.query.as_deref(),
            body: &body,
        };
        let options = SignatureOptions {
            nonce: Some((0..NONCE_DIGITS).map(|_| fastrand::digit(10)).collect()),
            ..SignatureOptions::new(self.components(&delivery)).valid(now, now + SIGNATURE_LIFETIME)
        };
        let headers = delivery.sign(&self.key, &options)?;
        let mut signed = Signed { headers, body };
        match self.fault {
            Some(Fault::Tamper) => signed.tamper(),
            Some(Fault::DropSignature) => {
                signed.headers.remove("signature");
                signed.headers.remove("signature-input");
            }
            None => {}
        }
        Ok(signed)
    }

    /// Lists the components that a signature covers; `digest` stands for the digest header of the key's dialect.
    fn components(&self, delivery: &UnsignedDelivery<'_>) -> Vec<String> {
        let dialect = self.key.dialect();
        if self.cover.is_empty() {
            let all = delivery.components(dialect).into_iter();
            return all.map(str::to_owned).collect();
        }
        let digest = dialect.digest_header();
        let named = self
            .cover
            .iter()
            .map(|name| if name == "digest" { digest } else { name });
        named.map(str::to_owned).collect()
    }
}

impl Signed {
    /// Changes the last letter or digit of the body, so that JSON stays JSON.
    fn tamper(&mut self) {
        let mut bytes = self.body.iter_mut().rev();
        if let Some(byte) = bytes.find(|byte| byte.is_ascii_alphanumeric()) {
            *byte = if *byte == b'0' { b'1' } else { b'0' };
        }
    }
}

#[cfg(test)]
mod tests {
    use upvest::signature::{Dialect, SignedRequest, UnverifiedDelivery, VerifyError};

    use super::*;

    fn signer(dialect: Dialect, cover: &[&str], fault: Option<Fault>) -> Signer {
        Signer {
            key: SigningKey::generate_ed25519("k", dialect).unwrap(),
            cover: cover.iter().map(|name| (*name).to_owned()).collect(),
            path: "/webhooks/upvest".to_owned(),
            query: Some("a=b".to_owned()),
            fault,
        }
    }

    fn received(signer: &Signer) -> Result<(), VerifyError> {
        let now = "2026-01-05T09:30:00Z".parse().unwrap();
        let signed = signer
            .sign(br#"{"payload":[{"id":"e1"}]}"#.to_vec(), now)
            .unwrap();
        let request = SignedRequest {
            method: "POST",
            path: &signer.path,
            query: signer.query.as_deref(),
            headers: &signed.headers,
            body: &signed.body,
        };
        let key = signer.key.verifying_key().unwrap();
        UnverifiedDelivery::parse(request)?
            .verify([&key], now)
            .map(|_| ())
    }

    #[test]
    fn what_is_signed_verifies_in_every_dialect() {
        for dialect in Dialect::ALL {
            received(&signer(dialect, &[], None)).unwrap();
            received(&signer(dialect, &["digest", "@path", "@method"], None)).unwrap();
        }
    }

    #[test]
    fn faults_are_found_by_the_receiver() {
        let tampered = received(&signer(Dialect::UnquotedDigest, &[], Some(Fault::Tamper)));
        assert_eq!(tampered.unwrap_err(), VerifyError::DigestMismatch);
        let unsigned = received(&signer(
            Dialect::QuotedContentDigest,
            &[],
            Some(Fault::DropSignature),
        ));
        assert!(unsigned.is_err());
    }

    #[test]
    fn a_component_that_is_not_in_the_request_cannot_be_covered() {
        let now = "2026-01-05T09:30:00Z".parse().unwrap();
        let signer = signer(Dialect::UnquotedDigest, &["@method", "x-nothing"], None);
        assert!(matches!(
            signer.sign(Vec::new(), now),
            Err(SignError::Component(_))
        ));
    }
}
