//! Runs the published test vectors of `events/vectors`.

#![expect(clippy::unwrap_used, reason = "a vector that cannot be read fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use upvest::signature::{
    Algorithm, Dialect, Headers, Jwk, SignedRequest, UnverifiedDelivery, VerifyError, VerifyingKey,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    #[serde(rename = "description")]
    _description: String,
    public_url: Option<String>,
    keys: Vec<Key>,
    method: String,
    path: String,
    query: Option<String>,
    headers: Headers,
    body: Option<String>,
    body_base64: Option<String>,
    received_at: Timestamp,
    strict_freshness: bool,
    expected: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    key_id: String,
    algorithm: Algorithm,
    jwk: Option<Jwk>,
    hmac_secret_base64: Option<String>,
    only: Option<Only>,
    retired_at: Option<Timestamp>,
    distrusted_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Only {
    Synthetic,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Expected {
    Verified {
        verified: bool,
        dialect: Dialect,
        freshness: String,
        signature_base: String,
    },
    Rejected {
        rejection: String,
    },
}

fn vectors() -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/vectors");
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let vector: Vector = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            assert_eq!(path.file_stem().unwrap().to_str().unwrap(), vector.name);
            vector
        })
        .collect()
}

impl Key {
    fn verifying(self) -> VerifyingKey {
        let key = match (self.jwk, self.hmac_secret_base64) {
            (Some(jwk), None) => VerifyingKey::from_jwk(&jwk.with_key_id(self.key_id)),
            (None, Some(secret)) => VerifyingKey::hmac(self.key_id, STANDARD.decode(secret).unwrap().into()),
            _ => panic!("a key has either a JWK or a secret"),
        };
        let key = key.unwrap();
        assert_eq!(key.algorithm(), self.algorithm);
        let key = match self.only {
            Some(Only::Synthetic) => key.only_synthetic(),
            None => key,
        };
        let key = match self.retired_at {
            Some(at) => key.retired(at),
            None => key,
        };
        match self.distrusted_at {
            Some(at) => key.distrusted(at),
            None => key,
        }
    }
}

fn outcome(vector: Vector) -> Expected {
    let keys: Vec<_> = vector.keys.into_iter().map(Key::verifying).collect();
    let origin = vector.public_url.map(|url| url.parse().unwrap());
    let body = vector.body.map(String::into_bytes);
    let body = body.unwrap_or_else(|| STANDARD.decode(vector.body_base64.unwrap()).unwrap());
    let request = SignedRequest {
        method: &vector.method,
        path: &vector.path,
        query: vector.query.as_deref(),
        headers: &vector.headers,
        body: &body,
    };
    let verified = UnverifiedDelivery::parse(request)
        .and_then(|delivery| {
            delivery
                .sent_to(origin.as_ref())
                .verify(&keys, vector.received_at)
        })
        .and_then(|verified| {
            if vector.strict_freshness {
                verified.require_fresh()
            } else {
                Ok(verified)
            }
        });
    match verified {
        Ok(verified) => Expected::Verified {
            verified: true,
            dialect: verified.dialect(),
            freshness: verified.freshness().to_string(),
            signature_base: verified.signature_base().to_owned(),
        },
        Err(rejection) => Expected::Rejected {
            rejection: rejection.reason().to_owned(),
        },
    }
}

#[test]
fn every_vector_has_its_expected_outcome() {
    for mut vector in vectors() {
        let name = vector.name.clone();
        let nothing = Expected::Rejected {
            rejection: String::new(),
        };
        let expected = std::mem::replace(&mut vector.expected, nothing);
        assert_eq!(outcome(vector), expected, "{name}");
    }
}

#[test]
fn every_rejection_reason_has_a_vector_and_every_vector_a_known_reason() {
    let reasons: BTreeSet<String> = vectors()
        .into_iter()
        .filter_map(|vector| match vector.expected {
            Expected::Rejected { rejection } => Some(rejection),
            Expected::Verified { .. } => None,
        })
        .collect();
    let known: BTreeSet<String> = VerifyError::ALL
        .iter()
        .map(|reason| (*reason).to_owned())
        .collect();
    assert_eq!(reasons, known);
}

#[test]
fn every_dialect_and_algorithm_has_a_vector_that_verifies() {
    let verified: BTreeSet<(Dialect, String)> = vectors()
        .into_iter()
        .filter_map(|vector| match vector.expected {
            Expected::Verified { dialect, .. } => Some((dialect, vector.keys[0].algorithm.to_string())),
            Expected::Rejected { .. } => None,
        })
        .collect();
    for dialect in Dialect::ALL {
        for algorithm in Algorithm::ALL {
            assert!(
                verified.contains(&(dialect, algorithm.to_string())),
                "{dialect} {algorithm}"
            );
        }
    }
}

#[test]
fn every_rejection_reason_is_documented() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/signatures.md");
    let page = fs::read_to_string(page).unwrap();
    for reason in VerifyError::ALL {
        assert!(page.contains(&format!("`{reason}`")), "{reason}");
    }
}
