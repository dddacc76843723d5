//! The digest of the body: `digest` (upvest-v6) and `content-digest` (quoted).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::tokens::parse_byte_sequences;
use super::{Profile, VerifyError};

/// Names the hash of a body digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestAlgorithm {
    /// The digest is SHA-256, the only one of the upvest-v6 profile.
    Sha256,
    /// The digest is SHA-512, which the quoted profile alone has.
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
pub(super) fn check(profile: Profile, value: &str, body: &[u8]) -> Result<(), VerifyError> {
    let header = profile.digest_header();
    let digests = match profile {
        Profile::UpvestV6 => instance_digests(value),
        Profile::Quoted => content_digests(value),
    }
    .ok_or(VerifyError::MalformedDigest { header })?;
    if digests.is_empty() {
        return Err(VerifyError::UnsupportedDigestAlgorithm { header });
    }
    for (algorithm, base64) in digests {
        let claimed = STANDARD_PAD_INDIFFERENT
            .decode(base64)
            .map_err(|_| VerifyError::MalformedDigest { header })?;
        let actual = algorithm.hash(body);
        // `ct_eq` is false for other lengths too, but a cut digest is a fault of the sender and no sign of another body.
        if claimed.len() != actual.len() {
            return Err(VerifyError::MalformedDigest { header });
        }
        if !bool::from(claimed.ct_eq(&actual)) {
            return Err(VerifyError::DigestMismatch);
        }
    }
    Ok(())
}

/// Finds the SHA-256 digests of a `digest` header (RFC 3230): `algorithm=base64, ...`, algorithms in any case.
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

/// Finds the known digests of a `content-digest` header (RFC 9530): `algorithm=:base64:, ...`.
fn content_digests(value: &str) -> Option<Vec<(DigestAlgorithm, &str)>> {
    let members = parse_byte_sequences(value).ok()?;
    let known = members
        .into_iter()
        .filter_map(|(name, base64)| Some((DigestAlgorithm::of(name)?, base64)));
    Some(known.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digests_of_the_documentation_are_reproduced() {
        let hello = br#"{"hello": "world"}"#;
        let key = br#"{"key": "value"}"#;
        assert_eq!(
            header_value(Profile::UpvestV6, DigestAlgorithm::Sha256, hello),
            "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="
        );
        assert_eq!(
            header_value(Profile::UpvestV6, DigestAlgorithm::Sha512, key),
            "SHA-256=lyTB4g5uPk1/V+0l+dTvsAblCFkNUoyQ2ll/andcE+U="
        );
        assert_eq!(
            header_value(Profile::Quoted, DigestAlgorithm::Sha512, key),
            "sha-512=:Hd9/AvGZkbjitW1+Ml8Fg1ux1mtcDYe6mLQjDyoowIWa3LM/PmwN2v9O+MjtQGrCA3EQWUL54dlgxKHyYbrucw==:"
        );
    }

    #[test]
    fn each_known_digest_of_several_must_hold() {
        let sha256 = header_value(Profile::Quoted, DigestAlgorithm::Sha256, b"body");
        let sha512 = header_value(Profile::Quoted, DigestAlgorithm::Sha512, b"body");
        let other = header_value(Profile::Quoted, DigestAlgorithm::Sha512, b"other");
        assert_eq!(
            check(
                Profile::Quoted,
                &format!("md5=:AA==:, {sha256}, {sha512}"),
                b"body"
            ),
            Ok(())
        );
        assert_eq!(
            check(Profile::Quoted, &format!("{sha256}, {other}"), b"body"),
            Err(VerifyError::DigestMismatch)
        );
    }

    #[test]
    fn every_bit_of_a_digest_counts() {
        let digest = DigestAlgorithm::Sha256.hash(b"body");
        for bit in 0..256 {
            let mut changed = digest.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let value = format!("SHA-256={}", STANDARD.encode(changed));
            assert_eq!(
                check(Profile::UpvestV6, &value, b"body"),
                Err(VerifyError::DigestMismatch),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn a_truncated_digest_is_malformed_rather_than_compared() {
        let header = "digest";
        for value in [
            "SHA-256=",
            "SHA-256=X48E",
            "SHA-256",
            "SHA-256=:AA==:",
            "SHA-256=AA==, sha-256=AA==",
        ] {
            assert_eq!(
                check(Profile::UpvestV6, value, b""),
                Err(VerifyError::MalformedDigest { header }),
                "{value}"
            );
        }
        assert_eq!(
            check(Profile::UpvestV6, "MD5=AA==", b""),
            Err(VerifyError::UnsupportedDigestAlgorithm { header })
        );
    }

    #[test]
    fn names_of_algorithms_are_written_in_any_case_in_the_digest_header() {
        let value = header_value(Profile::UpvestV6, DigestAlgorithm::Sha256, b"body").replace("SHA", "Sha");
        assert_eq!(
            check(Profile::UpvestV6, &format!("md5=AA==,{value}"), b"body"),
            Ok(())
        );
    }
}
