//! Events written by hand, and the signed deliveries that bring them.

use fake_aws::Aws;
use jiff::Timestamp;
use pipeline::envelope::{Envelope, Request};
use pipeline::runtime::clock::Clock;
use pipeline::stores::keys::{HmacSecrets, KeysTable, Material, NewKey, secret_name};
use upvest::signature::{Dialect, Headers, Jwk, SignatureOptions, SignedRequest, SigningKey};
use uuid::Uuid;

use crate::receiver::PATH;

/// Gives the id of the key that signs the deliveries of tests.
pub const KEY_ID: &str = "key";

/// Gives the seed of the key that a receiver knows, unless a test says otherwise.
pub const KNOWN_SEED: u8 = 7;

/// Makes the key [`KEY_ID`] of a seed: another seed is another key under the same id, as a forger would have it.
///
/// # Panics
///
/// Never: any 32 bytes are a key.
pub fn signing_key(seed: u8) -> SigningKey {
    SigningKey::ed25519_from_seed(KEY_ID, Dialect::UnquotedDigest, &[seed; 32])
        .expect("any 32 bytes are a key")
}

/// Signs a delivery as Upvest does, over the method, the path and the digest of the body; returns all its headers.
///
/// # Panics
///
/// If the key cannot sign.
pub fn sign(key: &SigningKey, body: &[u8]) -> Headers {
    sign_with(
        key,
        body,
        &SignatureOptions::new(["@method", "@path", key.dialect().digest_header()]),
    )
}

/// Signs a delivery with these options: what is covered, from when, until when.
///
/// # Panics
///
/// If the options name a component that the delivery does not have.
pub fn sign_with(key: &SigningKey, body: &[u8], options: &SignatureOptions) -> Headers {
    let headers = [("content-type", "application/json")].into_iter().collect();
    sign_headers(key, headers, body, options)
}

/// Signs a delivery that has these headers already.
///
/// # Panics
///
/// If the options name a component that the delivery does not have.
pub fn sign_headers(
    key: &SigningKey,
    mut headers: Headers,
    body: &[u8],
    options: &SignatureOptions,
) -> Headers {
    let request = SignedRequest {
        method: "POST",
        path: PATH,
        query: None,
        headers: &headers,
        body,
    };
    key.sign(&request, options)
        .expect("the components are there")
        .apply_to(&mut headers);
    headers
}

/// Wraps a delivery as ingest does, under this id and as received at this time.
pub fn envelope(headers: &Headers, body: &[u8], delivery_id: Uuid, received_at: Timestamp) -> Envelope {
    Envelope {
        delivery_id,
        received_at,
        judged_at: None,
        request: Request {
            method: "POST".to_owned(),
            path: PATH.to_owned(),
            query: None,
            source_address: None,
            headers: Envelope::needed_headers(headers),
            header_names: Envelope::names_of(headers),
        },
        body: body.to_vec(),
    }
}

/// Packs events into the body of a delivery.
pub fn body_of(events: &[String]) -> String {
    format!(r#"{{"payload":[{}]}}"#, events.join(","))
}

/// Writes an event of some second of the first minute of 2026.
pub fn event(id: &str, second: u8, event_type: &str, object: &str) -> String {
    format!(
        r#"{{"id":"{id}","created_at":"2026-01-01T00:00:{second:02}Z","type":"{event_type}","object":{object}}}"#
    )
}

/// Writes the event `<order>-<second>` that takes an order to a status.
pub fn order(order: &str, second: u8, status: &str) -> String {
    whole("ORDER", order, second, status)
}

/// Writes the event `id` that takes the order `o1`, of the user `u1`, to a status.
pub fn event_of_o1(id: &str, second: u8, status: &str) -> String {
    let object = format!(r#"{{"id":"o1","status":"{status}","user_id":"u1"}}"#);
    event(id, second, &format!("ORDER.{status}"), &object)
}

/// Writes the event `<topup>-<second>` that takes a top-up to a status.
pub fn topup(topup: &str, second: u8, status: &str) -> String {
    whole("TOPUP", topup, second, status)
}

fn whole(category: &str, id: &str, second: u8, status: &str) -> String {
    let object = format!(r#"{{"id":"{id}","status":"{status}"}}"#);
    event(
        &format!("{id}-{second}"),
        second,
        &format!("{category}.{status}"),
        &object,
    )
}

/// Puts a public key into the keys table as an operator imports one, in place of the key that has its id.
///
/// # Panics
///
/// If the key has no id, or the table does not take it.
pub async fn import_key(aws: &Aws, key: Jwk) {
    let key_id = key.key_id().expect("a key has an id").to_owned();
    import(aws, key_id, Material::Public(key)).await;
}

/// Shares a secret with the receiver, as an operator imports one.
///
/// # Panics
///
/// If the table or Secrets Manager does not take it.
pub async fn import_secret(aws: &Aws, key_id: &str, secret: &[u8]) {
    let material = Material::Shared {
        secret: secret.to_vec().into(),
        secret_name: secret_name("upvest-webhooks", key_id),
    };
    import(aws, key_id.to_owned(), material).await;
}

async fn import(aws: &Aws, key_id: String, material: Material) {
    let now = aws.clock().clone();
    let clock = Clock::from_fn(move || now.timestamp());
    let table = KeysTable::new(aws.dynamodb().clone(), "keys".to_owned(), clock);
    let secrets = HmacSecrets::new(aws_sdk_secretsmanager::Client::new(aws.sdk_config()));
    let key = NewKey { key_id, material };
    let imported = table.import(&key, &secrets, true).await;
    imported.expect("the keys table takes a key");
}
