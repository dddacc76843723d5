//! What Upvest accepts as signed by us, and what it says when it does not.

use serde_json::json;
use upvest_api::{Clock, Hint, Options};
use upvest_simulator::{ApiClient, ApiCredentials};

use crate::upvest::{Upvest, client, options, start_of_time};

const SECRET: &str = "a secret that needs + encoding & more =%";
const KEYS: [(&str, &str, Option<&str>); 6] = [
    ("P-521", include_str!("../keys/p521.pem"), None),
    (
        "P-521, encrypted",
        include_str!("../keys/p521.encrypted.pem"),
        Some("correct-horse"),
    ),
    (
        "P-521, as ecparam writes it",
        include_str!("../keys/p521.sec1.pem"),
        None,
    ),
    (
        "P-521, as Upvest's guide has it made",
        include_str!("../keys/p521.sec1.aes256.pem"),
        Some("correct-horse"),
    ),
    ("Ed25519", include_str!("../keys/ed25519.pem"), None),
    (
        "Ed25519, encrypted",
        include_str!("../keys/ed25519.scrypt.pem"),
        Some("correct-horse"),
    ),
];

/// The public halves, as OpenSSL wrote them.
fn public_key(name: &str) -> upvest::signature::Jwk {
    let jwk = match name.starts_with("P-521") {
        true => include_str!("../keys/p521.jwk"),
        false => include_str!("../keys/ed25519.jwk"),
    };
    serde_json::from_str(jwk).unwrap()
}

#[tokio::test]
async fn every_kind_of_key_signs_what_upvest_accepts() {
    for (name, pem, passphrase) in KEYS {
        let registered = ApiClient {
            client_id: "5ec16164-6173-461d-b90d-116d68f55b40".to_owned(),
            client_secret: SECRET.to_owned(),
            key_id: "key-1".to_owned(),
            public_key: public_key(name),
        };
        let mut document = json!({"client_id": registered.client_id, "client_secret": SECRET,
                                  "key_id": registered.key_id, "private_key": pem});
        if let Some(passphrase) = passphrase {
            document["private_key_passphrase"] = json!(passphrase);
        }
        let upvest = Upvest::start_with(upvest_simulator::Options {
            api_clients: vec![registered],
            ..upvest_simulator::Options::default()
        })
        .await;
        document["base_url"] = json!(upvest.base_url);
        let keys = client(&document, options()).verify_keys().await;
        assert_eq!(keys.unwrap().usable.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn the_keys_that_come_are_those_that_sign_deliveries() {
    let upvest = Upvest::start().await;
    let client = upvest.client();
    let before = client.verify_keys().await.unwrap();
    upvest
        .simulator
        .rotate_key(std::time::Duration::from_secs(60))
        .unwrap();
    let during = client.verify_keys().await.unwrap();
    assert_eq!(during.usable.len(), 2);
    assert_eq!(during.usable[1], before.usable[0]);
    upvest.simulator.rotate_key(std::time::Duration::ZERO).unwrap();
    let after = client.verify_keys().await.unwrap();
    assert_eq!(after.usable, upvest.simulator.verify_keys().keys);
    assert!(after.unusable.is_empty());
}

#[tokio::test]
async fn a_key_that_is_not_registered_is_told() {
    let upvest = Upvest::start().await;
    let mut document = upvest.document();
    let other = ApiCredentials::generate()
        .unwrap()
        .to_json(&upvest.base_url)
        .unwrap();
    let other: serde_json::Value = serde_json::from_str(&other).unwrap();
    document["private_key"] = other["private_key"].clone();
    let error = client(&document, options()).verify_keys().await.unwrap_err();
    assert_eq!(error.hint(), Some(Hint::ClientOrKey));
    let hint = error.hint().unwrap().to_string();
    assert!(hint.contains("not registered at Upvest under key_id"), "{hint}");
    assert!(error.problem().unwrap().request_id.is_some());
}

#[tokio::test]
async fn a_clock_that_differs_from_upvests_is_told() {
    let upvest = Upvest::start_with(upvest_simulator::Options {
        clock: upvest_simulator::Clock::from_fn(start_of_time),
        ..upvest_simulator::Options::default()
    })
    .await;
    for (ahead, words) in [(95, "95 s ahead of"), (-3600, "3600 s behind")] {
        let now = start_of_time() + jiff::SignedDuration::from_secs(ahead);
        let client = upvest.client_with(Options {
            clock: Clock::from_fn(move || now),
            ..options()
        });
        let error = client.verify_keys().await.unwrap_err();
        assert_eq!(error.hint(), Some(Hint::ClockSkew { ahead_seconds: ahead }));
        let hint = error.hint().unwrap().to_string();
        assert!(hint.contains(words) && hint.contains("set the clock"), "{hint}");
    }
}
