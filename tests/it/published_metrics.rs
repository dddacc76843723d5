//! What the functions really publish, which alarms and dashboard are held against: see `operations.rs`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::time::Duration;

use fake_aws::{Aws, CallFilter, Fault, QueueSettings, Service};
use pipeline::actions::DomainActions;
use pipeline::queues::deliveries::DeliveriesQueue;
use pipeline::queues::domains::{DomainQueues, EventMessage};
use pipeline::runtime::{aws, metrics};
use pipeline::stores::keys::KeyRow;
use pipeline::stores::keys::attributes::RETIRED_AT;
use serde_json::json;
use upvest::Domain;
use upvest::effects::Dispatch;
use upvest::signature::{Dialect, Headers, SignatureOptions, SigningKey};
use verify_and_store::Policy;
use webhook_tests::deliveries::{KEY_ID, KNOWN_SEED, import_secret};
use webhook_tests::effects::Trouble;
use webhook_tests::metrics::{Measured, Measurement};
use webhook_tests::receiver::{PATH, Receiver, gateway_request};

use crate::key_validity::note;
use crate::refresh_keys::World;
use crate::register_webhook::stack::Stack;
use crate::support::{
    COVERED, deliver, deliver_events, deliver_with, enqueue_events, event, event_at, key, message_of,
    process_all, receiver, sign_with,
};

/// Runs every function in every way that is measured.
pub(crate) async fn published() -> Vec<Measurement> {
    let measured = Measured::default();
    let _guard = ::metrics::set_default_local_recorder(&measured);
    run_in_every_way().await;
    measured.all()
}

/// Runs every function in every way that is measured, on this thread.
pub(crate) async fn run_in_every_way() {
    answer_in_every_way().await;
    verify_in_every_way().await;
    process_in_every_way().await;
    fail_in_every_way().await;
    look_after_keys_and_subscription().await;
    crate::canary::watch_in_every_way().await;
    call_aws(&Aws::new(1)).await;
}

async fn answer_in_every_way() {
    let receiver = receiver(Policy::Flag).await;
    assert_eq!(receiver.post(&Headers::default(), b"{}").await.unwrap().0, 401);
    let mut rng = receiver.aws.rng();
    let noise: Vec<u8> = (0..1_200_000).map(|_| rng.draw() as u8).collect();
    let headers = sign_with(&key(), b"", &SignatureOptions::new(COVERED));
    assert_eq!(receiver.post(&headers, &noise).await.unwrap().0, 413);
    for _ in 0..3 {
        let send = CallFilter::operation(Service::Sqs, "SendMessage");
        receiver.aws.inject(Fault::FailBeforeEffect, send);
    }
    assert_eq!(receiver.post(&headers, b"").await.unwrap().0, 503);
    for (change, other, status) in [
        ("/rawPath", "other", 404),
        ("/requestContext/http/method", "other", 405),
        ("/rawQueryString", "<>", 400),
    ] {
        let mut request = gateway_request(0, &headers, b"");
        *request.pointer_mut(change).unwrap() = json!(other);
        assert_eq!(receiver.request(request).await.unwrap().0, status);
    }
    assert_eq!(from_an_unlisted_address(&receiver, &headers).await, 403);
}

async fn from_an_unlisted_address(receiver: &Receiver, headers: &Headers) -> i64 {
    let config = ingest::Config {
        queue_url: String::new(),
        path: PATH.to_owned(),
        public_path: None,
        allowed: "10.0.0.0/8".parse().unwrap(),
        source_policy: Policy::Strict,
    };
    let deps = ingest::Deps {
        queue: DeliveriesQueue::new(receiver.aws.sqs().clone(), String::new()),
        ..ingest::Deps::new(receiver.aws.sdk_config(), config)
    };
    let request = serde_json::from_value(gateway_request(0, headers, b"")).unwrap();
    ingest::handle(&deps, request).await.status_code
}

async fn verify_in_every_way() {
    let receiver = receiver(Policy::Flag).await;
    let order = event("e1", "ORDER.NEW", r#"{"id":"o1","status":"NEW"}"#);
    deliver(&receiver, order.as_bytes()).await;
    deliver(&receiver, order.as_bytes()).await;
    let other = event("e1", "ORDER.NEW", r#"{"id":"o1","status":"FILLED"}"#);
    deliver(&receiver, other.as_bytes()).await;
    let unknown = event("e2", "DIVIDEND.NEW", r#"{"id":"d1"}"#);
    deliver(&receiver, unknown.as_bytes()).await;
    for (created, expires) in [
        ("2025-12-31T00:00:00Z", "2025-12-31T00:01:00Z"),
        ("2026-01-02T00:00:00Z", "2026-01-02T00:01:00Z"),
    ] {
        let options =
            SignatureOptions::new(COVERED).valid(created.parse().unwrap(), expires.parse().unwrap());
        deliver_with(&receiver, &sign_with(&key(), b"[]", &options), b"[]").await;
    }
    let other = SigningKey::ed25519_from_seed(KEY_ID, Dialect::QuotedDigest, &[KNOWN_SEED; 32]).unwrap();
    let signed = sign_with(&other, b"[]", &SignatureOptions::new(COVERED));
    deliver_with(&receiver, &signed, b"[]").await;
    let forged = sign_with(&key(), b"[]", &SignatureOptions::new(COVERED));
    deliver_with(&receiver, &forged, b"[{}]").await;
    let receiver = receiver.with_subscriptions(Policy::Flag);
    receiver.subscriptions().adopt("ours").await.unwrap();
    let foreign = order.replacen('{', r#"{"webhook_id":"other","#, 1);
    deliver(&receiver, foreign.as_bytes()).await;
    let stranger = Receiver::new(1, Policy::Flag);
    deliver(&stranger, order.as_bytes()).await;
    note(&receiver, RETIRED_AT, "2025-12-01T00:00:00Z".parse().unwrap()).await;
    receiver.aws.clock().advance(Duration::from_secs(301));
    deliver(&receiver, order.as_bytes()).await;
}

async fn process_in_every_way() {
    let receiver = receiver(Policy::Flag).await;
    let order = |id: &str, second, status: &str| {
        let object = format!(r#"{{"id":"o1","status":"{status}"}}"#);
        event_at(id, second, &format!("ORDER.{status}"), &object)
    };
    receiver.effects.trouble("e2", Trouble::Fails);
    deliver_events(&receiver, &[order("e2", 20, "FILLED")]).await;
    receiver.effects.mend();
    receiver.aws.clock().advance(Duration::from_secs(60));
    process_all(&receiver).await;
    deliver_events(&receiver, &[order("e1", 10, "NEW")]).await;
    deliver_events(&receiver, &[order("e3", 30, "PROCESSING")]).await;
    deliver_events(&receiver, &[order("e4", 40, "TELEPORTED")]).await;
    // The queue drops the same event for five minutes.
    receiver.aws.clock().advance(Duration::from_secs(301));
    let now = receiver.aws.clock().timestamp();
    let copy = message_of(&order("e1", 10, "NEW"), Dispatch::Again, now);
    let queues = DomainQueues::new(receiver.aws.sqs().clone(), receiver.routes());
    let replayed = EventMessage {
        dispatch: Dispatch::Replay,
        replay: Some("r1".to_owned()),
        ..copy.clone()
    };
    queues.send(vec![copy, replayed]).await.unwrap();
    process_all(&receiver).await;
}

/// Fails a delivery, twice, and an event by our own infrastructure, and an event by its action.
async fn fail_in_every_way() {
    let receiver = receiver(Policy::Flag).await;
    let deny = |operations: &[&str]| {
        let operations: Vec<String> = operations.iter().map(|name| (*name).to_owned()).collect();
        receiver
            .aws
            .edit_account(|account| account.denied = operations.into_iter().collect());
    };
    deny(&["PutObject", "PutEvents"]);
    receiver.effects.trouble("e2", Trouble::Fails);
    let events = ["e1", "e2"].map(|id| event(id, "ORDER.NEW", &format!(r#"{{"id":"{id}"}}"#)));
    enqueue_events(&receiver, &events).await;
    receiver.verify_and_store().await.unwrap();
    // The second attempt cannot put the delivery anywhere either.
    receiver.aws.clock().advance(Duration::from_secs(60));
    receiver.verify_and_store().await.unwrap();
    deny(&["PutEvents"]);
    receiver.aws.clock().advance(Duration::from_secs(60));
    receiver.verify_and_store().await.unwrap();
    process_all(&receiver).await;
}

async fn look_after_keys_and_subscription() {
    let world = World::new().await;
    world.scheduled().await.unwrap();
    let endpoint = world.subscribe().await;
    world.deliver(&endpoint, 1, 3).await;
    world.receiver.verify_and_store().await.unwrap();
    let conflicting = KeyRow {
        key_id: world.key_id(),
        source: Some("operator".to_owned()),
        jwk: Some("{}".to_owned()),
        ..KeyRow::default()
    };
    world.put(conflicting).await;
    world.scheduled().await.unwrap();
    for change in ["returned", "retired"] {
        metrics::keys_changed(change, 1);
    }
    let stack = Stack::new().await;
    for _ in 0..2 {
        register_webhook::handle(&stack.deps(), &json!({}), stack.deadline())
            .await
            .unwrap();
    }
}

/// Has a request to SQS throttled once.
async fn call_aws(account: &Aws) {
    let url = account.create_queue(QueueSettings::new("queue"));
    account.inject(
        Fault::Throttle,
        CallFilter::operation(Service::Sqs, "SendMessage"),
    );
    let send = aws::sqs(account.sdk_config()).send_message().queue_url(url);
    let sent = account.invoke("test", send.message_body("text").send()).await;
    sent.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_attempt_at_a_request_to_aws_is_counted() {
    let measured = Measured::default();
    let _guard = ::metrics::set_default_local_recorder(&measured);
    let account = Aws::new(1);
    call_aws(&account).await;
    assert_eq!(account.count(Service::Sqs, "SendMessage"), 2);
    assert_eq!(
        measured.values(metrics::AWS_REQUESTS, &[("Service", "SQS")]),
        [1.0; 2]
    );
    assert_eq!(
        measured.values(metrics::AWS_RETRIES, &[("Service", "SQS")]),
        [1.0]
    );
    account.create_table("table", "id", None);
    account.create_bucket("bucket");
    account.create_secret("secret", b"text");
    let config = account.sdk_config();
    let scan = aws::dynamodb(config).scan().table_name("table").send();
    let list = aws::s3(config).list_objects_v2().bucket("bucket").send();
    let secret = aws::secrets(config).get_secret_value().secret_id("secret").send();
    let put = aws::event_bridge(config).put_events().send();
    let _ = (scan.await, list.await, secret.await, put.await);
    for service in ["DynamoDB", "S3", "Secrets Manager", "EventBridge"] {
        let requests = measured.values(metrics::AWS_REQUESTS, &[("Service", service)]);
        assert_eq!(requests, [1.0], "{service}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_way_of_an_event_is_measured_from_the_receipt_of_its_delivery() {
    let receiver = receiver(Policy::Flag).await;
    let measured = Measured::default();
    let _guard = ::metrics::set_default_local_recorder(&measured);
    let body = event("e1", "ORDER.NEW", r#"{"id":"o1","status":"NEW"}"#);
    let headers = sign_with(&key(), body.as_bytes(), &SignatureOptions::new(COVERED));
    let start = receiver.aws.clock().timestamp();
    receiver.post(&headers, body.as_bytes()).await.unwrap();
    receiver.aws.clock().advance(Duration::from_secs(2));
    receiver.verify_and_store().await.unwrap();
    receiver.aws.clock().advance(Duration::from_secs(3));
    receiver.effects.trouble("e1", Trouble::Fails);
    receiver.process(Domain::Orders).await.unwrap();
    let only = |name: &str, labels: &[(&str, &str)]| {
        let values = measured.values(name, labels);
        assert_eq!(values.len(), 1, "{name}: {values:?}");
        values[0]
    };
    let orders = [("Domain", "orders")];
    let stored = only(metrics::RECEIPT_TO_STORED, &[]);
    let projected = only(metrics::RECEIPT_TO_PROJECTED, &orders);
    let age = only(metrics::EVENT_AGE, &orders);
    assert!((2_000.0..3_000.0).contains(&stored), "{stored}");
    assert!((5_000.0..6_000.0).contains(&projected), "{projected}");
    let created: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let before = start.duration_since(created).as_secs_f64();
    assert!((before + 5.0..before + 6.0).contains(&age), "{age}");

    receiver.effects.mend();
    receiver.aws.clock().advance(Duration::from_secs(60));
    let again = DomainActions::new(receiver.effects.clone());
    receiver.process_with(Domain::Orders, &again).await.unwrap();
    assert_eq!(only(metrics::ACTIONS_RETRIED, &orders), 1.0);
    only(metrics::RECEIPT_TO_PROJECTED, &orders);
}

#[tokio::test(start_paused = true)]
async fn deliveries_that_we_signed_ourselves_do_not_break_the_silence() {
    let measured = Measured::default();
    let _guard = ::metrics::set_default_local_recorder(&measured);
    let receiver = receiver(Policy::Flag).await;
    import_secret(&receiver.aws, "own", &[7; 32]).await;
    let body = event("e1", "ORDER.NEW", r#"{"id":"o1","status":"NEW"}"#);
    let own = SigningKey::hmac("own", Dialect::UnquotedDigest, vec![7; 32].into()).unwrap();
    let headers = sign_with(&own, body.as_bytes(), &SignatureOptions::new(COVERED));
    deliver_with(&receiver, &headers, body.as_bytes()).await;
    assert_eq!(measured.values(metrics::VERIFIED, &[]), [1.0]);
    assert_eq!(measured.values(metrics::FROM_UPVEST, &[]), [0.0; 0]);
    let body = event("e2", "ORDER.NEW", r#"{"id":"o2","status":"NEW"}"#);
    deliver(&receiver, body.as_bytes()).await;
    assert_eq!(measured.values(metrics::FROM_UPVEST, &[]), [1.0]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_proves_its_first_delivery_is_told_once() {
    let measured = Measured::default();
    let _guard = ::metrics::set_default_local_recorder(&measured);
    let receiver = receiver(Policy::Flag).await;
    for id in ["e1", "e2"] {
        deliver(
            &receiver,
            event(id, "ORDER.NEW", r#"{"id":"o1","status":"NEW"}"#).as_bytes(),
        )
        .await;
        receiver.aws.clock().advance(Duration::from_secs(2 * 3600));
        assert_eq!(measured.values(metrics::NEW_KEYS, &[]), [1.0]);
    }
}

/// Signs a delivery as Upvest does, for a minute from now on.
fn signed_now(receiver: &Receiver, body: &str) -> Headers {
    let now = receiver.aws.clock().timestamp();
    let options = SignatureOptions::new(COVERED).valid(now, now + Duration::from_secs(60));
    sign_with(&key(), body.as_bytes(), &options)
}

#[tokio::test(start_paused = true)]
async fn an_old_delivery_that_somebody_sends_again_does_not_break_the_silence() {
    let measured = Measured::default();
    let _guard = ::metrics::set_default_local_recorder(&measured);
    let receiver = receiver(Policy::Flag).await;
    let bodies = ["e1", "e2"].map(|id| event(id, "ORDER.NEW", r#"{"id":"o1","status":"NEW"}"#));
    let headers = bodies.each_ref().map(|body| signed_now(&receiver, body));
    deliver_with(&receiver, &headers[0], bodies[0].as_bytes()).await;
    assert_eq!(measured.values(metrics::FROM_UPVEST, &[]), [1.0]);
    // Within its time it brings nothing new; out of it, it may be anybody's, whatever it brings.
    deliver_with(&receiver, &headers[0], bodies[0].as_bytes()).await;
    receiver.aws.clock().advance(Duration::from_secs(3600));
    deliver_with(&receiver, &headers[1], bodies[1].as_bytes()).await;
    assert_eq!(receiver.stored("events").len(), 2);
    assert_eq!(measured.values(metrics::FROM_UPVEST, &[]), [1.0]);
}

#[tokio::test(start_paused = true)]
async fn a_signature_made_now_with_a_retired_key_is_counted_and_one_of_earlier_is_not() {
    let measured = Measured::default();
    let _guard = ::metrics::set_default_local_recorder(&measured);
    let receiver = receiver(Policy::Flag).await;
    let earlier = event("e1", "ORDER.NEW", r#"{"id":"o1","status":"NEW"}"#);
    let headers = signed_now(&receiver, &earlier);
    note(&receiver, RETIRED_AT, receiver.aws.clock().timestamp()).await;
    receiver.aws.clock().advance(Duration::from_secs(8 * 24 * 3600));
    deliver_with(&receiver, &headers, earlier.as_bytes()).await;
    assert_eq!(measured.values(metrics::BY_RETIRED_KEYS, &[]), [0.0; 0]);
    let now = event("e2", "ORDER.NEW", r#"{"id":"o2","status":"NEW"}"#);
    deliver_with(&receiver, &signed_now(&receiver, &now), now.as_bytes()).await;
    assert_eq!(measured.values(metrics::BY_RETIRED_KEYS, &[]), [1.0]);
    assert!(receiver.stored("events").is_empty());
}
