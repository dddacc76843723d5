//! Keys that were changed under their id.

use fake_aws::{CallFilter, Fault, Service};
use pipeline::key_refresh::plan;
use pipeline::stores::archive::ArchivedDelivery;
use pipeline::stores::keys::{HmacSecrets, ImportError, Imported, Material, NewKey, PinnedKeys, earlier_id};
use pipeline::verification::{Verdict, verify_again};
use webhook_tests::deliveries::{body_of, event};

use super::*;

const WEEK: u64 = 7 * 24 * 3600;

/// A key that Upvest served under the id of the one that it serves now.
fn earlier_key(world: &World) -> SigningKey {
    SigningKey::ed25519_from_seed(world.key_id(), Dialect::UnquotedDigest, &[9; 32]).unwrap()
}

async fn put_earlier(world: &World, distrusted_at: Option<&str>) -> String {
    let key = earlier_key(world).to_jwk().unwrap();
    let row = KeyRow {
        key_id: world.key_id(),
        algorithm: Some("ed25519".to_owned()),
        jwk: Some(serde_json::to_string(&key).unwrap()),
        source: Some("upvest".to_owned()),
        first_seen: Some("2025-01-01T00:00:00Z".to_owned()),
        distrusted_at: distrusted_at.map(str::to_owned),
        ..KeyRow::default()
    };
    world.put(row).await;
    key.thumbprint()
}

/// Delivers an event that the earlier key signed.
async fn deliver_by_earlier(world: &World, id: &str) {
    let body = body_of(&[event(id, 0, "ORDER.NEW", r#"{"id":"o1","status":"NEW"}"#)]);
    let headers = sign_with(
        &earlier_key(world),
        body.as_bytes(),
        &SignatureOptions::new(COVERED),
    );
    assert_eq!(
        world.receiver.post(&headers, body.as_bytes()).await.unwrap().0,
        200
    );
    while world.receiver.verify_and_store().await.is_some() {}
}

#[tokio::test]
async fn a_key_changed_under_its_id_proves_at_once_and_the_earlier_one_for_a_week_more() {
    let world = World::new().await;
    let thumbprint = put_earlier(&world, None).await;
    deliver_by_earlier(&world, "before").await;
    let endpoint = world.subscribe().await;
    let mut expected = world.deliver(&endpoint, 1, 5).await;
    while world.receiver.verify_and_store().await.is_some() {}
    assert_eq!(stored_events(&world.receiver), ["before".to_owned()].into());

    assert_eq!(world.scheduled().await.unwrap()["changed"], 1);
    while world.receiver.verify_and_store().await.is_some() {}
    assert_eq!(in_quarantine(world.aws()), 0);
    let row = world.row(&world.key_id()).await;
    assert_eq!(row.earlier, std::slice::from_ref(&thumbprint));
    let earlier = world.row(&earlier_id(&world.key_id(), &thumbprint)).await;
    assert_eq!(earlier.retired_at.as_deref(), Some("2026-01-01T00:00:00Z"));

    deliver_by_earlier(&world, "in-flight").await;
    expected.extend(["before".to_owned(), "in-flight".to_owned()]);
    assert_eq!(stored_events(&world.receiver), expected);
    world.advance(WEEK);
    deliver_by_earlier(&world, "too-late").await;
    assert_eq!(stored_events(&world.receiver), expected);
    assert_eq!(crate::support::quarantine(&world.receiver), ["bad-signature"]);
    // The next fetch finds nothing new.
    assert_eq!(world.scheduled().await.unwrap()["changed"], 0);
    assert_eq!(world.row(&world.key_id()).await.earlier, [thumbprint]);
}

#[tokio::test]
async fn what_each_key_of_an_id_proved_can_be_proven_for_good() {
    let world = World::new().await;
    let thumbprint = put_earlier(&world, None).await;
    deliver_by_earlier(&world, "before").await;
    world.scheduled().await.unwrap();
    world.advance(300);
    let endpoint = world.subscribe().await;
    world.deliver(&endpoint, 1, 5).await;
    while world.receiver.verify_and_store().await.is_some() {}
    world.advance(100 * WEEK);
    let current = world.row(&world.key_id()).await.thumbprint();
    let keys = world.receiver.verifying_keys();
    let mut proved_by = BTreeSet::new();
    for object in world.receiver.kept().into_values() {
        let archived = ArchivedDelivery::parse(&object.bytes).unwrap();
        let verdict = verify_again(&keys, &archived).await.unwrap();
        let Verdict::Holds(verified) = verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!(verified.thumbprint(), archived.thumbprint.as_deref());
        proved_by.insert(archived.thumbprint);
    }
    assert_eq!(proved_by, [current, Some(thumbprint)].into());
}

#[tokio::test]
async fn an_operators_distrust_stays_with_the_key_that_it_is_about() {
    let world = World::new().await;
    let thumbprint = put_earlier(&world, Some("2025-12-01T00:00:00Z")).await;
    world.scheduled().await.unwrap();
    assert_eq!(world.row(&world.key_id()).await.distrusted_at, None);
    let earlier = world.row(&earlier_id(&world.key_id(), &thumbprint)).await;
    assert_eq!(earlier.distrusted_at.as_deref(), Some("2025-12-01T00:00:00Z"));
    deliver_by_earlier(&world, "forged").await;
    assert!(stored_events(&world.receiver).is_empty());

    // It comes back, by an operator's hand, and is distrusted still.
    let secrets = HmacSecrets::new(aws_sdk_secretsmanager::Client::new(world.aws().sdk_config()));
    let key = NewKey {
        key_id: world.key_id(),
        material: Material::Public(earlier_key(&world).to_jwk().unwrap()),
    };
    let imported = world.receiver.keys().import(&key, &secrets, true).await;
    assert_eq!(imported.unwrap(), Imported::Replaced);
    let row = world.row(&world.key_id()).await;
    assert_eq!(row.distrusted_at.as_deref(), Some("2025-12-01T00:00:00Z"));
    assert_eq!(row.earlier.len(), 1);
    let retired = world.row(&earlier_id(&world.key_id(), &row.earlier[0])).await;
    assert!(retired.is_retired() && retired.distrusted_at.is_none());
}

#[tokio::test]
async fn nobody_names_the_row_of_an_earlier_key() {
    let world = World::new().await;
    let thumbprint = put_earlier(&world, None).await;
    world.scheduled().await.unwrap();
    let id = earlier_id(&world.key_id(), &thumbprint);
    let key = SigningKey::ed25519_from_seed(&id, Dialect::UnquotedDigest, &[9; 32]).unwrap();
    let body = br#"{"payload":[]}"#;
    let headers = sign_with(&key, body, &SignatureOptions::new(COVERED));
    assert_eq!(world.receiver.post(&headers, body).await.unwrap().0, 200);
    world.receiver.verify_and_store().await.unwrap();
    assert_eq!(crate::support::quarantine(&world.receiver), ["unknown-key"]);
    let secrets = HmacSecrets::new(aws_sdk_secretsmanager::Client::new(world.aws().sdk_config()));
    let key = NewKey {
        key_id: id,
        material: Material::Public(key.to_jwk().unwrap()),
    };
    let refused = world.receiver.keys().import(&key, &secrets, true).await;
    assert!(
        matches!(refused, Err(ImportError::Reserved { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_distrust_during_a_fetch_is_not_lost_with_the_key_that_it_is_about() {
    let world = World::new().await;
    let thumbprint = put_earlier(&world, None).await;
    let before = world.row(&world.key_id()).await;
    let now = world.aws().clock().timestamp();
    assert!(world.receiver.keys().distrust(&before, now).await.unwrap());
    // Whoever read the row before changes nothing by it.
    let (keys, pinned) = (world.receiver.keys(), PinnedKeys::default());
    let plan = plan(&keys, &pinned, async || {
        // Said while Upvest answers.
        let row = world.row(&world.key_id()).await;
        assert!(world.receiver.keys().trust(&row).await.unwrap());
        let upvest = &world.refresh.upvest;
        Ok(upvest.call(async |client| client.verify_keys().await).await?)
    });
    let changes = plan.await.unwrap().apply(&keys).await.unwrap();
    assert!(changes.changed.is_empty(), "{changes:?}");
    assert_eq!(world.row(&world.key_id()).await.thumbprint(), Some(thumbprint));
    assert_eq!(world.scheduled().await.unwrap()["changed"], 1);
    // And a word on the key that was there hits no other one.
    assert!(!world.receiver.keys().distrust(&before, now).await.unwrap());
    assert_eq!(world.row(&world.key_id()).await.distrusted_at, None);
}

#[tokio::test]
async fn a_distrust_of_an_earlier_key_is_not_undone_by_a_fetch_that_read_it_before_it_was_changed() {
    let world = World::new().await;
    let thumbprint = put_earlier(&world, None).await;
    let (keys, pinned) = (world.receiver.keys(), PinnedKeys::default());
    let served = async || {
        let upvest = &world.refresh.upvest;
        Ok(upvest.call(async |client| client.verify_keys().await).await?)
    };
    let late = plan(&keys, &pinned, served).await.unwrap();
    assert_eq!(world.scheduled().await.unwrap()["changed"], 1);
    let id = earlier_id(&world.key_id(), &thumbprint);
    let now = world.aws().clock().timestamp();
    assert!(keys.distrust(&world.row(&id).await, now).await.unwrap());
    let current = world.row(&world.key_id()).await;

    let changes = late.apply(&keys).await.unwrap();
    assert!(changes.changed.is_empty(), "{changes:?}");
    assert_eq!(world.row(&id).await.distrusted_since(), Some(now));
    assert_eq!(world.row(&world.key_id()).await.earlier, current.earlier);
}

#[tokio::test]
async fn a_distrust_of_a_key_whose_change_was_cut_short_stays_with_it() {
    let world = World::new().await;
    let thumbprint = put_earlier(&world, None).await;
    let id = earlier_id(&world.key_id(), &thumbprint);
    // The change writes the earlier key, and dies before the new one.
    let fault = CallFilter::operation(Service::DynamoDb, "PutItem").on("keys");
    world.aws().inject(Fault::CrashAfterEffect, fault);
    let died = world.aws().invoke("refresh-keys", world.scheduled()).await;
    assert!(died.is_err());
    assert_eq!(world.row(&world.key_id()).await.thumbprint(), Some(thumbprint));
    let now = world.aws().clock().timestamp();
    let keys = world.receiver.keys();
    assert!(keys.distrust(&world.row(&id).await, now).await.unwrap());

    assert_eq!(world.scheduled().await.unwrap()["changed"], 1);
    assert_eq!(world.row(&id).await.distrusted_since(), Some(now));
}

#[tokio::test]
async fn a_secret_in_the_place_of_a_public_key_loses_none_of_what_was_proven() {
    let world = World::new().await;
    let thumbprint = put_earlier(&world, None).await;
    let secrets = HmacSecrets::new(aws_sdk_secretsmanager::Client::new(world.aws().sdk_config()));
    let key = NewKey {
        key_id: world.key_id(),
        material: Material::Shared {
            secret: b"sixteen bytes or more".to_vec().into(),
            secret_name: "own".to_owned(),
        },
    };
    let imported = world.receiver.keys().import(&key, &secrets, true).await;
    assert_eq!(imported.unwrap(), Imported::Replaced);
    assert_eq!(
        world.row(&world.key_id()).await.earlier,
        std::slice::from_ref(&thumbprint)
    );
    assert!(
        world
            .row(&earlier_id(&world.key_id(), &thumbprint))
            .await
            .is_retired()
    );
}

#[tokio::test]
async fn a_pinned_key_gives_its_place_to_none_that_is_not() {
    let mut world = World::new().await;
    let thumbprint = put_earlier(&world, None).await;
    world.refresh.waiting.pinned = thumbprint.parse().unwrap();
    let counts = world.scheduled().await.unwrap();
    assert_eq!(
        (&counts["changed"], &counts["conflicting"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(world.row(&world.key_id()).await.thumbprint(), Some(thumbprint));
}
