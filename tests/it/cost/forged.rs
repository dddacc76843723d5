//! What a million requests of strangers cost, with thirty days of what they leave in quarantine.

use fake_aws::{Rng, Service};
use operator::cost::{CHUNK, US_EAST_1 as PRICES};
use upvest::delivery::MAX_BODY_BYTES;
use upvest::signature::{Dialect, Headers, SignatureOptions, SigningKey};
use verify_and_store::Policy;
use webhook_tests::receiver::Receiver;

use super::{INGEST, MILLION, VERIFY};
use crate::log_bytes;
use crate::support::{COVERED, key, receiver, sign_with};

/// Is what an HTTP API counts once for, in bytes.
const API_CHUNK: usize = 512 * 1024;
/// Prices a GB in S3 for a month, which is how long the quarantine keeps it.
const GB_MONTH: f64 = 0.023;
/// How often each kind is sent: the first of unknown keys asks for a fetch, which comes once a minute at most.
const REQUESTS: usize = 20;

/// Who a stranger claims to be.
#[derive(Clone, Copy, PartialEq)]
enum Claim {
    Unsigned,
    UnknownKey,
    BadSignature,
}

/// What a stranger sends.
struct Forgery {
    name: &'static str,
    claim: Claim,
    body: Vec<u8>,
}

/// What one request took.
struct Took {
    status: i64,
    usd_per_million: f64,
    requests: f64,
    invocations: f64,
    stored_bytes: f64,
}

/// Text that cannot be compressed into less than its alphabet allows.
fn noise(rng: &mut Rng, length: usize) -> Vec<u8> {
    (0..length).map(|_| b'!' + rng.below(93) as u8).collect()
}

fn forgeries(rng: &mut Rng) -> Vec<Forgery> {
    let small = noise(rng, 64_000);
    let large = noise(rng, 1_000_000);
    let zeros = vec![0; MAX_BODY_BYTES / 2];
    let forgery = |name, claim, body: &[u8]| Forgery {
        name,
        claim,
        body: body.to_vec(),
    };
    vec![
        forgery("no signature, 64 KB", Claim::Unsigned, &small),
        forgery("no signature, 1 MB", Claim::Unsigned, &large),
        forgery("unknown key, 64 KB", Claim::UnknownKey, &small),
        forgery("unknown key, 1 MB", Claim::UnknownKey, &large),
        forgery("bad signature, 64 KB", Claim::BadSignature, &small),
        forgery("bad signature, 1 MB", Claim::BadSignature, &large),
        forgery("unknown key, zeros", Claim::UnknownKey, &zeros),
        forgery("bad signature, zeros", Claim::BadSignature, &zeros),
    ]
}

impl Forgery {
    /// Signs request number `number`: each names a key of its own, where keys are invented.
    fn headers(&self, number: usize) -> Headers {
        let options = SignatureOptions::new(COVERED);
        match self.claim {
            Claim::Unsigned => [("content-type", "application/json")].into_iter().collect(),
            Claim::UnknownKey => {
                let id = format!("forged-{number}");
                let forger = SigningKey::ed25519_from_seed(&id, Dialect::UnquotedDigest, &[9; 32]).unwrap();
                sign_with(&forger, &self.body, &options)
            }
            Claim::BadSignature => sign_with(&key(), b"something else", &options),
        }
    }

    /// Sends it, each request by itself: nothing is shared with another.
    async fn bill(&self, receiver: &Receiver) -> Took {
        receiver.aws.clear_calls();
        let before = stored(receiver);
        let (mut usd, mut invocations, mut status) = (0.0, 0.0, 0);
        let mut invoke = |(ms, gb, bytes): (f64, f64, usize)| {
            invocations += 1.0;
            let gb_seconds = ms / 1_000.0 * gb;
            usd += PRICES.invocations / MILLION + gb_seconds * PRICES.gb_second;
            usd += bytes as f64 / 1e9 * PRICES.logs_gb;
        };
        for number in 0..REQUESTS {
            (status, _) = receiver.post(&self.headers(number), &self.body).await.unwrap();
            invoke(INGEST);
            while receiver.verify_and_store().await.is_some() {
                invoke(VERIFY);
            }
        }
        let chunks = |bytes: usize, chunk| bytes.div_ceil(chunk).max(1) as f64;
        usd += REQUESTS as f64 * chunks(self.body.len(), API_CHUNK) * PRICES.api / MILLION;
        usd += REQUESTS as f64 * log_bytes::ACCESS as f64 / 1e9 * PRICES.logs_gb;
        let calls = receiver.aws.calls();
        for call in &calls {
            let price = match (call.service, &*call.operation) {
                // What is sent is received, by a request that counts its bytes as well, and deleted.
                (Service::Sqs, "SendMessage") => {
                    (2.0 * chunks(call.bytes, CHUNK) + 1.0) * PRICES.sqs_standard
                }
                (Service::S3, "PutObject") => PRICES.s3_put,
                (Service::DynamoDb, "GetItem") => f64::from(call.half_units) / 2.0 * PRICES.read_units,
                (_, operation) => panic!("{} makes a {operation}", self.name),
            };
            usd += price / MILLION;
        }
        let stored_bytes = stored(receiver) - before;
        usd += stored_bytes / 1e9 * GB_MONTH;
        let each = |sum: f64| sum / REQUESTS as f64;
        Took {
            status,
            usd_per_million: each(usd) * MILLION,
            requests: each(calls.len() as f64),
            invocations: each(invocations),
            stored_bytes: each(stored_bytes),
        }
    }
}

/// The bytes of all that lies in S3.
fn stored(receiver: &Receiver) -> f64 {
    let objects = receiver.kept().into_values();
    objects.map(|object| object.bytes.len() as f64).sum()
}

#[tokio::test(start_paused = true)]
async fn a_million_forged_requests_cost_what_the_documentation_says() {
    let receiver = receiver(Policy::Flag).await;
    let mut table = String::new();
    for forgery in forgeries(&mut receiver.aws.rng()) {
        let took = forgery.bill(&receiver).await;
        let size = forgery.body.len() as f64;
        let times = took.stored_bytes / size;
        table += &format!(
            "| {} | {} | {:.0} | {:.0} | {times:.2} | {:.2} |\n",
            forgery.name, took.status, took.requests, took.invocations, took.usd_per_million
        );
        assert!(times <= 4.0 / 3.0 + 0.05, "{}: {times}", forgery.name);
        let budget = if forgery.body.len() <= 64_000 { 12.0 } else { 50.0 };
        let is_within = took.usd_per_million <= budget;
        assert!(is_within || forgery.body[0] == 0, "{table}");
    }
    println!("{table}");
    let documented = include_str!("../../../docs/security.md");
    assert!(documented.contains(&table), "docs/security.md lacks:\n{table}");
}
