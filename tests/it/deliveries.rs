//! What becomes of a delivery, good or bad: the shipped handlers, one delivery at a time.

mod large;
mod refused;
mod stored_before;

use std::time::Duration;

use fake_aws::{CallFilter, Fault, Service};
use jiff::Timestamp;
use pipeline::sending_on::Folder;
use pipeline::stores::archive::{ArchivedDelivery, QUARANTINE_PREFIX, UNKNOWN_KEY, VERIFIED_PREFIX};
use pipeline::stores::entities::{Entities, EntityItem, Stored};
use upvest::effects::Dispatch;
use upvest::projection::{Placed, RULES};
use upvest::signature::{Dialect, Headers, SignatureOptions, SigningKey};
use upvest::{Domain, EntityKey, Event, Projection};
use verify_and_store::Policy;
use webhook_tests::deliveries::{KEY_ID, import_key};
use webhook_tests::receiver::{DELIVERIES, Receiver};
use webhook_tests::stored::{key_in_the_first_hour, quarantine_reason};

use crate::support::{
    COVERED, deliver, deliver_with, event, key, message_of, quarantine, receiver, sign_with,
};

fn order(id: &str) -> String {
    event(id, "ORDER.NEW", r#"{"id":"o1","status":"NEW"}"#)
}

#[tokio::test(start_paused = true)]
async fn a_good_delivery_is_archived_logged_and_projected() {
    let receiver = receiver(Policy::Flag).await;
    let body = format!(r#"{{"payload":[{}]}}"#, order("e1"));
    deliver(&receiver, body.as_bytes()).await;
    let logged = receiver.event("e1").await;
    assert_eq!(logged.aggregate.unwrap().as_str(), "ORDER#o1");
    assert_eq!(
        logged.occurred.to_string(),
        "2026-01-01T00:00:00#1010##2026-01-01T00:00:00#00000#e1"
    );
    assert_eq!(logged.object.unwrap(), r#"{"id":"o1","status":"NEW"}"#);
    let (key, object) = receiver.aws.objects("archive").pop_first().unwrap();
    assert_eq!(key, key_in_the_first_hour(&logged.delivery_id));
    assert_eq!(
        ArchivedDelivery::parse(&object.bytes).unwrap().envelope.body,
        body.as_bytes()
    );
    assert_eq!(receiver.status("ORDER#o1").await.as_deref(), Some("NEW"));
    assert_eq!(receiver.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_events_take_few_requests() {
    let receiver = receiver(Policy::Flag).await;
    let events: Vec<String> = (0..100_u32)
        .map(|number| match number % 3 {
            0 => event(
                &format!("e{number}"),
                "USER.CREATED",
                &format!(r#"{{"id":"u{number}"}}"#),
            ),
            1 => event(
                &format!("e{number}"),
                "POSITION.UPDATED",
                // Ten events of one position, one of each other.
                &format!(
                    r#"{{"account_id":"a","instrument":{{"uuid":"i{}"}}}}"#,
                    number.saturating_sub(28)
                ),
            ),
            _ => event(
                &format!("e{number}"),
                "ORDER.NEW",
                &format!(r#"{{"id":"o{number}"}}"#),
            ),
        })
        .collect();
    let body = format!(r#"{{"payload":[{}]}}"#, events.join(","));
    let headers = sign_with(&key(), body.as_bytes(), &SignatureOptions::new(COVERED));
    receiver.post(&headers, body.as_bytes()).await.unwrap();
    receiver.aws.clear_calls();
    receiver.verify_and_store().await.unwrap();
    let tally = receiver.aws.tally();
    println!("verify-and-store, 100 new events in 3 domains: {tally:?}");
    assert!(tally.values().sum::<usize>() <= 25, "{tally:?}");
    assert_eq!(receiver.aws.count(Service::DynamoDb, "BatchExecuteStatement"), 4);
    assert_eq!(receiver.stored("events").len(), 100);
}

#[tokio::test(start_paused = true)]
async fn deliveries_that_are_handled_together_are_dispatched_in_the_order_of_their_arrival() {
    let receiver = receiver(Policy::Flag).await;
    let states = ["NEW", "PROCESSING", "FILLED"];
    for (number, state) in states.iter().enumerate() {
        // The first takes longest to verify and store.
        let others = (0..40 - 10 * number)
            .map(|other| event(&format!("{number}-{other}"), "USER.CREATED", r#"{"id":"u"}"#));
        let object = format!(r#"{{"id":"o1","status":"{state}"}}"#);
        let order = event(&format!("e{number}"), &format!("ORDER.{state}"), &object);
        let events: Vec<String> = others.chain([order]).collect();
        let body = format!("[{}]", events.join(","));
        let headers = sign_with(&key(), body.as_bytes(), &SignatureOptions::new(COVERED));
        receiver.post(&headers, body.as_bytes()).await.unwrap();
        receiver.aws.clock().advance(Duration::from_millis(1));
    }
    receiver.verify_and_store().await.unwrap();
    let dispatched: Vec<String> = receiver
        .aws
        .messages("orders.fifo")
        .into_iter()
        .map(|message| message.deduplication_id.unwrap())
        .collect();
    assert_eq!(dispatched, ["e0", "e1", "e2"]);
}

#[tokio::test(start_paused = true)]
async fn unknown_categories_types_fields_and_statuses_are_stored_and_projected() {
    let receiver = receiver(Policy::Flag).await;
    let events = [
        event("e1", "DRAGON.BORN", r#"{"id":"d1"}"#),
        event(
            "e2",
            "ORDER.TELEPORTED",
            r#"{"id":"o1","status":"ELSEWHERE","wings":2}"#,
        ),
        event("e3", "PING", "{}"),
    ];
    deliver(
        &receiver,
        format!(r#"{{"payload":[{}]}}"#, events.join(",")).as_bytes(),
    )
    .await;
    assert_eq!(
        receiver.stored("entities"),
        ["DRAGON#d1", "ORDER#o1"],
        "what names no entity is in the log and in quarantine"
    );
    assert_eq!(receiver.stored("events"), ["e1", "e2", "e3"]);
    assert_eq!(receiver.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_same_event_again_has_no_second_effect() {
    let receiver = receiver(Policy::Flag).await;
    let body = format!(r#"{{"payload":[{0},{0}]}}"#, order("e1"));
    deliver(&receiver, body.as_bytes()).await;
    let before = (receiver.aws.items("events"), receiver.aws.items("entities"));
    receiver.aws.clock().advance(Duration::from_secs(3600));
    deliver(&receiver, body.as_bytes()).await;
    assert_eq!(
        (receiver.aws.items("events"), receiver.aws.items("entities")),
        before
    );
    assert_eq!(
        receiver.aws.objects("archive").len(),
        2,
        "both deliveries are evidence"
    );
}

#[tokio::test(start_paused = true)]
async fn another_payload_under_the_same_id_is_kept_beside_the_first() {
    let receiver = receiver(Policy::Flag).await;
    let other = event("e1", "ORDER.NEW", r#"{"id":"o1","status":"FILLED"}"#);
    deliver(&receiver, order("e1").as_bytes()).await;
    deliver(&receiver, format!("[{other},{other}]").as_bytes()).await;
    let ids = receiver.stored("events");
    assert_eq!((ids.len(), ids[0].as_str()), (2, "e1"));
    assert!(ids[1].starts_with("e1!"));
    let status = receiver.status("ORDER#o1").await;
    assert_eq!(status.as_deref(), Some("NEW"), "the first one stands");
}

#[tokio::test(start_paused = true)]
async fn of_two_versions_in_one_delivery_only_the_one_not_logged_is_a_conflict() {
    let receiver = receiver(Policy::Flag).await;
    let other = event("e1", "ORDER.NEW", r#"{"id":"o1","status":"FILLED"}"#);
    deliver(&receiver, other.as_bytes()).await;
    deliver(&receiver, format!("[{},{other}]", order("e1")).as_bytes()).await;
    assert_eq!(receiver.stored("events").len(), 2);
    assert_eq!(receiver.status("ORDER#o1").await.as_deref(), Some("FILLED"));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_cannot_be_reached_answers_503_and_asks_for_another_delivery() {
    let receiver = receiver(Policy::Flag).await;
    for _ in 0..3 {
        let send = CallFilter::operation(Service::Sqs, "SendMessage");
        receiver.aws.inject(Fault::FailBeforeEffect, send);
    }
    let body = order("e1");
    let headers = sign_with(&key(), body.as_bytes(), &SignatureOptions::new(COVERED));
    let answer = receiver.post(&headers, body.as_bytes()).await.unwrap();
    assert_eq!(answer.0, 503);
    assert_eq!(receiver.post(&headers, body.as_bytes()).await.unwrap().0, 200);
    assert_eq!(receiver.aws.messages(DELIVERIES).len(), 1);
}

/// A crash after every single AWS call, one after the other: nothing may be lost or doubled.
#[tokio::test(start_paused = true)]
async fn an_entity_that_would_not_fit_into_an_item_keeps_its_state_and_its_event_says_why() {
    let receiver = receiver(Policy::Flag).await;
    let order = EntityKey::from_stored("ORDER#o1".to_owned());
    // As long as ids and figures may be, so that fewer of them fill the item.
    let (long, digits) = ("x".repeat(240), "9".repeat(90));
    let execution = |number: usize| {
        let object = format!(
            r#"{{"id":"{long}{number}","order_id":"o1","status":"FILLED","share_quantity":"{digits}"}}"#
        );
        event(&format!("e{number}"), "EXECUTION.FILLED", &object)
    };
    let mut full = Stored {
        projection: Projection::default(),
        version: 1,
        fold: RULES,
        transitions: Vec::new(),
    };
    let mut number = 0;
    while number < 900 || EntityItem::of(&order, &full).is_ok() {
        let json = execution(number);
        let message = message_of(&json, Dispatch::First, Timestamp::UNIX_EPOCH);
        let placed = Placed {
            event: &Event::parse(&json).unwrap(),
            aggregate: &order,
            occurred: &message.occurred,
        };
        let before = full.projection.clone();
        full.projection.fold(placed).unwrap();
        if EntityItem::of(&order, &full).is_err() {
            full.projection = before;
            break;
        }
        number += 1;
    }
    let entities = Entities::new(receiver.aws.dynamodb().clone(), "entities".to_owned());
    entities.save(&order, &full).await.unwrap();
    let other = event("n2", "ORDER.NEW", r#"{"id":"o2","status":"NEW"}"#);
    let body = format!("[{},{},{other}]", execution(number), execution(number + 1));
    deliver(&receiver, body.as_bytes()).await;
    assert_eq!(receiver.stored("entities"), ["ORDER#o1", "ORDER#o2"]);
    let stored = entities.load(&order).await.unwrap().unwrap();
    assert_eq!(stored.projection.parts, full.projection.parts);
    let dead = receiver.aws.messages("orders-dlq.fifo");
    assert_eq!(dead.len(), 2);
    let reason = dead[0].attributes["reason"].string_value.as_deref();
    assert_eq!(
        reason,
        Some("entity ORDER#o1 does not fit into an item: DynamoDB takes 400 KB")
    );
    assert_eq!(receiver.stored("events").len(), 3, "the log has them");
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_call_loses_nothing() {
    let body = format!(
        r#"{{"payload":[{},{}]}}"#,
        order("e1"),
        event("e2", "USER.CREATED", r#"{"id":"u1"}"#)
    );
    for calls in 0.. {
        let receiver = receiver(Policy::Flag).await;
        let headers = sign_with(&key(), body.as_bytes(), &SignatureOptions::new(COVERED));
        receiver
            .aws
            .inject(Fault::CrashAfterEffect, CallFilter::any().after(calls));
        while !receiver
            .post(&headers, body.as_bytes())
            .await
            .is_ok_and(|answer| answer.0 == 200)
        {}
        receiver.drain().await;
        assert_eq!(
            receiver.stored("events"),
            ["e1", "e2"],
            "crash after {calls} calls"
        );
        assert_eq!(
            receiver.stored("entities"),
            ["ORDER#o1", "USER#u1"],
            "crash after {calls} calls"
        );
        if receiver.aws.calls().len() < calls as usize {
            break;
        }
    }
}
