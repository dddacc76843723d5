//! Nothing of a delivery is in the log, the metrics or the reasons of dead letters, at any level: marks in every part of
//! deliveries, good and bad, are searched for in all that the functions say about them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::time::Duration;

use fake_aws::{CallFilter, Fault, Service};
use lambda_runtime::tracing::subscriber::filter::LevelFilter;
use pipeline::actions::{ActionError, Actions, Change, DomainActions};
use serde_json::{Value, json};
use upvest::Domain;
use upvest::signature::{Dialect, Headers, SignatureOptions, SigningKey};
use verify_and_store::Policy;
use webhook_tests::metrics::Measured;
use webhook_tests::receiver::{
    DELIVERIES, DELIVERIES_DLQ, Receiver, dead_letter_name, gateway_request, queue_name,
};

use crate::support::{COVERED, deliver_events, event, event_at, key, process_all, receiver};
use crate::upvest::Log;

const NAME: &str = "Erika-Mark-Mustermann";
const IBAN: &str = "DE89370400440532013000";
const EMAIL: &str = "erika.mark@example.com";
const QUERY: &str = "query-mark";
const HEADER: &str = "header-mark";
const SIGNATURE: &str = "c2lnbmF0dXJlLW1hcms";
const KEY: &str = "key-mark";
const MARKS: [&str; 7] = [NAME, IBAN, EMAIL, QUERY, HEADER, SIGNATURE, KEY];

/// An action of somebody who did not think of the log: its error has the value that it did not expect.
struct Careless;

impl Actions for Careless {
    fn wants(&self, _: &Change<'_>) -> bool {
        true
    }

    async fn on_change(&self, change: &Change<'_>) -> Result<Value, ActionError> {
        #[derive(serde::Deserialize)]
        struct Expected {
            first_name: u64,
        }
        let object: Expected = serde_json::from_str(change.event.object().get())?;
        Ok(json!(object.first_name))
    }
}

fn person(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","status":"ACTIVE","first_name":"{NAME}","email":"{EMAIL}","iban":"{IBAN}","account_id":"a1","instrument":{{"uuid":"i1"}}}}"#
    )
}

/// The headers of a delivery that is signed, with a mark in one more header, which is covered too.
fn marked(key: &SigningKey, body: &[u8]) -> Headers {
    let mut headers: Headers = [("content-type", "application/json"), ("x-mark", HEADER)]
        .into_iter()
        .collect();
    let request = upvest::signature::SignedRequest {
        method: "POST",
        path: webhook_tests::receiver::PATH,
        query: None,
        headers: &headers,
        body,
    };
    let options = SignatureOptions::new([COVERED[0], COVERED[1], COVERED[2], "x-mark"]);
    key.sign(&request, &options).unwrap().apply_to(&mut headers);
    headers.set("authorization", HEADER);
    headers
}

async fn post(receiver: &Receiver, headers: &Headers, body: &[u8]) -> i64 {
    let mut request = gateway_request(receiver.aws.clock().unix_ms(), headers, body);
    request["rawQueryString"] = json!(format!("mark={QUERY}"));
    receiver.request(request).await.unwrap().0
}

async fn post_marked(receiver: &Receiver, body: &[u8]) {
    assert_eq!(post(receiver, &marked(&key(), body), body).await, 200);
    receiver.verify_and_store().await.unwrap();
}

async fn good_deliveries(receiver: &Receiver) {
    let types = [
        "USER.CREATED",
        "WITHDRAWAL.NEW",
        "ORDER.FILLED",
        "POSITION.UPDATED",
        "ACCOUNT.ACTIVATED",
        "NOVELTY.NEW",
    ];
    let events: Vec<String> = types
        .iter()
        .map(|event_type| event(&format!("good-{event_type}"), event_type, &person("p1")))
        .collect();
    post_marked(receiver, format!("[{}]", events.join(",")).as_bytes()).await;
    let careless = DomainActions::new(Careless);
    for _ in 0..12 {
        receiver.process_with(Domain::Users, &careless).await;
        receiver.aws.clock().advance(Duration::from_secs(900));
    }
    process_all(receiver).await;
    let again = event("good-ORDER.FILLED", "ORDER.FILLED", &person("p2"));
    post_marked(receiver, again.as_bytes()).await;
    for (second, status) in [(1, "FILLED"), (2, "PROCESSING")] {
        let object = person("p7").replace("ACTIVE", status);
        let order = event_at(
            &format!("good-back-{second}"),
            second,
            &format!("ORDER.{status}"),
            &object,
        );
        deliver_events(receiver, &[order]).await;
    }
}

async fn bad_bodies(receiver: &Receiver) {
    let without_id = format!(r#"{{"first_name":"{NAME}"}}"#);
    let bodies = [
        format!("{NAME} {IBAN}"),
        format!(r#"{{"payload":"{NAME}"}}"#),
        format!(r#"[{{"{NAME}":1}}]"#),
        event("e1", "ORDER.NEW", &without_id),
        event(&format!("!{NAME}"), "ORDER.NEW", "{}"),
        event("e1", &format!("{NAME}.NEW"), &person("p3")),
        event("e1", "ORDER.NEW", &format!("\"{NAME}\"")),
        event("e1", "ORDER.NEW", "{}").replace("2026", EMAIL),
    ];
    for body in bodies {
        post_marked(receiver, body.as_bytes()).await;
    }
    process_all(receiver).await;
}

async fn bad_signatures(receiver: &Receiver) {
    let body = event("e2", "USER.CREATED", &person("p4"));
    let body = body.as_bytes();
    let good = marked(&key(), body);
    let input = good.combined("signature-input").unwrap().into_owned();
    let digest = format!("SHA-256={SIGNATURE}");
    for (name, value) in [
        ("signature", format!("sig1=:{SIGNATURE}=:")),
        ("signature", SIGNATURE.to_owned()),
        ("signature-input", SIGNATURE.to_owned()),
        ("signature-input", input.replace("x-mark", SIGNATURE)),
        ("digest", digest),
        ("x-mark", SIGNATURE.to_owned()),
    ] {
        let mut headers = good.clone();
        headers.set(name, &value);
        assert_eq!(post(receiver, &headers, body).await, 200);
        receiver.verify_and_store().await.unwrap();
    }
    let stranger = SigningKey::ed25519_from_seed(KEY, Dialect::UnquotedDigest, &[9; 32]).unwrap();
    assert_eq!(post(receiver, &marked(&stranger, body), body).await, 200);
    let unsigned: Headers = [("x-mark", HEADER)].into_iter().collect();
    assert_eq!(post(receiver, &unsigned, body).await, 401);
}

/// Messages that nobody can read, and an AWS that does not answer.
async fn trouble(receiver: &Receiver) {
    for queue in [DELIVERIES.to_owned(), queue_name(Domain::Orders)] {
        let url = receiver.aws.sqs().get_queue_url().queue_name(&queue).send().await;
        let url = url.unwrap().queue_url.unwrap();
        let send = receiver
            .aws
            .sqs()
            .send_message()
            .queue_url(url)
            .message_body(person("p5"));
        let fifo = queue.ends_with(".fifo").then(|| "group".to_owned());
        let send = send
            .set_message_group_id(fifo.clone())
            .set_message_deduplication_id(fifo);
        send.send().await.unwrap();
    }
    let body = event("e3", "WITHDRAWAL.NEW", &person("p6"));
    for (service, operation) in [
        (Service::DynamoDb, "BatchExecuteStatement"),
        (Service::S3, "PutObject"),
    ] {
        for _ in 0..3 {
            let call = CallFilter::operation(service, operation);
            receiver.aws.inject(Fault::FailBeforeEffect, call);
        }
        assert_eq!(
            post(receiver, &marked(&key(), body.as_bytes()), body.as_bytes()).await,
            200
        );
    }
    for _ in 0..3 {
        let call = CallFilter::operation(Service::Sqs, "SendMessage").by("ingest");
        receiver.aws.inject(Fault::FailBeforeEffect, call);
    }
    assert_eq!(
        post(receiver, &marked(&key(), body.as_bytes()), body.as_bytes()).await,
        503
    );
    while !receiver.aws.messages(DELIVERIES).is_empty() {
        receiver.verify_and_store().await;
        receiver.aws.clock().advance(Duration::from_secs(900));
    }
    process_all(receiver).await;
}

/// The reasons of all dead letters.
fn reasons(receiver: &Receiver) -> Vec<String> {
    let domains = receiver.domains().map(dead_letter_name);
    let queues = domains.chain([DELIVERIES_DLQ.to_owned()]);
    let messages = queues.flat_map(|queue| receiver.aws.messages(&queue));
    messages
        .map(|message| message.attributes["reason"].string_value.clone().unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_delivery_is_logged_measured_or_given_as_a_reason() {
    let log = Log::default();
    let _logged = log.keep_at(LevelFilter::TRACE);
    let measured = Measured::default();
    let _measured = metrics::set_default_local_recorder(&measured);
    let receiver = receiver(Policy::Flag).await;
    good_deliveries(&receiver).await;
    bad_bodies(&receiver).await;
    bad_signatures(&receiver).await;
    trouble(&receiver).await;

    let archive: String = receiver
        .kept()
        .values()
        .map(|object| String::from_utf8_lossy(&object.bytes).into_owned())
        .collect();
    let reasons = reasons(&receiver);
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    let (log, measured) = (log.text(), format!("{:?}", measured.all()));
    let reasons = reasons.join("\n");
    for mark in MARKS {
        let messages = format!("{:?}", receiver.aws.messages(DELIVERIES_DLQ));
        assert!(
            archive.contains(mark) || messages.contains(mark),
            "{mark} was on the way"
        );
        for (place, text) in [("log", &log), ("metrics", &measured), ("reasons", &reasons)] {
            let line = text.lines().find(|line| line.contains(mark));
            assert!(line.is_none(), "{mark} is in the {place}: {line:?}");
        }
    }
    for said in [
        "good-back-2",
        "good-USER.CREATED",
        "JSON is not of the expected form",
        "NOVELTY",
    ] {
        assert!(log.contains(said), "{said}");
    }
    assert!(measured.contains("QuarantinedByReason"));
    for line in log.lines() {
        assert_is_useful(&serde_json::from_str(line).unwrap());
    }
}

/// Every line of trouble leads to a delivery, an event, a message or a request.
fn assert_is_useful(line: &Value) {
    let fields = line.as_object().unwrap();
    assert!(fields["message"].is_string(), "{line}");
    let ids = [
        "delivery.id",
        "event.id",
        "sqs.message_id",
        "gateway.request_id",
        "deliveries",
        "batch.messages",
    ];
    assert!(ids.iter().any(|id| fields.contains_key(*id)), "{line}");
}

#[test]
fn the_log_of_every_function_follows_the_configured_level() {
    let functions = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions");
    for folder in std::fs::read_dir(functions).unwrap() {
        let name = folder.unwrap().file_name().to_string_lossy().replace('-', "_");
        assert!(
            pipeline::runtime::log::is_own(&name),
            "{name} is not in pipeline::runtime::log"
        );
    }
}
