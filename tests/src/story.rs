//! What a simulated Upvest has to tell: events of a few entities, packed into deliveries, some of them bad.

use std::collections::BTreeSet;

use serde_json::json;
use upvest::signature::{Headers, Profile, SignatureOptions, SignedRequest, SigningKey};

use crate::aws::{Aws, Rng};
use crate::receiver::PATH;

/// One delivery of the story.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its headers, signature included.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
    /// The good events in it.
    pub events: Vec<String>,
    /// Whether Upvest signed it; a forged one looks the same from outside.
    pub genuine: bool,
}

/// The deliveries, in the order in which Upvest begins to send them.
#[derive(Debug, Clone)]
pub struct Story {
    /// All deliveries.
    pub deliveries: Vec<Delivery>,
    /// The keys that sign them; the second becomes known to the receiver only later.
    pub keys: [KeyPair; 2],
}

/// A verification key as the keys table holds it.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// The key's id.
    pub key_id: String,
    /// The public key, JSON.
    pub jwk: String,
}

impl KeyPair {
    /// Puts the key into the keys table.
    ///
    /// # Panics
    ///
    /// If the table does not take it.
    pub async fn import(&self, aws: &Aws) {
        use aws_sdk_dynamodb::types::AttributeValue::S;
        let put = aws
            .dynamodb()
            .put_item()
            .table_name("keys")
            .item("key_id", S(self.key_id.clone()));
        let put = put
            .item("profile", S("upvest-v6".to_owned()))
            .item("algorithm", S("ed25519".to_owned()));
        put.item("jwk", S(self.jwk.clone()))
            .send()
            .await
            .expect("the keys table takes a key");
    }
}

impl Story {
    /// Makes a story up.
    ///
    /// # Panics
    ///
    /// If a delivery cannot be signed.
    pub fn new(rng: &mut Rng) -> Self {
        let mut events = events(rng);
        let repeats: Vec<String> = events.iter().filter(|_| rng.chance(150)).cloned().collect();
        events.extend(repeats);
        if rng.chance(300) {
            let contradicted = events[rng.below(events.len())].clone();
            events.push(contradicted.replacen("\"object\":{", "\"object\":{\"contradicts\":true,", 1));
        }
        rng.shuffle(&mut events);
        let keys = [key("first", rng), key("second", rng)];
        let mut deliveries = Vec::new();
        let mut rest = events.as_slice();
        while !rest.is_empty() {
            let (batch, others) = rest.split_at((1 + rng.below(6)).min(rest.len()));
            rest = others;
            let signer = &keys[usize::from(rng.chance(250))];
            deliveries.push(delivery(batch, signer, true, rng));
            if rng.chance(150) {
                deliveries.push(delivery(&forged(batch), &key(signer.key_id(), rng), false, rng));
            }
        }
        let keys = keys.map(|key| KeyPair {
            key_id: key.key_id().to_owned(),
            jwk: serde_json::to_string(&key.to_jwk()).expect("a public key is JSON"),
        });
        Self { deliveries, keys }
    }

    /// All versions of all good events that Upvest itself sent.
    pub fn genuine_events(&self) -> BTreeSet<&str> {
        let genuine = self.deliveries.iter().filter(|delivery| delivery.genuine);
        genuine
            .flat_map(|delivery| delivery.events.iter().map(String::as_str))
            .collect()
    }
}

/// A key pair that depends on nothing but the seed.
fn key(key_id: &str, rng: &mut Rng) -> SigningKey {
    let mut seed = [0; 32];
    seed.chunks_mut(8)
        .for_each(|chunk| chunk.copy_from_slice(&rng.draw().to_be_bytes()));
    SigningKey::ed25519_from_seed(key_id, Profile::UpvestV6, &seed).expect("any 32 bytes are a key")
}

/// The same events under other ids: what a forger would like to see stored.
fn forged(events: &[String]) -> Vec<String> {
    events
        .iter()
        .map(|event| event.replacen("\"id\":\"", "\"id\":\"forged-", 1))
        .collect()
}

fn delivery(events: &[String], key: &SigningKey, genuine: bool, rng: &mut Rng) -> Delivery {
    let mut batch = events.to_vec();
    if rng.chance(150) {
        batch.insert(rng.below(batch.len() + 1), "{\"id\":\"no event\"}".to_owned());
    }
    let body = format!("{{\"payload\":[{}]}}", batch.join(",")).into_bytes();
    let mut components = ["@method", "@path", "digest", "content-type", "content-length"];
    rng.shuffle(&mut components);
    let mut headers: Headers = [("content-type", "application/json")].into_iter().collect();
    headers.push("content-length", body.len().to_string());
    let request = SignedRequest {
        method: "POST",
        path: PATH,
        query: None,
        headers: &headers,
        body: &body,
    };
    let signed = key
        .sign(&request, &SignatureOptions::new(components))
        .expect("the components are there");
    signed.apply_to(&mut headers);
    Delivery {
        headers,
        body,
        events: events.to_vec(),
        genuine,
    }
}

/// The events of a few orders, users and things unknown, each entity's in the order in which they happened.
fn events(rng: &mut Rng) -> Vec<String> {
    let mut events = Vec::new();
    for entity in 0..2 + rng.below(4) {
        match rng.below(4) {
            0 => user(entity, &mut events, rng),
            1 => unknown(entity, &mut events, rng),
            _ => order(entity, &mut events, rng),
        }
    }
    events
}

fn order(number: usize, events: &mut Vec<String>, rng: &mut Rng) {
    let id = format!("order-{number}");
    for status in ["NEW", "PROCESSING", "FILLED"].into_iter().take(1 + rng.below(3)) {
        tell(
            events,
            &format!("ORDER.{status}"),
            json!({ "id": id, "status": status }),
            rng,
        );
    }
    for execution in 0..rng.below(3) {
        let execution_id = format!("{id}-execution-{execution}");
        for status in ["FILLED", "SETTLED"].into_iter().take(1 + rng.below(2)) {
            let object = json!({
                "id": execution_id, "order_id": id, "status": status,
                "share_quantity": format!("{}.{}", rng.below(100), 1 + rng.below(999)),
                "cash_amount": format!("{}.01", rng.below(1000)),
            });
            tell(events, &format!("EXECUTION.{status}"), object, rng);
        }
    }
    if rng.chance(200) {
        let object = json!({ "order_id": id, "status": "REJECTED", "reason": "too late" });
        tell(events, "ORDER_CANCELLATION.REJECTED", object, rng);
    }
    if rng.chance(100) {
        tell(
            events,
            "ORDER.PROCESSING",
            json!({ "id": id, "status": "PROCESSING" }),
            rng,
        );
    }
    if rng.chance(100) {
        tell(events, "ORDER.NEW", json!({ "status": "of no order" }), rng);
    }
}

fn user(number: usize, events: &mut Vec<String>, rng: &mut Rng) {
    let id = format!("user-{number}");
    tell(
        events,
        "USER.CREATED",
        json!({ "id": id, "status": "INACTIVE" }),
        rng,
    );
    for (check_type, status) in [("KYC", "PASSED"), ("INSTRUMENT_FIT", "FAILED")] {
        let object = json!({ "id": format!("{id}-{check_type}"), "user_id": id, "type": check_type, "status": status });
        tell(events, &format!("USER_CHECK.{status}"), object, rng);
    }
    if rng.chance(700) {
        tell(
            events,
            "USER.ACTIVATED",
            json!({ "id": id, "status": "ACTIVE" }),
            rng,
        );
    }
}

fn unknown(number: usize, events: &mut Vec<String>, rng: &mut Rng) {
    for state in ["BORN", "GROWN"] {
        tell(
            events,
            &format!("DRAGON.{state}"),
            json!({ "id": format!("dragon-{number}") }),
            rng,
        );
    }
    tell(
        events,
        "FEE_COLLECTION.CREATED",
        json!({ "id": format!("fee-{number}") }),
        rng,
    );
}

fn tell(events: &mut Vec<String>, event_type: &str, object: serde_json::Value, rng: &mut Rng) {
    let (number, minute, nanosecond) = (events.len(), events.len() % 60, rng.below(1_000_000_000));
    events.push(format!(
        r#"{{"id":"event-{number}","created_at":"2026-01-01T00:{minute:02}:00.{nanosecond:09}Z","type":"{event_type}","object":{object}}}"#
    ));
}
