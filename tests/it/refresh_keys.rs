//! refresh-keys against a simulated Upvest, and the receiver that asks it for keys.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod changed;
mod deploying;
mod pinned;
mod requests;
mod sending_on;

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::routing::{get, post};
use fake_aws::lambda::{EventSource, Settlement};
use fake_aws::{Aws, QueueSettings};
use pipeline::error::ErrorChain;
use pipeline::queues::key_requests::KeyRequests;
use pipeline::stores::audit::AuditLog;
use pipeline::stores::keys::{KeyRow, KeysTable};
use refresh_keys::{Deps, RefreshError, Tries};
use serde_json::{Value, json};
use upvest::signature::{Dialect, SignatureOptions, SigningKey};
use upvest_simulator::{Subscription, Trouble, generate};
use verify_and_store::Policy;
use webhook_tests::deliveries::import_key;
use webhook_tests::receiver::{DELIVERIES_DLQ, KEY_REQUESTS, KEY_REQUESTS_DLQ, PATH, Receiver};

use crate::support::{COVERED, sign_with};
use crate::upvest::{Log, SECRET, Server, Upvest, access, clock, secrets};

/// Holds a receiver that asks for keys, the function that it asks, and Upvest.
pub(crate) struct World {
    pub(crate) receiver: Receiver,
    refresh: Deps,
    upvest: Upvest,
}

impl World {
    pub(crate) async fn new() -> Self {
        let (receiver, queue) = Receiver::new(1, Policy::Flag).with_key_requests();
        let aws = &receiver.aws;
        let upvest = Upvest::start_in_time_of(aws).await;
        let refresh = Deps {
            queue,
            upvest: access(aws),
            keys: KeysTable::new(aws.dynamodb().clone(), "keys".to_owned(), clock(aws)),
            audit: AuditLog::new(aws.dynamodb().clone(), "audit".to_owned(), clock(aws)),
            waiting: receiver.waiting_for_keys(),
            tries: Tries {
                within: Duration::from_secs(20),
                pause: Duration::from_millis(20),
            },
        };
        Self {
            receiver,
            refresh,
            upvest,
        }
    }

    fn aws(&self) -> &Aws {
        &self.receiver.aws
    }

    fn advance(&self, seconds: u64) {
        self.aws().clock().advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn scheduled(&self) -> Result<Value, RefreshError> {
        refresh_keys::handle(&self.refresh, json!({ "detail-type": "Scheduled Event" })).await
    }

    /// Lets Lambda poll the key requests queue once; `None` when nothing is visible.
    async fn requested(&self) -> Option<Settlement> {
        let source = EventSource::new(KEY_REQUESTS, "refresh-keys");
        let handle = async |event| {
            let event = serde_json::to_value(event).unwrap();
            let answer = refresh_keys::handle(&self.refresh, event).await?;
            Ok::<_, RefreshError>(serde_json::from_value(answer).unwrap())
        };
        source.deliver(self.aws(), handle).await
    }

    pub(crate) fn key_id(&self) -> String {
        self.upvest.simulator.state().key_id
    }

    async fn row(&self, key_id: &str) -> KeyRow {
        self.receiver.key_row(key_id).await
    }

    /// Writes a row as the store never does: by another version, or by hand.
    pub(crate) async fn put(&self, row: KeyRow) {
        self.receiver.put_key_row(&row).await;
    }

    /// Has Upvest deliver generated events, and the receiver take the deliveries in.
    pub(crate) async fn deliver(&self, endpoint: &Server, seed: u64, count: usize) -> BTreeSet<String> {
        let before = endpoint.taken().len();
        let mut ids = BTreeSet::new();
        for event in generate(seed, count) {
            let parsed: Value = serde_json::from_str(&event).unwrap();
            ids.insert(parsed["id"].as_str().unwrap().to_owned());
            self.upvest.simulator.queue(&event).unwrap();
        }
        self.upvest.simulator.delivered().await;
        for taken in &endpoint.taken()[before..] {
            let answer = self.receiver.post(&taken.headers, &taken.body).await;
            assert_eq!(answer.unwrap().0, 200);
        }
        ids
    }

    pub(crate) async fn subscribe(&self) -> Server {
        let endpoint = Server::start().await;
        let url = format!("{}{PATH}", endpoint.base_url);
        let subscription = Subscription {
            max_package_size: 4_000,
            ..Subscription::new("s", url.parse().unwrap())
        };
        self.upvest.simulator.subscribe(subscription).unwrap();
        endpoint
    }

    /// Posts a delivery that claims to be signed with this key.
    async fn forge(&self, key_id: &str) {
        let key = SigningKey::ed25519_from_seed(key_id, Dialect::UnquotedDigest, &[9; 32]).unwrap();
        let body = br#"{"payload":[]}"#;
        let headers = sign_with(&key, body, &SignatureOptions::new(COVERED));
        assert_eq!(self.receiver.post(&headers, body).await.unwrap().0, 200);
    }
}

fn stored_events(receiver: &Receiver) -> BTreeSet<String> {
    receiver.stored("events").into_iter().collect()
}

fn in_quarantine(aws: &Aws) -> usize {
    aws.objects("quarantine").len()
}

#[tokio::test]
async fn a_new_key_is_added_and_a_known_one_is_seen_again() {
    let world = World::new().await;
    let counts = world.scheduled().await.unwrap();
    assert_eq!((&counts["new"], &counts["known"]), (&json!(1), &json!(0)));
    let added = world.row(&world.key_id()).await;
    assert_eq!(added.algorithm.as_deref(), Some("ecdsa-p521-sha512"));
    assert_eq!(added.source.as_deref(), Some("upvest"));
    assert_eq!(added.first_seen.as_deref(), Some("2026-01-01T00:00:00Z"));
    let jwk: Value = serde_json::from_str(added.jwk.as_deref().unwrap()).unwrap();
    assert_eq!(jwk["kid"], world.key_id());

    world.advance(3600);
    let counts = world.scheduled().await.unwrap();
    assert_eq!((&counts["new"], &counts["known"]), (&json!(0), &json!(1)));
    let seen = world.row(&world.key_id()).await;
    assert_eq!(seen.last_seen.as_deref(), Some("2026-01-01T01:00:00Z"));
    assert_eq!((seen.first_seen, seen.jwk), (added.first_seen, added.jwk));
}

#[tokio::test]
async fn a_key_that_is_served_no_longer_is_retired_once_and_kept() {
    let world = World::new().await;
    world.scheduled().await.unwrap();
    let old = world.key_id();
    world
        .upvest
        .simulator
        .rotate_key(Duration::from_secs(600))
        .unwrap();
    let counts = world.scheduled().await.unwrap();
    assert_eq!((&counts["new"], &counts["retired"]), (&json!(1), &json!(0)));

    world.advance(600);
    assert_eq!(world.scheduled().await.unwrap()["retired"], 1);
    world.advance(3600);
    assert_eq!(world.scheduled().await.unwrap()["retired"], 0);
    let row = world.row(&old).await;
    assert_eq!(row.retired_at.as_deref(), Some("2026-01-01T00:10:00Z"));
    assert_eq!(row.last_seen.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert!(row.jwk.is_some());
    assert!(!world.row(&world.key_id()).await.is_retired());
}

#[tokio::test]
async fn a_retired_key_that_is_served_again_is_in_use_again() {
    let world = World::new().await;
    world.scheduled().await.unwrap();
    let id = world.key_id();
    let retired = KeyRow {
        retired_at: Some("2025-12-31T00:00:00Z".to_owned()),
        last_seen: None,
        ..world.row(&id).await
    };
    world.put(retired).await;
    assert_eq!(world.scheduled().await.unwrap()["returned"], 1);
    let row = world.row(&id).await;
    assert!(!row.is_retired() && row.last_seen.is_some());
}

#[tokio::test]
async fn a_fetch_that_drops_every_key_retires_none_and_the_next_one_does() {
    let world = World::new().await;
    world.scheduled().await.unwrap();
    let old = world.key_id();
    world.upvest.simulator.rotate_key(Duration::ZERO).unwrap();
    let log = Log::default();
    let logged = log.keep();
    let counts = world.scheduled().await.unwrap();
    drop(logged);
    let counts = ["new", "retired", "spared"].map(|name| counts[name].as_u64().unwrap());
    assert_eq!(counts, [1, 0, 1]);
    assert!(!world.row(&old).await.is_retired());
    let text = log.text();
    assert!(
        text.contains("no key was retired") && text.contains(&old),
        "{text}"
    );

    world.advance(3600);
    let counts = world.scheduled().await.unwrap();
    assert_eq!((&counts["retired"], &counts["spared"]), (&json!(1), &json!(0)));
    assert!(world.row(&old).await.is_retired());
}

#[tokio::test]
async fn an_imported_key_under_a_served_id_is_never_changed() {
    let world = World::new().await;
    let id = world.key_id();
    let other = upvest_simulator::generate_key().unwrap();
    import_key(world.aws(), other.to_jwk().unwrap().with_key_id(&id)).await;
    let before = world.row(&id).await;
    assert_eq!(world.scheduled().await.unwrap()["conflicting"], 1);
    assert_eq!(world.row(&id).await, before);
}

#[tokio::test]
async fn keys_of_the_operator_are_left_alone() {
    let world = World::new().await;
    let imported = upvest_simulator::generate_key().unwrap();
    import_key(world.aws(), imported.to_jwk().unwrap().with_key_id("imported")).await;
    let smoke = KeyRow {
        key_id: "smoke".to_owned(),
        algorithm: Some("hmac-sha256".to_owned()),
        secret: Some("arn".to_owned()),
        source: Some("import".to_owned()),
        ..KeyRow::default()
    };
    world.put(smoke).await;
    // The key that Upvest serves, imported by hand before.
    let served = world.upvest.simulator.verify_keys().keys.remove(0);
    let by_hand = KeyRow {
        key_id: world.key_id(),
        jwk: Some(serde_json::to_string(&served).unwrap()),
        source: Some("import".to_owned()),
        ..KeyRow::default()
    };
    world.put(by_hand).await;
    let before = world.aws().items("keys");
    let counts = world.scheduled().await.unwrap();
    assert_eq!((&counts["known"], &counts["retired"]), (&json!(1), &json!(0)));
    assert_eq!(world.aws().items("keys"), before);
}

#[tokio::test]
async fn a_failing_fetch_keeps_all_keys_and_fails_the_invocation() {
    let world = World::new().await;
    world.scheduled().await.unwrap();
    let before = world.aws().items("keys");
    world.upvest.simulator.add_trouble(Trouble {
        answers: 100,
        status: Some(503),
        ..Trouble::default()
    });
    assert!(matches!(
        world.scheduled().await.unwrap_err(),
        RefreshError::Access(_)
    ));
    world.upvest.simulator.clear_trouble();
    world.aws().create_secret(SECRET, b"{}");
    world.advance(301);
    let error = world.scheduled().await.unwrap_err().explain();
    assert!(error.contains("lack client_id"), "{error}");
    assert_eq!(world.aws().items("keys"), before);
}

#[tokio::test]
async fn an_answer_without_usable_keys_retires_none() {
    let world = World::new().await;
    world.scheduled().await.unwrap();
    let before = world.aws().items("keys");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let token = json!({ "access_token": "token", "expires_in": 1799, "token_type": "bearer" });
    let router = Router::new()
        .route("/auth/token", post(async move || Json(token)))
        .route(
            "/auth/verify_keys",
            get(async || Json(json!({ "keys": [{ "kid": "k", "kty": "RSA" }] }))),
        );
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut credentials = world.upvest.credentials();
    credentials["base_url"] = base_url.into();
    world
        .aws()
        .create_secret(SECRET, credentials.to_string().as_bytes());
    world.advance(301);
    assert!(matches!(
        world.scheduled().await.unwrap_err(),
        RefreshError::NoUsableKeys { entries: 1 }
    ));
    assert_eq!(world.aws().items("keys"), before);
}

#[tokio::test]
async fn a_retired_key_still_verifies() {
    let world = World::new().await;
    world.scheduled().await.unwrap();
    let (old, endpoint) = (world.key_id(), world.subscribe().await);
    let ids = world.deliver(&endpoint, 1, 5).await;
    world.upvest.simulator.rotate_key(Duration::ZERO).unwrap();
    for _ in 0..2 {
        world.scheduled().await.unwrap();
    }
    assert!(world.row(&old).await.is_retired());
    while world.receiver.verify_and_store().await.is_some() {}
    assert_eq!(stored_events(&world.receiver), ids);
}

#[tokio::test]
async fn no_secret_is_logged_or_answered() {
    let world = World::new().await;
    let log = Log::default();
    let logged = log.keep();
    let mut told = world.scheduled().await.unwrap().to_string();
    let mut wrong = world.upvest.credentials();
    wrong["private_key"] = "not-the-right-secret".into();
    world.aws().create_secret(SECRET, wrong.to_string().as_bytes());
    let world = World {
        refresh: Deps {
            upvest: access(world.aws()),
            ..world.refresh
        },
        ..world
    };
    let refused = world.scheduled().await.unwrap_err();
    told.push_str(&format!("{refused:?} {}", ErrorChain(&refused)));
    drop(logged);
    let text = log.text() + &told;
    assert!(text.contains(&world.key_id()), "the key is named: {text}");
    for secret in secrets(&world.upvest.credentials()) {
        assert!(!text.contains(&secret), "{secret} is told");
    }
}
