//! The search for a text, a key and a dialect in which a signature holds, within a bound.

use jiff::Timestamp;

use super::value::Form;
use super::verification::{Signature, UnverifiedDelivery, bounded_header};
use super::{
    Dialect, DigestHeader, MAX_VERIFICATIONS, Names, SignedRequest, VerifyError, VerifyingKey, digest,
};

/// Holds what was spent on a delivery, and what is known of its body.
pub(super) struct Search {
    /// Tells when the delivery was received, which decides whether a key still proves it.
    received_at: Timestamp,
    /// Counts the verifications so far, of which there are [`MAX_VERIFICATIONS`] at most.
    pub(super) spent: usize,
    /// Holds the outcome for each of [`DigestHeader::ALL`], so that a large body is hashed once for all signatures.
    digests: [Option<Result<(), VerifyError>>; 2],
}

/// Holds how a signature was found to hold.
pub(super) struct Proof<'k> {
    pub(super) key: &'k VerifyingKey,
    pub(super) dialect: Dialect,
    pub(super) form: Form,
    pub(super) base: String,
}

impl Search {
    pub(super) fn new(received_at: Timestamp) -> Self {
        Self {
            received_at,
            spent: 0,
            digests: [None, None],
        }
    }

    /// Tries one signature by each key of its id.
    pub(super) fn signature<'k>(
        &mut self,
        delivery: &UnverifiedDelivery<'_>,
        signature: &Signature,
        keys: &[&'k VerifyingKey],
    ) -> Result<Proof<'k>, VerifyError> {
        // Several keys may have one id: one that was changed under it keeps a row of its own, and proves
        // still what it signed.
        let named = keys.iter().filter(|key| key.key_id() == signature.claims.key_id);
        let mut refused = None::<VerifyError>;
        for key in named {
            match self.key(delivery, signature, key) {
                Ok(proof) => return Ok(proof),
                Err(error) => refused = Some(refused.map_or(error.clone(), |first| first.or_further(error))),
            }
        }
        Err(refused.unwrap_or_else(|| VerifyError::UnknownKey {
            key_id: signature.claims.key_id.clone(),
        }))
    }

    fn key<'k>(
        &mut self,
        delivery: &UnverifiedDelivery<'_>,
        signature: &Signature,
        key: &'k VerifyingKey,
    ) -> Result<Proof<'k>, VerifyError> {
        let claims = &signature.claims;
        if claims
            .algorithm
            .as_deref()
            .is_some_and(|name| name != key.algorithm().as_str())
        {
            // By RFC 9421, section 3.2, a signature fails whose `alg` is not what the key is for.
            return Err(VerifyError::AlgorithmMismatch);
        }
        // Before the signature, because a hash costs less than a curve: a body that was swapped is refused cheaply.
        for header in claims.digests() {
            self.digest(header, &delivery.request)?;
        }
        let proof = self.base(delivery, signature, key)?;
        // After the signature too: that a key is used which should not be is worth more than that somebody names it.
        key.check_time(self.received_at, claims.freshness(self.received_at))?;
        // After the signature: until it holds the body must not be parsed as events.
        match key.scope().covers_delivery(delivery.request.body) {
            true => Ok(proof),
            false => Err(VerifyError::KeyOnlySynthetic),
        }
    }

    fn digest(&mut self, header: DigestHeader, request: &SignedRequest<'_>) -> Result<(), VerifyError> {
        let name = header.as_str();
        self.digests[header as usize]
            .get_or_insert_with(|| match bounded_header(request.headers, name)? {
                Some(value) => digest::check(header, &value, request.body),
                None => Err(VerifyError::MissingDigest { header: name }),
            })
            .clone()
    }

    /// Tries the texts that may have been signed, each once: by the names that the key's last delivery had, and in the
    /// form that arrived, first.
    fn base<'k>(
        &mut self,
        delivery: &UnverifiedDelivery<'_>,
        signature: &Signature,
        key: &'k VerifyingKey,
    ) -> Result<Proof<'k>, VerifyError> {
        let source = delivery.source(&signature.claims);
        let mut names = Names::ALL;
        names.sort_by_key(|names| *names != key.prefers().names());
        let mut tried: Vec<String> = Vec::new();
        let mut refused = None::<VerifyError>;
        for (names, form) in names
            .into_iter()
            .flat_map(|names| Form::all().map(move |form| (names, form)))
        {
            let Some(dialect) = signature.dialect(names, delivery.only) else {
                continue;
            };
            let base = match source.write(names, form) {
                // Most headers read the same in every form. The same text twice would spend two of the
                // sixteen verifications.
                Ok(base) if tried.contains(&base) => continue,
                Ok(base) => base,
                Err(error) => {
                    // No reason to stop: what has no value in one form may have one in another, as a member
                    // that Upvest's signer numbers.
                    refused = refused.or(Some(error));
                    continue;
                }
            };
            if self.spent == MAX_VERIFICATIONS {
                return Err(VerifyError::TooManySignatures);
            }
            self.spent += 1;
            if key.verify_base(base.as_bytes(), &signature.bytes) {
                return Ok(Proof {
                    key,
                    dialect,
                    form,
                    base,
                });
            }
            tried.push(base);
        }
        // What could not be written is the reason only where no text was: else none of the texts was signed.
        Err(match (tried.is_empty(), refused) {
            (true, Some(error)) => error,
            _ => VerifyError::BadSignature,
        })
    }
}
