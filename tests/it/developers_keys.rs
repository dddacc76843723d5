//! Keys of developers: what they sign is made up, and nothing that is real.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use pipeline::environment::Environment;
use upvest::signature::{Dialect, SigningKey};
use verify_and_store::Policy;
use webhook_tests::deliveries::{body_of, event, import_key, import_secret, sign};
use webhook_tests::receiver::{CHANGES, Receiver};

use crate::support::{quarantine, receiver};

const KEY_ID: &str = "developer-ada";
const SECRET: &[u8] = b"sixteen bytes or more";
const MARKED: &str = "synthetic-1";

/// A receiver of this environment that has the key of a developer.
async fn of(environment: Environment) -> Receiver {
    let receiver = receiver(Policy::Flag).await.in_environment(environment);
    import_secret(&receiver.aws, KEY_ID, SECRET).await;
    receiver
}

fn order(id: &str) -> String {
    event(id, 1, "ORDER.FILLED", r#"{"id":"o1","status":"FILLED"}"#)
}

async fn deliver(receiver: &Receiver, key: &SigningKey, events: &[String]) {
    let body = body_of(events);
    let (status, answer) = receiver
        .post(&sign(key, body.as_bytes()), body.as_bytes())
        .await
        .unwrap();
    assert_eq!(status, 200, "{answer}");
    receiver.drain().await;
}

fn key() -> SigningKey {
    SigningKey::hmac(KEY_ID, Dialect::UnquotedDigest, SECRET.to_vec().into()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_a_developer_made_up_is_taken_where_no_money_moves_and_says_so() {
    for environment in [Environment::Local, Environment::Sandbox] {
        let receiver = of(environment).await;
        deliver(&receiver, &key(), &[order(MARKED)]).await;
        assert_eq!(receiver.stored("events"), [MARKED], "{environment}");
        assert_eq!(receiver.status("ORDER#o1").await.as_deref(), Some("FILLED"));
        let published = receiver.aws.published(CHANGES);
        let detail: serde_json::Value = serde_json::from_str(&published[0].detail).unwrap();
        assert_eq!(detail["event"]["synthetic"], true, "{detail}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_live_stack_knows_no_developers_key() {
    let receiver = of(Environment::Live).await;
    deliver(&receiver, &key(), &[order(MARKED)]).await;
    assert_eq!(receiver.stored("events"), [""; 0]);
    assert_eq!(quarantine(&receiver), ["unknown-key"]);
}

#[tokio::test(start_paused = true)]
async fn a_developers_key_proves_no_event_that_may_be_upvests() {
    let receiver = of(Environment::Sandbox).await;
    deliver(
        &receiver,
        &key(),
        &[order(MARKED), order("1a9eca6b-4294-4260-a20c-2a23e852f2a2")],
    )
    .await;
    assert_eq!(receiver.stored("events"), [""; 0]);
    assert_eq!(quarantine(&receiver), ["key-only-synthetic"]);
}

#[tokio::test(start_paused = true)]
async fn a_public_key_under_a_developers_id_proves_nothing() {
    let receiver = of(Environment::Sandbox).await;
    let pair = SigningKey::generate_ed25519("developer-eve", Dialect::UnquotedDigest).unwrap();
    import_key(&receiver.aws, pair.to_jwk().unwrap()).await;
    deliver(&receiver, &pair, &[order("1a9eca6b-4294-4260-a20c-2a23e852f2a2")]).await;
    assert_eq!(receiver.stored("events"), [""; 0]);
    assert_eq!(quarantine(&receiver), ["unknown-key"]);
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_does_not_say_what_it_is_for_is_live() {
    let deployed = |environment: Option<&str>| {
        let outputs = environment.map(|name| ("Environment".to_owned(), name.to_owned()));
        let aws = aws_config::SdkConfig::builder().build();
        operator::Stack::new(aws, Some("s".to_owned()), outputs).environment()
    };
    assert_eq!(deployed(None), Environment::Live);
    assert_eq!(deployed(Some("test")), Environment::Live);
    assert_eq!(deployed(Some("sandbox")), Environment::Sandbox);
}
