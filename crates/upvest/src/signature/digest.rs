//! The digest of the body: the `digest` and `content-digest` headers.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::fields::{members, parse_bytes};
use super::{DigestHeader, VerifyError};

/// Names the hash of a body digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestAlgorithm {
    /// Hashes by SHA-256, as Upvest does.
    Sha256,
    /// Hashes by SHA-512, the other algorithm that RFC 9530 has in use.
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

    const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha512 => "sha-512",
        }
    }

    fn hash(self, body: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(body).to_vec(),
            Self::Sha512 => Sha512::digest(body).to_vec(),
        }
    }
}

/// Builds the value of a digest header.
pub(super) fn header_value(header: DigestHeader, algorithm: DigestAlgorithm, body: &[u8]) -> String {
    let (name, base64) = (algorithm.as_str(), STANDARD.encode(algorithm.hash(body)));
    match header {
        // In capitals, as Upvest's documentation has it ("v6 content digest").
        DigestHeader::Digest => format!("{}={base64}", name.to_ascii_uppercase()),
        DigestHeader::ContentDigest => format!("{name}=:{base64}:"),
    }
}

/// Checks a digest header against the body: every digest of a known algorithm must hold, and at least one must be there.
pub(super) fn check(header: DigestHeader, value: &str, body: &[u8]) -> Result<(), VerifyError> {
    let malformed = || VerifyError::MalformedDigest {
        header: header.as_str(),
    };
    let digests = match header {
        DigestHeader::Digest => instance_digests(value),
        DigestHeader::ContentDigest => content_digests(value),
    }
    .ok_or_else(malformed)?;
    if digests.is_empty() {
        return Err(VerifyError::UnsupportedDigestAlgorithm {
            header: header.as_str(),
        });
    }
    for (at, (algorithm, claimed)) in digests.iter().enumerate() {
        let repeated = digests[..at].iter().any(|(other, _)| other == algorithm);
        let actual = algorithm.hash(body);
        // `ct_eq` is false for other lengths too, but a cut digest is a fault of the sender and no sign of another body.
        if repeated || claimed.len() != actual.len() {
            return Err(malformed());
        }
        if !bool::from(claimed.ct_eq(&actual)) {
            return Err(VerifyError::DigestMismatch);
        }
    }
    Ok(())
}

/// Finds the known digests of a `digest` header (RFC 3230): `algorithm=base64, ...`, algorithms in any case. The RFC's
/// grammar allows spaces between any two words; parameters are what later headers of that family have.
fn instance_digests(value: &str) -> Option<Vec<(DigestAlgorithm, Vec<u8>)>> {
    let mut digests = Vec::new();
    for member in value.split(',') {
        let (name, rest) = member.split_once('=')?;
        let text = rest.split(';').next().unwrap_or(rest).trim_matches([' ', '\t']);
        if let Some(algorithm) = DigestAlgorithm::of(&name.trim_matches([' ', '\t']).to_ascii_lowercase()) {
            digests.push((algorithm, STANDARD_PAD_INDIFFERENT.decode(text).ok()?));
        }
    }
    Some(digests)
}

/// Finds the known digests of a `content-digest` header (RFC 9530): `algorithm=:base64:, ...`.
fn content_digests(value: &str) -> Option<Vec<(DigestAlgorithm, Vec<u8>)>> {
    let members = members(value);
    // What is no dictionary at all must not pass for one without a known algorithm.
    if members.is_empty() {
        return None;
    }
    members
        .into_iter()
        // First by name: the value of an algorithm that is not known here may be anything.
        .filter_map(|member| Some((DigestAlgorithm::of(member.label)?, member.text)))
        .map(|(algorithm, text)| Some((algorithm, parse_bytes(text)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use DigestHeader::{ContentDigest, Digest};

    use super::*;

    #[test]
    fn the_digests_of_the_documentation_are_reproduced() {
        let hello = br#"{"hello": "world"}"#;
        let key = br#"{"key": "value"}"#;
        assert_eq!(
            header_value(Digest, DigestAlgorithm::Sha256, hello),
            "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="
        );
        assert_eq!(
            header_value(Digest, DigestAlgorithm::Sha256, key),
            "SHA-256=lyTB4g5uPk1/V+0l+dTvsAblCFkNUoyQ2ll/andcE+U="
        );
        assert_eq!(
            header_value(ContentDigest, DigestAlgorithm::Sha512, key),
            "sha-512=:Hd9/AvGZkbjitW1+Ml8Fg1ux1mtcDYe6mLQjDyoowIWa3LM/PmwN2v9O+MjtQGrCA3EQWUL54dlgxKHyYbrucw==:"
        );
    }

    #[test]
    fn each_known_digest_of_several_must_hold() {
        for header in DigestHeader::ALL {
            let sha256 = header_value(header, DigestAlgorithm::Sha256, b"body");
            let sha512 = header_value(header, DigestAlgorithm::Sha512, b"body");
            let other = header_value(header, DigestAlgorithm::Sha512, b"other");
            assert_eq!(
                check(header, &format!("md5=:AA==:, {sha256}, {sha512}"), b"body"),
                Ok(())
            );
            assert_eq!(
                check(header, &format!("{sha256}, {other}"), b"body"),
                Err(VerifyError::DigestMismatch)
            );
        }
    }

    #[test]
    fn every_bit_of_a_digest_counts() {
        let digest = DigestAlgorithm::Sha256.hash(b"body");
        for bit in 0..256 {
            let mut changed = digest.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let value = format!("SHA-256={}", STANDARD.encode(changed));
            assert_eq!(
                check(Digest, &value, b"body"),
                Err(VerifyError::DigestMismatch),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn a_digest_that_is_cut_repeated_or_unreadable_is_malformed_rather_than_compared() {
        for (digest, value) in [
            (Digest, "SHA-256="),
            (Digest, "SHA-256=X48E"),
            (Digest, "SHA-256"),
            (Digest, "SHA-256=:AA==:"),
            (ContentDigest, ""),
            (ContentDigest, "sha-256"),
            (ContentDigest, "sha-256=:AA==:"),
            (ContentDigest, "sha-256=AA=="),
            (ContentDigest, "SHA-256=:AA==:"),
        ] {
            let header = digest.as_str();
            assert_eq!(
                check(digest, value, b""),
                Err(VerifyError::MalformedDigest { header }),
                "{value}"
            );
        }
        for digest in DigestHeader::ALL {
            let header = digest.as_str();
            let once = header_value(digest, DigestAlgorithm::Sha256, b"");
            assert_eq!(
                check(digest, &format!("{once}, {once}"), b""),
                Err(VerifyError::MalformedDigest { header })
            );
            assert_eq!(
                check(digest, "md5=:AA==:", b""),
                Err(VerifyError::UnsupportedDigestAlgorithm { header })
            );
        }
    }

    #[test]
    fn spaces_parameters_and_the_case_of_names_do_not_matter_where_the_grammar_says_so() {
        let value = header_value(Digest, DigestAlgorithm::Sha256, b"body");
        let base64 = value.strip_prefix("SHA-256=").unwrap();
        for value in [
            format!("md5=AA==,Sha-256={base64}"),
            format!("SHA-256= {base64} ;q=1"),
            format!(" sha-256 ={base64}\t"),
        ] {
            assert_eq!(check(Digest, &value, b"body"), Ok(()), "{value}");
        }
        let value = header_value(ContentDigest, DigestAlgorithm::Sha256, b"body");
        assert_eq!(
            check(ContentDigest, &format!("x=\"a, b\",{value};q=1"), b"body"),
            Ok(())
        );
    }
}
