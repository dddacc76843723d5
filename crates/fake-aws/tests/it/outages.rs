//! What goes wrong for a while, what ends a process at any await, and how many messages can be in flight.

use std::time::Duration;

use fake_aws::{Aws, CallFilter, CrashError, Fault, FaultRates, QueueSettings};

fn account() -> (Aws, String) {
    let aws = Aws::new(1);
    let url = aws.create_queue(QueueSettings::new("deliveries"));
    (aws, url)
}

/// Sends a message as a function does; tells whether SQS took it.
async fn sends(aws: &Aws, url: &str, body: &str) -> bool {
    let send = aws.sqs().send_message().queue_url(url).message_body(body);
    aws.invoke("ingest", send.send())
        .await
        .expect("nothing is killed")
        .is_ok()
}

#[tokio::test(start_paused = true)]
async fn an_outage_strikes_every_call_that_it_selects_until_its_end() {
    for fault in [Fault::Deny, Fault::Throttle, Fault::FailBeforeEffect] {
        let (aws, url) = account();
        let sick = CallFilter::any().on("deliveries").carrying("sick");
        aws.begin_outage(fault, sick, Duration::from_secs(60));
        for _ in 0..2 {
            assert!(!sends(&aws, &url, "sick").await);
            assert!(sends(&aws, &url, "healthy").await);
        }
        aws.clock().advance(Duration::from_secs(60));
        assert!(sends(&aws, &url, "sick").await);
    }
}

#[tokio::test(start_paused = true)]
async fn what_heals_ends_outages_too() {
    let (aws, url) = account();
    aws.begin_outage(Fault::Deny, CallFilter::any(), Duration::from_secs(60));
    aws.heal();
    assert!(sends(&aws, &url, "hello").await);
}

#[tokio::test(start_paused = true)]
async fn a_process_dies_while_it_waits_for_no_service_too() {
    let (aws, _) = account();
    aws.set_fault_rates(FaultRates {
        death: 1_000,
        ..FaultRates::default()
    });
    let mut died = 0;
    for _ in 0..20 {
        let waits = async {
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        died += usize::from(aws.invoke("function", waits).await == Err(CrashError));
    }
    assert!(died > 5, "{died} of 20");
}

#[tokio::test(start_paused = true)]
async fn no_more_messages_are_handed_out_than_can_be_in_flight() {
    let (aws, url) = account();
    aws.limit_in_flight("deliveries", 2);
    for body in ["one", "two", "three"] {
        assert!(sends(&aws, &url, body).await);
    }
    let receive = async || {
        let receive = aws.sqs().receive_message().queue_url(&url);
        let received = receive.max_number_of_messages(10).send().await.unwrap();
        received.messages().len()
    };
    assert_eq!((receive().await, receive().await), (2, 0));
    // Their visibility timeout is over.
    aws.clock().advance(Duration::from_secs(30));
    assert_eq!(receive().await, 2);
}
