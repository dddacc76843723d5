//! What a simulated Upvest has to tell: events of a few entities, packed into deliveries, some of them bad.

mod plot;

use std::collections::BTreeSet;

use upvest::signature::{Dialect, Headers, Jwk, SignatureOptions, SigningKey};

use crate::deliveries::{body_of, sign_headers};
use fake_aws::Rng;

/// Holds one delivery of the story.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Holds the delivery's headers, signature included.
    pub headers: Headers,
    /// Holds the delivery's body, as it is posted.
    pub body: Vec<u8>,
    /// Lists the good events in it, each as JSON; the body may have bad ones beside them.
    pub events: Vec<String>,
    /// Tells whether Upvest signed the delivery, which a receiver must find out: a forged one looks the same.
    pub genuine: bool,
}

/// Holds what is delivered in a run of the simulation, and the keys that sign it.
#[derive(Debug, Clone)]
pub struct Story {
    /// Lists all deliveries, in the order in which Upvest begins to send them.
    pub deliveries: Vec<Delivery>,
    /// Holds the keys that sign them; the receiver comes to know the second only later.
    pub keys: [Jwk; 2],
}

impl Story {
    /// Makes a story up.
    ///
    /// # Panics
    ///
    /// If a delivery cannot be signed.
    pub fn new(rng: &mut Rng) -> Self {
        let mut events = plot::events(rng);
        let duplicates: Vec<String> = events.iter().filter(|_| rng.chance(150)).cloned().collect();
        events.extend(duplicates);
        if rng.chance(300) {
            let conflicting = events[rng.below(events.len())].clone();
            events.push(conflicting.replacen("\"object\":{", "\"object\":{\"conflicts\":true,", 1));
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
        let keys = keys.map(|key| key.to_jwk().expect("a key pair has a public half"));
        Self { deliveries, keys }
    }

    /// Lists all versions of all good events that Upvest itself sent.
    pub fn genuine_events(&self) -> BTreeSet<&str> {
        let genuine = self.deliveries.iter().filter(|delivery| delivery.genuine);
        genuine
            .flat_map(|delivery| delivery.events.iter().map(String::as_str))
            .collect()
    }
}

/// Makes a key pair that depends on nothing but the seed.
fn key(key_id: &str, rng: &mut Rng) -> SigningKey {
    let mut seed = [0; 32];
    seed.chunks_mut(8)
        .for_each(|chunk| chunk.copy_from_slice(&rng.draw().to_be_bytes()));
    SigningKey::ed25519_from_seed(key_id, Dialect::UnquotedDigest, &seed).expect("any 32 bytes are a key")
}

/// Writes the same events under other ids: what a forger would like to see stored.
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
    let body = body_of(&batch).into_bytes();
    let mut components = ["@method", "@path", "digest", "content-type", "content-length"];
    rng.shuffle(&mut components);
    let mut headers: Headers = [("content-type", "application/json")].into_iter().collect();
    headers.push("content-length", body.len().to_string());
    let headers = sign_headers(key, headers, &body, &SignatureOptions::new(components));
    Delivery {
        headers,
        body,
        events: events.to_vec(),
        genuine,
    }
}
