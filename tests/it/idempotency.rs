//! Idempotency records: who may claim, complete and release them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::time::Duration;

use fake_aws::{Aws, CallFilter, Fault, Service};
use pipeline::stores::idempotency::attributes::{OWNER, STATUS};
use pipeline::stores::idempotency::{Claim, CompleteError, Idempotency, Lease};

use crate::support::{LEASE, idempotency_table, invocation};

const RETENTION: Duration = Duration::from_secs(3600);

struct World {
    aws: Aws,
    records: Idempotency,
}

impl World {
    fn new() -> Self {
        let (aws, clock) = idempotency_table();
        let records = Idempotency::new(aws.dynamodb().clone(), "idempotency".to_owned(), clock, RETENTION);
        Self { aws, records }
    }

    async fn claim(&self, owner: &str, payload: &str) -> Claim {
        let invocation = invocation(&self.aws, owner);
        let claim = self.records.claim("orders#e1", payload, &invocation);
        self.aws.invoke("orders", claim).await.unwrap().unwrap()
    }

    async fn acquire(&self, owner: &str) -> Lease {
        match self.claim(owner, "hash").await {
            Claim::Acquired(lease) => lease,
            other => panic!("{owner} gets {other:?}"),
        }
    }

    fn attribute(&self, name: &str) -> String {
        let items = self.aws.items("idempotency");
        let value = &items[0][name];
        value["S"].as_str().or(value["N"].as_str()).unwrap().to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_second_waits_and_then_gets_the_result() {
    let world = World::new();
    let lease = world.acquire("a").await;
    assert_eq!(world.claim("b", "hash").await, Claim::InProgress);
    world.records.complete(&lease, r#"{"sent":true}"#).await.unwrap();
    let result = Some(r#"{"sent":true}"#.to_owned());
    assert_eq!(world.claim("b", "hash").await, Claim::Completed(result));
    assert_eq!(world.attribute(STATUS), "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_with_its_invocation() {
    let world = World::new();
    world.acquire("a").await;
    world.aws.clock().advance(LEASE);
    assert_eq!(
        world.claim("b", "hash").await,
        Claim::InProgress,
        "to the last millisecond"
    );
    world.aws.clock().advance(Duration::from_millis(1));
    world.acquire("b").await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_twin_neither_completes_nor_releases_a_record_that_was_taken_over() {
    let world = World::new();
    let slow = world.acquire("slow").await;
    world.aws.clock().advance(LEASE * 2);
    let fast = world.acquire("fast").await;
    let completed = world.records.complete(&slow, "1").await;
    assert!(
        matches!(completed, Err(CompleteError::LeaseLost(_))),
        "{completed:?}"
    );
    world.records.release(&slow).await.unwrap();
    assert_eq!(world.attribute(OWNER), "fast");
    assert_eq!(world.attribute(STATUS), "IN_PROGRESS");
    world.records.complete(&fast, "2").await.unwrap();
    let completed = world.records.complete(&slow, "1").await;
    assert!(
        matches!(completed, Err(CompleteError::LeaseLost(_))),
        "{completed:?}"
    );
    assert_eq!(
        world.claim("later", "hash").await,
        Claim::Completed(Some("2".to_owned()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_released_record_can_be_claimed_at_once() {
    let world = World::new();
    let lease = world.acquire("a").await;
    world.records.release(&lease).await.unwrap();
    world.acquire("b").await;
}

#[tokio::test(start_paused = true)]
async fn a_completed_record_is_not_released() {
    let world = World::new();
    let lease = world.acquire("a").await;
    world.records.complete(&lease, "1").await.unwrap();
    world.records.release(&lease).await.unwrap();
    assert_eq!(
        world.claim("b", "hash").await,
        Claim::Completed(Some("1".to_owned()))
    );
}

#[tokio::test(start_paused = true)]
async fn another_payload_under_the_same_id_is_refused_whatever_the_record_says() {
    let world = World::new();
    let lease = world.acquire("a").await;
    assert_eq!(world.claim("b", "other").await, Claim::OtherPayload);
    world.aws.clock().advance(LEASE * 2);
    assert_eq!(
        world.claim("b", "other").await,
        Claim::OtherPayload,
        "even when its lease has ended"
    );
    world.records.complete(&lease, "1").await.unwrap();
    assert_eq!(world.claim("b", "other").await, Claim::OtherPayload);
}

#[tokio::test(start_paused = true)]
async fn a_record_past_its_retention_counts_for_nothing_though_the_table_still_has_it() {
    let world = World::new();
    let lease = world.acquire("a").await;
    world.records.complete(&lease, "1").await.unwrap();
    world.aws.clock().advance(RETENTION + Duration::from_secs(1));
    assert_eq!(world.aws.items("idempotency").len(), 1);
    assert!(matches!(world.claim("b", "other").await, Claim::Acquired(_)));
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_to_our_own_write_does_not_look_like_somebody_else() {
    let world = World::new();
    let put = CallFilter::operation(Service::DynamoDb, "PutItem");
    world.aws.inject(Fault::LoseReply, put);
    let lease = world.acquire("a").await;
    let update = CallFilter::operation(Service::DynamoDb, "UpdateItem");
    world.aws.inject(Fault::LoseReply, update);
    let complete = world.records.complete(&lease, "1");
    world.aws.invoke("orders", complete).await.unwrap().unwrap();
    let delete = CallFilter::operation(Service::DynamoDb, "DeleteItem");
    world.aws.inject(Fault::LoseReply, delete);
    let release = world.records.release(&lease);
    world.aws.invoke("orders", release).await.unwrap().unwrap();
    assert_eq!(world.attribute(STATUS), "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn a_result_too_large_to_keep_leaves_the_record_completed_without_it() {
    let world = World::new();
    let lease = world.acquire("a").await;
    let large = format!("\"{}\"", "x".repeat(100_000));
    world.records.complete(&lease, &large).await.unwrap();
    assert_eq!(
        world.claim("b", "hash").await,
        Claim::Completed(Some("null".to_owned()))
    );
}
