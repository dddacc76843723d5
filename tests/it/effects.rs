//! A second copy of an event that was once the newest of its entity has no effect, however many came since.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::time::Duration;

use fake_aws::{CallFilter, Fault, Service};
use pipeline::actions::{ActionError, Actions, Change, DomainActions};
use pipeline::processor::Processor;
use pipeline::queues::domains::{Dispatch, DomainQueues};
use serde_json::Value;
use upvest::{Domain, Event};
use verify_and_store::FreshnessPolicy;
use webhook_tests::effects::{Effects, Trouble};
use webhook_tests::receiver::{CHANGES, Receiver, dead_letter_name};

use crate::support::{event_at, items, receiver};

/// What a processor is set up to do.
#[derive(Clone, Copy, Debug)]
struct Setup {
    wants_changes: bool,
    wants_late: bool,
    publishes: bool,
    publishes_late: bool,
}

/// All that can be wanted.
const ALL: Setup = Setup {
    wants_changes: true,
    wants_late: true,
    publishes: true,
    publishes_late: true,
};

impl Setup {
    fn every() -> impl Iterator<Item = Self> {
        (0..16_u8).map(|bits| Self {
            wants_changes: bits & 1 > 0,
            wants_late: bits & 2 > 0,
            publishes: bits & 4 > 0,
            publishes_late: bits & 8 > 0,
        })
    }

    fn processor(self, receiver: &Receiver) -> Processor {
        let processor = receiver.processor(Domain::Orders);
        Processor {
            bus: processor.bus.clone().filter(|_| self.publishes),
            publishes_late: self.publishes_late,
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

/// Sends a copy of an event to its domain's queue, as a redrive does: the queue does not remember the one before.
async fn send(receiver: &Receiver, setup: Setup, json: &str, replay: Option<&str>) {
    let event = Event::parse(json).unwrap();
    let copy = Dispatch {
        event_id: event.id().to_owned(),
        domain: event.category().domain,
        entity: event.entity_key().unwrap(),
        json: json.to_owned(),
        delivery_id: "d1".to_owned(),
        replay: replay.map(str::to_owned),
    };
    receiver.aws.clock().advance(Duration::from_secs(301));
    let queues = DomainQueues::new(receiver.aws.sqs().clone(), receiver.routes());
    queues.send(vec![copy]).await.unwrap();
    while receiver.process_by(setup.processor(receiver)).await.is_some() {}
}

/// All effects so far: runs, records, what was published, and the entity.
fn effects(receiver: &Receiver) -> (usize, Vec<String>, usize, Vec<Value>) {
    (
        receiver.effects.runs().len(),
        items(receiver, "idempotency", "id"),
        receiver.aws.published(CHANGES).len(),
        receiver.aws.items("entities"),
    )
}

fn published_late(receiver: &Receiver) -> Vec<(String, bool)> {
    let changes = receiver.aws.published(CHANGES).into_iter();
    let told = changes.map(|change| {
        let detail: Value = serde_json::from_str(&change.detail).unwrap();
        let id = detail["event"]["id"].as_str().unwrap().to_owned();
        (id, detail["late"].as_bool().unwrap())
    });
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn a_second_copy_of_an_event_that_was_the_newest_has_no_effect_once_a_newer_one_came() {
    for setup in Setup::every() {
        for (older, newer) in [
            (order(1, "NEW"), order(2, "FILLED")),
            // The one leaves no trace in the history, the other none in the state.
            (order(1, "NEW"), order(2, "NEW")),
            (execution(1), execution(2)),
        ] {
            let receiver = receiver(FreshnessPolicy::Flag).await;
            send(&receiver, setup, &older, None).await;
            send(&receiver, setup, &newer, None).await;
            let before = effects(&receiver);
            for _ in 0..2 {
                send(&receiver, setup, &older, None).await;
                assert_eq!(effects(&receiver), before, "{setup:?} {older}");
            }
            assert_eq!(receiver.waiting(), 0, "{setup:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_late_is_told_as_late_once_and_stays_late_when_it_comes_again() {
    for setup in Setup::every() {
        let receiver = receiver(FreshnessPolicy::Flag).await;
        send(&receiver, setup, &order(2, "FILLED"), None).await;
        for _ in 0..2 {
            send(&receiver, setup, &order(1, "NEW"), None).await;
        }
        let runs = receiver.effects.runs_of("e1");
        assert_eq!(runs.len(), usize::from(setup.wants_late), "{setup:?}");
        assert!(runs.iter().all(|run| run.late));
        let late = published_late(&receiver);
        assert_eq!(
            late.contains(&("e1".to_owned(), true)),
            setup.publishes && setup.publishes_late,
            "{setup:?}"
        );
        assert!(!late.contains(&("e1".to_owned(), false)), "{setup:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_event_whose_hook_was_cut_short_is_still_late_when_it_comes_back() {
    let receiver = receiver(FreshnessPolicy::Flag).await;
    send(&receiver, ALL, &order(2, "FILLED"), None).await;
    let claim = CallFilter::operation(Service::DynamoDb, "PutItem").on("idempotency");
    receiver.aws.inject(Fault::CrashBeforeEffect, claim);
    send(&receiver, ALL, &order(1, "NEW"), None).await;
    assert_eq!(receiver.effects.runs_of("e1"), []);
    receiver.aws.clock().advance(Duration::from_secs(181));
    while receiver.process_by(ALL.processor(&receiver)).await.is_some() {}
    let runs = receiver.effects.runs_of("e1");
    assert!(runs.len() == 1 && runs[0].late, "{runs:?}");
    assert!(published_late(&receiver).contains(&("e1".to_owned(), true)));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_no_attempt_came_to_act_on_is_acted_on_when_it_is_redriven_after_later_events() {
    let receiver = receiver(FreshnessPolicy::Flag).await;
    let on_entities = |operation: &str| CallFilter::operation(Service::DynamoDb, operation).on("entities");
    receiver
        .aws
        .inject(Fault::CrashBeforeEffect, on_entities("PutItem"));
    send(&receiver, ALL, &order(1, "NEW"), None).await;
    // The second attempt makes the change, and dies of it; no other gets as far as that.
    receiver
        .aws
        .inject(Fault::CrashAfterEffect, on_entities("PutItem"));
    let dead = dead_letter_name(Domain::Orders);
    while receiver.aws.messages(&dead).is_empty() {
        receiver.aws.clock().advance(Duration::from_secs(181));
        receiver.process_by(ALL.processor(&receiver)).await;
        receiver.aws.heal();
        receiver
            .aws
            .inject(Fault::CrashBeforeEffect, on_entities("GetItem"));
    }
    receiver.aws.heal();
    assert_eq!(receiver.aws.items("entities").len(), 1);
    assert_eq!(receiver.effects.runs(), []);
    send(&receiver, ALL, &order(2, "FILLED"), None).await;
    for _ in 0..2 {
        send(&receiver, ALL, &order(1, "NEW"), None).await;
    }
    let runs = receiver.effects.runs_of("e1");
    assert!(runs.len() == 1 && !runs[0].late, "{runs:?}");
    assert!(published_late(&receiver).contains(&("e1".to_owned(), false)));
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_action_failed_runs_as_that_change_when_it_is_redriven_and_then_never_again() {
    let receiver = receiver(FreshnessPolicy::Flag).await;
    receiver.effects.trouble("e1", Trouble::Hopeless);
    send(&receiver, ALL, &order(1, "NEW"), None).await;
    let dead = dead_letter_name(Domain::Orders);
    assert_eq!(receiver.aws.messages(&dead).len(), 1);
    send(&receiver, ALL, &order(2, "FILLED"), None).await;
    receiver.effects.mend();
    receiver.aws.redrive(&dead);
    while receiver.process_by(ALL.processor(&receiver)).await.is_some() {}
    let runs = receiver.effects.runs_of("e1");
    assert!(runs[1].returned && runs.iter().all(|run| !run.late), "{runs:?}");
    let before = effects(&receiver);
    send(&receiver, ALL, &order(1, "NEW"), None).await;
    assert_eq!(effects(&receiver), before);
}

/// Without the note, a redrive could not tell the change from a duplicate.
#[tokio::test(start_paused = true)]
async fn a_hopeless_change_goes_to_the_dead_letter_queue_only_once_it_is_noted() {
    let receiver = receiver(FreshnessPolicy::Flag).await;
    receiver.effects.trouble("e1", Trouble::Hopeless);
    // The SDK tries three times; the first write is the projection's.
    for _ in 0..3 {
        let note = CallFilter::operation(Service::DynamoDb, "PutItem").on("entities");
        receiver.aws.inject(Fault::Throttle, note.after(1));
    }
    send(&receiver, ALL, &order(1, "NEW"), None).await;
    let dead = dead_letter_name(Domain::Orders);
    assert_eq!(receiver.aws.messages(&dead).len(), 0);
    receiver.aws.clock().advance(Duration::from_secs(900));
    while receiver.process_by(ALL.processor(&receiver)).await.is_some() {}
    assert_eq!(receiver.aws.messages(&dead).len(), 1);
    assert!(receiver.aws.items("entities")[0].get("unfinished").is_some());
}

/// A replay has no effect, so that an event which only a replay applied has had none.
#[tokio::test(start_paused = true)]
async fn an_event_that_only_a_replay_applied_is_late_and_not_a_duplicate() {
    let receiver = receiver(FreshnessPolicy::Flag).await;
    for event in [order(1, "NEW"), order(2, "FILLED")] {
        send(&receiver, ALL, &event, Some("after-the-fix")).await;
    }
    assert_eq!(receiver.effects.runs(), []);
    send(&receiver, ALL, &order(1, "NEW"), None).await;
    let runs = receiver.effects.runs_of("e1");
    assert!(runs.len() == 1 && runs[0].late, "{runs:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_of_an_entity_is_bounded() {
    let receiver = receiver(FreshnessPolicy::Flag).await;
    let balance = |number: u32| {
        let object = r#"{"id":"o1","status":"NEW"}"#;
        format!(
            r#"{{"id":"b{number}","created_at":"2026-01-01T00:00:00.{number:09}Z","type":"ORDER.NEW","object":{object}}}"#
        )
    };
    for number in 0..150 {
        send(&receiver, ALL, &balance(number), None).await;
    }
    let before = effects(&receiver);
    for number in 118..149 {
        send(&receiver, ALL, &balance(number), None).await;
        assert_eq!(effects(&receiver), before, "{number}");
    }
    let entity = &receiver.aws.items("entities")[0];
    let bytes = entity.to_string().len();
    assert!(bytes < 3_000, "{bytes}");
}
