//! Events that Upvest signed for a subscription that is not ours.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::time::Duration;

use fake_aws::{CallFilter, Fault, Service};
use pipeline::runtime::metrics::FOREIGN_SUBSCRIPTIONS;
use pipeline::stores::subscriptions::SubscriptionOwner;
use upvest::signature::{Dialect, SigningKey};
use verify_and_store::Policy;
use webhook_tests::deliveries::{import_secret, sign};
use webhook_tests::metrics::Measured;
use webhook_tests::receiver::Receiver;

use crate::support::{deliver, deliver_with, quarantine, receiver};

const OURS: &str = "9df39835-be87-4243-9018-f2500b39cee6";
const OTHER: &str = "b838bde5-b6df-4f1f-bfc4-71d3fb01d430";

async fn subscribed(policy: Policy) -> Receiver {
    let receiver = receiver(Policy::Flag).await.with_subscriptions(policy);
    receiver.subscriptions().adopt(OURS).await.unwrap();
    receiver
}

/// A batch of orders, each with the `webhook_id` beside its id.
fn batch(events: &[(&str, Option<&str>)]) -> Vec<u8> {
    let event = |(id, webhook_id): &(&str, Option<&str>)| {
        let named = webhook_id.map_or(String::new(), |id| format!(r#","webhook_id":"{id}""#));
        format!(
            r#"{{"id":"{id}","created_at":"2026-01-01T00:00:00Z","type":"ORDER.NEW","object":{{"id":"{id}","status":"NEW"}}{named}}}"#
        )
    };
    let events: Vec<String> = events.iter().map(event).collect();
    format!(r#"{{"payload":[{}]}}"#, events.join(",")).into_bytes()
}

async fn post(receiver: &Receiver, events: &[(&str, Option<&str>)]) {
    deliver(receiver, &batch(events)).await;
    receiver.aws.clock().advance(Duration::from_millis(1));
}

fn stored(receiver: &Receiver) -> Vec<String> {
    receiver.stored("events")
}

/// The flags of the archived deliveries, in the order of their receipt.
fn flags(receiver: &Receiver) -> Vec<Vec<String>> {
    let deliveries = receiver.verified_deliveries().into_iter();
    deliveries.map(|delivery| delivery.flags).collect()
}

#[tokio::test(start_paused = true)]
async fn an_event_that_names_another_subscription_beside_ours_does_not_pass_for_ours() {
    let both = format!(r#"{OURS}","webhook_id":"{OTHER}"#);
    let receiver = subscribed(Policy::Flag).await;
    post(&receiver, &[("e1", Some(&both))]).await;
    assert_eq!(flags(&receiver), [["foreign-subscription"]]);
    let receiver = subscribed(Policy::Strict).await;
    post(&receiver, &[("e1", Some(&both)), ("e2", Some(OURS))]).await;
    assert_eq!(stored(&receiver), ["e2"]);
}

#[tokio::test(start_paused = true)]
async fn events_of_another_subscription_are_flagged_and_told_once() {
    let measured = Measured::default();
    let _guard = metrics::set_default_local_recorder(&measured);
    let told = || measured.values(FOREIGN_SUBSCRIPTIONS, &[]).len();
    let receiver = subscribed(Policy::Flag).await;
    post(&receiver, &[("e1", Some(OURS)), ("e2", None)]).await;
    assert_eq!(told(), 0);
    post(&receiver, &[("e3", Some(OURS)), ("e4", Some(OTHER))]).await;
    post(&receiver, &[("e5", Some(OTHER))]).await;
    assert_eq!(told(), 1);
    receiver.aws.clock().advance(Duration::from_secs(1_000));
    post(&receiver, &[("e6", Some(OTHER))]).await;
    post(&receiver, &[("e7", Some("not a UUID"))]).await;
    assert_eq!(told(), 2, "the table remembers what was told");
    assert_eq!(stored(&receiver), ["e1", "e2", "e3", "e4", "e5", "e6", "e7"]);
    let flagged: Vec<_> = flags(&receiver).iter().map(|flags| flags.join(",")).collect();
    let foreign = "foreign-subscription";
    assert_eq!(flagged, ["", foreign, foreign, foreign, foreign]);
}

#[tokio::test(start_paused = true)]
async fn a_strict_receiver_takes_the_events_of_its_own_subscriptions_alone() {
    let receiver = subscribed(Policy::Strict).await;
    post(
        &receiver,
        &[("e1", Some(OURS)), ("e2", Some(OTHER)), ("e3", None)],
    )
    .await;
    assert_eq!(stored(&receiver), ["e1", "e3"]);
    assert_eq!(quarantine(&receiver), ["foreign-subscription"]);
    // One that is made ours later is taken a few seconds after that.
    receiver.subscriptions().adopt(OTHER).await.unwrap();
    receiver.aws.clock().advance(Duration::from_secs(6));
    post(&receiver, &[("e4", Some(OTHER))]).await;
    assert_eq!(stored(&receiver), ["e1", "e3", "e4"]);
}

#[tokio::test(start_paused = true)]
async fn an_id_too_long_for_the_table_is_another_one_and_holds_up_nothing() {
    let receiver = subscribed(Policy::Strict).await;
    let long = "w".repeat(3_000);
    post(&receiver, &[("e1", Some(OURS)), ("e2", Some(&long))]).await;
    assert_eq!(stored(&receiver), ["e1"]);
    assert_eq!(quarantine(&receiver), ["foreign-subscription"]);
    assert_eq!(receiver.stored("subscriptions"), [OURS]);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_was_just_made_is_known() {
    let receiver = subscribed(Policy::Strict).await;
    post(&receiver, &[("e1", Some(OURS))]).await;
    receiver.subscriptions().adopt(OTHER).await.unwrap();
    receiver.aws.clock().advance(Duration::from_secs(6));
    post(&receiver, &[("e2", Some(OTHER))]).await;
    assert_eq!(stored(&receiver), ["e1", "e2"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_refused_before_a_subscription_is_known_to_be_ours() {
    let receiver = receiver(Policy::Flag).await.with_subscriptions(Policy::Strict);
    post(&receiver, &[("e1", Some(OTHER))]).await;
    assert_eq!(stored(&receiver), ["e1"]);
    assert_eq!(receiver.stored("subscriptions"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_a_key_of_our_own_signed_is_for_us() {
    let receiver = subscribed(Policy::Strict).await;
    import_secret(&receiver.aws, "own", &[7; 32]).await;
    let own = SigningKey::hmac("own", Dialect::UnquotedDigest, vec![7; 32].into()).unwrap();
    let body = batch(&[("e1", Some(OTHER))]);
    deliver_with(&receiver, &sign(&own, &body), &body).await;
    assert_eq!(stored(&receiver), ["e1"]);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_cannot_be_read_delays_what_is_to_be_refused_and_no_flag() {
    for (policy, taken) in [(Policy::Flag, 1), (Policy::Strict, 0)] {
        let receiver = subscribed(policy).await;
        for _ in 0..3 {
            let scan = CallFilter::operation(Service::DynamoDb, "Scan").on("subscriptions");
            receiver.aws.inject(Fault::Throttle, scan);
        }
        post(&receiver, &[("e1", Some(OTHER))]).await;
        assert_eq!(stored(&receiver).len(), taken, "{policy:?}");
        assert_eq!(quarantine(&receiver), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn of_receivers_that_see_it_at_the_same_time_one_tells_it() {
    let receiver = subscribed(Policy::Flag).await;
    let twins = [receiver.subscriptions(), receiver.subscriptions()];
    for twin in &twins {
        assert_eq!(twin.owner(OURS).await.unwrap(), SubscriptionOwner::Us);
    }
    for (twin, is_new) in twins.iter().zip([true, false]) {
        assert_eq!(
            twin.owner(OTHER).await.unwrap(),
            SubscriptionOwner::Others { is_new }
        );
    }
}
