//! What a simulated Upvest has to tell: events of a few entities, packed into deliveries, some of them bad.

mod plot;

use std::collections::BTreeSet;

use upvest::signature::{Headers, Profile, SignatureOptions, SignedRequest, SigningKey};

use crate::receiver::PATH;
use fake_aws::{Aws, Rng};

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
        let mut events = plot::events(rng);
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
