//! Replays in a stack in process.

mod rebuilding;
mod refusing;
mod resuming;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Parser;
use fake_aws::{CallFilter, Fault, FaultRates, OPERATOR, Service};
use operator::repair::Audit;
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::ArchivedDelivery;
use pipeline::stores::entities::NOTES;
use pipeline::stores::events::conflicts_with;
use serde_json::{Value, json};
use webhook_tests::deliveries::{event, import_key, order, topup};
use webhook_tests::deployment::Deployment;
use webhook_tests::receiver::CHANGES;
use webhook_tests::schemas::fitting;
use webhook_tests::stored::key_in_the_first_hour;
use webhook_tests::story::Story;

use super::*;
use crate::output::Report;

/// So many seconds after its receipt, an event that is not in the state is not expected there any more.
const LONG_AGO: u64 = 15 * 60;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    replay: Arguments,
}

fn parse(line: &str) -> Arguments {
    let words = std::iter::once("replay").chain(line.split_whitespace());
    Line::try_parse_from(words).unwrap().replay
}

/// Runs a command line as an invocation, so that faults can strike it.
async fn replay(deployed: &Deployment, line: &str) -> Result<ReplayReport> {
    let replay = parse(&format!("{line} --yes --reason test"));
    let run = Box::pin(replay.run(Site::silent(&deployed.stack, deployed.clock())));
    deployed.receiver.aws.invoke("replay", run).await.unwrap()
}

async fn refusal(deployed: &Deployment, line: &str) -> String {
    replay(deployed, line).await.unwrap_err().to_string()
}

/// The ids of the events that wait, by domain and in their order.
fn sent(deployed: &Deployment) -> Vec<(&'static str, Vec<String>)> {
    let ids = |domain| {
        let messages = deployed.waiting(domain).into_iter();
        let ids = messages.map(|message| {
            let event: Value = serde_json::from_str(&message.body).unwrap();
            event["id"].as_str().unwrap().to_owned()
        });
        (domain.name(), ids.collect::<Vec<_>>())
    };
    let mut sent: Vec<_> = Domain::ALL.into_iter().map(ids).collect();
    sent.retain(|(_, ids)| !ids.is_empty());
    sent
}

/// Three orders and a payment, received a second apart and in disorder.
async fn deployed() -> Deployment {
    let deployed = Deployment::new().await;
    let execution = r#"{"id":"x1","order_id":"o1","status":"FILLED","share_quantity":"1","cash_amount":"2"}"#;
    let deliveries = [
        vec![order("o1", 3, "FILLED"), topup("t1", 1, "CONFIRMED")],
        vec![order("o1", 1, "NEW"), order("o2", 1, "NEW")],
        vec![
            event("x1-2", 2, "EXECUTION.FILLED", execution),
            order("o3", 1, "NEW"),
        ],
    ];
    for events in deliveries {
        deployed.deliver(&events).await;
        deployed.receiver.aws.clock().advance(Duration::from_secs(1));
    }
    // What is received later than this may be on its way.
    deployed.pass(LONG_AGO);
    deployed
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// Domains, and the ids of the events that each is sent.
type Sent<'a> = &'a [(&'static str, &'a [&'a str])];

/// Runs replays one after the other, and looks at what each sends, and that it changes nothing.
async fn assert_sent(lines: &[(&str, Sent<'_>)]) {
    let deployed = deployed().await;
    let before = deployed.entities();
    for (line, expected) in lines {
        let report = replay(&deployed, line).await.unwrap();
        let expected: Vec<_> = expected
            .iter()
            .map(|(domain, list)| (*domain, ids(list)))
            .collect();
        assert_eq!(sent(&deployed), expected, "{line}");
        let count: usize = expected.iter().map(|(_, ids)| ids.len()).sum();
        assert_eq!(
            (report.remaining(), report.succeeded()),
            (count as u64, true),
            "{line}"
        );
        assert!(
            report.text().contains(&format!("{count} events sent")),
            "{}",
            report.text()
        );
        deployed.process().await;
        assert_eq!(deployed.entities(), before, "{line}");
    }
}

const PAYMENT: (&str, &[&str]) = ("payments", &["t1-1"]);

#[tokio::test(start_paused = true)]
async fn each_selector_sends_its_events_to_their_domains_in_the_order_of_their_entity() {
    assert_sent(&[
        ("--event o1-3 o2-1", &[("orders", &["o2-1", "o1-3"])]),
        (
            "--event t1-1 --event o1-1 o1-1",
            &[PAYMENT, ("orders", &["o1-1"])],
        ),
        ("--entity ORDER#o1", &[("orders", &["o1-1", "x1-2", "o1-3"])]),
        ("--entity TOPUP#t1 ORDER#o2", &[PAYMENT, ("orders", &["o2-1"])]),
        ("--type ORDER.NEW", &[("orders", &["o1-1", "o2-1", "o3-1"])]),
        (
            "--category ORDER",
            &[("orders", &["o1-1", "o1-3", "o2-1", "o3-1"])],
        ),
        ("--category EXECUTION TOPUP", &[PAYMENT, ("orders", &["x1-2"])]),
        (
            "--domain orders",
            &[("orders", &["o1-1", "x1-2", "o1-3", "o2-1", "o3-1"])],
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_time_selects_what_was_received_then_in_that_order() {
    assert_sent(&[
        (
            "--since 2026-01-01 --until 2026-01-02",
            &[PAYMENT, ("orders", &["o1-3", "o1-1", "o2-1", "x1-2", "o3-1"])],
        ),
        (
            "--since 2026-01-01T00:00:01Z --until 2026-01-01T00:00:02Z",
            &[("orders", &["o1-1", "o2-1"])],
        ),
        (
            "--type ORDER.NEW --since 2026-01-01T00:00:02Z --until 2026-01-02",
            &[("orders", &["o3-1"])],
        ),
        (
            "--domain payments --since 2026-01-01 --until 2026-01-02",
            &[PAYMENT],
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_delivered_again_belongs_to_the_time_when_it_came_first() {
    let deployed = deployed().await;
    deployed
        .deliver(&[order("o1", 1, "NEW"), order("o4", 1, "NEW")])
        .await;
    let late = "--since 2026-01-01T00:00:03Z --until 2026-01-02";
    replay(&deployed, late).await.unwrap();
    assert_eq!(sent(&deployed), [("orders", ids(&["o4-1"]))]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_counts_by_domain_and_type_and_does_nothing() {
    let deployed = deployed().await;
    let dry_run = parse("--since 2026-01-01 --until 2026-01-02 --dry-run");
    let report = dry_run
        .run(Site::silent(&deployed.stack, deployed.clock()))
        .await
        .unwrap();
    let text = report.text();
    for row in [
        ["orders", "ORDER.NEW", "3"],
        ["orders", "ORDER.FILLED", "1"],
        ["orders", "EXECUTION.FILLED", "1"],
        ["payments", "TOPUP.CONFIRMED", "1"],
    ] {
        let is_there = text.lines().any(|line| line.split_whitespace().eq(row));
        assert!(is_there, "{row:?} is not in\n{text}");
    }
    assert!(text.contains("6 events in all"), "{text}");
    assert!(text.contains("nothing was sent: this was a dry run"), "{text}");
    assert_eq!(
        (sent(&deployed), deployed.receiver.operations().await),
        (vec![], vec![])
    );
    let json = fitting("replay", &report);
    assert_eq!((&json["result"], &json["sent"]), (&"dry_run".into(), &0.into()));
}

#[tokio::test(start_paused = true)]
async fn without_a_yes_nothing_is_sent() {
    let deployed = deployed().await;
    let error = parse("--domain orders --reason test")
        .run(Site::silent(&deployed.stack, deployed.clock()))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("--yes"), "{error}");
    assert_eq!(error.kind(), operator::ErrorKind::Usage);
    assert_eq!(
        (sent(&deployed), deployed.receiver.operations().await),
        (vec![], vec![])
    );
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_recorded_with_who_why_and_what_came_of_it() {
    let deployed = deployed().await;
    let report = replay(&deployed, "--domain orders").await.unwrap();
    let record = deployed.receiver.operations().await.remove(0);
    assert_eq!(record.id, report.replay.unwrap());
    assert_eq!((&*record.command, &*record.reason), ("replay", "test"));
    assert!(record.operator.contains("operator"), "{record:?}");
    assert_eq!(
        record.request,
        json!({ "selection": { "log": { "domains": ["orders"] } } })
    );
    assert_eq!(record.result, Some(json!({ "failed": 0, "sent": 5 })));
    assert!(record.ended_at.is_some());
    let message = &deployed.waiting(Domain::Orders)[0];
    let attribute = |name: &str| message.attributes[name].string_value.clone().unwrap();
    assert_eq!(
        (attribute("replay"), attribute("dispatch")),
        (record.id.to_string(), "replay".to_owned())
    );
    // The entity and the place are what the log has.
    let event: Value = serde_json::from_str(&message.body).unwrap();
    let logged = deployed.receiver.event(event["id"].as_str().unwrap()).await;
    assert_eq!(attribute("aggregate"), logged.aggregate.unwrap().as_str());
    assert_eq!(attribute("occurred"), logged.occurred.to_string());
}

#[tokio::test(start_paused = true)]
async fn nothing_selected_says_what_there_is_none_of() {
    let deployed = deployed().await;
    for (line, expected) in [
        ("--event o1-1 e8 e9", "not in the event log: e8, e9"),
        ("--entity ORDER#o9", "no events of ORDER#o9 in the event log"),
        (
            "--type ORDER.FILED",
            "nothing is selected: there is no event of type ORDER.FILED in the log",
        ),
        ("--domain taxes", "there is no event of domain taxes in the log"),
        (
            "--since 2025-12-01 --until 2025-12-02",
            "no event in the archive that was received from 2025-12-01T00:00:00Z to 2025-12-02T00:00:00Z",
        ),
        ("--since 2026-01-02 --until 2026-01-01", "no time lies between"),
    ] {
        let error = refusal(&deployed, line).await;
        assert!(error.contains(expected), "{line}: {error}");
    }
    assert_eq!(
        (sent(&deployed), deployed.receiver.operations().await),
        (vec![], vec![])
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_in_conflict_with_another_is_not_sent() {
    let deployed = deployed().await;
    let other = order("o1", 1, "NEW").replace("NEW\"}", "CANCELLED\"}");
    deployed.deliver(&[other]).await;
    let keys = deployed.receiver.stored("events");
    let conflicting = keys.iter().find(|key| conflicts_with(key).is_some()).unwrap();
    let error = refusal(&deployed, &format!("--event {conflicting}")).await;
    assert!(error.contains("conflicts"), "{error}");
    for line in [
        "--since 2026-01-01 --until 2026-01-02",
        "--domain orders payments",
    ] {
        let report = replay(&deployed, line).await.unwrap();
        assert_eq!((report.sent, report.failed), (6, 0), "{line}");
        deployed.process().await;
    }
}

#[tokio::test(start_paused = true)]
async fn actions_skip_a_replay_unless_they_ask_for_it() {
    let deployed = deployed().await;
    let (runs, published) = (
        deployed.receiver.effects.runs().len(),
        deployed.receiver.aws.published(CHANGES).len(),
    );
    replay(&deployed, "--entity ORDER#o1").await.unwrap();
    deployed.process().await;
    assert_eq!(deployed.receiver.effects.runs().len(), runs);
    deployed.receiver.effects.want_replays();
    let report = replay(&deployed, "--entity ORDER#o1").await.unwrap();
    deployed.process().await;
    let replayed = &deployed.receiver.effects.runs()[runs..];
    assert_eq!(replayed.len(), 3);
    let replay = report.replay.unwrap().to_string();
    for run in replayed {
        assert_eq!(run.replay.as_deref(), Some(replay.as_str()));
        assert_eq!(run.key, format!("{}#{replay}", run.event_id));
    }
    assert_eq!(deployed.receiver.aws.published(CHANGES).len(), published);
}

#[tokio::test(start_paused = true)]
async fn an_event_too_large_for_the_log_comes_from_the_archive_byte_for_byte() {
    let deployed = Deployment::new().await;
    let note = "x".repeat(400 * 1024);
    let large = event(
        "e1",
        1,
        "ORDER.NEW",
        &format!(r#"{{ "id":"o1","note":"{note}"}}"#),
    );
    let large = large.replace("}}", "},\"webhook_id\":\"w\"}");
    deployed.deliver(&[order("o2", 1, "NEW"), large.clone()]).await;
    for line in [
        "--event e1",
        "--since 2026-01-01 --until 2026-01-02 --type ORDER.NEW",
    ] {
        replay(&deployed, line).await.unwrap();
        let messages = deployed.waiting(Domain::Orders);
        assert!(messages.iter().any(|message| message.body == large), "{line}");
        deployed.process().await;
    }
    deployed.delete_archived(&deployed.verified()[0]).await;
    let report = replay(&deployed, "--entity ORDER#o1 ORDER#o2").await.unwrap();
    assert_eq!((report.sent, report.failed, report.succeeded()), (1, 1, false));
    assert!(
        report.text().contains("the archive does not have it"),
        "{}",
        report.text()
    );
}

#[tokio::test(start_paused = true)]
async fn what_somebody_put_into_the_archive_is_not_sent() {
    let deployed = deployed().await;
    let key = &deployed.verified()[1];
    let object = deployed.receiver.aws.objects("archive")[key].clone();
    let mut delivery = ArchivedDelivery::parse(&object.bytes).unwrap().envelope;
    let forged = [
        order("o1", 1, "FILLED"),
        order("o2", 1, "NEW"),
        event("forged", 1, "ORDER.NEW", r#"{"id":"o9"}"#),
    ];
    delivery.body = format!("[{}]", forged.join(",")).into_bytes();
    let forged = serde_json::to_vec(&ArchivedDelivery::of(&delivery, Some("key"))).unwrap();
    deployed.put_archived(key, forged).await;
    let notes = key_in_the_first_hour("notes.txt");
    deployed.put_archived(&notes, b"hello".to_vec()).await;
    let report = replay(&deployed, "--since 2026-01-01 --until 2026-01-02 --domain orders")
        .await
        .unwrap();
    assert_eq!(
        sent(&deployed),
        [("orders", ids(&["o1-3", "o2-1", "x1-2", "o3-1"]))]
    );
    assert_eq!((report.failed, report.succeeded()), (2, false));
    let text = report.text();
    assert!(text.contains("forged") && text.contains("notes.txt"), "{text}");
}

#[test]
fn exactly_one_kind_of_selector_is_taken() {
    let is_taken = |line: &str| {
        let words = std::iter::once("replay").chain(line.split_whitespace());
        Line::try_parse_from(words).is_ok()
    };
    for line in [
        "--event e1 e2 --reason r",
        "--domain orders fees --reason r --rate 5",
        "--type A.B --since 2026-01-05 --until 36h --dry-run",
        "--resume 019b76da-a87b-7def-8123-456789abcdef --yes",
    ] {
        assert!(is_taken(line), "{line}");
    }
    for line in [
        "--reason r",
        "--domain orders",
        "--event e1 --entity ORDER#o1 --reason r",
        "--event e1 --since 1h --reason r",
        "--entity ORDER#o1 --domain orders --reason r",
        "--type A.B --domain orders --reason r",
        "--until 2026-01-05 --reason r",
        "--domain orderz --reason r",
        "--resume 019b76da-a87b-7def-8123-456789abcdef --domain orders --reason r",
    ] {
        assert!(!is_taken(line), "{line}");
    }
}

fn without_notes(mut item: Value) -> Value {
    item.as_object_mut()
        .unwrap()
        .retain(|name, _| !NOTES.contains(&name.as_str()));
    item
}
