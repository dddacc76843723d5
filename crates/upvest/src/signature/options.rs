//! Says what a signature covers, and holds the headers that come of signing.

use jiff::Timestamp;

use super::component::Component;
use super::fields::is_key;
use super::{DigestAlgorithm, Headers, Names, Origin, SigningKey, VerifyError};

/// Chooses what a signature covers, and what it says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureOptions {
    /// Names the signature in both of its headers; `sig1` unless told.
    pub label: String,
    /// Lists the covered components in the order in which they are signed: names, or items in quotes with their
    /// parameters.
    pub components: Vec<String>,
    /// Becomes the `created` parameter, in whole seconds.
    pub created: Option<Timestamp>,
    /// Becomes the `expires` parameter, in whole seconds.
    pub expires: Option<Timestamp>,
    /// Becomes the `nonce` parameter, which has to be printable ASCII.
    pub nonce: Option<String>,
    /// Tells whether to send the `alg` parameter, which Upvest does not.
    pub with_algorithm: bool,
    /// Chooses the hash of the digest.
    pub digest: DigestAlgorithm,
    /// Tells what will be called, for components like `@authority`.
    pub sent_to: Option<Origin>,
}

/// Holds the three headers that a signature adds to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeaders {
    /// Names the digest header: `digest` or `content-digest`.
    pub digest_name: &'static str,
    /// Is sent as the digest header.
    pub digest: String,
    /// Is sent as `signature-input`: what is covered, and the signature's parameters.
    pub signature_input: String,
    /// Is sent as `signature`: the signature itself, in base64 between colons.
    pub signature: String,
}

/// Tells why a request cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The label is not a key of a structured-field dictionary.
    #[error("{label:?} is not a signature label")]
    InvalidLabel {
        /// Repeats the label that was asked for.
        label: String,
    },
    /// The nonce is not printable ASCII.
    #[error("the nonce is not printable ASCII")]
    InvalidNonce,
    /// A component cannot be covered in this request.
    #[error("a component cannot be covered")]
    Component(#[source] VerifyError),
    /// The cryptographic library could not sign.
    #[error("signing failed")]
    Unavailable,
}

impl SignatureOptions {
    /// Covers these components under the label `sig1`, without times or nonce.
    pub fn new<C: Into<String>>(components: impl IntoIterator<Item = C>) -> Self {
        Self {
            label: "sig1".to_owned(),
            components: components.into_iter().map(Into::into).collect(),
            created: None,
            expires: None,
            nonce: None,
            with_algorithm: false,
            digest: DigestAlgorithm::Sha256,
            sent_to: None,
        }
    }

    /// Sets `created` and `expires`, in whole seconds.
    #[must_use]
    pub fn valid(self, created: Timestamp, expires: Timestamp) -> Self {
        Self {
            created: Some(created),
            expires: Some(expires),
            ..self
        }
    }

    /// Writes the text after `label=`, which is also the value of `@signature-params`.
    pub(super) fn parameters(&self, components: &[Component], key: &SigningKey) -> Result<String, SignError> {
        if !is_key(&self.label) {
            return Err(SignError::InvalidLabel {
                label: self.label.clone(),
            });
        }
        let mut text = String::from("(");
        for (at, component) in components.iter().enumerate() {
            text += if at == 0 { "" } else { " " };
            // The list has quotes around names in every dialect; only the signature base may lack them.
            component.push_to(&mut text, Names::Quoted);
        }
        text += &format!(");keyid={}", quoted(key.key_id()));
        for (name, time) in [("created", self.created), ("expires", self.expires)] {
            if let Some(time) = time {
                text += &format!(";{name}={}", time.as_second());
            }
        }
        if let Some(nonce) = &self.nonce {
            if !nonce.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                return Err(SignError::InvalidNonce);
            }
            text += &format!(";nonce={}", quoted(nonce));
        }
        if self.with_algorithm {
            text += &format!(";alg=\"{}\"", key.algorithm());
        }
        Ok(text)
    }
}

impl SignatureHeaders {
    /// Adds the headers to a request, in place of those of the same name.
    pub fn apply_to(self, headers: &mut Headers) {
        for (name, value) in [
            (self.digest_name, self.digest),
            ("signature-input", self.signature_input),
            ("signature", self.signature),
        ] {
            headers.set(name, value);
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
