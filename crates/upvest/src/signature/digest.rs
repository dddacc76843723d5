//! The digest of the body: `digest` (upvest-v6) and `content-digest` (quoted).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::tokens::parse_byte_sequences;
use super::{Profile, Rejection};

/// The hash of a body digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestAlgorithm {
    /// SHA-256: the only one of the upvest-v6 profile.
    Sha256,
    /// SHA-512: the quoted profile alone has it.
    Sha512,
}

impl DigestAlgorithm {
    fn of(name: &str) -> Option<Self> {
        match name {
            "sha-256" => Some(Self::Sha256),
            "sha-512" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn hash(self, body: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(body).to_vec(),
            Self::Sha512 => Sha512::digest(body).to_vec(),
        }
    }
}

/// Builds the value of the profile's digest header; upvest-v6 always takes SHA-256.
pub(super) fn header_value(profile: Profile, algorithm: DigestAlgorithm, body: &[u8]) -> String {
    match (profile, algorithm) {
        (Profile::UpvestV6, _) => {
            format!("SHA-256={}", STANDARD.encode(DigestAlgorithm::Sha256.hash(body)))
        }
        (Profile::Quoted, DigestAlgorithm::Sha256) => {
            format!("sha-256=:{}:", STANDARD.encode(algorithm.hash(body)))
        }
        (Profile::Quoted, DigestAlgorithm::Sha512) => {
            format!("sha-512=:{}:", STANDARD.encode(algorithm.hash(body)))
        }
    }
}

/// Checks the digest header of the profile against the body: every digest of a known algorithm must hold, and at
/// least one must be there.
pub(super) fn check(profile: Profile, value: &str, body: &[u8]) -> Result<(), Rejection> {
    let header = profile.digest_header();
    let digests = match profile {
        Profile::UpvestV6 => instance_digests(value),
        Profile::Quoted => content_digests(value),
    }
    .ok_or(Rejection::MalformedDigest { header })?;
    if digests.is_empty() {
        return Err(Rejection::UnsupportedDigestAlgorithm { header });
    }
    for (algorithm, base64) in digests {
        let claimed = STANDARD_PAD_INDIFFERENT
            .decode(base64)
            .map_err(|_| Rejection::MalformedDigest { header })?;
        let actual = algorithm.hash(body);
        if claimed.len() != actual.len() {
            return Err(Rejection::MalformedDigest { header });
        }
        if !bool::from(claimed.ct_eq(&actual)) {
            return Err(Rejection::DigestMismatch);
        }
    }
    Ok(())
}

/// The SHA-256 digests of a `digest` header (RFC 3230): `algorithm=base64, ...`, algorithms in any case.
fn instance_digests(value: &str) -> Option<Vec<(DigestAlgorithm, &str)>> {
    let mut digests = Vec::new();
    for member in value.split(',') {
        let (name, base64) = member.trim_matches([' ', '\t']).split_once('=')?;
        if name.eq_ignore_ascii_case("sha-256") {
            digests.push((DigestAlgorithm::Sha256, base64));
        }
    }
    (digests.len() <= 1).then_some(digests)
}

/// The known digests of a `content-digest` header (RFC 9530): `algorithm=:base64:, ...`.
fn content_digests(value: &str) -> Option<Vec<(DigestAlgorithm, &str)>> {
    let members = parse_byte_sequences(value).ok()?;
    let known = members
        .into_iter()
        .filter_map(|(name, base64)| Some((DigestAlgorithm::of(name)?, base64)));
    Some(known.collect())
}
