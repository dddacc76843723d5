//! What is done about an event that comes late, again, or after a crash: everything real is told, and nothing acts twice.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::time::Duration;

use fake_aws::{CallFilter, Fault, Service};
use pipeline::actions::{ActionError, Actions, Change, DomainActions};
use pipeline::processor::Processor;
use pipeline::queues::domains::{DomainQueues, EventMessage, transition_from_text};
use serde_json::Value;
use upvest::Domain;
use upvest::effects::Dispatch;
use verify_and_store::Policy;
use webhook_tests::effects::{Effects, Trouble};
use webhook_tests::receiver::{CHANGES, EFFECTS, Receiver, dead_letter_name};

use crate::support::{deliver_events, enqueue_events, event_at, message_of, process_all, receiver};

/// What a processor is set up to do.
#[derive(Clone, Copy, Debug)]
struct Setup {
    wants_changes: bool,
    wants_late: bool,
    publishes: bool,
}

/// All that can be wanted.
const ALL: Setup = Setup {
    wants_changes: true,
    wants_late: true,
    publishes: true,
};

impl Setup {
    fn every() -> impl Iterator<Item = Self> {
        (0..8_u8).map(|bits| Self {
            wants_changes: bits & 1 > 0,
            wants_late: bits & 2 > 0,
            publishes: bits & 4 > 0,
        })
    }

    fn processor(self, receiver: &Receiver) -> Processor {
        let processor = receiver.processor(Domain::Orders);
        Processor {
            bus: processor.bus.clone().filter(|_| self.publishes),
            actions: DomainActions::new(Wanting {
                setup: self,
                effects: receiver.effects.clone(),
            }),
            ..processor
        }
    }
}

/// The action of the tests, for those who want only some of it.
struct Wanting {
    setup: Setup,
    effects: Effects,
}

impl Actions for Wanting {
    fn wants(&self, _: &Change<'_>) -> bool {
        self.setup.wants_changes
    }

    async fn on_change(&self, change: &Change<'_>) -> Result<Value, ActionError> {
        self.effects.on_change(change).await
    }

    fn wants_late(&self, _: &Change<'_>) -> bool {
        self.setup.wants_late
    }

    async fn on_late(&self, change: &Change<'_>) -> Result<Value, ActionError> {
        self.effects.on_late(change).await
    }
}

fn order(second: u8, status: &str) -> String {
    let object = format!(r#"{{"id":"o1","status":"{status}"}}"#);
    event_at(&format!("e{second}"), second, &format!("ORDER.{status}"), &object)
}

fn execution(second: u8) -> String {
    let object = r#"{"id":"x1","order_id":"o1","share_quantity":"1","cash_amount":"3"}"#;
    event_at(&format!("e{second}"), second, "EXECUTION.SETTLED", object)
}

/// Sends an event to its domain's queue, which remembers none before, and lets it be processed.
async fn send(receiver: &Receiver, setup: Setup, json: &str, dispatch: Dispatch) {
    receiver.aws.clock().advance(Duration::from_secs(301));
    let message = EventMessage {
        replay: (dispatch == Dispatch::Replay).then(|| "after-the-fix".to_owned()),
        ..message_of(json, dispatch, receiver.aws.clock().timestamp())
    };
    let queues = DomainQueues::new(receiver.aws.sqs().clone(), receiver.routes());
    queues.send(vec![message]).await.unwrap();
    process(receiver, setup).await;
}

async fn process(receiver: &Receiver, setup: Setup) {
    while receiver.process_by(setup.processor(receiver)).await.is_some() {}
}

/// What was published of an event: `late` and `possible_duplicate`, one after another.
fn told(receiver: &Receiver, event_id: &str) -> Vec<(bool, bool)> {
    let changes = receiver.aws.published(CHANGES).into_iter();
    let told = changes.filter_map(|change| {
        let detail: Value = serde_json::from_str(&change.detail).unwrap();
        let mark = |name: &str| detail[name].as_bool().unwrap();
        (detail["event"]["id"] == event_id).then(|| (mark("late"), mark("possible_duplicate")))
    });
    told.collect()
}

const AS_CHANGE: (bool, bool) = (false, false);
const AS_LATE: (bool, bool) = (true, false);
const AS_LATE_AGAIN: (bool, bool) = (true, true);

#[tokio::test(start_paused = true)]
async fn a_copy_that_comes_after_newer_events_is_told_again_under_its_id_and_acts_once_in_all() {
    for setup in Setup::every() {
        for (older, newer) in [
            (order(1, "NEW"), order(2, "FILLED")),
            // The one leaves no trace in the history, the other none in the state.
            (order(1, "NEW"), order(2, "NEW")),
            (execution(1), execution(2)),
        ] {
            let receiver = receiver(Policy::Flag).await;
            send(&receiver, setup, &older, Dispatch::First).await;
            send(&receiver, setup, &newer, Dispatch::First).await;
            let before = receiver.aws.items("entities");
            for _ in 0..2 {
                send(&receiver, setup, &older, Dispatch::Again).await;
            }
            assert_eq!(receiver.aws.items("entities"), before, "{setup:?} {older}");
            let runs = receiver.effects.runs_of("e1").len();
            let wanted = setup.wants_changes || setup.wants_late;
            assert_eq!(runs, usize::from(wanted), "{setup:?} {older}");
            let expected = [AS_CHANGE, AS_LATE_AGAIN, AS_LATE_AGAIN];
            let expected = if setup.publishes { &expected[..] } else { &[] };
            assert_eq!(told(&receiver, "e1"), expected, "{setup:?} {older}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_event_is_told_as_late_and_its_copy_as_late_and_again() {
    for setup in Setup::every() {
        let receiver = receiver(Policy::Flag).await;
        send(&receiver, setup, &order(2, "FILLED"), Dispatch::First).await;
        send(&receiver, setup, &order(1, "NEW"), Dispatch::First).await;
        send(&receiver, setup, &order(1, "NEW"), Dispatch::Again).await;
        let runs = receiver.effects.runs_of("e1");
        assert_eq!(runs.len(), usize::from(setup.wants_late), "{setup:?}");
        assert!(runs.iter().all(|run| run.late));
        let expected = [AS_LATE, AS_LATE_AGAIN];
        let expected = if setup.publishes { &expected[..] } else { &[] };
        assert_eq!(told(&receiver, "e1"), expected, "{setup:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_event_whose_hook_was_cut_short_is_still_late_when_it_comes_back() {
    let receiver = receiver(Policy::Flag).await;
    send(&receiver, ALL, &order(2, "FILLED"), Dispatch::First).await;
    let claim = CallFilter::operation(Service::DynamoDb, "PutItem").on("idempotency");
    receiver.aws.inject(Fault::CrashBeforeEffect, claim);
    send(&receiver, ALL, &order(1, "NEW"), Dispatch::First).await;
    assert_eq!(receiver.effects.runs_of("e1"), []);
    receiver.aws.clock().advance(Duration::from_secs(181));
    process(&receiver, ALL).await;
    let runs = receiver.effects.runs_of("e1");
    assert!(runs.len() == 1 && runs[0].late, "{runs:?}");
    // A second receipt cannot know that the first told nobody.
    assert_eq!(told(&receiver, "e1"), [AS_LATE_AGAIN]);
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_attempts_all_died_takes_its_transition_along_and_is_told_as_what_it_is_when_redriven()
{
    let receiver = receiver(Policy::Flag).await;
    let effect = CallFilter::operation(Service::Sqs, "SendMessage").on(EFFECTS);
    for _ in 0..11 {
        receiver.aws.inject(Fault::CrashBeforeEffect, effect.clone());
    }
    send(&receiver, ALL, &order(1, "NEW"), Dispatch::First).await;
    let dead = dead_letter_name(Domain::Orders);
    for _ in 0..11 {
        assert!(receiver.aws.messages(&dead).is_empty());
        receiver.aws.clock().advance(Duration::from_secs(181));
        process(&receiver, ALL).await;
    }
    receiver.aws.heal();
    let reason = receiver.aws.messages(&dead)[0].attributes["reason"]
        .string_value
        .clone();
    assert!(reason.is_some_and(|reason| reason.starts_with("process-died")));
    send(&receiver, ALL, &order(2, "FILLED"), Dispatch::First).await;
    receiver.aws.clock().advance(Duration::from_secs(900));
    receiver.aws.redrive(&dead);
    process(&receiver, ALL).await;
    assert_eq!(told(&receiver, "e1"), [AS_CHANGE]);
    assert!(!receiver.effects.runs_of("e1").last().unwrap().late);
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_action_failed_takes_its_transition_along_and_runs_as_that_change_when_redriven() {
    let receiver = receiver(Policy::Flag).await;
    receiver.effects.trouble("e2", Trouble::Hopeless);
    send(&receiver, ALL, &order(1, "NEW"), Dispatch::First).await;
    send(&receiver, ALL, &order(2, "PROCESSING"), Dispatch::First).await;
    let dead = dead_letter_name(Domain::Orders);
    let letters = receiver.aws.messages(&dead);
    let attribute = |name: &str| letters[0].attributes[name].string_value.clone().unwrap();
    assert_eq!(attribute("dispatch"), "again");
    let taken_along = transition_from_text(&attribute("transition")).unwrap();
    assert_eq!(taken_along.event_id, "e2");
    send(&receiver, ALL, &order(3, "FILLED"), Dispatch::First).await;
    receiver.effects.mend();
    receiver.aws.redrive(&dead);
    process(&receiver, ALL).await;
    let last = receiver.effects.runs_of("e2").pop().unwrap();
    assert!(last.returned && !last.late, "{last:?}");
    let statuses = (Some("NEW".to_owned()), Some("PROCESSING".to_owned()));
    assert_eq!(last.status, statuses, "as it was then");
    assert_eq!(told(&receiver, "e2"), [AS_CHANGE]);
    send(&receiver, ALL, &order(2, "PROCESSING"), Dispatch::Again).await;
    assert_eq!(receiver.effects.runs_of("e2").len(), 2);
}

fn deny(receiver: &Receiver, operations: &[&str]) {
    let denied = operations.iter().map(|name| (*name).to_owned()).collect();
    receiver.aws.edit_account(|account| account.denied = denied);
}

/// Has a late order fail until it is in the dead-letter queue, and sends it back from there.
async fn redrive_a_late_order(receiver: &Receiver, fail: impl FnOnce(&Receiver)) {
    send(receiver, ALL, &order(2, "FILLED"), Dispatch::First).await;
    fail(receiver);
    send(receiver, ALL, &order(1, "NEW"), Dispatch::First).await;
    // Beyond the day for which a failure of the bus is retried.
    receiver.aws.clock().advance(Duration::from_hours(25));
    process(receiver, ALL).await;
    deny(receiver, &[]);
    receiver.effects.mend();
    let dead = dead_letter_name(Domain::Orders);
    let letters = receiver.aws.messages(&dead);
    assert_eq!(letters.len(), 1);
    assert_eq!(
        letters[0].attributes["dispatch"].string_value.as_deref(),
        Some("again")
    );
    receiver.aws.redrive(&dead);
    process(receiver, ALL).await;
    assert!(receiver.aws.messages(&dead).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_late_event_that_was_dead_lettered_is_no_change_when_it_is_redriven() {
    type Failing = fn(&Receiver);
    let hook_fails: Failing = |receiver| receiver.effects.trouble("e1", Trouble::Hopeless);
    let bus_fails: Failing = |receiver| deny(receiver, &["PutEvents"]);
    for (fail, runs) in [(hook_fails, 2), (bus_fails, 1)] {
        let receiver = receiver(Policy::Flag).await;
        redrive_a_late_order(&receiver, fail).await;
        let late = receiver.effects.runs_of("e1");
        assert_eq!(late.len(), runs, "{late:?}");
        assert!(late.iter().all(|run| run.late), "{late:?}");
        assert_eq!(told(&receiver, "e1"), [AS_LATE_AGAIN]);
        let detail = receiver.aws.published(CHANGES).pop().unwrap().detail;
        let detail: Value = serde_json::from_str(&detail).unwrap();
        assert_eq!(detail["flags_changed"], serde_json::json!({}));
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_a_replay_applied_first_is_a_change_when_its_own_message_comes() {
    let receiver = receiver(Policy::Flag).await;
    for event in [order(1, "NEW"), order(2, "FILLED")] {
        send(&receiver, ALL, &event, Dispatch::Replay).await;
    }
    assert_eq!(receiver.effects.runs(), []);
    send(&receiver, ALL, &order(2, "FILLED"), Dispatch::First).await;
    assert_eq!(told(&receiver, "e2"), [AS_CHANGE]);
    assert!(!receiver.effects.runs_of("e2")[0].late);
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_of_a_batch_leaves_every_event_told_as_what_it_is_and_acted_on() {
    let events = [
        order(1, "NEW"),
        order(2, "FILLED"),
        execution(3),
        event_at("n1", 4, "ORDER.NEW", r#"{"id":"o2","status":"NEW"}"#),
    ];
    for (fault, calls) in [Fault::CrashBeforeEffect, Fault::CrashAfterEffect]
        .into_iter()
        .flat_map(|fault| (0..20).map(move |calls| (fault, calls)))
    {
        let receiver = receiver(Policy::Flag).await;
        let crash = CallFilter::any().by("orders").after(calls);
        receiver.aws.inject(fault, crash);
        deliver_events(&receiver, &events).await;
        receiver.aws.heal();
        receiver.drain().await;
        for id in ["e1", "e2", "e3", "n1"] {
            let told = told(&receiver, id);
            assert!(
                !told.is_empty(),
                "{fault:?} after {calls}: {id} is told to nobody"
            );
            assert!(
                told.iter().all(|told| *told == AS_CHANGE),
                "{fault:?} after {calls}: {id} {told:?}"
            );
            let runs = receiver.effects.runs_of(id);
            assert!(
                (1..=2).contains(&runs.len()),
                "{fault:?} after {calls}: {id} {runs:?}"
            );
            assert!(runs.iter().all(|run| !run.late && run.key == id));
        }
        // What was before and after each event is what it was, whichever attempt told it.
        let statuses = receiver.effects.runs_of("e2").pop().unwrap().status;
        assert_eq!(statuses, (Some("NEW".to_owned()), Some("FILLED".to_owned())));
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_reads_writes_and_publishes_its_entities_together() {
    let receiver = receiver(Policy::Flag).await;
    let executions = |batch: u32| {
        let execution = |number: u32| {
            let id = batch * 10 + number;
            let object = format!(
                r#"{{"id":"x{id}","order_id":"o1","share_quantity":"1","cash_amount":"3","status":"FILLED"}}"#
            );
            event_at(&format!("e{id}"), 1, "EXECUTION.FILLED", &object)
        };
        (0..10).map(execution).collect::<Vec<_>>()
    };
    for batch in 0..60 {
        deliver_events(&receiver, &executions(batch)).await;
    }
    let on_entities = |operation: &str| {
        let calls = receiver.aws.calls().into_iter();
        calls
            .filter(|call| call.resource == "entities" && call.operation == operation)
            .count()
    };
    assert_eq!((on_entities("BatchGetItem"), on_entities("PutItem")), (60, 60));
    assert_eq!(receiver.aws.count(Service::EventBridge, "PutEvents"), 60);
    let order = receiver.state("ORDER#o1").await;
    let filled = &order.projection.derived("ORDER")["filled_quantity"];
    assert_eq!(serde_json::to_value(filled).unwrap(), "600");
    assert_eq!(order.version, 60);
    assert_eq!(receiver.stored("entities"), ["ORDER#o1"]);
}

#[tokio::test(start_paused = true)]
async fn the_states_of_a_hundred_new_events_take_forty_requests_at_most_whatever_they_are_about() {
    let about_many = |number: usize| {
        let object = format!(r#"{{"id":"o{number}","status":"NEW"}}"#);
        event_at(&format!("e{number}"), 1, "ORDER.NEW", &object)
    };
    let many: Vec<String> = (0..100).map(about_many).collect();
    let of_one: Vec<String> = (0..100)
        .map(|number| {
            let object = format!(r#"{{"id":"x{number}","order_id":"o1","status":"FILLED"}}"#);
            event_at(&format!("e{number}"), 1, "EXECUTION.FILLED", &object)
        })
        .collect();
    for events in [many, of_one, upvest_simulator::generate(7, 100)] {
        let receiver = receiver(Policy::Flag).await;
        enqueue_events(&receiver, &events).await;
        receiver.verify_and_store().await.unwrap();
        receiver.aws.clear_calls();
        process_all(&receiver).await;
        let calls = receiver.aws.calls();
        let on_entities = calls.iter().filter(|call| call.resource == "entities").count();
        let published = receiver.aws.count(Service::EventBridge, "PutEvents");
        assert_eq!(receiver.stored("events").len(), 100);
        assert!(on_entities <= 40, "{on_entities}");
        assert_eq!(
            published,
            on_entities / 2,
            "one for each batch that is read and written"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_batch_of_entities_one_that_cannot_be_written_holds_up_no_other() {
    let receiver = receiver(Policy::Flag).await;
    let new = |number: u8| {
        let object = format!(r#"{{"id":"o{number}","status":"NEW"}}"#);
        event_at(&format!("e{number}"), 1, "ORDER.NEW", &object)
    };
    let batch = CallFilter::operation(Service::DynamoDb, "BatchExecuteStatement").on("entities");
    receiver.aws.inject(Fault::Partial, batch);
    deliver_events(&receiver, &[new(1), new(2), new(3)]).await;
    assert_eq!(receiver.stored("entities").len(), 3);
    assert_eq!(
        receiver.stored("idempotency").len(),
        3,
        "what failed in the batch was written alone"
    );
}

#[tokio::test(start_paused = true)]
async fn an_item_that_was_edited_by_hand_has_its_events_wait_in_the_dead_letter_queue_with_the_way_out() {
    let receiver = receiver(Policy::Flag).await;
    deliver_events(&receiver, &[order(1, "NEW")]).await;
    receiver.break_entity("ORDER#o1").await;
    let other = event_at("n1", 3, "ORDER.NEW", r#"{"id":"o2","status":"NEW"}"#);
    deliver_events(&receiver, &[order(2, "FILLED"), other]).await;
    assert!(receiver.effects.runs_of("n1").len() == 1 && receiver.effects.runs_of("e2").is_empty());
    let dead = dead_letter_name(Domain::Orders);
    let letters = receiver.aws.messages(&dead);
    let reason = letters[0].attributes["reason"].string_value.clone().unwrap();
    assert_eq!(
        reason,
        "entity ORDER#o1 in the entities table has no usable last_occurred; \
         rebuild it from the event log: upvest-webhooks entities rebuild 'ORDER#o1'"
    );
}
