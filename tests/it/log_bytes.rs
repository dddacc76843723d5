//! What an invocation writes to the log, metrics included: what CloudWatch bills by the byte.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use lambda_runtime::tracing::subscriber::filter::LevelFilter;
use pipeline::actions::{Actions, DomainActions};
use pipeline::processor::Processor;
use pipeline::runtime::metrics::Collector;
use serde_json::{Value, json};
use upvest::Domain;
use upvest::signature::SignatureOptions;
use verify_and_store::Policy;
use webhook_tests::receiver::Receiver;

use crate::refresh_keys::World;
use crate::register_webhook::stack::Stack;
use crate::support::{COVERED, event, key, receiver, sign_with};
use crate::upvest::Log;

/// Bounds what an invocation may log when all is well, in bytes.
pub(crate) const MOST: usize = 600;
/// Bounds what one of ingest logs, in bytes.
pub(crate) const INGEST: usize = 480;
/// Bounds what the API logs of a request, in bytes.
pub(crate) const ACCESS: usize = 340;

/// What ships: no action of one's own.
struct NoActions;

impl Actions for NoActions {}

/// The log and the metrics of this thread, as Lambda gets them.
struct Output {
    log: Log,
    metrics: Collector,
}

impl Output {
    /// Runs an invocation; checks what it logged.
    async fn of(&self, function: &str, invocation: impl Future<Output = ()>) {
        let bytes = self.bytes_of(function, invocation).await;
        assert!(bytes <= MOST, "{function} logs {bytes} bytes");
    }

    async fn bytes_of(&self, function: &str, invocation: impl Future<Output = ()>) -> usize {
        let before = self.log.text().len();
        let _metrics = metrics::set_default_local_recorder(&self.metrics);
        invocation.await;
        // The clients of the test do not count; verify-and-store of a hundred events makes 20 requests.
        for service in ["SQS", "DynamoDB", "S3"] {
            (0..8).for_each(|_| pipeline::runtime::metrics::aws_request(service, false));
        }
        let mut document = Vec::new();
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        self.metrics.flush(now, &mut document).unwrap();
        let log = self.log.text().split_off(before);
        let metrics = String::from_utf8(document).unwrap();
        let bytes = log.len() + metrics.len();
        assert_eq!(metrics.lines().count(), 1, "{function} writes one document");
        for line in log.lines().chain(metrics.lines()) {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!((line.get("span"), line.get("spans")), (None, None));
        }
        bytes
    }
}

async fn post(receiver: &Receiver, events: std::ops::Range<u32>) {
    let event = |number: u32| {
        let object = format!(r#"{{"id":"o{number}","status":"NEW"}}"#);
        event(&format!("e{number}"), "ORDER.NEW", &object)
    };
    let body = format!("[{}]", events.map(event).collect::<Vec<_>>().join(","));
    let headers = sign_with(&key(), body.as_bytes(), &SignatureOptions::new(COVERED));
    assert_eq!(receiver.post(&headers, body.as_bytes()).await.unwrap().0, 200);
}

#[tokio::test(start_paused = true)]
async fn an_invocation_logs_at_most_six_hundred_bytes() {
    let output = Output {
        log: Log::default(),
        metrics: Collector::new("upvest-webhooks"),
    };
    let _log = output.log.keep_at(LevelFilter::INFO);
    let receiver = &receiver(Policy::Flag).await;
    // The first delivery of a key says so, once.
    post(receiver, 900..901).await;
    assert!(receiver.verify_and_store().await.is_some());
    let bytes = output.bytes_of("ingest", post(receiver, 0..100)).await;
    assert!(bytes <= INGEST, "{bytes} bytes");
    let verify = async || assert!(receiver.verify_and_store().await.is_some());
    output.of("verify-and-store of a delivery", verify()).await;
    for delivery in 10..20 {
        post(receiver, 10 * delivery..10 * delivery + 10).await;
        // Deliveries of one millisecond have no order.
        receiver.aws.clock().advance(std::time::Duration::from_millis(1));
    }
    // What ingest measured is its own.
    output
        .metrics
        .flush(jiff::Timestamp::UNIX_EPOCH, std::io::sink())
        .unwrap();
    output.of("verify-and-store of ten", verify()).await;
    let shipped = Processor {
        actions: DomainActions::new(NoActions),
        bus: None,
        ..receiver.processor(Domain::Orders)
    };
    let process = async || assert!(receiver.process_by(shipped).await.is_some());
    output.of("the processor of orders", process()).await;
    // With an action for each event and every change published, which are two metrics more.
    let process = async || assert!(receiver.process(Domain::Orders).await.is_some());
    let bytes = output
        .bytes_of("the processor of orders with actions", process())
        .await;
    assert!(bytes <= MOST + 70, "{bytes} bytes");

    let world = &World::new().await;
    let refresh = async || drop(world.scheduled().await.unwrap());
    output.of("refresh-keys", refresh()).await;
    output.of("refresh-keys that finds nothing new", refresh()).await;
    let stack = &Stack::new().await;
    let check = async || {
        let checked = register_webhook::handle(&stack.deps(), &json!({}), stack.deadline()).await;
        drop(checked.unwrap());
    };
    output.of("register-webhook that repairs", check()).await;
    output.of("register-webhook", check()).await;
}

#[test]
fn the_api_logs_no_more_of_a_request_than_the_bill_has_for_it() {
    let template = include_str!("../../template.yaml");
    let format = template.lines().map(str::trim);
    let mut formats = format.filter(|line| line.starts_with(r#"{"stack":"${AWS::StackName}""#));
    let mut line = formats.next().unwrap().to_owned();
    // A sender with an address of version 6, and an answer that took its time.
    for (name, value) in [
        ("${AWS::StackName}", "upvest-webhooks"),
        ("$context.requestId", "dAbCdEfGhIjKlMn="),
        ("$context.requestTime", "29/Nov/2026:10:00:00 +0000"),
        (
            "$context.identity.sourceIp",
            "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
        ),
        ("$context.routeKey", "ANY /webhooks/upvest"),
        ("$context.status", "200"),
        ("$context.responseLatency", "1234"),
        ("$context.integrationLatency", "1234"),
        ("$context.integrationStatus", "200"),
        ("$context.integrationErrorMessage", "-"),
        ("$context.error.message", "-"),
    ] {
        line = line.replace(name, value);
    }
    assert!(!line.contains('$'), "{line}");
    assert!(line.len() <= ACCESS, "{} bytes: {line}", line.len());
}
