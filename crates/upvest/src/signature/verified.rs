//! A delivery whose signature was verified.

use jiff::Timestamp;

use super::claims::Claims;
use super::component::Component;
use super::freshness::Freshness;
use super::{Algorithm, Dialect, SignedRequest, VerifyError};
use crate::synthetic::Scope;

/// Holds a delivery whose signature and body digest hold. Only
/// [`UnverifiedDelivery::verify`](super::UnverifiedDelivery::verify) builds it.
#[derive(Debug)]
pub struct Verified<'a> {
    pub(super) request: SignedRequest<'a>,
    pub(super) claims: Claims,
    pub(super) base: String,
    pub(super) algorithm: Algorithm,
    pub(super) thumbprint: Option<String>,
    pub(super) dialect: Dialect,
    pub(super) rewritten: Vec<(String, String)>,
    pub(super) freshness: Freshness,
    pub(super) scope: Scope,
}

impl<'a> Verified<'a> {
    /// Returns the body, byte for byte as it was signed.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.request.body
    }

    /// Returns the id of the key that signed the delivery.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.claims.key_id
    }

    /// Returns the label of the signature that holds.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.claims.label
    }

    /// Returns the algorithm of the key that signed the delivery.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Names the public key that signed the delivery, whatever its id, by its
    /// [thumbprint](super::Jwk::thumbprint); `None` for a shared secret.
    #[must_use]
    pub fn thumbprint(&self) -> Option<&str> {
        self.thumbprint.as_deref()
    }

    /// Returns the dialect in which the signature holds.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Iterates over the covered components, in their order.
    pub fn covered(&self) -> impl Iterator<Item = &str> {
        self.claims.components.iter().map(Component::as_str)
    }

    /// Iterates over the covered components that were not signed with the value that arrived, each with the value that
    /// was signed. There are some where a gateway, or the signer, rewrote a header.
    pub fn rewritten(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rewritten
            .iter()
            .map(|(component, signed)| (component.as_str(), signed.as_str()))
    }

    /// Returns the signature base: the text over which the signature holds.
    #[must_use]
    pub fn signature_base(&self) -> &str {
        &self.base
    }

    /// Returns when the signature was created, if it says so.
    #[must_use]
    pub const fn created(&self) -> Option<Timestamp> {
        self.claims.created
    }

    /// Returns when the signature expires, if it says so.
    #[must_use]
    pub const fn expires(&self) -> Option<Timestamp> {
        self.claims.expires
    }

    /// Says whether the delivery was received within the time its signature allows.
    #[must_use]
    pub const fn freshness(&self) -> Freshness {
        self.freshness
    }

    /// Returns which events the delivery may report. The body of one that may report synthetic events alone has been
    /// held against that.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// Turns a delivery that is not fresh into a rejection, for callers with strict freshness.
    ///
    /// # Errors
    /// Returns [`VerifyError::Expired`] or [`VerifyError::NotYetValid`].
    pub fn require_fresh(self) -> Result<Self, VerifyError> {
        match self.freshness {
            Freshness::Fresh => Ok(self),
            Freshness::Expired => Err(VerifyError::Expired),
            Freshness::NotYetValid => Err(VerifyError::NotYetValid),
        }
    }
}
