//! Replays in a stack in process.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Parser;
use fake_aws::{CallFilter, Fault, FaultRates, OPERATOR, Service};
use operator::repair::Audit;
use pipeline::stores::archive::ArchivedDelivery;
use pipeline::stores::entities::NOTES;
use serde_json::{Value, json};
use webhook_tests::deliveries::{event, import_key, order, topup};
use webhook_tests::deployment::Deployment;
use webhook_tests::receiver::CHANGES;
use webhook_tests::story::Story;

use super::*;
use crate::output::Report;

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
    let run = Box::pin(replay.run(&deployed.stack, Clock::system(), Reporter::silent()));
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

fn audit_items(deployed: &Deployment) -> Vec<Value> {
    deployed.receiver.aws.items("audit")
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
    let preview = parse("--since 2026-01-01 --until 2026-01-02 --dry-run");
    let report = preview
        .run(&deployed.stack, Clock::system(), Reporter::silent())
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
    assert_eq!((sent(&deployed), audit_items(&deployed)), (vec![], vec![]));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["result"], &json["sent"]), (&"dry_run".into(), &0.into()));
}

#[tokio::test(start_paused = true)]
async fn without_a_yes_nothing_is_sent() {
    let deployed = deployed().await;
    let error = parse("--domain orders --reason test")
        .run(&deployed.stack, Clock::system(), Reporter::silent())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("--yes"), "{error}");
    assert!(error.is_usage());
    assert_eq!((sent(&deployed), audit_items(&deployed)), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_recorded_with_who_why_and_what_came_of_it() {
    let deployed = deployed().await;
    let report = replay(&deployed, "--domain orders").await.unwrap();
    let record = &audit_items(&deployed)[0];
    let text = |name: &str| record[name]["S"].as_str().unwrap();
    assert_eq!(text("id"), report.replay.unwrap().to_string());
    assert_eq!((text("command"), text("reason")), ("replay", "test"));
    assert!(text("operator").contains("operator"), "{record}");
    assert_eq!(
        text("request"),
        r#"{"selection":{"log":{"domains":["orders"]}},"to":[]}"#
    );
    assert_eq!(text("result"), r#"{"failed":0,"sent":5}"#);
    assert!(record["ended_at"]["S"].is_string());
    let message = &deployed.waiting(Domain::Orders)[0];
    assert_eq!(
        message.attributes["replay"].string_value.as_deref(),
        Some(text("id"))
    );
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
        (
            "--entity ORDER#o1 --to payments",
            "there are 3 events of ORDER#o1, but --to names no domain that takes them",
        ),
        ("--since 2026-01-02 --until 2026-01-01", "no time lies between"),
    ] {
        let error = refusal(&deployed, line).await;
        assert!(error.contains(expected), "{line}: {error}");
    }
    assert_eq!((sent(&deployed), audit_items(&deployed)), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn an_event_in_conflict_with_another_is_not_sent() {
    let deployed = deployed().await;
    let other = order("o1", 1, "NEW").replace("NEW\"}", "CANCELLED\"}");
    deployed.deliver(&[other]).await;
    let items = deployed.receiver.aws.items("events");
    let keys = items.iter().map(|item| item["event_id"]["S"].as_str().unwrap());
    let conflicting = keys.clone().find(|key| key.contains('!')).unwrap();
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
async fn events_go_to_the_chosen_domains_that_take_them() {
    let deployed = deployed().await;
    let report = replay(&deployed, "--since 2026-01-01 --until 2026-01-02 --to payments")
        .await
        .unwrap();
    assert_eq!(sent(&deployed), [("payments", ids(&["t1-1"]))]);
    assert_eq!((report.sent, report.left_out), (1, 5));
    assert!(counts(&report).contains("5 more for domains that --to does not name"));
    deployed.process().await;
    replay(&deployed, "--entity ORDER#o2 TOPUP#t1 --to unrecognised orders")
        .await
        .unwrap();
    let expected = [
        ("orders", ids(&["o2-1"])),
        ("unrecognised", ids(&["o2-1", "t1-1"])),
    ];
    assert_eq!(sent(&deployed), expected);
    deployed.process().await;
    assert_eq!(deployed.receiver.waiting(), 0);
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
    deployed
        .put_archived("verified/2026/01/01/00/notes.txt", b"hello".to_vec())
        .await;
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

const RESUMABLE: [&str; 4] = [
    "--event o1-1 o1-3 x1-2 o2-1 o3-1 t1-1",
    "--entity ORDER#o1 ORDER#o2 ORDER#o3 TOPUP#t1",
    "--domain orders payments",
    "--since 2026-01-01 --until 2026-01-02",
];

/// Runs a replay that a crash ends after some calls, and whatever is then to be run. Tells whether it was struck.
async fn interrupted(line: &str, calls: u32, pause: Duration) -> bool {
    let deployed = deployed().await;
    let before = deployed.entities();
    let said = |items: Vec<Value>| -> Vec<Value> { items.into_iter().map(without_notes).collect() };
    deployed.delete_entities().await;
    let crash = CallFilter::any().by("replay").after(calls);
    deployed.receiver.aws.inject(Fault::CrashAfterEffect, crash);
    let struck = parse(&format!("{line} --yes --reason test"));
    let run = Box::pin(struck.run(&deployed.stack, Clock::system(), Reporter::silent()));
    let outcome = deployed.receiver.aws.invoke("replay", run).await;
    deployed.receiver.aws.heal();
    deployed.receiver.aws.clock().advance(pause);
    let is_struck = outcome.is_err();
    let operations = audit_items(&deployed);
    let rest = match operations.first() {
        None => line.to_owned(),
        Some(begun) => format!("--resume {}", begun["id"]["S"].as_str().unwrap()),
    };
    if operations.first().is_none_or(|begun| begun["ended_at"].is_null()) {
        let report = replay(&deployed, &rest).await.unwrap();
        assert!(report.succeeded(), "{}", report.text());
    }
    let sent: BTreeSet<String> = sent(&deployed).into_iter().flat_map(|(_, ids)| ids).collect();
    assert_eq!(sent.len(), 6, "{line}, {calls} calls");
    let runs = deployed.receiver.effects.runs().len();
    deployed.process().await;
    assert_eq!(said(deployed.entities()), said(before), "{line}, {calls} calls");
    assert_eq!(deployed.receiver.effects.runs().len(), runs);
    assert_eq!(deployed.receiver.waiting(), 0);
    assert_eq!(audit_items(&deployed).len(), 1);
    is_struck
}

fn without_notes(mut item: Value) -> Value {
    item.as_object_mut()
        .unwrap()
        .retain(|name, _| !NOTES.contains(&name.as_str()));
    item
}

#[tokio::test(start_paused = true)]
async fn a_replay_interrupted_after_any_call_goes_on_and_loses_nothing() {
    for line in RESUMABLE {
        // Within five minutes the queue knows what it had, after them it does not.
        for pause in [Duration::from_secs(1), Duration::from_secs(301)] {
            let mut calls = 0;
            while interrupted(line, calls, pause).await {
                calls += 1;
            }
            assert!(calls > 8, "{line} makes only {calls} calls");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_after_an_interruption_is_all_that_is_sent() {
    for line in RESUMABLE {
        let deployed = deployed().await;
        let outage = CallFilter::operation(Service::DynamoDb, "UpdateItem")
            .on("audit")
            .by("replay");
        deployed
            .receiver
            .aws
            .inject(Fault::CrashBeforeEffect, outage.after(1));
        let run = Box::pin(parse(&format!("{line} --yes --reason test")).run(
            &deployed.stack,
            Clock::system(),
            Reporter::silent(),
        ));
        let _ = deployed
            .receiver
            .aws
            .invoke("replay", async { run.await.map(|report| report.sent) })
            .await;
        let operation = &audit_items(&deployed)[0];
        let progress: Value = serde_json::from_str(operation["progress"]["S"].as_str().unwrap()).unwrap();
        let id = operation["id"]["S"].as_str().unwrap();
        let replay = parse(&format!("--resume {id} --dry-run"));
        let rest = replay
            .run(&deployed.stack, Clock::system(), Reporter::silent())
            .await
            .unwrap();
        let done = progress["sent"].as_u64().unwrap();
        assert!(done >= 2, "{line}: {progress}");
        assert_eq!(rest.remaining(), 6 - done, "{line}: {progress}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_says_how_to_go_on() {
    let deployed = deployed().await;
    let send = CallFilter::operation(Service::Sqs, "SendMessageBatch").by("replay");
    for _ in 0..30 {
        deployed
            .receiver
            .aws
            .inject(Fault::FailBeforeEffect, send.clone());
    }
    let error = replay(&deployed, "--domain orders").await.unwrap_err();
    let id = audit_items(&deployed)[0]["id"]["S"].as_str().unwrap().to_owned();
    assert!(error.to_string().contains(&format!("--resume {id}")), "{error}");
    deployed.receiver.aws.heal();
    let report = replay(&deployed, &format!("--resume {id}")).await.unwrap();
    assert_eq!((report.sent, report.replay.unwrap().to_string()), (5, id.clone()));
    let again = refusal(&deployed, &format!("--resume {id}")).await;
    assert!(again.contains("there is nothing to go on with"), "{again}");
}

#[tokio::test(start_paused = true)]
async fn what_failed_before_an_interruption_is_told_after_it() {
    let deployed = deployed().await;
    let key = &deployed.verified()[0];
    let object = deployed.receiver.aws.objects("archive")[key].clone();
    let mut delivery = ArchivedDelivery::parse(&object.bytes).unwrap().envelope;
    let events = [
        order("o1", 3, "FILLED"),
        topup("t1", 1, "CONFIRMED"),
        event("unlogged", 1, "ORDER.NEW", r#"{"id":"o9"}"#),
    ];
    delivery.body = format!("[{}]", events.join(",")).into_bytes();
    let object = serde_json::to_vec(&ArchivedDelivery::of(&delivery, Some("key"))).unwrap();
    deployed.put_archived(key, object).await;
    // The first delivery goes to two queues, and is noted then.
    let send = CallFilter::operation(Service::Sqs, "SendMessageBatch").by("replay");
    deployed
        .receiver
        .aws
        .inject(Fault::CrashBeforeEffect, send.after(2));
    let struck = parse("--since 2026-01-01 --until 2026-01-02 --yes --reason test");
    let run = Box::pin(struck.run(&deployed.stack, Clock::system(), Reporter::silent()));
    assert!(deployed.receiver.aws.invoke("replay", run).await.is_err());
    let id = audit_items(&deployed)[0]["id"]["S"].as_str().unwrap().to_owned();
    let report = replay(&deployed, &format!("--resume {id}")).await.unwrap();
    assert_eq!((report.sent, report.failed, report.succeeded()), (6, 1, false));
    assert!(report.text().contains("unlogged"), "{}", report.text());
    let result = &audit_items(&deployed)[0]["result"]["S"];
    assert_eq!(result, r#"{"failed":1,"sent":6}"#);
    let progress = audit_items(&deployed)[0]["progress"]["S"].to_string();
    assert!(
        progress.contains("resumed") && progress.contains(OPERATOR),
        "{progress}"
    );
}

#[tokio::test(start_paused = true)]
async fn messages_that_the_queue_does_not_take_at_once_are_sent_again() {
    let deployed = deployed().await;
    let send = CallFilter::operation(Service::Sqs, "SendMessageBatch").by("replay");
    for _ in 0..2 {
        deployed.receiver.aws.inject(Fault::Partial, send.clone());
    }
    replay(&deployed, "--domain orders").await.unwrap();
    let sent = sent(&deployed).remove(0).1;
    assert_eq!(BTreeSet::from_iter(sent).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn only_an_interrupted_replay_can_be_gone_on_with() {
    let deployed = deployed().await;
    let id = Uuid::nil();
    let unknown = refusal(&deployed, &format!("--resume {id}")).await;
    assert_eq!(unknown, format!("no operation {id} in the audit table"));
    let audit = Audit::of(&deployed.stack, Clock::system()).await.unwrap();
    let other = audit.begin("dlq redrive", "test", json!({})).await.unwrap().id;
    let refused = refusal(&deployed, &format!("--resume {other}")).await;
    assert_eq!(
        refused,
        format!("operation {other} is no replay, but `dlq redrive`")
    );
}

#[test]
fn exactly_one_kind_of_selector_is_taken() {
    let is_taken = |line: &str| {
        let words = std::iter::once("replay").chain(line.split_whitespace());
        Line::try_parse_from(words).is_ok()
    };
    for line in [
        "--event e1 e2 --reason r",
        "--domain orders fees --to orders unrecognised --reason r --rate 5",
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

/// All domains, as arguments.
fn everything() -> String {
    Domain::ALL.map(Domain::name).join(" ")
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_gives_the_same_items_byte_for_byte() {
    let deployed = Deployment::new().await;
    let check = r#"{"id":"k1","user_id":"u1","type":"KYC","status":"PASSED"}"#;
    let execution =
        r#"{"id":"x1","order_id":"o1","status":"FILLED","share_quantity":"1.50","cash_amount":"3"}"#;
    let deliveries = [
        vec![
            event("u1", 0, "USER.CREATED", r#"{"id":"u1","status":"INACTIVE"}"#),
            event("k1", 1, "USER_CHECK.PASSED", check),
        ],
        vec![
            order("o1", 2, "NEW"),
            topup("t1", 2, "CONFIRMED"),
            order("o1", 3, "PROCESSING"),
        ],
        vec![
            event("x1", 4, "EXECUTION.FILLED", execution),
            order("o1", 5, "FILLED"),
        ],
        vec![
            topup("t1", 6, "SETTLED"),
            event("n1", 7, "NEWS.BROKEN", r#"{"id":"n"}"#),
        ],
    ];
    for events in deliveries {
        deployed.deliver(&events).await;
        deployed.deliver(&events).await;
    }
    let mut before = deployed.entities();
    assert_eq!(before.len(), 4);
    for item in &mut before {
        // Which events had an effect: a replay has none.
        assert!(item.as_object_mut().unwrap().remove("applied").is_some());
    }
    deployed.delete_entities().await;
    replay(&deployed, &format!("--domain {}", everything()))
        .await
        .unwrap();
    deployed.process().await;
    assert_eq!(deployed.entities(), before);
}

#[tokio::test(start_paused = true)]
async fn after_any_disorder_and_trouble_a_rebuild_gives_the_same_but_for_the_notes_of_it() {
    let mut rebuilt = 0;
    for seed in 0..40 {
        let deployed = Deployment::builder().seed(seed).without_key().start().await;
        let receiver = &deployed.receiver;
        let mut rng = receiver.aws.rng();
        let story = Story::new(&mut rng);
        for key in &story.keys {
            import_key(&receiver.aws, key.clone()).await;
        }
        receiver.aws.set_fault_rates(FaultRates::stormy());
        for delivery in &story.deliveries {
            while !matches!(
                receiver.post(&delivery.headers, &delivery.body).await,
                Ok((200, _))
            ) {}
            receiver.verify_and_store().await;
            let domain = Domain::ALL[rng.below(Domain::ALL.len())];
            receiver.process(domain).await;
        }
        receiver.aws.heal();
        receiver.drain().await;
        let before: Vec<Value> = deployed.entities().into_iter().map(without_notes).collect();
        for line in [
            format!("--domain {}", everything()),
            "--since 2025-12-31 --until 2027-01-01".to_owned(),
        ] {
            if before.is_empty() {
                continue;
            }
            deployed.delete_entities().await;
            replay(&deployed, &line).await.unwrap();
            receiver.drain().await;
            let after: Vec<Value> = deployed.entities().into_iter().map(without_notes).collect();
            assert_eq!(after, before, "seed {seed}: {line}");
            rebuilt += after.len();
        }
    }
    assert!(rebuilt > 100);
}
