//! The canary: its event goes the whole way of Upvest's events, and nothing that is synthetic touches what is real.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod synthetic;

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use canary::{CanaryKey, Deps, Endpoint, Report, Stage};
use fake_aws::{CallFilter, Fault, Service};
use pipeline::queues::domains::{DomainQueues, EventMessage};
use pipeline::stores::entities::Entities;
use pipeline::stores::events::EventLog;
use pipeline::stores::keys::{KeyRow, Keys, KeysError};
use tokio::sync::{mpsc, oneshot};
use upvest::effects::Dispatch;
use upvest::signature::{Dialect, Headers, SignatureOptions, SigningKey};
use upvest::synthetic::{CANARY, canary_delivery};
use verify_and_store::Policy;
use webhook_tests::effects::Trouble;
use webhook_tests::receiver::{CHANGES, PATH, Receiver};

use crate::support::{
    COVERED, deliver, deliver_with, event, message_of, process_all, quarantine, receiver, sign_with,
};
use crate::upvest::{Log, Server, clock};

const SECRET: &str =
    "arn:aws:secretsmanager:eu-central-1:111122223333:secret:CanarySecret-Rf2yXq7vB1Zt-AbCdEf";
const SECRET_VALUE: &str = "canary-secret-value-that-nobody-may-ever-read";
const KEY_ID: &str = "canary-AbCdEf";

/// A delivery that the gateway took, and where its answer goes.
type Taken = (Headers, Bytes, oneshot::Sender<u16>);

/// The public URL of a receiver.
struct Gateway {
    base_url: String,
    taken: mpsc::UnboundedReceiver<Taken>,
}

impl Gateway {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, taken) = mpsc::unbounded_channel();
        let router = Router::new().fallback(async move |headers: HeaderMap, body: Bytes| {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
            let (answer, answered) = oneshot::channel();
            sender.send((headers.collect(), body, answer)).unwrap();
            StatusCode::from_u16(answered.await.unwrap()).unwrap()
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base_url, taken }
    }
}

/// How far the stations of the receiver work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Works {
    Ingest,
    Verify,
    All,
}

/// A receiver that knows Upvest's key, the canary, and the URL between them.
struct World {
    receiver: Receiver,
    canary: Deps,
    gateway: Gateway,
}

impl World {
    async fn new() -> Self {
        let receiver = receiver(Policy::Strict).await.with_canary(Some(SECRET));
        receiver.aws.create_secret_string(SECRET, SECRET_VALUE);
        let gateway = Gateway::start().await;
        let canary = deps(&receiver, &format!("{}{PATH}", gateway.base_url));
        Self {
            receiver,
            canary,
            gateway,
        }
    }

    /// Runs the canary, five minutes later, while the receiver works.
    async fn run(&mut self, works: Works) -> Report {
        self.receiver.aws.clock().advance(Duration::from_secs(300));
        let Self {
            receiver,
            canary,
            gateway,
        } = self;
        let serve = async {
            loop {
                while let Ok((headers, body, answer)) = gateway.taken.try_recv() {
                    let (status, _) = receiver.post(&headers, &body).await.unwrap();
                    answer.send(u16::try_from(status).unwrap()).unwrap();
                }
                if works >= Works::Verify {
                    receiver.verify_and_store().await;
                }
                if works >= Works::All {
                    process_all(receiver).await;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let run = receiver.aws.invoke("canary", canary::handle(canary));
        until_done(run, serve).await.unwrap()
    }

    /// Has a delivery signed by the canary's key taken in.
    async fn deliver_by_the_canarys_key(&self, body: &[u8]) {
        let key = SigningKey::hmac(
            KEY_ID,
            Dialect::UnquotedDigest,
            SECRET_VALUE.as_bytes().to_vec().into(),
        );
        let headers = sign_with(&key.unwrap(), body, &SignatureOptions::new(COVERED));
        deliver_with(&self.receiver, &headers, body).await;
    }
}

fn keys(receiver: &Receiver) -> Keys {
    let aws = &receiver.aws;
    let secrets = aws_sdk_secretsmanager::Client::new(aws.sdk_config());
    Keys::new(aws.dynamodb().clone(), secrets, "keys".to_owned(), clock(aws))
}

/// Runs the canary in every way that is measured.
pub(crate) async fn watch_in_every_way() {
    let mut world = World::new().await;
    for works in [Works::All, Works::Verify, Works::Ingest] {
        world.run(works).await;
    }
}

/// The first future's result; the second one runs meanwhile.
async fn until_done<T>(work: impl Future<Output = T>, meanwhile: impl Future<Output = ()>) -> T {
    tokio::select! {
        biased;
        result = work => result,
        () = meanwhile => unreachable!("the receiver works for ever"),
    }
}

fn deps(receiver: &Receiver, url: &str) -> Deps {
    let aws = &receiver.aws;
    let secrets = aws_sdk_secretsmanager::Client::new(aws.sdk_config());
    Deps {
        key: CanaryKey::new(secrets, SECRET.to_owned()),
        endpoint: Endpoint::new(url.parse().unwrap()).unwrap(),
        log: EventLog::new(aws.dynamodb().clone(), "events".to_owned()),
        entities: Entities::new(aws.dynamodb().clone(), "entities".to_owned()),
        clock: clock(aws),
        patience: Duration::from_millis(400),
    }
}

fn verified(receiver: &Receiver) -> usize {
    receiver.verified().len()
}

/// Nothing came of an event outside the log and its own entity.
fn nobody_was_told(receiver: &Receiver) {
    assert_eq!(receiver.effects.runs(), []);
    assert_eq!(receiver.aws.published(CHANGES).len(), 0);
    assert_eq!(receiver.stored("idempotency"), [""; 0]);
}

fn delivery(events: &[String]) -> Vec<u8> {
    format!(r#"{{"payload":[{}]}}"#, events.join(",")).into_bytes()
}

fn synthetic(id: &str) -> String {
    event(id, CANARY, r#"{"id":"canary"}"#)
}

fn order(id: &str) -> String {
    event(id, "ORDER.FILLED", r#"{"id":"o1","status":"FILLED"}"#)
}

#[tokio::test]
async fn its_event_goes_through_every_station_and_nobody_is_told() {
    let mut world = World::new().await;
    let first = world.run(Works::All).await;
    assert!(first.delivered, "{first:?}");
    let times = [first.post_ms, first.store_ms, first.project_ms];
    assert!(times.is_sorted() && times[0].is_some(), "{first:?}");
    assert_eq!((first.failed_stage, first.error), (None, None));
    assert_eq!(
        world.receiver.stored("events"),
        std::slice::from_ref(&first.event_id)
    );
    assert_eq!(world.receiver.stored("entities"), ["synthetic#canary"]);
    assert_eq!(verified(&world.receiver), 1);

    let second = world.run(Works::All).await;
    assert!(second.delivered, "{second:?}");
    assert_eq!(world.receiver.stored("events").len(), 2);
    assert_eq!(world.receiver.stored("entities"), ["synthetic#canary"]);
    nobody_was_told(&world.receiver);
    assert_eq!(quarantine(&world.receiver), [""; 0]);
}

#[tokio::test]
async fn its_key_is_no_row_of_the_keys_table() {
    let mut world = World::new().await;
    assert!(world.run(Works::All).await.delivered);
    assert_eq!(world.receiver.stored("keys"), ["key"]);
}

/// Writes a row as somebody does who may write rows under the ids of canaries.
async fn write_row(receiver: &Receiver, key_id: &str, secret: &str) {
    receiver.aws.create_secret_string(secret, SECRET_VALUE);
    receiver.put_key_row(&hmac_row(key_id, secret)).await;
}

/// Makes the row of an HMAC key as an import writes one, but for its times.
fn hmac_row(key_id: &str, secret: &str) -> KeyRow {
    KeyRow {
        key_id: key_id.to_owned(),
        algorithm: Some("hmac-sha256".to_owned()),
        secret: Some(secret.to_owned()),
        source: Some("import".to_owned()),
        ..KeyRow::default()
    }
}

#[tokio::test]
async fn a_row_under_the_id_of_a_canary_proves_nothing() {
    let world = World::new().await;
    let receiver = &world.receiver;
    for key_id in ["canary-evil", KEY_ID] {
        write_row(receiver, key_id, "another-secret").await;
        let secret = SECRET_VALUE.as_bytes().to_vec().into();
        let key = SigningKey::hmac(key_id, Dialect::UnquotedDigest, secret).unwrap();
        let body = delivery(&[order("e1")]);
        let headers = sign_with(&key, &body, &SignatureOptions::new(COVERED));
        deliver_with(receiver, &headers, &body).await;
    }
    assert_eq!(receiver.stored("events"), [""; 0]);
    assert_eq!(quarantine(receiver), ["key-only-synthetic", "unknown-key"]);
}

#[tokio::test]
async fn a_receiver_without_a_canary_knows_no_key_of_one() {
    let mut world = World::new().await;
    world.receiver = world.receiver.with_canary(None);
    let report = world.run(Works::All).await;
    assert_eq!(report.failed_stage, Some(Stage::Store));
    assert_eq!(quarantine(&world.receiver), ["unknown-key"]);
}

#[tokio::test]
async fn whoever_does_not_know_the_canarys_secret_cannot_tell_what_its_key_proves() {
    let mut world = World::new().await;
    world.run(Works::All).await;
    let found = keys(&world.receiver).find(KEY_ID).await;
    assert!(matches!(found, Err(KeysError::Canary { .. })), "{found:?}");
}

#[tokio::test]
async fn the_stage_that_fails_is_named() {
    let mut world = World::new().await;
    for (works, stage, passed) in [
        (Works::Ingest, Stage::Store, (true, false)),
        (Works::Verify, Stage::Project, (true, true)),
    ] {
        let report = world.run(works).await;
        assert!(!report.delivered);
        assert_eq!(report.failed_stage, Some(stage));
        assert_eq!((report.post_ms.is_some(), report.store_ms.is_some()), passed);
        assert_eq!(report.project_ms, None);
        assert!(report.error.unwrap().contains("400 ms after it was sent"));
    }
    let report = world.run(Works::All).await;
    assert!(
        report.delivered,
        "what was slow arrives, and the next event after it"
    );
}

#[tokio::test]
async fn an_event_that_is_late_is_not_taken_for_the_next_one() {
    let mut world = World::new().await;
    let late = world.run(Works::Verify).await;
    assert_eq!(late.failed_stage, Some(Stage::Project));
    process_all(&world.receiver).await;
    assert_eq!(world.receiver.stored("entities"), ["synthetic#canary"]);
    let next = world.run(Works::Verify).await;
    assert_eq!(next.failed_stage, Some(Stage::Project));
}

#[tokio::test]
async fn any_answer_but_200_fails_and_no_redirect_is_followed() {
    let receiver = receiver(Policy::Flag).await;
    receiver.aws.create_secret_string(SECRET, SECRET_VALUE);
    let server = Server::start().await;
    let canary = deps(&receiver, &format!("{}{PATH}", server.base_url));
    for status in [201, 204, 307, 403, 404, 503] {
        server.answer([status]);
        let report = canary::handle(&canary).await;
        assert_eq!(report.failed_stage, Some(Stage::Post), "{status}");
        let error = report.error.unwrap();
        assert_eq!(error, format!("the webhook URL answered {status} instead of 200"));
    }
    assert_eq!(server.taken().len(), 6, "each was sent once");
}

#[tokio::test]
async fn a_url_that_nobody_serves_fails_and_is_not_logged() {
    let receiver = receiver(Policy::Flag).await;
    receiver.aws.create_secret_string(SECRET, SECRET_VALUE);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let canary = deps(&receiver, &format!("http://{address}{PATH}?token=t0ps3cret"));
    let report = canary::handle(&canary).await;
    assert_eq!(report.failed_stage, Some(Stage::Post));
    let error = report.error.unwrap();
    assert!(error.starts_with("the webhook URL does not answer: "), "{error}");
    assert!(!error.contains("t0ps3cret"), "{error}");
}

#[tokio::test]
async fn a_secret_that_is_gone_or_too_short_fails_at_the_key() {
    let receiver = receiver(Policy::Flag).await;
    let canary = deps(&receiver, "http://127.0.0.1:9/");
    let report = canary::handle(&canary).await;
    assert_eq!(report.failed_stage, Some(Stage::Key));
    receiver.aws.create_secret_string(SECRET, "short");
    let report = canary::handle(&canary).await;
    assert_eq!(report.failed_stage, Some(Stage::Key));
    assert!(report.error.unwrap().contains("shorter than 16 bytes"));
    assert_eq!(receiver.stored("keys"), ["key"], "no key is registered");
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_named_by_its_stage() {
    let mut world = World::new().await;
    for (table, stage) in [("events", Stage::Store), ("entities", Stage::Project)] {
        let get = CallFilter::operation(Service::DynamoDb, "GetItem")
            .on(table)
            .by("canary");
        for _ in 0..3 {
            world.receiver.aws.inject(Fault::Throttle, get.clone());
        }
        let report = world.run(Works::All).await;
        assert_eq!(report.failed_stage, Some(stage), "{report:?}");
        world.receiver.aws.heal();
    }
}

/// What the role in `template.yaml` allows is held against this list in the tests of the template.
#[tokio::test]
async fn it_makes_three_kinds_of_calls() {
    let mut world = World::new().await;
    world.run(Works::All).await;
    let calls = world.receiver.aws.calls().into_iter();
    let own = calls.filter(|call| call.invocation.as_deref() == Some("canary"));
    let own: BTreeSet<String> = own
        .map(|call| format!("{:?} {} {}", call.service, call.operation, call.resource))
        .collect();
    let expected = [
        format!("SecretsManager GetSecretValue {SECRET}"),
        "DynamoDb GetItem events".to_owned(),
        "DynamoDb GetItem entities".to_owned(),
    ];
    assert_eq!(own, expected.into());
}

#[tokio::test]
async fn neither_log_nor_report_nor_table_holds_the_secret() {
    let log = Log::default();
    let _kept = log.keep();
    let mut world = World::new().await;
    let mut told = String::new();
    for works in [Works::All, Works::Ingest] {
        let report = world.run(works).await;
        told += &format!("{report:?}{}", serde_json::to_string(&report).unwrap());
    }
    told += &format!("{:?}", world.canary);
    for table in ["keys", "events", "entities"] {
        told += &format!("{:?}", world.receiver.aws.items(table));
    }
    for object in world.receiver.kept().values() {
        told += &String::from_utf8_lossy(&object.bytes);
    }
    // At TRACE the SDK logs whole answers, and the template does not let it.
    let text = log.text();
    told.extend(text.lines().filter(|line| !line.contains(" TRACE ")));
    assert!(told.contains("went all the way") && told.contains("did not go all the way"));
    assert!(!told.contains(SECRET_VALUE));
}
