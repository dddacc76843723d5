//! What counts as success, when a delivery is tried again, and what it blocks.

use std::time::Duration;

use upvest_simulator::{Answer, Options, Subscription, Url};

use crate::receiver::{Receiver, queue_generated, simulator, stopped_time};

#[tokio::test(start_paused = true)]
async fn retries_follow_the_schedule_up_to_its_cap() {
    let receiver = Receiver::start(&[500; 16]).await;
    let simulator = simulator(stopped_time(), [Subscription::new("s", receiver.url.clone())]);
    queue_generated(&simulator, 1, 1);
    simulator.delivered().await;

    let arrivals = receiver.arrivals();
    let waits: Vec<u64> = arrivals
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs())
        .collect();
    assert_eq!(
        waits,
        [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 600, 600, 600]
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_but_200_is_success_and_redirects_are_not_followed() {
    let failures = [201, 202, 204, 301, 307, 400, 401, 404, 413, 500, 503];
    let receiver = Receiver::start(&failures).await;
    let simulator = simulator(stopped_time(), [Subscription::new("s", receiver.url.clone())]);
    queue_generated(&simulator, 1, 1);
    simulator.delivered().await;

    let records = simulator.records();
    let answers: Vec<(u16, bool)> = records
        .iter()
        .map(|record| (record.answer.status().unwrap(), record.accepted))
        .collect();
    let mut expected: Vec<(u16, bool)> = failures.iter().map(|status| (*status, false)).collect();
    expected.push((200, true));
    assert_eq!(answers, expected);
    assert!(
        receiver
            .received()
            .iter()
            .all(|received| received.path == "/webhooks/upvest")
    );
}

#[tokio::test(start_paused = true)]
async fn a_retry_repeats_the_whole_delivery_with_a_new_signature() {
    let receiver = Receiver::start(&[503, 503]).await;
    let simulator = simulator(stopped_time(), [Subscription::new("s", receiver.url.clone())]);
    queue_generated(&simulator, 1, 5);
    simulator.delivered().await;

    let received = receiver.received();
    assert_eq!(received.len(), 3);
    assert_eq!(received[0].event_ids().len(), 5);
    assert!(received.iter().all(|attempt| attempt.body == received[0].body));
    assert_ne!(
        received[0].header("signature-input"),
        received[1].header("signature-input")
    );
    let attempts: Vec<(u64, u32)> = simulator
        .records()
        .iter()
        .map(|record| (record.delivery, record.attempt))
        .collect();
    assert_eq!(attempts, [(1, 1), (1, 2), (1, 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_retry_can_keep_its_first_signature() {
    let receiver = Receiver::start(&[503]).await;
    let options = Options {
        resign_retries: false,
        ..stopped_time()
    };
    let simulator = simulator(options, [Subscription::new("s", receiver.url.clone())]);
    queue_generated(&simulator, 1, 1);
    simulator.delivered().await;

    let received = receiver.received();
    assert_eq!(received[0].headers, received[1].headers);
}

#[tokio::test(start_paused = true)]
async fn a_failing_delivery_blocks_later_ones_of_its_subscription_alone() {
    let (failing, healthy) = (Receiver::start(&[500; 8]).await, Receiver::start(&[]).await);
    let subscriptions = [
        Subscription::new("failing", failing.url.clone()),
        Subscription::new("healthy", healthy.url.clone()),
    ];
    let simulator = simulator(stopped_time(), subscriptions);
    let first = queue_generated(&simulator, 1, 1);
    tokio::time::sleep(Duration::from_secs(20)).await;
    let later = queue_generated(&simulator, 2, 3);
    tokio::time::sleep(Duration::from_secs(5)).await;

    assert!(
        failing
            .received()
            .iter()
            .all(|received| received.event_ids() == first)
    );
    assert_eq!(healthy.received().len(), 2);
    let state = &simulator.state().subscriptions[0];
    assert_eq!((state.waiting_events, state.delivering_events), (3, 1));
    assert!(state.failed_attempts > 3);

    simulator.delivered().await;
    let received = failing.received();
    assert_eq!(
        received.len(),
        10,
        "nine attempts, then all that waited in one delivery"
    );
    assert_eq!(received[9].event_ids(), later);
    assert_eq!(received[9].at, received[8].at);
    assert_eq!(simulator.state().outstanding_events, 0);
}

#[tokio::test]
async fn waiting_is_scaled() {
    let receiver = Receiver::start(&[500; 6]).await;
    let options = Options {
        time_scale: 0.001,
        ..Options::default()
    };
    let simulator = simulator(options, [Subscription::new("s", receiver.url.clone())]);
    queue_generated(&simulator, 1, 1);
    let delivered = tokio::time::timeout(Duration::from_secs(20), simulator.delivered()).await;
    assert!(
        delivered.is_ok(),
        "32 seconds of retry delays, and one of batching"
    );
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_tried_again() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/", free.local_addr().unwrap()).parse().unwrap();
    drop(free);
    let options = Options {
        time_scale: 0.001,
        ..Options::default()
    };
    let simulator = simulator(options, [Subscription::new("s", url)]);
    queue_generated(&simulator, 1, 1);
    while simulator.records().len() < 3 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(
        simulator
            .records()
            .iter()
            .all(|record| record.answer == Answer::Unreachable)
    );
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_a_failure() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/", silent.local_addr().unwrap())
        .parse()
        .unwrap();
    let options = Options {
        time_scale: 0.001,
        answer_timeout: Some(Duration::from_millis(20)),
        ..Options::default()
    };
    let simulator = simulator(options, [Subscription::new("s", url)]);
    queue_generated(&simulator, 1, 1);
    while simulator.records().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(simulator.records()[0].answer, Answer::TimedOut);
}

#[tokio::test]
async fn a_name_under_localhost_is_this_machine() {
    let receiver = Receiver::start(&[]).await;
    let mut url = receiver.url.clone();
    url.set_host(Some("example.execute-api.localhost")).unwrap();
    let options = Options {
        time_scale: 0.001,
        ..Options::default()
    };
    let simulator = simulator(options, [Subscription::new("s", url)]);
    queue_generated(&simulator, 1, 1);
    simulator.delivered().await;
    assert!(
        receiver.received()[0]
            .header("host")
            .starts_with("example.execute-api.localhost:")
    );
}
