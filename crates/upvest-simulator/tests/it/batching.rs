//! Which events share a delivery.

use std::time::Duration;

use serde_json::Value;
use upvest_simulator::{Options, QueueError, SubscribeError, Subscription, generate};

use crate::receiver::{Receiver, queue_generated, simulator, stopped_time};

#[tokio::test(start_paused = true)]
async fn events_wait_for_each_other_as_long_as_the_delay() {
    let receiver = Receiver::start(&[]).await;
    let subscription = Subscription {
        delay: Duration::from_secs(3),
        ..Subscription::new("s", receiver.url.clone())
    };
    let simulator = simulator(stopped_time(), [subscription]);
    let mut together = queue_generated(&simulator, 1, 2);
    tokio::time::sleep(Duration::from_secs(2)).await;
    together.extend(queue_generated(&simulator, 1, 3).split_off(2));
    simulator.delivered().await;

    let received = receiver.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].at.as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_full_package_does_not_wait() {
    let receiver = Receiver::start(&[]).await;
    let subscription = Subscription {
        delay: Duration::from_secs(30),
        max_package_size: 10_000,
        ..Subscription::new("s", receiver.url.clone())
    };
    let simulator = simulator(stopped_time(), [subscription]);
    let ids = queue_generated(&simulator, 1, 100);
    simulator.delivered().await;

    let received = receiver.received();
    assert!(received.len() > 3);
    assert!(received.iter().all(|received| received.body.len() <= 10_000));
    let (last, full) = received.split_last().unwrap();
    assert!(full.iter().all(|received| received.at.as_secs() == 0));
    assert_eq!(last.at.as_secs(), 30, "what is left over waits for its delay");
    let delivered: Vec<String> = received
        .iter()
        .flat_map(|received| received.event_ids())
        .collect();
    assert_eq!(delivered, ids);
}

#[tokio::test(start_paused = true)]
async fn events_go_to_the_subscriptions_that_want_their_category() {
    let (orders, rest) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    let categories = ["ORDER", "EXECUTION", "ORDER_CANCELLATION"].map(str::to_owned);
    let subscriptions = [
        Subscription {
            categories: categories.to_vec(),
            ..Subscription::new("orders", orders.url.clone())
        },
        Subscription {
            excluded_categories: categories.to_vec(),
            ..Subscription::new("rest", rest.url.clone())
        },
    ];
    let simulator = simulator(stopped_time(), subscriptions);
    let ids = queue_generated(&simulator, 4, 200);
    simulator.delivered().await;

    let of = |receiver: &Receiver| -> Vec<String> {
        let received = receiver.received();
        received
            .iter()
            .flat_map(|received| received.event_ids())
            .collect()
    };
    let (orders, rest) = (of(&orders), of(&rest));
    assert!(!orders.is_empty() && !rest.is_empty());
    assert_eq!(orders.len() + rest.len(), ids.len());
    assert!(orders.iter().all(|id| !rest.contains(id)));
}

#[tokio::test(start_paused = true)]
async fn events_name_the_subscription_that_receives_them() {
    let receivers = [Receiver::start(&[]).await, Receiver::start(&[]).await];
    let subscription = |at: usize, id: &str| Subscription::new(id, receivers[at].url.clone());
    let simulator = simulator(
        stopped_time(),
        [subscription(0, "first"), subscription(1, "second")],
    );
    queue_generated(&simulator, 1, 2);
    let foreign = generate(2, 1)
        .remove(0)
        .replace(Subscription::SAMPLE_ID, "theirs");
    simulator.queue(&foreign).unwrap();
    simulator.delivered().await;

    for (receiver, own) in receivers.iter().zip(["first", "second"]) {
        let body: Value = serde_json::from_slice(&receiver.received()[0].body).unwrap();
        let events = body["payload"].as_array().unwrap().iter();
        let named: Vec<_> = events
            .map(|event| event["webhook_id"].as_str().unwrap())
            .collect();
        assert_eq!(named.iter().filter(|id| **id == own).count(), 2, "{named:?}");
        assert!(named.contains(&"theirs"), "{named:?}");
    }
}

#[tokio::test]
async fn a_malformed_event_queues_nothing() {
    let receiver = Receiver::start(&[]).await;
    let simulator = simulator(Options::default(), [Subscription::new("s", receiver.url.clone())]);
    let good = generate(1, 1).remove(0);
    let error = simulator.queue(&format!("[{good},{{}}]")).unwrap_err();
    assert!(matches!(error, QueueError::Malformed { index: 1, .. }));
    assert!(matches!(simulator.queue("[]"), Err(QueueError::NoEvents(_))));
    assert_eq!(simulator.state().outstanding_events, 0);
}

#[tokio::test]
async fn subscriptions_have_ids_of_their_own_and_http_urls() {
    let url = |text: &str| text.parse().unwrap();
    let simulator = simulator(
        Options::default(),
        [Subscription::new("s", url("http://127.0.0.1:1/"))],
    );
    let again = Subscription::new("s", url("http://127.0.0.1:1/"));
    assert!(matches!(
        simulator.subscribe(again),
        Err(SubscribeError::Exists(_))
    ));
    let file = Subscription::new("t", url("file:///tmp/x"));
    assert!(matches!(
        simulator.subscribe(file),
        Err(SubscribeError::NotHttp(_))
    ));
}
