//! What is missing or said of the feed when AWS fails, or the archive holds what is no delivery.

use webhook_tests::stored::key_in_the_first_hour;

use super::*;

#[tokio::test(start_paused = true)]
async fn after_trouble_nothing_is_missing_and_nothing_is_seen_twice() {
    let signed = Deployment::new().await;
    let mut watched = watch(&signed, "");
    let mut expected = Vec::new();
    for number in 0..12 {
        expected.push(signed.store(&[order(&format!("e{number}"), 1, "NEW")]).await);
        signed.pass(1);
    }
    let aws = &signed.receiver.aws;
    let get = || CallFilter::operation(Service::S3, "GetObject").after(5);
    // More than the SDK repeats by itself.
    aws.set_fault_rates(FaultRates {
        throttle: 1000,
        outage: 1000,
        ..FaultRates::default()
    });
    assert!(aws.invoke("tail", watched.try_look()).await.unwrap().is_err());
    aws.heal();
    aws.inject(Fault::LoseReply, get());
    let mut seen = Vec::new();
    for _ in 0..3 {
        let look = aws.invoke("tail", watched.try_look()).await.unwrap();
        seen.extend(look.unwrap_or_default());
        seen.extend(watched.told());
        // Longer than deliveries are waited for: what could not be read is looked for all the same.
        signed.pass(10);
    }
    let ids: Vec<_> = seen.into_iter().map(|delivery| delivery.delivery_id).collect();
    assert_eq!(ids, expected);
}

#[tokio::test(start_paused = true)]
async fn an_outage_longer_than_deliveries_are_waited_for_hides_none() {
    let signed = Deployment::new().await;
    let mut watched = watch(&signed, "");
    let id = signed.store(&[order("e1", 1, "NEW")]).await;
    let aws = &signed.receiver.aws;
    aws.set_fault_rates(FaultRates {
        fail_before_effect: 1000,
        outage: 1000,
        ..FaultRates::default()
    });
    for _ in 0..3 {
        signed.pass(600);
        assert!(aws.invoke("tail", watched.try_look()).await.unwrap().is_err());
    }
    aws.heal();
    assert_eq!(watched.ids().await, [id]);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_no_delivery_is_shown_as_such_and_does_not_stop_the_rest() {
    let signed = Deployment::new().await;
    let id = signed.store(&[order("e1", 1, "NEW")]).await;
    signed
        .put_archived(&signed.archived_at(&id), b"{}".to_vec())
        .await;
    let readme = key_in_the_first_hour("readme");
    signed.put_archived(&readme, Vec::new()).await;
    signed.pass(1);
    signed.store(&[order("e2", 2, "FILLED")]).await;
    let deliveries = watch(&signed, "--since 1m").look().await;
    let results: Vec<_> = deliveries.iter().map(|delivery| delivery.result).collect();
    assert_eq!(results, [Outcome::Unreadable, Outcome::Verified]);
}

#[tokio::test(start_paused = true)]
async fn trouble_is_told_and_the_feed_goes_on() {
    let signed = Deployment::new().await;
    let mut watched = watch(&signed, "");
    let id = signed.store(&[order("e1", 1, "NEW")]).await;
    let aws = &signed.receiver.aws;
    aws.set_fault_rates(FaultRates {
        throttle: 1000,
        outage: 1000,
        ..FaultRates::default()
    });
    let run = aws.invoke("tail", watched.feed.run(watched.sender));
    let watch = async {
        let mut pauses = Vec::new();
        while pauses.len() < 3 {
            match watched.updates.recv().await.unwrap() {
                Update::Trouble { why, retry_in } => {
                    assert!(why.contains("ListObjectsV2 of the archive failed"), "{why}");
                    pauses.push(retry_in);
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(pauses.is_sorted() && pauses[0] < pauses[2], "{pauses:?}");
        aws.heal();
        loop {
            match watched.updates.recv().await.unwrap() {
                Update::Delivery(delivery) => return delivery.delivery_id,
                Update::Trouble { .. } => {}
                Update::CaughtUp => panic!("the delivery comes first"),
            }
        }
    };
    tokio::select! {
        ended = run => panic!("{ended:?}"),
        seen = watch => assert_eq!(seen, id),
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_is_not_there_ends_it_at_once() {
    let mut signed = Deployment::new().await;
    signed.add_outputs(&[("ArchiveBucketName", "nowhere")]);
    let reader = arguments("").reader(&signed.stack, false).unwrap();
    let watch = arguments("").watch(&signed.clock());
    let (sender, _updates) = mpsc::channel(10);
    let ended = Feed::new(reader, watch, signed.clock()).run(sender).await;
    assert!(ended.is_err());
}
