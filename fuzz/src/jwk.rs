//! A JSON Web Key, as Upvest serves it or an operator imports it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use upvest::signature::{Algorithm, Headers, Jwk, SignedRequest, UnverifiedDelivery, VerifyingKey};

const KEY_ID: &str = "made-up";
const BODY: &[u8] = b"{}";

/// Reads a key, writes it, and lets it judge signatures that nobody made with a private key.
///
/// # Panics
///
/// When private material is taken, when a key does not come back as it was written, and when it proves what anybody can
/// make up.
pub fn run(data: &[u8]) {
    let Ok(jwk) = serde_json::from_slice::<Jwk>(data) else {
        return;
    };
    if let Ok(Value::Object(members)) = serde_json::from_slice(data) {
        let is_private = |name: &str| members.get(name).is_some_and(|value| !value.is_null());
        assert!(!is_private("d") && !is_private("k"), "private material is taken");
    }
    let written = serde_json::to_string(&jwk).expect("a key can be written");
    let again: Jwk = serde_json::from_str(&written).expect("what was written can be read");
    assert_eq!(again, jwk);
    assert_eq!(again.thumbprint(), jwk.thumbprint());
    assert_eq!(jwk.thumbprint().len(), 43, "SHA-256 in base64url");

    let named = jwk.with_key_id(KEY_ID);
    let key = VerifyingKey::from_jwk(&named).expect("a valid key verifies");
    for forged in forgeries(named.algorithm()) {
        assert!(!is_proven_by(&key, &forged), "what anybody can make up is proven");
    }
}

/// Lists signatures that hold under a weak key, or where a check of their numbers is missing.
fn forgeries(algorithm: Algorithm) -> Vec<Vec<u8>> {
    match algorithm {
        // R is the neutral element, S is zero: holds for each text where the key has order 1, for some where it has a small one.
        Algorithm::Ed25519 => {
            let mut neutral = vec![0; 64];
            neutral[0] = 1;
            vec![neutral, vec![0; 64]]
        }
        // r and s are zero, in DER; and what is no signature at all.
        _ => vec![vec![0x30, 6, 2, 1, 0, 2, 1, 0], Vec::new()],
    }
}

fn is_proven_by(key: &VerifyingKey, signature: &[u8]) -> bool {
    let digest = format!("SHA-256={}", STANDARD.encode(Sha256::digest(BODY)));
    let at = Timestamp::UNIX_EPOCH;
    // Several texts: under a key of order eight a forgery holds for one in eight.
    (0..32).any(|nonce| {
        let input = format!(r#"sig1=("@method" "@path" "digest");keyid="{KEY_ID}";nonce="{nonce}""#);
        let headers = Headers::from_iter([
            ("digest", digest.clone()),
            ("signature-input", input),
            ("signature", format!("sig1=:{}:", STANDARD.encode(signature))),
        ]);
        let request = SignedRequest {
            method: "POST",
            path: "/",
            query: None,
            headers: &headers,
            body: BODY,
        };
        let delivery = UnverifiedDelivery::parse(request).expect("the headers are well-formed");
        delivery.verify([key], at).is_ok()
    })
}
