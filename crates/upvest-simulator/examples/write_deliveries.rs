//! Writes `events/deliveries/`: whole deliveries as API Gateway hands them to a function (HTTP API, payload 2.0).
//!
//! `cargo run -p upvest-simulator --example write_deliveries`
//!
//! ECDSA signatures are random, so every run writes other ones. They are made with the published test key, whose
//! public part is written beside them.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use upvest::signature::{SIGNATURE_LIFETIME, SigningKey};
use upvest_simulator::{DeliverySigner, SignedDelivery, generate_key, published_test_key, read_events};

const PATH: &str = "/webhooks/upvest";
const CREATED: &str = "2026-01-05T17:00:00Z";
/// One of the addresses that Upvest documents for its sandbox.
const SOURCE_ADDRESS: &str = "34.90.198.99";

struct Writer {
    root: PathBuf,
    created: Timestamp,
    random: fastrand::Rng,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut writer = Writer {
        root: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events"),
        created: CREATED.parse()?,
        random: fastrand::Rng::with_seed(1),
    };
    let key = published_test_key()?;
    writer.write("test-key.jwk", &json!(key.to_jwk()))?;
    writer.write_genuine(&key)?;
    writer.write_rejected(&key)
}

impl Writer {
    fn write_genuine(&mut self, key: &SigningKey) -> Result<(), Box<dyn Error>> {
        let users = self.body("01-erika-opens-an-account")?;
        let order = self.body("04-an-order-is-filled-in-two-executions")?;
        let report = self.body("09-a-report-is-ready")?;
        let unknown = self.body("10-a-category-that-nobody-knows-yet")?;
        let deposit = self.body("03-erika-deposits-money")?;
        let malformed = deposit.replacen(r#""id":"#, r#""no_id":"#, 1);
        for (name, body) in [
            ("users", users),
            ("order", order.clone()),
            ("order-again", order),
            ("unknown-category", unknown),
            ("one-malformed-event", malformed),
            ("no-json", "hello".to_owned()),
        ] {
            let delivery = self.sign(key, &body)?;
            self.write(&format!("{name}.json"), &payload(&delivery, false))?;
        }
        let delivery = self.sign(key, &report)?;
        self.write("base64.json", &payload(&delivery, true))
    }

    fn write_rejected(&mut self, key: &SigningKey) -> Result<(), Box<dyn Error>> {
        let body = self.body("08-erika-withdraws-money")?;
        let mut tampered = self.sign(key, &body)?;
        tampered.body = body.replace("200.00", "900.00").into_bytes();
        self.write("tampered.json", &payload(&tampered, false))?;
        let mut unsigned = self.sign(key, &body)?;
        unsigned.headers.remove("signature");
        unsigned.headers.remove("signature-input");
        self.write("unsigned.json", &payload(&unsigned, false))?;
        let stranger = self.sign(&generate_key()?, &body)?;
        self.write("unknown-key.json", &payload(&stranger, false))
    }

    fn body(&self, story: &str) -> Result<String, Box<dyn Error>> {
        let events = read_events(&self.root.join(format!("samples/{story}.json")))?;
        Ok(format!(r#"{{"payload":[{}]}}"#, events.join(",")))
    }

    fn sign(&mut self, key: &SigningKey, body: &str) -> Result<SignedDelivery, Box<dyn Error>> {
        let signer = DeliverySigner {
            key,
            path: PATH,
            query: None,
            lifetime: SIGNATURE_LIFETIME,
        };
        Ok(signer.sign(body.as_bytes().to_vec(), self.created, &mut self.random)?)
    }

    fn write(&self, name: &str, value: &Value) -> Result<(), Box<dyn Error>> {
        let path = self.root.join("deliveries").join(name);
        Ok(fs::write(path, format!("{value:#}\n"))?)
    }
}

fn payload(delivery: &SignedDelivery, base64: bool) -> Value {
    let mut headers: Map<String, Value> = delivery
        .headers
        .iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    headers.insert(
        "host".to_owned(),
        json!("example.execute-api.eu-central-1.amazonaws.com"),
    );
    headers.insert("x-forwarded-for".to_owned(), json!(SOURCE_ADDRESS));
    let body = if base64 {
        STANDARD.encode(&delivery.body)
    } else {
        String::from_utf8_lossy(&delivery.body).into_owned()
    };
    json!({
        "version": "2.0",
        "routeKey": format!("POST {PATH}"),
        "rawPath": PATH,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "example",
            "domainName": "example.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "example",
            "http": {
                "method": "POST",
                "path": PATH,
                "protocol": "HTTP/1.1",
                "sourceIp": SOURCE_ADDRESS,
                "userAgent": ""
            },
            "requestId": "ExampleRequest=",
            "routeKey": format!("POST {PATH}"),
            "stage": "$default",
            "time": "05/Jan/2026:17:00:01 +0000",
            "timeEpoch": 1_767_632_401_000_u64
        },
        "body": body,
        "isBase64Encoded": base64
    })
}
