//! Explanations of what the receiver in process did.

mod acting;
mod evidence;

use std::time::Duration;

use clap::Parser;
use fake_aws::{CallFilter, Fault, Service};
use pipeline::policy::Policy;
use pipeline::queues::domains::{DomainQueues, EventMessage};
use pipeline::stores::audit::AuditLog;
use pipeline::stores::events::attributes::RECEIVED_AT;
use pipeline::stores::events::{EventLog, NewEvent};
use serde_json::Value;
use upvest::{Domain, Event};
use webhook_tests::deliveries::{event, event_of_o1 as order, signing_key};
use webhook_tests::deployment::Deployment;
use webhook_tests::schemas::fitting;

use operator::explain::Bytes;
use operator::fold::Comparison;
use upvest::effects::{Dispatch, Effect};

use super::*;
use crate::output::{Report, laid_out};

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    explain: Arguments,
}

async fn try_explain(signed: &Deployment, line: &str) -> Result<Explanation> {
    let words = std::iter::once("explain").chain(line.split_whitespace());
    let arguments = Line::try_parse_from(words).unwrap().explain;
    arguments.run(&signed.stack, &signed.clock()).await
}

async fn explain(signed: &Deployment, line: &str) -> Explanation {
    try_explain(signed, line).await.unwrap()
}

/// Lets an event be processed again for a replay that the audit table knows; gives the replay's id.
async fn replay(signed: &Deployment, json: &str) -> String {
    let table = "audit".to_owned();
    let audit = AuditLog::new(signed.receiver.aws.dynamodb().clone(), table, signed.clock());
    let operation = audit.begin("arn", "replay", "INC-42", Value::Null).await.unwrap();
    let log = EventLog::new(signed.receiver.aws.dynamodb().clone(), "events".to_owned());
    let event = Event::parse(json).unwrap();
    let logged = log.find(event.id()).await.unwrap().unwrap();
    let replayed = EventMessage {
        event_id: logged.event_id,
        domain: event.category().domain,
        aggregate: logged.aggregate.unwrap(),
        occurred: logged.occurred,
        json: json.to_owned(),
        sha256: logged.sha256,
        delivery_id: "d1".to_owned(),
        dispatch: Dispatch::Replay,
        dispatched_at: signed.now(),
        replay: Some(operation.id.to_string()),
    };
    let queues = DomainQueues::new(signed.receiver.aws.sqs().clone(), signed.receiver.routes());
    queues.send(vec![replayed]).await.unwrap();
    signed.process().await;
    operation.id.to_string()
}

/// Logs an event of the order whose message is lost.
async fn log_without_dispatch(signed: &Deployment, id: &str, second: u8, status: &str) {
    let log = EventLog::new(signed.receiver.aws.dynamodb().clone(), "events".to_owned());
    let object = format!(r#"{{"id":"o1","status":"{status}"}}"#);
    let lost = NewEvent {
        event_id: id.to_owned(),
        event_type: format!("ORDER.{status}"),
        aggregate: Some("ORDER#o1".to_owned()),
        occurred: format!("2026-01-01T00:00:{second:02}#2020##2026-01-01T00:00:{second:02}#00000#{id}"),
        time_flag: None,
        delivery_id: "lost".to_owned(),
        received_at: signed.now().to_string(),
        sha256: String::new(),
        object: &object,
        archived_at: String::new(),
    };
    log.record(&[lost]).await.unwrap();
}

/// Makes an order in two deliveries, whose ids it returns.
async fn with_order() -> (Deployment, [String; 2]) {
    let signed = Deployment::new().await;
    let first = signed.deliver(&[order("e1", 1, "NEW")]).await;
    signed.receiver.aws.clock().advance(Duration::from_secs(1));
    let execution = event(
        "e2",
        2,
        "EXECUTION.FILLED",
        r#"{"id":"x1","order_id":"o1","share_quantity":"1","cash_amount":"3","status":"FILLED"}"#,
    );
    let second = signed.deliver(&[execution, order("e3", 3, "FILLED")]).await;
    (signed, [first, second])
}

fn json(explanation: &Explanation) -> Value {
    fitting("explain", explanation)
}

#[track_caller]
fn assert_finding(explanation: &Explanation, expected: &str) {
    let findings = &explanation.findings;
    assert!(
        findings.iter().any(|finding| finding.contains(expected)),
        "{findings:?}"
    );
    assert!(!explanation.succeeded());
    let text = explanation.text();
    assert!(text.contains(expected), "{expected:?} is not in\n{text}");
}

#[track_caller]
fn assert_holds(explanation: &Explanation) {
    assert!(explanation.succeeded(), "{}", explanation.text());
    assert!(explanation.text().starts_with("✓ everything on the way holds\n"));
}

#[tokio::test(start_paused = true)]
async fn in_short_the_verdict_comes_first_and_each_event_is_a_line() {
    let (signed, _) = with_order().await;
    let brief = Brief(explain(&signed, "ORDER#o1").await);
    let text = brief.text();
    assert!(text.starts_with("✓ everything on the way holds\n"), "{text}");
    for id in ["e1", "e2", "e3"] {
        let about = |line: &&str| line.starts_with("✓ 2026-") && line.ends_with(&format!("  {id}"));
        assert_eq!(text.lines().filter(about).count(), 1, "{id}: {text}");
    }
    assert_eq!(fitting("explain", &brief), json(&brief.0));
    signed.delete_archived(&signed.verified()[0]).await;
    let brief = Brief(explain(&signed, "ORDER#o1").await);
    assert!(
        brief.text().starts_with("What does not hold:\n✗ "),
        "{}",
        brief.text()
    );
    assert!(brief.text().contains("\n✗ 2026-"), "{}", brief.text());
    assert_eq!(brief.exit(), crate::exit::Exit::Findings);
}

#[tokio::test(start_paused = true)]
async fn no_word_is_broken_at_the_edge_of_a_terminal() {
    let (signed, _) = with_order().await;
    let explanation = explain(&signed, "ORDER#o1").await;
    let whole = explanation.text();
    let broken = laid_out(Some(80), || explanation.text());
    assert!(broken.lines().count() > whole.lines().count(), "{broken}");
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&broken), words(&whole));
    assert!(broken.lines().all(|line| line.chars().count() <= 80), "{broken}");
}

#[tokio::test(start_paused = true)]
async fn the_whole_chain_of_an_entity_holds() {
    let (signed, [first, second]) = with_order().await;
    let explanation = explain(&signed, "ORDER#o1").await;
    assert_holds(&explanation);
    let json = json(&explanation);
    assert_eq!(json["entity"]["status"], "FILLED");
    assert_eq!(
        json["entity"]["log"],
        serde_json::json!({"result": "same", "events": 3})
    );
    let ids: Vec<_> = explanation
        .events
        .iter()
        .map(|event| event.event_id.as_str())
        .collect();
    assert_eq!(ids, ["e1", "e2", "e3"]);
    for (event, delivery) in explanation.events.iter().zip([&first, &second, &second]) {
        assert_eq!(event.delivery_id, *delivery);
        assert_eq!(event.bytes, Bytes::AsSigned);
        assert_eq!(event.actions[0].action, "orders");
        assert_eq!(
            event.actions[0].state,
            pipeline::stores::idempotency::RecordState::Completed
        );
        assert_eq!(event.step.as_ref().unwrap().effect, Effect::Fresh);
    }
    // The second delivery was written last, so that the changes that it made are kept.
    let again: Vec<_> = explanation
        .events
        .iter()
        .map(|event| event.step.as_ref().unwrap().sent_again)
        .collect();
    assert_eq!(again, [Effect::Duplicate, Effect::Resume, Effect::Resume]);
    assert_eq!(json["events"][2]["step"]["effect"], "fresh");
    assert_eq!(json["events"][2]["step"]["sent_again"], "resume");
    let statuses = [(None, "NEW"), (Some("NEW"), "NEW"), (Some("NEW"), "FILLED")];
    for (event, (before, after)) in json["events"].as_array().unwrap().iter().zip(statuses) {
        assert_eq!(event["step"]["previous_status"].as_str(), before);
        assert_eq!(event["step"]["status"], after);
    }
    let signature = &json["deliveries"][&first]["signature"];
    assert_eq!(signature["result"], "holds");
    assert_eq!(signature["key_id"], "key");
    assert_eq!(signature["algorithm"], "ed25519");
    let text = explanation.text();
    for expected in [
        "✓ log         its 3 events fold to exactly this state",
        &format!("✓ archived    {}", signed.archived_at(&first)),
        "NEW → FILLED",
        r#"✓ action      orders completed, result {"done_for":"e3"}"#,
        "  keeps       the changes of e2, e3: a retry resumes their effects",
        "  effect      fresh: it changed what the state shows; sent again: resume",
        "? published   not recorded; it follows: to changes, because its entity was written with it last",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn personal_data_is_shown_on_request_only() {
    let (signed, _) = with_order().await;
    for subject in ["ORDER#o1", "e1"] {
        let without = explain(&signed, subject).await;
        assert!(!format!("{} {}", without.text(), json(&without)).contains("user_id"));
        let with = explain(&signed, &format!("{subject} --object")).await;
        assert!(with.text().contains("  \"user_id\": \"u1\"\n"), "{}", with.text());
        assert_eq!(json(&with)["entity"]["object"]["user_id"], "u1");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_event_is_told_as_late() {
    let signed = Deployment::new().await;
    signed.deliver(&[order("e2", 2, "FILLED")]).await;
    signed.receiver.aws.clock().advance(Duration::from_secs(1));
    signed.deliver(&[order("e1", 1, "NEW")]).await;
    let explanation = explain(&signed, "ORDER#o1").await;
    assert_holds(&explanation);
    let late = &explanation.events[0];
    assert_eq!(late.step.as_ref().unwrap().effect, Effect::Late);
    assert_eq!(late.actions[0].action, "orders");
    let text = explanation.text();
    assert!(
        text.contains("late: a newer event had been received before it; sent again: duplicate"),
        "{text}"
    );
}

/// What follows about the publication of the only event, or of the oldest.
fn published(explanation: &Explanation) -> (String, String) {
    let publication = &json(explanation)["events"][0]["publication"];
    let text = |name: &str| publication[name].as_str().unwrap_or_default().to_owned();
    (text("follows"), text("because"))
}

#[track_caller]
fn assert_publication(explanation: &Explanation, expected: &str, because: &str) {
    let (follows, why) = published(explanation);
    assert_eq!(follows, expected, "{why}");
    assert!(why.contains(because), "{why}");
    let text = explanation.text();
    assert!(
        text.contains("? published   not recorded; it follows: "),
        "{text}"
    );
    assert!(text.contains(&why), "{text}");
}

#[tokio::test(start_paused = true)]
async fn whether_an_event_was_published_is_told_as_what_follows_from_the_records() {
    let signed = Deployment::new().await;
    signed.store(&[order("e2", 2, "FILLED")]).await;
    assert_publication(&explain(&signed, "e2").await, "open", "does not have it yet");
    signed.process().await;
    let newest = explain(&signed, "e2").await;
    assert_publication(&newest, "published", "was written with it last");
    signed.receiver.aws.clock().advance(Duration::from_secs(1));
    signed.deliver(&[order("e1", 1, "NEW")]).await;
    let late = explain(&signed, "e1").await;
    assert_publication(&late, "published", "told as late");
    signed.receiver.aws.clock().advance(Duration::from_secs(1));
    signed.deliver(&[order("e3", 3, "CANCELLED")]).await;
    let followed = explain(&signed, "e2").await;
    assert_publication(&followed, "published", "the state has it");
}

#[tokio::test(start_paused = true)]
async fn what_the_entity_keeps_outweighs_the_order_of_receipt() {
    let signed = Deployment::new().await;
    signed.deliver(&[order("e1", 1, "NEW")]).await;
    signed.receiver.aws.clock().advance(Duration::from_secs(1));
    signed
        .deliver(&[order("e2", 2, "PROCESSING"), order("e3", 3, "FILLED")])
        .await;
    // By the order of receipt both came after e3; but the change that e2 made is kept.
    let later = (RECEIVED_AT, "2026-01-01T00:00:59Z");
    for (event, effect) in [("e1", Effect::Late), ("e2", Effect::Fresh)] {
        signed.set("events", event, later).await;
        let explanation = explain(&signed, event).await;
        let step = explanation.events[0].step.as_ref().unwrap();
        assert_eq!(step.effect, effect, "{event}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_bus_nothing_was_published() {
    let mut signed = Deployment::new().await;
    signed.deliver(&[order("e1", 1, "NEW")]).await;
    signed.remove_output("EventBusName");
    assert_publication(&explain(&signed, "e1").await, "not-published", "no event bus");
}

#[tokio::test(start_paused = true)]
async fn actions_that_ran_for_replays_are_told_with_their_replay() {
    let (signed, _) = with_order().await;
    replay(&signed, &order("e1", 1, "NEW")).await;
    let without = explain(&signed, "e1").await;
    assert_eq!(
        without.events[0].actions.len(),
        1,
        "the action did not ask for replays"
    );
    signed.receiver.effects.want_replays();
    let replay = replay(&signed, &order("e1", 1, "NEW")).await;
    for subject in ["e1", "ORDER#o1"] {
        let explanation = explain(&signed, subject).await;
        assert_holds(&explanation);
        let json = json(&explanation);
        let actions = json["events"][0]["actions"].as_array().unwrap();
        assert_eq!(actions.len(), 2);
        assert_eq!(actions[0]["replay"], Value::Null);
        assert_eq!(actions[1]["replay"], replay);
        assert_eq!(actions[1]["action"], "orders");
        let text = explanation.text();
        let told = format!("✓ action      orders for replay {replay} completed");
        assert!(text.contains(&told), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_newest_events_are_shown_and_all_are_folded() {
    let (signed, _) = with_order().await;
    let explanation = explain(&signed, "ORDER#o1 --limit 1").await;
    assert_holds(&explanation);
    assert_eq!(explanation.events[0].event_id, "e3");
    assert_eq!(explanation.events.len(), 1);
    assert_eq!(
        explanation.entity.as_ref().unwrap().log,
        Comparison::Same { events: 3 }
    );
    assert!(
        explanation.text().contains("2 before them: --limit"),
        "{}",
        explanation.text()
    );
}

#[tokio::test(start_paused = true)]
async fn events_that_are_not_processed_yet_are_told() {
    let (signed, _) = with_order().await;
    signed.receiver.aws.clock().advance(Duration::from_secs(1));
    signed.store(&[order("e4", 4, "CANCELLED")]).await;
    let explanation = explain(&signed, "ORDER#o1").await;
    assert_finding(
        &explanation,
        "the state lacks the last 1 event: they wait in the domain's queue",
    );
    let lacks = vec!["e4".to_owned()];
    assert_eq!(explanation.entity.unwrap().log, Comparison::Behind { lacks });
    signed
        .store(&[event("e5", 5, "USER.CREATED", r#"{"id":"u1"}"#)])
        .await;
    assert_finding(
        &explain(&signed, "USER#u1").await,
        "there is no state, but 1 event in the log",
    );
}

#[tokio::test(start_paused = true)]
async fn a_delivery_tells_what_it_held_and_what_became_of_it() {
    let (signed, [first, _]) = with_order().await;
    let text = explain(&signed, &first).await.text();
    assert!(text.contains("e1 ") && text.contains(" stored"), "{text}");
    let id = signed
        .deliver(&[
            order("e1", 1, "NEW"),
            order("e3", 3, "CANCELLED"),
            "{\"id\":\"none\"}".to_owned(),
        ])
        .await;
    let explanation = explain(&signed, &id).await;
    let json = json(&explanation);
    assert_eq!(json["delivery"]["events"][0]["result"], "duplicate");
    assert_eq!(json["delivery"]["events"][0]["of_delivery"], first);
    assert_eq!(json["delivery"]["events"][1]["result"], "conflict");
    assert_eq!(
        json["delivery"]["quarantine"]["positions"],
        serde_json::json!([2])
    );
    assert_finding(&explanation, "a part of it is in quarantine: event-incomplete");
}

#[tokio::test(start_paused = true)]
async fn a_forged_delivery_shows_nothing_of_what_it_claims() {
    let signed = Deployment::new().await;
    let id = signed
        .post_signed(&signing_key(8), &[order("claimed", 1, "NEW")])
        .await;
    signed.receiver.verify_and_store().await.unwrap();
    let explanation = explain(&signed, &format!("{id} --object")).await;
    assert_finding(&explanation, "it is in quarantine: bad-signature");
    let shown = format!("{} {}", explanation.text(), json(&explanation));
    assert!(!shown.contains("claimed") && !shown.contains("ORDER"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_delivered_and_is_not_logged_is_lost() {
    let (signed, [first, _]) = with_order().await;
    signed.delete("events", "e1").await;
    assert_finding(
        &explain(&signed, &first).await,
        "event e1: it was delivered, and is not in the log",
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_alone_folds_to_the_state_of_its_entity() {
    let signed = Deployment::new().await;
    signed.deliver(&[order("e1", 1, "NEW")]).await;
    let text = explain(&signed, "ORDER#o1").await.text();
    assert!(text.contains("its 1 event folds to exactly this state"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_event_without_an_entity_is_explained_as_such() {
    let signed = Deployment::new().await;
    signed
        .deliver(&[event("e1", 1, "ORDER.NEW", r#"{"status":"NEW"}"#)])
        .await;
    let explanation = explain(&signed, "e1").await;
    assert_holds(&explanation);
    assert!(
        explanation.text().contains("? entity      none"),
        "{}",
        explanation.text()
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_unknown_is_an_error_that_says_what_was_looked_for() {
    let signed = Deployment::new().await;
    let error = try_explain(&signed, "ORDER#none").await.unwrap_err().to_string();
    assert!(error.starts_with("no entity ORDER#none"), "{error}");
    for unknown in [
        "e9",
        "019b76da-a87b-7def-8123-456789abcdef",
        "a8eb3540-5a84-40f9-b2bb-7f99f282fc5a",
    ] {
        let error = try_explain(&signed, unknown).await.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("no event or delivery {unknown}")),
            "{error}"
        );
    }
}
