//! A delivery, before and after its signature was verified.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use jiff::Timestamp;

use super::base::{Component, signature_base};
use super::claims::{Claims, Freshness};
use super::tokens::{Member, SyntaxError, parse_byte_sequences, parse_signature_input};
use super::{Headers, MAX_HEADER_BYTES, Profile, SignedRequest, VerifyError, VerifyingKey, digest};
use crate::synthetic::Scope;

/// Holds a parsed delivery of which nothing is trusted yet; it shows only what it claims.
#[derive(Debug)]
pub struct UnverifiedDelivery<'a> {
    request: SignedRequest<'a>,
    claims: Claims,
    signature: Vec<u8>,
}

/// Holds a delivery whose signature and body digest hold. Only [`UnverifiedDelivery::verify`] builds it.
#[derive(Debug)]
pub struct Verified<'a> {
    request: SignedRequest<'a>,
    claims: Claims,
    base: String,
    freshness: Freshness,
    scope: Scope,
}

impl<'a> UnverifiedDelivery<'a> {
    /// Parses the signature headers of a request; of several signatures it takes `sig1`, or else the first one whose
    /// label is in both headers.
    ///
    /// # Errors
    /// Returns the [`VerifyError`] for headers that are absent, too long or malformed, and for signatures that break the
    /// policy whatever their key may be.
    pub fn parse(request: SignedRequest<'a>) -> Result<Self, VerifyError> {
        let input =
            bounded_header(request.headers, "signature-input")?.ok_or(VerifyError::MissingSignatureInput)?;
        let signatures =
            bounded_header(request.headers, "signature")?.ok_or(VerifyError::MissingSignature)?;
        let members = parse_signature_input(&input)
            .map_err(|error| syntax_rejection(error, VerifyError::MalformedSignatureInput))?;
        let signatures = parse_byte_sequences(&signatures)
            .map_err(|error| syntax_rejection(error, VerifyError::MalformedSignature))?;
        let (member, base64) = select(&members, &signatures).ok_or(VerifyError::NoMatchingLabel)?;
        let signature = STANDARD_PAD_INDIFFERENT
            .decode(base64)
            .map_err(|_| VerifyError::MalformedSignature)?;
        Ok(Self {
            request,
            claims: Claims::of(member)?,
            signature,
        })
    }

    /// Returns the id of the key that the sender claims to have used.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.claims.key_id
    }

    /// Iterates over the components that the sender claims to have covered, in their order.
    pub fn unverified_covered(&self) -> impl Iterator<Item = &str> {
        self.claims.components.iter().map(Component::as_str)
    }

    /// Writes the text that the signature has to be of in this profile, for somebody who looks for what is wrong.
    ///
    /// # Errors
    /// Returns the [`VerifyError`] when a covered component cannot be written.
    pub fn unverified_base(&self, profile: Profile) -> Result<String, VerifyError> {
        signature_base(
            &self.request,
            profile,
            &self.claims.components,
            &self.claims.parameters,
        )
    }

    /// Verifies the body's digest and the signature in the profile and algorithm of the key.
    ///
    /// `received_at` decides on [`Verified::freshness`] alone: a stale delivery verifies all the same, because time
    /// spent in our own queues must not make it invalid.
    ///
    /// # Errors
    /// Returns the [`VerifyError`] when the key is another one, a covered header or the digest is missing, the digest
    /// does not match, the signature does not hold, or the key may not sign such a body.
    pub fn verify(self, key: &VerifyingKey, received_at: Timestamp) -> Result<Verified<'a>, VerifyError> {
        let Self {
            request,
            claims,
            signature,
        } = self;
        if claims.key_id != key.key_id() {
            return Err(VerifyError::KeyIdMismatch);
        }
        if claims
            .algorithm
            .as_deref()
            .is_some_and(|name| name != key.algorithm().as_str())
        {
            return Err(VerifyError::AlgorithmMismatch);
        }
        let profile = key.profile();
        let header = profile.digest_header();
        let digest = bounded_header(request.headers, header)?.ok_or(VerifyError::MissingDigest { header })?;
        if !claims.covers(header) {
            return Err(VerifyError::DigestNotCovered { header });
        }
        // Before the signature, because a hash costs less than a curve: a body that was swapped is refused cheaply.
        digest::check(profile, &digest, request.body)?;
        let base = signature_base(&request, profile, &claims.components, &claims.parameters)?;
        key.verify_base(base.as_bytes(), &signature)?;
        // After the signature: until it holds the body must not be parsed as events.
        if !key.scope().covers_delivery(request.body) {
            return Err(VerifyError::KeyOnlySynthetic);
        }
        let freshness = claims.freshness(received_at);
        Ok(Verified {
            request,
            claims,
            base,
            freshness,
            scope: key.scope(),
        })
    }
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

    /// Returns the label of the signature that was verified.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.claims.label
    }

    /// Iterates over the covered components, in their order.
    pub fn covered(&self) -> impl Iterator<Item = &str> {
        self.claims.components.iter().map(Component::as_str)
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

fn bounded_header<'a>(headers: &'a Headers, name: &'static str) -> Result<Option<Cow<'a, str>>, VerifyError> {
    // Measured before it is joined, so that a flood of headers is not copied.
    if headers.combined_len(name) > MAX_HEADER_BYTES {
        return Err(VerifyError::OversizedHeader { name });
    }
    Ok(headers.get_combined(name))
}

fn select<'m, 't>(
    members: &'m [Member<'t>],
    signatures: &[(&str, &'t str)],
) -> Option<(&'m Member<'t>, &'t str)> {
    let mut pairs = members.iter().filter_map(|member| {
        let (_, base64) = signatures.iter().find(|(label, _)| *label == member.label)?;
        Some((member, *base64))
    });
    let first = pairs.next()?;
    if first.0.label == "sig1" {
        return Some(first);
    }
    Some(pairs.find(|(member, _)| member.label == "sig1").unwrap_or(first))
}

fn syntax_rejection(error: SyntaxError, malformed: VerifyError) -> VerifyError {
    match error {
        SyntaxError::Malformed => malformed,
        SyntaxError::DuplicateLabel => VerifyError::DuplicateLabel,
        SyntaxError::TooManyLabels => VerifyError::TooManyLabels,
        SyntaxError::TooManyComponents => VerifyError::TooManyComponents,
        SyntaxError::TooManyParameters => VerifyError::TooManyParameters,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(headers: &Headers) -> SignedRequest<'_> {
        SignedRequest {
            method: "POST",
            path: "/",
            query: None,
            headers,
            body: b"",
        }
    }

    fn chosen_label(input: &str, signature: &str) -> Result<String, VerifyError> {
        let headers = Headers::from_iter([("signature-input", input), ("signature", signature)]);
        Ok(UnverifiedDelivery::parse(request(&headers))?.claims.label)
    }

    #[test]
    fn sig1_is_preferred_and_else_the_first_label_of_both_headers() {
        let [a, b, sig1] =
            ["a", "b", "sig1"].map(|label| format!(r#"{label}=("@method" "@path");keyid="k""#));
        let input = format!("{a}, {b}, {sig1}");
        assert_eq!(chosen_label(&input, "sig1=::, b=::, a=::").unwrap(), "sig1");
        assert_eq!(chosen_label(&input, "b=::, a=::").unwrap(), "a");
        assert_eq!(chosen_label(&input, "b=::").unwrap(), "b");
        assert_eq!(chosen_label(&input, "c=::"), Err(VerifyError::NoMatchingLabel));
    }

    #[test]
    fn only_the_chosen_signature_is_held_to_the_policy() {
        let input = r#"proxy=("signature";key="sig1");keyid="p", sig1=("@method" "@path");keyid="k""#;
        assert_eq!(chosen_label(input, "proxy=::, sig1=::").unwrap(), "sig1");
    }

    /// Text that looks like the real headers, so that arbitrary input reaches the depths of the parser.
    fn header_text() -> impl Strategy<Value = String> {
        let token = prop_oneof![
            Just(r#"sig1=("@method" "@path" "digest" "content-digest")"#.to_owned()),
            Just(r#";keyid="k""#.to_owned()),
            Just(";created=1;expires=-9223372036854775808".to_owned()),
            Just("sig1=:AAAA:".to_owned()),
            Just("SHA-256=AAAA".to_owned()),
            "[ -~]{0,6}",
            any::<char>().prop_map(String::from),
            ".{0,40}",
        ];
        prop::collection::vec(token, 0..8).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic_and_none_verifies(
            names in prop::collection::vec(
                prop_oneof![
                    Just("signature-input".to_owned()),
                    Just("signature".to_owned()),
                    Just("digest".to_owned()),
                    Just("content-digest".to_owned()),
                    ".{0,12}",
                ],
                0..6,
            ),
            values in prop::collection::vec(header_text(), 6),
            input in header_text(),
            [method, path, query] in [".{0,8}", ".{0,8}", ".{0,8}"],
            body in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut headers: Headers = names.iter().zip(values).collect();
            headers.push("signature", "sig1=:AAAA:");
            headers.push("signature-input", format!(r#"sig1=("@method" "@path" "digest" {input}"#));
            let query = Some(query.as_str());
            let request = SignedRequest { method: &method, path: &path, query, headers: &headers, body: &body };
            for profile in Profile::ALL {
                let key = VerifyingKey::hmac("k", profile, vec![7; 32].into()).unwrap();
                let result = UnverifiedDelivery::parse(request)
                    .and_then(|delivery| delivery.verify(&key, Timestamp::UNIX_EPOCH));
                prop_assert!(result.is_err());
            }
        }
    }
}
