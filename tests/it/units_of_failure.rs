//! What fails takes nothing along: a panic fails its own message, a message that waits holds up its own group alone and no
//! longer than it has to, and what another version understands is tried again.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod outages;
mod poison;
mod process_deaths;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fake_aws::{CallFilter, Fault, Service};
use pipeline::actions::{Actions, Change, DomainActions};
use pipeline::envelope::attributes::REASON;
use pipeline::envelope::encoding::{MAX_MESSAGE_BYTES, encode};
use pipeline::queues::domains::{DomainQueues, EventMessage};
use pipeline::runtime::clock::Clock;
use upvest::Domain;
use upvest::effects::Dispatch;
use verify_and_store::Policy;
use webhook_tests::deliveries::import_key;
use webhook_tests::effects::Trouble;
use webhook_tests::receiver::{DELIVERIES, DELIVERIES_DLQ, Receiver, dead_letter_name, queue_name};

use crate::support::{enqueue_events, event, event_at, key, message_of, post_events, receiver};

/// Cannot be asked about the event `bad`.
struct Picky;

impl Actions for Picky {
    fn wants(&self, change: &Change<'_>) -> bool {
        assert_ne!(change.event.id(), "bad", "panics, as it was told");
        false
    }
}

fn order(id: &str, second: u8, entity: &str) -> String {
    let object = format!(r#"{{"id":"{entity}","status":"NEW"}}"#);
    event_at(id, second, "ORDER.NEW", &object)
}

fn waiting(receiver: &Receiver, queue: &str) -> Vec<String> {
    let messages = receiver.aws.messages(queue).into_iter();
    messages
        .map(|message| message.deduplication_id.unwrap_or_default())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_users_code_fails_its_event_alone() {
    let receiver = receiver(Policy::Flag).await;
    let events = [order("e1", 1, "o1"), order("bad", 2, "o2"), order("e3", 3, "o3")];
    post_events(&receiver, &events).await;
    let (actions, queue) = (DomainActions::new(Picky), queue_name(Domain::Orders));
    receiver.process_with(Domain::Orders, &actions).await.unwrap();
    assert_eq!(waiting(&receiver, &queue), ["bad"]);
    while !waiting(&receiver, &queue).is_empty() {
        receiver.aws.clock().advance(Duration::from_secs(60));
        receiver.process_with(Domain::Orders, &actions).await;
    }
    let dead = receiver.aws.messages(&dead_letter_name(Domain::Orders));
    assert_eq!(dead.len(), 1);
    let reason = dead[0].attributes[REASON].string_value.clone().unwrap();
    assert!(reason.contains("event bad panicked"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_on_a_delivery_fails_that_delivery_alone() {
    let receiver = receiver(Policy::Flag).await;
    let panics = Arc::new(AtomicBool::new(true));
    let now = receiver.aws.clock().clone();
    let receiver = receiver.with_clock(Clock::from_fn(move || {
        assert!(!panics.swap(false, Ordering::Relaxed), "panics, as it was told");
        now.timestamp()
    }));
    for id in ["e1", "e2"] {
        enqueue_events(&receiver, &[order(id, 1, id)]).await;
    }
    receiver.verify_and_store().await.unwrap();
    assert_eq!(receiver.stored("events").len(), 2, "it was stored before");
    assert_eq!(receiver.aws.messages(DELIVERIES).len(), 1);
    receiver.aws.clock().advance(Duration::from_secs(60));
    receiver.verify_and_store().await.unwrap();
    assert_eq!(receiver.aws.messages(DELIVERIES).len(), 0);
    assert_eq!(waiting(&receiver, &queue_name(Domain::Orders)).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_out_of_reach_fails_the_deliveries_alone_that_have_something_for_it() {
    let receiver = receiver(Policy::Flag).await;
    let user = |id: &str| event(id, "USER.CREATED", &format!(r#"{{"id":"{id}"}}"#));
    for events in [
        vec![user("u1")],
        vec![order("e1", 1, "o1")],
        vec![user("u2"), order("e2", 2, "o2")],
    ] {
        enqueue_events(&receiver, &events).await;
    }
    for _ in 0..3 {
        let send = CallFilter::operation(Service::Sqs, "SendMessageBatch").on(queue_name(Domain::Orders));
        receiver.aws.inject(Fault::FailBeforeEffect, send);
    }
    receiver.verify_and_store().await.unwrap();
    assert_eq!(receiver.aws.messages(DELIVERIES).len(), 2);
    assert_eq!(waiting(&receiver, &queue_name(Domain::Users)).len(), 2);
    assert_eq!(waiting(&receiver, &queue_name(Domain::Orders)), [""; 0]);
    receiver.aws.clock().advance(Duration::from_secs(60));
    receiver.verify_and_store().await.unwrap();
    assert_eq!(receiver.aws.messages(DELIVERIES).len(), 0);
    assert_eq!(waiting(&receiver, &queue_name(Domain::Users)).len(), 2);
    assert_eq!(waiting(&receiver, &queue_name(Domain::Orders)).len(), 2);
}

/// An event that does not fit into a message of its domain's queue, though its delivery fits into one: it leaves no room for what
/// the log says of it.
fn too_large(id: &str, rng: &mut fake_aws::Rng) -> String {
    let noise: String = (0..1_200_000)
        .map(|_| char::from(b'a' + rng.below(26) as u8))
        .collect();
    let length_of = |text: &str| encode(text.as_bytes(), text.len() - 1).unwrap().text.len();
    // What is sent of noise grows with its length: 5,000 bytes are left free, enough for the attributes of the one alone.
    let length = noise.len() * (MAX_MESSAGE_BYTES - 5_000) / length_of(&noise);
    let object = format!(
        r#"{{"id":"o1","note":"{}"}}"#,
        noise.repeat(2).get(..length).unwrap()
    );
    event_at(id, 2, "ORDER.PROCESSING", &object)
}

#[tokio::test(start_paused = true)]
async fn an_event_that_can_never_be_sent_holds_up_neither_its_entity_nor_another_delivery() {
    let receiver = receiver(Policy::Flag).await;
    let mut rng = receiver.aws.rng();
    let events = [
        order("e1", 1, "o1"),
        too_large("e2", &mut rng),
        order("e3", 3, "o1"),
    ];
    enqueue_events(&receiver, &events).await;
    enqueue_events(&receiver, &[order("e4", 4, "o1")]).await;
    receiver.verify_and_store().await.unwrap();
    // Two deliveries have no order, and the events of one keep theirs.
    let sent = waiting(&receiver, &queue_name(Domain::Orders));
    let (second, first): (Vec<_>, Vec<_>) = sent.into_iter().partition(|id| id == "e4");
    assert_eq!((first, second.len()), (vec!["e1".to_owned(), "e3".to_owned()], 1));
    assert_eq!(receiver.aws.messages(DELIVERIES).len(), 0);
    let dead = receiver.aws.messages(DELIVERIES_DLQ);
    assert_eq!(dead.len(), 1);
    let reason = dead[0].attributes[REASON].string_value.clone().unwrap();
    assert!(reason.starts_with("event e2 was not sent to orders"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_whose_events_are_in_their_queue_does_not_fail_with_another_of_the_same_domain() {
    let receiver = receiver(Policy::Flag).await;
    enqueue_events(&receiver, &[order("e1", 1, "o1")]).await;
    receiver.aws.clock().advance(Duration::from_millis(1));
    // Two of an entity need two requests, of which the second fails.
    enqueue_events(&receiver, &[order("e2", 2, "o1")]).await;
    for _ in 0..3 {
        let send = CallFilter::operation(Service::Sqs, "SendMessageBatch");
        let send = send.on(queue_name(Domain::Orders)).after(1);
        receiver.aws.inject(Fault::FailBeforeEffect, send);
    }
    receiver.verify_and_store().await.unwrap();
    assert_eq!(waiting(&receiver, &queue_name(Domain::Orders)), ["e1"]);
    assert_eq!(receiver.aws.messages(DELIVERIES).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_entitys_events_never_overtake_each_other_when_a_queue_takes_some_of_them() {
    for seed in 0..40 {
        let receiver = Receiver::new(seed, Policy::Flag);
        import_key(&receiver.aws, key().to_jwk().unwrap()).await;
        let send = CallFilter::operation(Service::Sqs, "SendMessageBatch").on(queue_name(Domain::Orders));
        receiver.aws.inject(Fault::Partial, send);
        let events = [order("e1", 1, "o1"), order("e2", 2, "o1"), order("e3", 3, "o1")];
        enqueue_events(&receiver, &events).await;
        for _ in 0..3 {
            receiver.verify_and_store().await;
            receiver.aws.clock().advance(Duration::from_secs(10));
        }
        let sent = waiting(&receiver, &queue_name(Domain::Orders));
        assert_eq!(sent, ["e1", "e2", "e3"], "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_behind_a_failure_gets_the_same_pause() {
    for behind in [0, 1, 2] {
        let receiver = receiver(Policy::Flag).await;
        let events: Vec<String> = (0..=behind)
            .map(|number| order(&format!("e{number}"), number, "o1"))
            .collect();
        receiver.effects.trouble("e0", Trouble::Fails);
        post_events(&receiver, &events).await;
        receiver.process(Domain::Orders).await.unwrap();
        receiver.effects.mend();
        let mut waited = 0;
        while receiver.process(Domain::Orders).await.is_none() {
            receiver.aws.clock().advance(Duration::from_secs(1));
            waited += 1;
        }
        assert_eq!(waited, 10, "{behind} behind it");
        assert_eq!(waiting(&receiver, &queue_name(Domain::Orders)), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_next_version_gives_to_the_domain_is_tried_again() {
    let receiver = receiver(Policy::Flag).await;
    let of_the_next_version = EventMessage {
        domain: Domain::Orders,
        ..message_of(
            &event("e1", "CRYPTO_ORDER.NEW", r#"{"id":"c1"}"#),
            Dispatch::First,
            receiver.aws.clock().timestamp(),
        )
    };
    let queues = DomainQueues::new(receiver.aws.sqs().clone(), receiver.routes());
    queues.send(vec![of_the_next_version]).await.unwrap();
    receiver.process(Domain::Orders).await.unwrap();
    assert_eq!(waiting(&receiver, &queue_name(Domain::Orders)), ["e1"]);
    assert_eq!(receiver.aws.messages(&dead_letter_name(Domain::Orders)).len(), 0);
}
