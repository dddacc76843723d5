//! What lies in quarantine because of its key, and is sent on when more is known of it.

use fake_aws::{CallFilter, Fault, Service};
use pipeline::sending_on::Folder;
use pipeline::stores::archive::KEY_RETIRED;
use pipeline::stores::keys::attributes::{DISTRUSTED_AT, RETIRED_AT};
use webhook_tests::receiver::DELIVERIES;

use super::*;

impl World {
    /// Takes the key that Upvest signs with out of the table.
    async fn forget_key(&self) {
        self.receiver.rows("keys").delete(&self.key_id()).await;
    }
}

/// Writes a time into the row of the key that Upvest signs with.
async fn note(world: &World, attribute: &str, at: &str) {
    let rows = world.receiver.rows("keys");
    rows.set(&world.key_id(), (attribute, at)).await;
}

#[tokio::test]
async fn what_a_retired_key_signed_is_sent_on_when_upvest_serves_it_again() {
    let world = World::new().await;
    world.scheduled().await.unwrap();
    note(&world, RETIRED_AT, "2025-12-01T00:00:00Z").await;
    let endpoint = world.subscribe().await;
    let ids = world.deliver(&endpoint, 1, 5).await;
    while world.receiver.verify_and_store().await.is_some() {}
    assert!(stored_events(&world.receiver).is_empty());
    assert!(in_quarantine(world.aws()) > 0);
    // Sent on too early, it is refused again and lies where it lay.
    let folder = Folder::of(KEY_RETIRED, &world.key_id());
    let sent = world
        .receiver
        .waiting_for_keys()
        .send_on([folder], Duration::from_secs(60))
        .await;
    let waiting = in_quarantine(world.aws());
    assert_eq!(sent.unwrap().sent, waiting);
    while world.receiver.verify_and_store().await.is_some() {}
    assert_eq!(in_quarantine(world.aws()), waiting);

    // It was sent on a moment ago; an hour later it may be sent on again. verify-and-store has the key as retired still, and reads
    // it again.
    world.advance(3600);
    assert_eq!(world.scheduled().await.unwrap()["returned"], 1);
    while world.receiver.verify_and_store().await.is_some() {}
    assert_eq!(stored_events(&world.receiver), ids);
    assert_eq!(in_quarantine(world.aws()), 0);
}

#[tokio::test]
async fn a_fetch_neither_trusts_a_distrusted_key_nor_sends_on_what_it_signed() {
    let world = World::new().await;
    world.scheduled().await.unwrap();
    note(&world, DISTRUSTED_AT, "2025-12-01T00:00:00Z").await;
    let endpoint = world.subscribe().await;
    world.deliver(&endpoint, 1, 5).await;
    while world.receiver.verify_and_store().await.is_some() {}
    let waiting = in_quarantine(world.aws());
    assert!(waiting > 0);
    world.scheduled().await.unwrap();
    assert!(
        world.receiver.verify_and_store().await.is_none(),
        "nothing was sent on"
    );
    assert!(world.row(&world.key_id()).await.distrusted_at.is_some());
    assert_eq!(in_quarantine(world.aws()), waiting);
}

#[tokio::test]
async fn a_bad_signature_under_a_key_of_upvests_has_the_keys_fetched_once_in_a_minute() {
    let world = World::new().await;
    let imported = upvest_simulator::generate_key().unwrap();
    import_key(world.aws(), imported.to_jwk().unwrap().with_key_id("imported")).await;
    world.forge("imported").await;
    world.receiver.verify_and_store().await.unwrap();
    assert!(
        world.aws().messages(KEY_REQUESTS).is_empty(),
        "no fetch changes it"
    );

    world.scheduled().await.unwrap();
    for _ in 0..20 {
        world.forge(&world.key_id()).await;
    }
    while world.receiver.verify_and_store().await.is_some() {}
    assert_eq!(world.aws().messages(KEY_REQUESTS).len(), 1);
    assert_eq!(in_quarantine(world.aws()), 21);
}

#[tokio::test]
async fn what_did_not_hold_by_another_key_is_sent_on_when_a_fetch_brings_the_right_one() {
    let world = World::new().await;
    let other = upvest_simulator::generate_key().unwrap();
    import_key(world.aws(), other.to_jwk().unwrap().with_key_id(world.key_id())).await;
    world.aws().clock().advance(Duration::from_secs(600));
    let endpoint = world.subscribe().await;
    let ids = world.deliver(&endpoint, 1, 5).await;
    while world.receiver.verify_and_store().await.is_some() {}
    assert!(in_quarantine(world.aws()) > 0);
    world.scheduled().await.unwrap();
    assert!(
        world.receiver.verify_and_store().await.is_none(),
        "the key is the same"
    );

    world.forget_key().await;
    let list = CallFilter::operation(Service::S3, "ListObjectsV2");
    world.aws().inject(Fault::CrashBeforeEffect, list);
    let killed = world.aws().invoke("refresh-keys", world.scheduled()).await;
    assert!(killed.is_err(), "it dies with the key in the table");
    assert_eq!(world.scheduled().await.unwrap()["new"], 0);
    while world.receiver.verify_and_store().await.is_some() {}
    assert_eq!(stored_events(&world.receiver), ids);
    assert_eq!(in_quarantine(world.aws()), 0);
}

#[tokio::test]
async fn a_fetch_that_fails_sends_on_what_waits_for_a_key_that_is_there() {
    let world = World::new().await;
    let endpoint = world.subscribe().await;
    let ids = world.deliver(&endpoint, 1, 5).await;
    while world.receiver.verify_and_store().await.is_some() {}
    assert!(in_quarantine(world.aws()) > 0);
    let served = world.upvest.simulator.verify_keys().keys.remove(0);
    import_key(world.aws(), served).await;
    world.upvest.simulator.add_trouble(Trouble {
        answers: 100,
        status: Some(503),
        ..Trouble::default()
    });
    let failed = world.scheduled().await;
    assert!(matches!(failed, Err(RefreshError::Access(_))), "{failed:?}");
    while world.receiver.verify_and_store().await.is_some() {}
    assert_eq!(stored_events(&world.receiver), ids);
    assert_eq!(in_quarantine(world.aws()), 0);
}

#[tokio::test]
async fn a_row_that_cannot_be_written_keeps_no_other_one_from_it() {
    let world = World::new().await;
    world.scheduled().await.unwrap();
    let known = world.key_id();
    world.advance(3600);
    world
        .upvest
        .simulator
        .rotate_key(Duration::from_secs(600))
        .unwrap();
    let put = CallFilter::operation(Service::DynamoDb, "PutItem");
    world.aws().inject(Fault::Deny, put);
    let refused = world.aws().invoke("refresh-keys", world.scheduled()).await;
    let refused = refused.unwrap();
    assert!(matches!(refused, Err(RefreshError::Aws(_))), "{refused:?}");
    let seen = world.row(&known).await.last_seen;
    assert_eq!(seen.as_deref(), Some("2026-01-01T01:00:00Z"));
    assert_eq!(world.scheduled().await.unwrap()["new"], 1);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_hold_under_a_new_key_either_is_sent_on_once_an_hour_and_asks_for_no_fetch() {
    let world = World::new().await;
    let other = upvest_simulator::generate_key().unwrap();
    let other = serde_json::to_string(&other.to_jwk().unwrap().with_key_id(world.key_id())).unwrap();
    let id = world.key_id();
    let row = KeyRow {
        key_id: id.clone(),
        algorithm: Some("ecdsa-p521-sha512".to_owned()),
        jwk: Some(other),
        source: Some("upvest".to_owned()),
        ..KeyRow::default()
    };
    world.put(row).await;
    for _ in 0..5 {
        world.forge(&id).await;
    }
    while world.receiver.verify_and_store().await.is_some() {}
    let asked = world.aws().messages(KEY_REQUESTS).len();
    assert_eq!(world.scheduled().await.unwrap()["changed"], 1);
    assert_eq!(world.aws().messages(DELIVERIES).len(), 5);
    while world.receiver.verify_and_store().await.is_some() {}
    world.advance(60);
    world.scheduled().await.unwrap();
    assert!(
        world.aws().messages(DELIVERIES).is_empty(),
        "they were sent on a minute ago"
    );
    assert_eq!(world.aws().messages(KEY_REQUESTS).len(), asked);
    assert_eq!(in_quarantine(world.aws()), 5);
}

#[tokio::test(start_paused = true)]
async fn what_strangers_forge_under_a_new_key_is_not_verified_at_each_fetch() {
    let world = World::new().await;
    world.scheduled().await.unwrap();
    world.aws().clock().advance(Duration::from_secs(600));
    world.forge(&world.key_id()).await;
    world.receiver.verify_and_store().await.unwrap();
    world.scheduled().await.unwrap();
    assert!(
        world.aws().messages(DELIVERIES).is_empty(),
        "it came when the key was known"
    );

    // Before that, the key may not have been what it was tried with.
    world.forget_key().await;
    world.scheduled().await.unwrap();
    assert_eq!(world.aws().messages(DELIVERIES).len(), 1);
    while world.receiver.verify_and_store().await.is_some() {}
    world.aws().clock().advance(Duration::from_secs(25 * 3600));
    world.scheduled().await.unwrap();
    assert!(
        world.aws().messages(DELIVERIES).is_empty(),
        "a day of fetches was enough"
    );
}
