//! `events/deliveries/`, which `examples/write_deliveries.rs` writes.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use upvest::signature::{Freshness, Jwk, SignedRequest, UnverifiedDelivery, VerifyError, VerifyingKey};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/deliveries");

fn key() -> VerifyingKey {
    let text = std::fs::read_to_string(Path::new(FOLDER).join("test-key.jwk")).expect("the key");
    let jwk: Jwk = serde_json::from_str(&text).expect("a JWK");
    VerifyingKey::from_jwk(&jwk).expect("a valid key")
}

/// Verifies at the time at which API Gateway received it, and counts good events and all.
fn verify(name: &str) -> Result<(Freshness, usize, usize), VerifyError> {
    let text = std::fs::read_to_string(Path::new(FOLDER).join(name)).expect("a delivery");
    let payload: Value = serde_json::from_str(&text).expect("JSON");
    let headers = payload["headers"].as_object().expect("headers");
    let headers = headers
        .iter()
        .map(|(name, value)| (name, value.as_str().expect("text")))
        .collect();
    let body = payload["body"].as_str().expect("a body");
    let body = if payload["isBase64Encoded"] == true {
        STANDARD.decode(body).expect("base64")
    } else {
        body.as_bytes().to_vec()
    };
    let received = payload["requestContext"]["timeEpoch"].as_i64().expect("a time");
    let received = jiff::Timestamp::from_millisecond(received).expect("a time");
    let request = SignedRequest {
        method: "POST",
        path: payload["rawPath"].as_str().expect("a path"),
        query: None,
        headers: &headers,
        body: &body,
    };
    let verified = UnverifiedDelivery::parse(request)?.verify([&key()], received)?;
    let parts = upvest::split(verified.body()).unwrap_or_default();
    let good = parts.iter().filter(|part| part.event.is_ok()).count();
    Ok((verified.freshness(), good, parts.len()))
}

#[test]
fn each_committed_delivery_is_what_its_name_says() {
    let fresh = |good, all| Ok((Freshness::Fresh, good, all));
    let expected = [
        ("base64.json", fresh(1, 1)),
        ("no-json.json", fresh(0, 0)),
        ("one-malformed-event.json", fresh(2, 3)),
        ("order-again.json", fresh(7, 7)),
        ("order.json", fresh(7, 7)),
        ("tampered.json", Err("digest-mismatch")),
        ("unknown-category.json", fresh(1, 1)),
        ("unknown-key.json", Err("unknown-key")),
        ("unsigned.json", Err("missing-signature-input")),
        ("users.json", fresh(8, 8)),
    ];
    for (name, outcome) in &expected {
        assert_eq!(verify(name).map_err(|error| error.reason()), *outcome, "{name}");
    }
    let committed: BTreeSet<String> = std::fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    let named: BTreeSet<String> = expected.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(committed, named);
}
