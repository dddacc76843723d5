//! Deliveries in every dialect, under one key: accepted, archived with their dialect, and noted at the key.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::time::Duration;

use fake_aws::Service;
use pipeline::stores::archive::BAD_SIGNATURE;
use pipeline::stores::keys::{KeyRow, Keys};
use pipeline::verification::{Verdict, verify_again};
use upvest::signature::{Dialect, Headers, SignatureOptions, SigningKey};
use verify_and_store::Policy;
use webhook_tests::deliveries::{KEY_ID, KNOWN_SEED, body_of, sign, sign_headers};
use webhook_tests::receiver::Receiver;

use crate::support::{deliver_with, event, receiver};

fn signer(dialect: Dialect, seed: u8) -> SigningKey {
    SigningKey::ed25519_from_seed(KEY_ID, dialect, &[seed; 32]).unwrap()
}

fn body(id: &str) -> Vec<u8> {
    body_of(&[event(
        id,
        "ORDER.NEW",
        &format!(r#"{{"id":"{id}","status":"NEW"}}"#),
    )])
    .into_bytes()
}

async fn deliver_in(receiver: &Receiver, dialect: Dialect, seed: u8, id: &str) {
    let body = body(id);
    deliver_with(receiver, &sign(&signer(dialect, seed), &body), &body).await;
}

fn keys(receiver: &Receiver) -> Keys {
    let secrets = aws_sdk_secretsmanager::Client::new(receiver.aws.sdk_config());
    let dynamodb = receiver.aws.dynamodb().clone();
    Keys::new(dynamodb, secrets, "keys".to_owned(), receiver.clock())
}

async fn row_of_the_key(receiver: &Receiver) -> KeyRow {
    let [key_id] = &receiver.stored("keys")[..] else {
        panic!("one key")
    };
    receiver.key_row(key_id).await
}

async fn dialects_of_the_key(receiver: &Receiver) -> Vec<String> {
    row_of_the_key(receiver).await.dialects
}

#[tokio::test(start_paused = true)]
async fn every_dialect_is_taken_under_one_key_and_verifies_again() {
    let receiver = receiver(Policy::Flag).await;
    for (number, dialect) in Dialect::ALL.into_iter().enumerate() {
        deliver_in(&receiver, dialect, KNOWN_SEED, &format!("e{number}")).await;
        // Keys of the archive sort by the time of receipt.
        receiver.aws.clock().advance(Duration::from_millis(1));
    }
    assert_eq!(receiver.stored("events"), ["e0", "e1", "e2", "e3"]);
    let archived = receiver.verified_deliveries();
    let noted: Vec<_> = archived
        .iter()
        .map(|delivery| delivery.dialect.unwrap())
        .collect();
    assert_eq!(noted, Dialect::ALL);
    let keys = keys(&receiver);
    for mut delivery in archived {
        assert!(matches!(
            verify_again(&keys, &delivery).await.unwrap(),
            Verdict::Holds(_)
        ));
        // Another dialect than the one it was proven in does not prove it.
        let other = Dialect::ALL
            .into_iter()
            .find(|dialect| Some(*dialect) != delivery.dialect);
        delivery.dialect = other;
        assert!(matches!(
            verify_again(&keys, &delivery).await.unwrap(),
            Verdict::Rejected { .. }
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn a_forged_delivery_is_refused_in_every_dialect() {
    for dialect in Dialect::ALL {
        let receiver = receiver(Policy::Flag).await;
        deliver_in(&receiver, dialect, KNOWN_SEED + 1, "e1").await;
        assert_eq!(receiver.stored("events"), [""; 0], "{dialect}");
        assert_eq!(receiver.verified(), [""; 0], "{dialect}");
        let reasons = receiver.quarantine_reasons();
        assert!(reasons.iter().all(|reason| reason == BAD_SIGNATURE), "{dialect}");
        assert_eq!(dialects_of_the_key(&receiver).await, [""; 0], "{dialect}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_remembers_its_dialects_and_when_it_last_proved_a_delivery() {
    let receiver = receiver(Policy::Flag).await;
    let updates = || receiver.aws.count(Service::DynamoDb, "UpdateItem");
    let before = updates();
    deliver_in(&receiver, Dialect::UnquotedDigest, KNOWN_SEED, "e1").await;
    deliver_in(&receiver, Dialect::UnquotedDigest, KNOWN_SEED, "e2").await;
    assert_eq!(dialects_of_the_key(&receiver).await, ["unquoted-digest"]);
    deliver_in(&receiver, Dialect::QuotedDigest, KNOWN_SEED, "e3").await;
    deliver_in(&receiver, Dialect::UnquotedDigest, KNOWN_SEED, "e4").await;
    assert_eq!(
        dialects_of_the_key(&receiver).await,
        ["quoted-digest", "unquoted-digest"]
    );
    let noted = row_of_the_key(&receiver).await.last_proved;
    assert!(noted.is_some());
    receiver.aws.clock().advance(Duration::from_secs(3_700));
    deliver_in(&receiver, Dialect::UnquotedDigest, KNOWN_SEED, "e5").await;
    assert_eq!(
        dialects_of_the_key(&receiver).await,
        ["unquoted-digest", "quoted-digest"]
    );
    assert_ne!(row_of_the_key(&receiver).await.last_proved, noted);
    assert!(updates() >= before + 3);
}

#[tokio::test(start_paused = true)]
async fn the_names_of_all_headers_are_archived_and_their_values_are_not() {
    let receiver = receiver(Policy::Flag).await;
    let body = body("e1");
    let headers = Headers::from_iter([
        ("content-type", "application/json"),
        ("Host", "hooks.example"),
        ("upvest-signature-version", "6"),
        ("authorization", "Bearer s3cret"),
    ]);
    let options = SignatureOptions::new(["@method", "@path", "digest"]);
    let headers = sign_headers(
        &signer(Dialect::UnquotedDigest, KNOWN_SEED),
        headers,
        &body,
        &options,
    );
    deliver_with(&receiver, &headers, &body).await;
    let request = receiver.verified_deliveries().remove(0).envelope.request;
    assert!(request.header_names.contains(&"authorization".to_owned()));
    assert_eq!(request.headers.combined("authorization"), None);
    assert_eq!(request.headers.combined("host").as_deref(), Some("hooks.example"));
    assert_eq!(
        request.headers.combined("upvest-signature-version").as_deref(),
        Some("6")
    );
}
