//! Watching the receiver in process.

mod printing;
mod trouble;

use clap::Parser;
use fake_aws::{CallFilter, Fault, FaultRates, Service};
use jiff::Timestamp;
use operator::watch::{Outcome, WatchedDelivery};
use pipeline::error::AwsError;
use pipeline::policy::Policy;
use webhook_tests::deliveries::{event, event_of_o1 as order, signing_key};
use webhook_tests::deployment::Deployment;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    tail: Arguments,
}

fn arguments(line: &str) -> Arguments {
    let words = std::iter::once("tail").chain(line.split_whitespace());
    Line::try_parse_from(words).unwrap().tail
}

/// A feed, and what it told.
struct Watched {
    feed: Feed,
    updates: mpsc::Receiver<Update>,
    sender: mpsc::Sender<Update>,
}

fn watch(signed: &Deployment, line: &str) -> Watched {
    let arguments = arguments(line);
    let reader = arguments.reader(&signed.stack, arguments.object).unwrap();
    let (sender, updates) = mpsc::channel(1000);
    Watched {
        feed: Feed::new(reader, arguments.watch(&signed.clock()), signed.clock()),
        updates,
        sender,
    }
}

impl Watched {
    /// Looks once, and gives the deliveries that this told of.
    async fn look(&mut self) -> Vec<WatchedDelivery> {
        self.try_look().await.unwrap()
    }

    async fn try_look(&mut self) -> Result<Vec<WatchedDelivery>, AwsError> {
        let _ = self.feed.look(&self.sender).await?;
        Ok(self.told())
    }

    fn told(&mut self) -> Vec<WatchedDelivery> {
        let updates = std::iter::from_fn(|| self.updates.try_recv().ok());
        let deliveries = updates.filter_map(|update| match update {
            Update::Delivery(delivery) => Some(*delivery),
            _ => None,
        });
        deliveries.collect()
    }

    async fn ids(&mut self) -> Vec<String> {
        let deliveries = self.look().await.into_iter();
        deliveries.map(|delivery| delivery.delivery_id).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn each_delivery_is_seen_once_in_the_order_of_receipt() {
    let signed = Deployment::new().await;
    signed.deliver(&[order("e0", 0, "NEW")]).await;
    signed.pass(1);
    let mut watched = watch(&signed, "");
    assert!(
        watched.look().await.is_empty(),
        "what came before is not asked for"
    );
    let mut expected = Vec::new();
    for number in 1..=20 {
        expected.push(signed.store(&[order(&format!("e{number}"), 1, "NEW")]).await);
        signed.pass(1);
    }
    assert_eq!(watched.ids().await, expected);
    for _ in 0..3 {
        signed.pass(60);
        assert!(watched.look().await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_verified_late_is_seen_too() {
    let signed = Deployment::new().await;
    let mut watched = watch(&signed, "");
    let slow = signed.store(&[order("e1", 1, "NEW")]).await;
    let key = signed.archived_at(&slow);
    let object = signed.archived(&key).to_string().into_bytes();
    signed.delete_archived(&key).await;
    signed.pass(30);
    let quick = signed.store(&[order("e2", 2, "FILLED")]).await;
    assert_eq!(watched.ids().await, [quick]);
    signed.pass(60);
    assert!(watched.look().await.is_empty());
    signed.put_archived(&key, object).await;
    assert_eq!(watched.ids().await, [slow]);
    assert!(watched.look().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_missed_across_the_hour() {
    let signed = Deployment::new().await;
    signed.pass(3598);
    let mut watched = watch(&signed, "");
    let mut expected = Vec::new();
    for number in 0..4 {
        expected.push(signed.store(&[order(&format!("e{number}"), 1, "NEW")]).await);
        signed.pass(1);
    }
    let hours: std::collections::BTreeSet<_> = expected
        .iter()
        .map(|id| signed.archived_at(id)[..23].to_owned())
        .collect();
    assert_eq!(hours.len(), 2, "{hours:?}");
    assert_eq!(watched.ids().await, expected);
    assert!(watched.look().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_past_is_shown_on_request() {
    let signed = Deployment::new().await;
    let first = signed.store(&[order("e1", 1, "NEW")]).await;
    signed.pass(3 * 3600);
    let second = signed.store(&[order("e2", 2, "FILLED")]).await;
    signed.pass(60);
    assert_eq!(
        watch(&signed, "--since 10m").ids().await,
        std::slice::from_ref(&second)
    );
    let mut watched = watch(&signed, "--since 4h");
    assert_eq!(watched.ids().await, [first, second]);
    assert!(watched.look().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_delivery_shows_whence_it_came_and_what_it_holds() {
    let signed = Deployment::new().await;
    let id = signed.store(&[order("e1", 1, "NEW")]).await;
    let delivery = watch(&signed, "--since 1m").look().await.remove(0);
    assert_eq!(
        serde_json::to_value(&delivery).unwrap(),
        serde_json::json!({
            "received_at": "2026-01-01T00:00:00Z",
            "delivery_id": id,
            "result": "verified",
            "source_address": "34.90.198.99",
            "key_id": "key",
            "archived_at": signed.archived_at(&id),
            "body_bytes": delivery.body_bytes,
            "events": [{
                "position": 0,
                "event_id": "e1",
                "type": "ORDER.NEW",
                "entity": "ORDER#o1",
                "occurred_at": "2026-01-01T00:00:01Z",
            }],
        })
    );
    let with_object = watch(&signed, "--since 1m --object").look().await.remove(0);
    let json = serde_json::to_string(&with_object).unwrap();
    assert!(
        json.contains(r#""object":{"id":"o1","status":"NEW","user_id":"u1"}"#),
        "{json}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_receiver_remarked_is_shown() {
    let signed = Deployment::builder().subscriptions(Policy::Flag).start().await;
    signed.receiver.subscriptions().adopt("ours").await.unwrap();
    let untimed = r#"{"id":"e1","type":"ORDER.NEW","webhook_id":"theirs","object":{"id":"o1"}}"#;
    signed.store(&[untimed.to_owned()]).await;
    let delivery = watch(&signed, "--since 1m").look().await.remove(0);
    assert_eq!(delivery.flags, ["foreign-subscription"]);
    assert_eq!(delivery.events[0].time_flag, Some("receipt"));
    let (updates, mut received) = mpsc::channel(1);
    updates.send(Update::Delivery(Box::new(delivery))).await.unwrap();
    let mut output = Vec::new();
    lines::print(&mut received, &mut output, lines::Form::Text, Some(1))
        .await
        .unwrap();
    let text = String::from_utf8(output).unwrap();
    assert!(text.contains("  foreign-subscription\n"), "{text}");
    assert!(text.contains("  time: receipt"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn filters_choose_events_and_hide_deliveries_without_any() {
    let signed = Deployment::new().await;
    let user = event("e2", 2, "USER.CREATED", r#"{"id":"u1"}"#);
    signed
        .store(&[order("e1", 1, "NEW"), user, order("e3", 3, "FILLED")])
        .await;
    signed.pass(1);
    signed
        .store(&[event("e4", 4, "USER.ACTIVATED", r#"{"id":"u2"}"#)])
        .await;
    for (filter, expected) in [
        ("", vec![vec!["e1", "e2", "e3"], vec!["e4"]]),
        ("--category order", vec![vec!["e1", "e3"]]),
        (
            "--type ORDER.FILLED --type USER.ACTIVATED",
            vec![vec!["e3"], vec!["e4"]],
        ),
        ("--category USER --entity USER#u1", vec![vec!["e2"]]),
        ("--entity USER#none", vec![]),
    ] {
        let deliveries = watch(&signed, &format!("--since 1m {filter}")).look().await;
        let events = deliveries.iter().map(|delivery| {
            let events = delivery.events.iter();
            events.map(|event| event.event_id.as_str()).collect::<Vec<_>>()
        });
        assert_eq!(events.collect::<Vec<_>>(), expected, "{filter}");
    }
}

#[tokio::test(start_paused = true)]
async fn quarantine_is_seen_with_its_reason_and_nothing_unproven_is_shown() {
    let signed = Deployment::new().await;
    signed.store(&[order("e1", 1, "NEW")]).await;
    let forged = signed
        .post_signed(&signing_key(8), &[order("e2", 2, "FILLED")])
        .await;
    signed.receiver.verify_and_store().await.unwrap();
    let partly = signed.store(&[order("e3", 3, "NEW"), "{}".to_owned()]).await;
    let deliveries = watch(&signed, "--since 1m --quarantine-only").look().await;
    let seen: Vec<_> = deliveries
        .iter()
        .map(|delivery| (delivery.delivery_id.as_str(), delivery.reason.as_deref()))
        .collect();
    let mut expected = [
        (forged.as_str(), Some("bad-signature")),
        (partly.as_str(), Some("event-incomplete")),
    ];
    expected.sort_unstable();
    assert_eq!(seen, expected);
    let shown = serde_json::to_string(&deliveries).unwrap();
    assert!(!shown.contains("e2") && !shown.contains("FILLED"), "{shown}");
    assert_eq!(watch(&signed, "--since 1m").look().await.len(), 4);
    assert_eq!(
        watch(&signed, "--since 1m --category ORDER").look().await.len(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn the_state_of_an_entity_is_shown_once_the_event_is_in_it() {
    let signed = Deployment::new().await;
    signed.store(&[order("e1", 1, "NEW")]).await;
    let state = |deliveries: Vec<WatchedDelivery>| deliveries[0].events[0].state.clone().unwrap();
    let waiting = state(watch(&signed, "--since 1m --state").look().await);
    assert_eq!((waiting.status.as_deref(), waiting.processed), (None, false));
    signed.process().await;
    let done = state(watch(&signed, "--since 1m --state").look().await);
    assert_eq!((done.status.as_deref(), done.processed), (Some("NEW"), true));
}

#[tokio::test(start_paused = true)]
async fn the_object_of_one_event_can_be_read_alone() {
    let signed = Deployment::new().await;
    let id = signed
        .store(&[order("e1", 1, "NEW"), order("e2", 2, "FILLED")])
        .await;
    let reader = arguments("").reader(&signed.stack, false).unwrap();
    let key = signed.archived_at(&id);
    let object = reader.object(&key, 1).await.unwrap().unwrap();
    assert_eq!(object, r#"{"id":"o1","status":"FILLED","user_id":"u1"}"#);
    assert_eq!(reader.object(&key, 2).await.unwrap(), None);
    signed.delete_archived(&key).await;
    assert_eq!(reader.object(&key, 1).await.unwrap(), None);
}
