//! The records of attempts: counted, closed, found open.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::time::Duration;

use fake_aws::{Aws, CallFilter, Fault, Service};
use pipeline::stores::idempotency::attempts::{Attempt, Attempts, Opening, Outcome};
use pipeline::stores::idempotency::attributes::{ATTEMPTS, ID, OWNER};

use crate::support::{idempotency_table, invocation};

struct World {
    aws: Aws,
    attempts: Attempts,
}

impl World {
    fn new() -> Self {
        let (aws, clock) = idempotency_table();
        let attempts = Attempts::new(aws.dynamodb().clone(), "idempotency".to_owned(), clock, "orders");
        Self { aws, attempts }
    }

    /// Opens the record of the event `e1` for a message, as an invocation of a function.
    async fn open(&self, message: &str, request_id: &str) -> Opening {
        let invocation = invocation(&self.aws, request_id);
        let opening = self.attempts.open("e1", message, &invocation);
        self.aws.invoke("orders", opening).await.unwrap().unwrap()
    }

    async fn opened(&self, message: &str, request_id: &str) -> Attempt {
        match self.open(message, request_id).await {
            Opening::Opened(attempt) => attempt,
            other => panic!("{other:?}"),
        }
    }

    async fn close(&self, attempt: &Attempt, outcome: Outcome) {
        self.attempts.close(attempt, outcome).await.unwrap();
    }

    fn records(&self) -> Vec<serde_json::Value> {
        self.aws.items("idempotency")
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_that_count_add_up_and_those_that_do_not_do_not() {
    let world = World::new();
    for (outcome, count) in [
        (Outcome::Counted, 1),
        (Outcome::NotCounted, 2),
        (Outcome::Counted, 2),
        (Outcome::Counted, 3),
    ] {
        let attempt = world.opened("m1", "one").await;
        assert_eq!(attempt.count, count);
        world.close(&attempt, outcome).await;
    }
    assert_eq!(world.records()[0][ID]["S"], "attempt#orders#e1");
    let attempt = world.opened("m1", "one").await;
    world.close(&attempt, Outcome::Over).await;
    assert_eq!(world.records().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_first_attempt_that_does_not_count_leaves_nothing() {
    let world = World::new();
    let attempt = world.opened("m1", "one").await;
    world.close(&attempt, Outcome::NotCounted).await;
    assert_eq!(world.records().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_found_open_is_in_progress_until_its_invocation_is_over_and_then_a_suspect() {
    let world = World::new();
    world.opened("m1", "one").await;
    assert_eq!(world.open("m1", "two").await, Opening::InProgress);
    world.aws.clock().advance(Duration::from_millis(30_001));
    let Opening::Suspect(suspect) = world.open("m1", "two").await else {
        panic!("its invocation is over");
    };
    assert_eq!(suspect.count, 1);
    let [two, three] = ["two", "three"].map(|request_id| invocation(&world.aws, request_id));
    let again = world.attempts.reopen(&suspect, "m1", &two).await.unwrap();
    assert_eq!(again.unwrap().count, 2);
    assert_eq!(world.attempts.reopen(&suspect, "m1", &three).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_does_not_make_a_suspect_of_a_message_nor_count_it_twice() {
    let world = World::new();
    let update = || CallFilter::operation(Service::DynamoDb, "UpdateItem");
    world.aws.inject(Fault::LoseReply, update());
    assert_eq!(world.opened("m1", "one").await.count, 1);
    world.aws.clock().advance(Duration::from_secs(31));
    let Opening::Suspect(suspect) = world.open("m1", "two").await else {
        panic!("its invocation is over");
    };
    world.aws.inject(Fault::LoseReply, update());
    let two = invocation(&world.aws, "two");
    let reopening = world.attempts.reopen(&suspect, "m1", &two);
    let attempt = world
        .aws
        .invoke("orders", reopening)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(attempt.count, 2);
    world.aws.inject(Fault::LoseReply, update());
    let closing = world.attempts.close(&attempt, Outcome::Counted);
    world.aws.invoke("orders", closing).await.unwrap().unwrap();
    assert_eq!(world.opened("m1", "three").await.count, 3);
}

#[tokio::test(start_paused = true)]
async fn another_message_about_the_same_event_is_counted_from_one() {
    let world = World::new();
    for _ in 0..3 {
        let attempt = world.opened("m1", "one").await;
        world.close(&attempt, Outcome::Counted).await;
    }
    assert_eq!(world.opened("redriven", "two").await.count, 1);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_another_message_left_open_is_in_progress_and_then_a_suspect() {
    let world = World::new();
    world.opened("resent", "one").await;
    assert_eq!(world.open("redriven", "two").await, Opening::InProgress);
    world.aws.clock().advance(Duration::from_secs(31));
    let Opening::Suspect(suspect) = world.open("redriven", "two").await else {
        panic!("its invocation is over");
    };
    let two = invocation(&world.aws, "two");
    let again = world.attempts.reopen(&suspect, "redriven", &two).await.unwrap();
    assert_eq!(again.unwrap().count, 2);
    world.aws.clock().advance(Duration::from_secs(31));
    let Opening::Suspect(suspect) = world.open("resent", "three").await else {
        panic!("its invocation is over");
    };
    assert_eq!(suspect.count, 2);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_has_expired_counts_for_nothing_though_it_is_still_there() {
    let world = World::new();
    let attempt = world.opened("m1", "one").await;
    world.close(&attempt, Outcome::Counted).await;
    world.aws.clock().advance(Duration::from_secs(3 * 24 * 3600 + 1));
    assert_eq!(world.opened("m1", "two").await.count, 1);
}

#[tokio::test(start_paused = true)]
async fn an_invocation_that_is_late_closes_nothing_that_another_has_opened() {
    let world = World::new();
    let late = world.opened("m1", "one").await;
    world.aws.clock().advance(Duration::from_secs(31));
    let Opening::Suspect(suspect) = world.open("m1", "two").await else {
        panic!("its invocation is over");
    };
    let two = invocation(&world.aws, "two");
    world
        .attempts
        .reopen(&suspect, "m1", &two)
        .await
        .unwrap()
        .unwrap();
    for outcome in [Outcome::Over, Outcome::Counted, Outcome::NotCounted] {
        world.close(&late, outcome).await;
    }
    let record = &world.records()[0];
    assert_eq!(
        (&record[OWNER]["S"], &record[ATTEMPTS]["N"]),
        (&"two".into(), &"2".into())
    );
}
