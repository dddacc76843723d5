//! What follows from a change: the domain's action runs once, and the change is published at least once.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use fake_aws::{CallFilter, Fault, Service};
use pipeline::queues::domains::{DomainQueues, EventMessage};
use pipeline::stores::idempotency::RecordState;
use serde_json::Value;
use upvest::effects::Dispatch;
use upvest::{Domain, Event, Occurred};
use verify_and_store::Policy;
use webhook_tests::effects::{Run, Trouble};
use webhook_tests::receiver::{CHANGES, EFFECTS, Receiver, dead_letter_name, queue_name};

use crate::support::{deliver_events, event_at, message_of, post_events, process_all, receiver};

const SCHEMA: &str = include_str!("../../events/schemas/change.v1.schema.json");

fn order(second: u8, status: &str) -> String {
    let object = format!(r#"{{"id":"o1","user_id":"u1","status":"{status}"}}"#);
    event_at(&format!("e{second}"), second, &format!("ORDER.{status}"), &object)
}

/// The first events of ten orders.
fn ten_orders() -> Vec<String> {
    let order = |number| {
        let object = format!(r#"{{"id":"o{number}"}}"#);
        event_at(&format!("e{number}"), 1, "ORDER.NEW", &object)
    };
    (0..10).map(order).collect()
}

/// The details that were published, checked against their schema.
fn published(receiver: &Receiver) -> Vec<Value> {
    let schema = jsonschema::validator_for(&serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let entries = receiver.aws.published(CHANGES).into_iter();
    entries
        .map(|entry| {
            assert_eq!(entry.source, "upvest-webhooks");
            let detail: Value = serde_json::from_str(&entry.detail).unwrap();
            assert_eq!(detail["event"]["type"], entry.detail_type);
            let errors: Vec<String> = schema
                .iter_errors(&detail)
                .map(|error| error.to_string())
                .collect();
            assert_eq!(errors, [""; 0], "{detail}");
            detail
        })
        .collect()
}

fn effects(receiver: &Receiver) -> Vec<String> {
    let messages = receiver.aws.messages(EFFECTS).into_iter();
    messages.map(|message| message.body).collect()
}

fn statuses(runs: &[Run]) -> Vec<(Option<&str>, Option<&str>)> {
    runs.iter()
        .map(|run| (run.status.0.as_deref(), run.status.1.as_deref()))
        .collect()
}

/// Lets time pass and the domain's processor run, until its queue is empty or `rounds` are over.
async fn retry(receiver: &Receiver, domain: Domain, rounds: usize) {
    for _ in 0..rounds {
        receiver.aws.clock().advance(Duration::from_secs(900));
        process_all(receiver).await;
        if receiver.aws.messages(&queue_name(domain)).is_empty() {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_change_runs_the_action_once_and_is_published_with_what_was_before() {
    let receiver = receiver(Policy::Flag).await;
    deliver_events(&receiver, &[order(1, "NEW"), order(2, "FILLED")]).await;
    deliver_events(&receiver, &[order(1, "NEW"), order(2, "FILLED")]).await;
    let runs = receiver.effects.runs();
    assert_eq!(
        statuses(&runs),
        [(None, Some("NEW")), (Some("NEW"), Some("FILLED"))]
    );
    assert_eq!(effects(&receiver), ["e1", "e2"]);
    assert_eq!(receiver.stored("idempotency"), ["orders#e1", "orders#e2"]);
    let changes = published(&receiver);
    assert_eq!(changes.len(), 2);
    assert_eq!(changes[0]["previous"], Value::Null);
    assert_eq!(changes[1]["previous"]["status"], "NEW");
    assert_eq!(changes[1]["current"]["status"], "FILLED");
    assert_eq!(changes[1]["current"]["version"], 1, "one write for both");
    let place = |change: &Value| change["event"]["occurred"].as_str().unwrap().to_owned();
    assert!(place(&changes[0]) < place(&changes[1]));
    assert_eq!(
        (&changes[0]["status_entered"], &changes[1]["status_entered"]),
        (&"NEW".into(), &"FILLED".into())
    );
    assert_eq!(changes[1]["related"], serde_json::json!(["USER#u1"]));
    assert_eq!(changes[1]["object"]["status"], "FILLED");
}

#[tokio::test(start_paused = true)]
async fn a_late_event_runs_the_hook_for_late_events_and_is_published_as_one_that_changes_nothing() {
    let receiver = receiver(Policy::Flag).await;
    let topup = |second, status: &str| {
        let object = format!(r#"{{"id":"t1","status":"{status}"}}"#);
        event_at(&format!("e{second}"), second, &format!("TOPUP.{status}"), &object)
    };
    deliver_events(&receiver, &[topup(2, "SETTLED")]).await;
    deliver_events(&receiver, &[topup(1, "CONFIRMED")]).await;
    let late = receiver.effects.runs_of("e1");
    assert!(late.len() == 1 && late[0].late, "{late:?}");
    assert_eq!(receiver.stored("idempotency"), ["payments#e1", "payments#e2"]);
    let changes = published(&receiver);
    assert_eq!(changes[0]["flags_changed"]["funds_available"], true);
    assert_eq!(
        (&changes[1]["late"], &changes[1]["possible_duplicate"]),
        (&true.into(), &false.into())
    );
    assert_eq!(changes[1]["previous"], Value::Null);
    assert_eq!(changes[1]["flags_changed"], serde_json::json!({}));
    assert_eq!(changes[1]["status_entered"], Value::Null);
    assert_eq!((changes.len(), receiver.waiting()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_call_runs_the_action_again_only_if_its_record_was_not_completed() {
    for calls in 0.. {
        let receiver = receiver(Policy::Flag).await;
        let crash = CallFilter::any().by("orders").after(calls);
        receiver.aws.inject(Fault::CrashAfterEffect, crash);
        deliver_events(&receiver, &[order(1, "NEW")]).await;
        let crashed_in = receiver
            .aws
            .calls()
            .into_iter()
            .rfind(|call| call.invocation.as_deref() == Some("orders"))
            .unwrap();
        receiver.aws.heal();
        receiver.drain().await;
        let runs = receiver.effects.runs_of("e1");
        // The action's effect happened, and nobody was told.
        let twice = crashed_in.service == Service::Sqs && crashed_in.operation == "SendMessage";
        assert_eq!(runs.len(), 1 + usize::from(twice), "crash after {calls} calls");
        assert!(runs.iter().all(|run| run.key == "e1"));
        assert_eq!(
            statuses(&runs)[0],
            (None, Some("NEW")),
            "crash after {calls} calls"
        );
        let ids: BTreeSet<String> = published(&receiver)
            .iter()
            .map(|change| change["event"]["id"].to_string())
            .collect();
        assert_eq!(ids.len(), 1, "crash after {calls} calls");
        let [id] = &receiver.stored("idempotency")[..] else {
            panic!("one record")
        };
        let record = receiver.record(id).await;
        let now = receiver.aws.clock().timestamp();
        assert_eq!(record.state(now), RecordState::Completed);
        assert!(record.data.unwrap().contains("done_for"));
        if receiver.aws.clock().timestamp() == Receiver::new(1, Policy::Flag).aws.clock().timestamp() {
            assert!(calls > 4, "the crash never struck");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_that_fails_holds_up_its_own_entity_only_until_the_dead_letter_queue_takes_the_event() {
    let receiver = receiver(Policy::Flag).await;
    receiver.effects.trouble("e1", Trouble::Fails);
    let other = event_at("n1", 3, "ORDER.NEW", r#"{"id":"o2","status":"NEW"}"#);
    deliver_events(&receiver, &[order(1, "NEW"), order(2, "FILLED"), other]).await;
    assert_eq!(effects(&receiver), ["n1"], "the other order went on");
    assert_eq!(receiver.effects.runs_of("e2"), [], "the same order waits");
    retry(&receiver, Domain::Orders, 20).await;
    assert!(effects(&receiver).contains(&"e2".to_owned()));
    let dead = receiver.aws.messages(&dead_letter_name(Domain::Orders));
    assert_eq!(dead.len(), 1);
    let reason = dead[0].attributes["reason"].string_value.as_deref();
    assert_eq!(
        reason,
        Some("action-failed in 10 attempts: action of event e1 failed: the other side does not answer")
    );
    // The first time, and the ten attempts that count.
    assert_eq!(receiver.effects.runs_of("e1").len(), 11);

    // Redriven when all is well, it runs with the state that it changed then, though another event came since.
    receiver.effects.mend();
    receiver.aws.redrive(&dead_letter_name(Domain::Orders));
    process_all(&receiver).await;
    let runs = receiver.effects.runs_of("e1");
    let last = runs.last().unwrap();
    assert!(last.returned && !last.late);
    assert_eq!(last.status.0, None);
    assert_eq!(effects(&receiver).iter().filter(|id| *id == "e1").count(), 1);
    let changes = published(&receiver);
    let of = |id: &str| {
        changes
            .iter()
            .filter(|change| change["event"]["id"] == id)
            .count()
    };
    assert_eq!((of("e1"), of("e2"), of("n1")), (1, 1, 1));
    assert_eq!(receiver.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_hopeless_action_goes_to_the_dead_letter_queue_and_the_next_event_does_not_wait() {
    let receiver = receiver(Policy::Flag).await;
    receiver.effects.trouble("e1", Trouble::Hopeless);
    deliver_events(&receiver, &[order(1, "NEW"), order(2, "FILLED")]).await;
    assert_eq!(effects(&receiver), ["e2"]);
    let dead = receiver.aws.messages(&dead_letter_name(Domain::Orders));
    assert_eq!(dead.len(), 1);
    let reason = dead[0].attributes["reason"].string_value.as_deref();
    assert_eq!(reason, Some("action of event e1 failed: no such customer"));
    assert_eq!(receiver.effects.runs_of("e1").len(), 1, "it is not tried in vain");
    // Redriven too early, it comes back: the dead-letter queue must not take it for a duplicate.
    receiver.aws.redrive(&dead_letter_name(Domain::Orders));
    process_all(&receiver).await;
    assert_eq!(receiver.aws.messages(&dead_letter_name(Domain::Orders)).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_action_that_panics_or_never_ends_is_a_failure_like_any_other() {
    for trouble in [Trouble::Panics, Trouble::Hangs] {
        let receiver = receiver(Policy::Flag).await;
        receiver.effects.trouble("e1", trouble);
        let other = event_at("n1", 3, "ORDER.NEW", r#"{"id":"o2","status":"NEW"}"#);
        deliver_events(&receiver, &[order(1, "NEW"), other]).await;
        assert_eq!(effects(&receiver), ["n1"], "{trouble:?}");
        receiver.effects.mend();
        retry(&receiver, Domain::Orders, 3).await;
        assert_eq!(effects(&receiver), ["n1", "e1"], "{trouble:?}");
        assert_eq!(statuses(&receiver.effects.runs_of("e1"))[1], (None, Some("NEW")));
    }
}

#[tokio::test(start_paused = true)]
async fn two_invocations_with_the_same_event_run_its_action_once() {
    let receiver = receiver(Policy::Flag).await;
    post_events(&receiver, &[order(1, "NEW")]).await;
    receiver.process_twice(Domain::Orders).await;
    retry(&receiver, Domain::Orders, 3).await;
    assert_eq!(effects(&receiver), ["e1"]);
    assert_eq!(receiver.effects.runs().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn entries_that_the_bus_refuses_are_sent_again_and_nothing_else_is() {
    let receiver = receiver(Policy::Flag).await;
    receiver.aws.inject(
        Fault::Partial,
        CallFilter::operation(Service::EventBridge, "PutEvents"),
    );
    deliver_events(&receiver, &ten_orders()).await;
    assert_eq!(receiver.aws.count(Service::EventBridge, "PutEvents"), 2);
    assert_eq!(published(&receiver).len(), 10);
    assert_eq!(receiver.waiting(), effects(&receiver).len() - 10);
}

#[tokio::test(start_paused = true)]
async fn ten_changes_of_different_entities_are_published_with_one_request() {
    let receiver = receiver(Policy::Flag).await;
    deliver_events(&receiver, &ten_orders()).await;
    assert_eq!(receiver.aws.count(Service::EventBridge, "PutEvents"), 1);
    assert_eq!(published(&receiver).len(), 10);
}

#[tokio::test(start_paused = true)]
async fn while_the_bus_is_out_of_reach_the_event_waits_and_its_action_does_not_run_again() {
    let receiver = receiver(Policy::Flag).await;
    for _ in 0..6 {
        let put = CallFilter::operation(Service::EventBridge, "PutEvents");
        receiver.aws.inject(Fault::FailBeforeEffect, put);
    }
    deliver_events(&receiver, &[order(1, "NEW")]).await;
    assert_eq!(published(&receiver).len(), 0);
    retry(&receiver, Domain::Orders, 5).await;
    let changes = published(&receiver);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0]["previous"], Value::Null);
    assert_eq!(receiver.effects.runs().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_not_published_is_published_when_redriven_though_a_later_one_was() {
    let receiver = receiver(Policy::Flag).await;
    let denied = ["PutEvents".to_owned()];
    receiver.aws.edit_account(|account| account.denied.extend(denied));
    deliver_events(&receiver, &[order(1, "NEW")]).await;
    // A day, and a little more.
    retry(&receiver, Domain::Orders, 100).await;
    receiver.aws.edit_account(|account| account.denied.clear());
    assert_eq!(receiver.aws.messages(&dead_letter_name(Domain::Orders)).len(), 1);
    deliver_events(&receiver, &[order(2, "FILLED")]).await;
    receiver.aws.redrive(&dead_letter_name(Domain::Orders));
    process_all(&receiver).await;
    let ids: Vec<Value> = published(&receiver)
        .iter()
        .map(|change| change["event"]["id"].clone())
        .collect();
    assert_eq!(ids, ["e2", "e1"]);
}

#[tokio::test(start_paused = true)]
async fn an_object_too_large_for_the_bus_is_replaced_by_where_it_is() {
    let receiver = receiver(Policy::Flag).await;
    let large = |id: &str, kilobytes: usize| {
        let note = "x".repeat(kilobytes * 1024);
        let object = format!(r#"{{"id":"{id}","status":"NEW","note":"{note}"}}"#);
        event_at(id, 1, "ORDER.NEW", &object)
    };
    deliver_events(&receiver, &[large("e1", 1030)]).await;
    deliver_events(&receiver, &[large("e2", 1000)]).await;
    let changes = published(&receiver);
    assert_eq!(changes[0]["object"], Value::Null);
    assert_eq!(changes[0]["object_in_event_log"], "e1");
    assert_eq!(changes[0]["current"]["status"], "NEW");
    assert_eq!(changes[1]["object"]["id"], "e2");
}

#[tokio::test(start_paused = true)]
async fn the_entries_of_a_request_that_is_refused_are_sent_one_by_one() {
    let receiver = receiver(Policy::Flag).await;
    receiver.aws.limit_event_requests(4 * 1024);
    deliver_events(&receiver, &ten_orders()).await;
    assert_eq!(published(&receiver).len(), 10);
    assert_eq!(receiver.aws.count(Service::EventBridge, "PutEvents"), 11);
    assert_eq!(receiver.waiting(), effects(&receiver).len() - 10);
}

#[test]
fn the_schema_names_every_domain() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let named = &schema["properties"]["domain"]["enum"];
    assert_eq!(*named, serde_json::json!(Domain::ALL.map(Domain::name)));
}

/// The place that the event got when it was stored.
async fn logged_place(receiver: &Receiver, json: &str) -> Occurred {
    receiver.event(Event::parse(json).unwrap().id()).await.occurred
}

async fn replay(receiver: &Receiver, json: &str) {
    let replayed = EventMessage {
        occurred: logged_place(receiver, json).await,
        replay: Some("after-the-fix".to_owned()),
        ..message_of(json, Dispatch::Replay, receiver.aws.clock().timestamp())
    };
    let queues = DomainQueues::new(receiver.aws.sqs().clone(), receiver.routes());
    queues.send(vec![replayed]).await.unwrap();
    process_all(receiver).await;
}

#[tokio::test(start_paused = true)]
async fn a_replay_runs_no_action_and_is_not_published() {
    let receiver = receiver(Policy::Flag).await;
    deliver_events(&receiver, &[order(1, "NEW"), order(2, "FILLED")]).await;
    let before = receiver.aws.items("entities");
    replay(&receiver, &order(1, "NEW")).await;
    replay(&receiver, &order(2, "FILLED")).await;
    assert_eq!(receiver.effects.runs().len(), 2);
    assert_eq!(published(&receiver).len(), 2);
    assert_eq!(receiver.aws.items("entities"), before);
    assert_eq!(receiver.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_action_that_asks_for_replays_is_told_of_them_under_a_key_of_their_own() {
    let receiver = receiver(Policy::Flag).await;
    receiver.effects.want_replays();
    deliver_events(&receiver, &[order(1, "NEW"), order(2, "FILLED")]).await;
    replay(&receiver, &order(1, "NEW")).await;
    let runs = receiver.effects.runs_of("e1");
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[1].replay.as_deref(), Some("after-the-fix"));
    assert_eq!(runs[1].key, "e1#after-the-fix");
    assert_eq!(published(&receiver).len(), 2);
    assert_eq!(receiver.status("ORDER#o1").await.as_deref(), Some("FILLED"));
}
