//! A delivery before its signature was verified, and the search for a signature that holds.

use std::borrow::Cow;

use jiff::Timestamp;

use super::base::BaseSource;
use super::claims::Claims;
use super::component::Component;
use super::fields::{Member, members, parse_bytes};
use super::freshness::Freshness;
use super::search::Search;
use super::value::Form;
use super::{
    Dialect, DigestHeader, Headers, MAX_HEADER_BYTES, MAX_VERIFICATIONS, Names, Origin, SignedRequest,
    Verified, VerifyError, VerifyingKey,
};

/// Holds a parsed delivery of which nothing is trusted yet; it shows only what it claims.
///
/// One signature that holds is enough. The others may be by strangers: an edge that signs what passes it, or a key that
/// is about to be the next one.
#[derive(Debug)]
pub struct UnverifiedDelivery<'a> {
    pub(super) request: SignedRequest<'a>,
    origin: Option<&'a Origin>,
    pub(super) only: Option<Dialect>,
    /// Holds the signatures that meet the policy, at least one; `sig1` first.
    signatures: Vec<Signature>,
}

/// Holds a signature that meets the policy.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) claims: Claims,
    pub(super) bytes: Vec<u8>,
}

impl<'a> UnverifiedDelivery<'a> {
    /// Parses the signature headers of a request and keeps the signatures that meet the policy, whatever their key.
    ///
    /// # Errors
    /// Returns the [`VerifyError`] for headers that are absent, too long or malformed; when no signature meets the
    /// policy, that of the one which came furthest; and [`VerifyError::TooManySignatures`] for more of them than may be
    /// verified.
    pub fn parse(request: SignedRequest<'a>) -> Result<Self, VerifyError> {
        let input =
            bounded_header(request.headers, "signature-input")?.ok_or(VerifyError::MissingSignatureInput)?;
        let bytes = bounded_header(request.headers, "signature")?.ok_or(VerifyError::MissingSignature)?;
        let (inputs, bytes) = (members(&input), members(&bytes));
        if inputs.is_empty() {
            return Err(VerifyError::MalformedSignatureInput);
        }
        if bytes.is_empty() {
            return Err(VerifyError::MalformedSignature);
        }
        let mut refused = VerifyError::NoMatchingLabel;
        let mut signatures = Vec::new();
        for input in &inputs {
            match Signature::of(*input, &inputs, &bytes, request.headers) {
                Ok(signature) => signatures.extend(signature),
                Err(error) => refused = refused.or_further(error),
            }
        }
        // A stable sort: but for `sig1`, which Upvest writes, the order is the sender's.
        signatures.sort_by_key(|signature| signature.claims.label != "sig1");
        // Each takes one verification at least, so that more than these could not all be tried.
        match signatures.len() {
            0 => Err(refused),
            1..=MAX_VERIFICATIONS => Ok(Self {
                request,
                origin: None,
                only: None,
                signatures,
            }),
            _ => Err(VerifyError::TooManySignatures),
        }
    }

    /// Tells what the sender should have called: the values of `@authority`, `@scheme` and the like are taken from
    /// there. Without it, a signature that covers one of them does not hold.
    #[must_use]
    pub fn sent_to(self, origin: Option<&'a Origin>) -> Self {
        Self { origin, ..self }
    }

    /// Restricts the search to one dialect: that in which an archived delivery was proven.
    #[must_use]
    pub fn in_dialect(self, only: Option<Dialect>) -> Self {
        Self { only, ..self }
    }

    /// Returns the id of the key that the sender claims to have used; of several, the one that is tried first.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.signatures
            .first()
            .map_or("", |signature| &signature.claims.key_id)
    }

    /// Returns the ids of all keys that the sender claims to have used, each once, at most
    /// [`MAX_VERIFICATIONS`](super::MAX_VERIFICATIONS).
    #[must_use]
    pub fn key_ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = Vec::new();
        for signature in &self.signatures {
            if !ids.contains(&signature.claims.key_id.as_str()) {
                ids.push(&signature.claims.key_id);
            }
        }
        ids
    }

    /// Iterates over the components that the sender claims to have covered by the signature that is tried first.
    pub fn unverified_covered(&self) -> impl Iterator<Item = &str> {
        let first = self.signatures.first();
        first
            .into_iter()
            .flat_map(|signature| signature.claims.components.iter().map(Component::as_str))
    }

    /// Iterates over the texts that the signature that is tried first could be of, one for each way to write names, for
    /// somebody who looks for what is wrong.
    pub fn unverified_bases(&self) -> impl Iterator<Item = (Dialect, Result<String, VerifyError>)> {
        self.signatures.first().into_iter().flat_map(|signature| {
            let digest = signature.claims.digests().next().unwrap_or(DigestHeader::Digest);
            Names::ALL.map(|names| {
                let base = self.source(&signature.claims).write(names, Form::RECEIVED);
                (Dialect::new(names, digest), base)
            })
        })
    }

    /// Searches for a signature that holds, in every dialect, by the keys that the delivery names; and checks every
    /// digest of the body that this signature covers.
    ///
    /// `received_at` decides whether a key that was retired or distrusted still proves it, and on [`Verified::freshness`]: a
    /// stale delivery verifies all the same, because time spent in our own queues must not make it invalid. Signatures that are
    /// within their time are tried first.
    ///
    /// # Errors
    /// Returns the [`VerifyError`] of the signature that came furthest: the key is not known, a covered header or the
    /// digest is missing, the digest does not match, the signature does not hold, the key was retired or distrusted, or
    /// it may not sign such a body.
    pub fn verify<'k>(
        mut self,
        keys: impl IntoIterator<Item = &'k VerifyingKey>,
        received_at: Timestamp,
    ) -> Result<Verified<'a>, VerifyError> {
        let keys: Vec<&VerifyingKey> = keys.into_iter().collect();
        let mut search = Search::new(received_at);
        let mut refused: Option<VerifyError> = None;
        let mut signatures = std::mem::take(&mut self.signatures);
        // The first that holds gives the freshness. An old one in front of one in its time would have callers
        // with strict freshness refuse both.
        signatures.sort_by_key(|signature| signature.claims.freshness(received_at) != Freshness::Fresh);
        for signature in signatures {
            match search.signature(&self, &signature, &keys) {
                Ok(proof) => {
                    let source = self.source(&signature.claims);
                    return Ok(Verified {
                        rewritten: source.rewritten(proof.form),
                        freshness: signature.claims.freshness(received_at),
                        base: proof.base,
                        algorithm: proof.key.algorithm(),
                        thumbprint: proof.key.thumbprint().map(str::to_owned),
                        dialect: proof.dialect,
                        scope: proof.key.scope(),
                        request: self.request,
                        claims: signature.claims,
                    });
                }
                Err(error) => refused = Some(refused.map_or(error.clone(), |first| first.or_further(error))),
            }
        }
        // `parse` keeps at least one signature, so that there is a reason.
        Err(refused.unwrap_or(VerifyError::NoMatchingLabel))
    }

    pub(super) fn source<'s>(&'s self, claims: &'s Claims) -> BaseSource<'s, 'a> {
        BaseSource {
            request: &self.request,
            origin: self.origin,
            components: &claims.components,
            parameters: &claims.parameters,
        }
    }
}

impl Signature {
    /// Reads the signature of a label; `None` when the `signature` header has no such label.
    fn of(
        input: Member<'_>,
        inputs: &[Member<'_>],
        bytes: &[Member<'_>],
        headers: &Headers,
    ) -> Result<Option<Self>, VerifyError> {
        let labelled = |members: &[Member<'_>]| {
            members
                .iter()
                .filter(|member| member.label == input.label)
                .count()
        };
        // Counted for this label alone: one of a stranger's that stands there twice spoils no other.
        match (labelled(inputs), labelled(bytes)) {
            (_, 0) => return Ok(None),
            (1, 1) => {}
            _ => return Err(VerifyError::DuplicateLabel),
        }
        let text = bytes.iter().find(|member| member.label == input.label);
        let claims = Claims::of(input)?;
        // Before a key is looked up: `unknown-key` wins over every other reason, and what no key can prove
        // would wait for one.
        claims.check_digest(headers)?;
        let bytes = text
            .and_then(|member| parse_bytes(member.text))
            .ok_or(VerifyError::MalformedSignature)?;
        Ok(Some(Self { claims, bytes }))
    }

    /// Names the dialect of the signature when names stand like this; `None` when that is not the one that is sought.
    pub(super) fn dialect(&self, names: Names, only: Option<Dialect>) -> Option<Dialect> {
        let mut dialects = self.claims.digests().map(|digest| Dialect::new(names, digest));
        match only {
            Some(only) => dialects.find(|dialect| *dialect == only),
            None => dialects.next(),
        }
    }
}

impl Claims {
    /// Refuses a signature that says nothing about the body.
    fn check_digest(&self, headers: &Headers) -> Result<(), VerifyError> {
        let present = |header: &DigestHeader| headers.values(header.as_str()).next().is_some();
        if let Some(absent) = self.digests().find(|header| !present(header)) {
            return Err(VerifyError::MissingDigest {
                header: absent.as_str(),
            });
        }
        if self.digests().next().is_some() {
            return Ok(());
        }
        match DigestHeader::ALL.iter().find(|header| present(header)) {
            Some(header) => Err(VerifyError::DigestNotCovered {
                header: header.as_str(),
            }),
            None => Err(VerifyError::MissingDigest { header: "digest" }),
        }
    }
}

/// Reads a header whose length is bounded.
pub(super) fn bounded_header<'a>(
    headers: &'a Headers,
    name: &'static str,
) -> Result<Option<Cow<'a, str>>, VerifyError> {
    // Measured before it is joined, so that a flood of headers is not copied.
    if headers.combined_len(name) > MAX_HEADER_BYTES {
        return Err(VerifyError::OversizedHeader { name });
    }
    Ok(headers.combined(name))
}

#[cfg(test)]
mod tests;
