//! Requests for a fetch, from a delivery whose key is unknown to the refresh that it asks for.

use super::*;

#[tokio::test]
async fn a_request_whose_fetch_fails_is_retried_and_then_kept_with_the_reason() {
    let world = World::new().await;
    world.forge("unknown").await;
    world.receiver.verify_and_store().await.unwrap();
    world.aws().create_secret(SECRET, b"{}");
    let mut receives = 0;
    for _ in 0..20 {
        receives += usize::from(world.requested().await.is_some());
        world.advance(10);
    }
    assert_eq!(receives, 5);
    assert!(world.aws().messages(KEY_REQUESTS).is_empty());
    let dead = &world.aws().messages(KEY_REQUESTS_DLQ)[0];
    let reason = dead.attributes["reason"].string_value.as_deref().unwrap();
    assert!(reason.contains("lack client_id"), "{reason}");

    // The delivery waits in quarantine, whatever becomes of the request.
    assert_eq!(in_quarantine(world.aws()), 1);
    let credentials = world.upvest.credentials().to_string();
    world.aws().create_secret(SECRET, credentials.as_bytes());
    world.scheduled().await.unwrap();
    assert!(world.receiver.stored("keys").contains(&world.key_id()));
    assert_eq!(
        in_quarantine(world.aws()),
        1,
        "the key that it names is not served"
    );
}

#[tokio::test]
async fn nothing_is_lost_or_quarantined_when_the_key_is_replaced_in_the_middle_of_a_load() {
    let world = World::new().await;
    world.scheduled().await.unwrap();
    let (old, endpoint) = (world.key_id(), world.subscribe().await);
    let mut ids = world.deliver(&endpoint, 1, 40).await;
    world.receiver.verify_and_store().await.unwrap();
    // Some of these wait in the queue, signed by the old key, when the new one takes its place.
    ids.extend(world.deliver(&endpoint, 2, 40).await);
    world.upvest.simulator.rotate_key(Duration::ZERO).unwrap();
    ids.extend(world.deliver(&endpoint, 3, 40).await);
    assert!(endpoint.taken().len() > 3);
    for _ in 0..10 {
        while world.receiver.verify_and_store().await.is_some() {}
        while world.requested().await.is_some() {}
        world.advance(61);
    }
    assert_eq!(stored_events(&world.receiver), ids);
    assert_eq!(in_quarantine(world.aws()), 0);
    assert!(world.aws().messages(DELIVERIES_DLQ).is_empty());
    // The fetch that the new key was asked for by found none of the table's keys.
    assert!(!world.row(&old).await.is_retired());
    world.scheduled().await.unwrap();
    assert!(world.row(&old).await.is_retired());
    world.receiver.drain().await;
}

#[tokio::test]
async fn a_storm_of_forged_key_ids_asks_for_keys_once_in_a_minute() {
    let world = World::new().await;
    for number in 0..50 {
        world.forge(&format!("forged-{number}")).await;
    }
    while world.receiver.verify_and_store().await.is_some() {}
    assert_eq!(world.aws().messages(KEY_REQUESTS).len(), 1);

    // Other processes do not know that it was asked for already, the queue does.
    let url = world.aws().create_queue(QueueSettings::new("other.fifo"));
    let url = url.replace("other.fifo", KEY_REQUESTS);
    let another = || KeyRequests::new(world.aws().sqs().clone(), url.clone(), clock(world.aws()));
    for _ in 0..3 {
        another().request().await;
    }
    while world.requested().await.is_some() {}
    another().request().await;
    assert!(
        world.aws().messages(KEY_REQUESTS).is_empty(),
        "one fetch is enough"
    );
    assert_eq!(world.upvest.methods("/auth/verify_keys").len(), 1);

    world.advance(60);
    for _ in 0..3 {
        another().request().await;
    }
    assert_eq!(world.aws().messages(KEY_REQUESTS).len(), 1);
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_costs_the_delivery_nothing() {
    let world = World::new().await;
    let clock = clock(world.aws());
    let nowhere = "https://sqs.eu-central-1.amazonaws.com/123456789012/nowhere.fifo".to_owned();
    KeyRequests::new(world.aws().sqs().clone(), nowhere, clock)
        .request()
        .await;
    world.forge("unknown").await;
    let settled = world.receiver.verify_and_store().await.unwrap();
    assert!(matches!(settled, Settlement::Partial { kept, .. } if kept.is_empty()));
    assert_eq!(in_quarantine(world.aws()), 1);
}
