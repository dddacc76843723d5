//! A list of keys outside the table, and the record of which keys became trusted.

use pipeline::stores::keys::PinnedKeys;
use webhook_tests::receiver::DELIVERIES;

use super::*;

#[tokio::test]
async fn a_key_that_is_not_pinned_proves_nothing_until_it_is() {
    let mut world = World::new().await;
    let others = upvest_simulator::generate_key()
        .unwrap()
        .to_jwk()
        .unwrap()
        .thumbprint();
    let pinned: PinnedKeys = others.parse().unwrap();
    world.receiver = world.receiver.with_pinned(pinned.clone());
    world.refresh.waiting.pinned = pinned;
    let endpoint = world.subscribe().await;
    let ids = world.deliver(&endpoint, 1, 5).await;
    while world.receiver.verify_and_store().await.is_some() {}
    let waiting = in_quarantine(world.aws());
    assert!(stored_events(&world.receiver).is_empty() && waiting > 0);

    let log = Log::default();
    let logged = log.keep();
    let counts = world.scheduled().await.unwrap();
    drop(logged);
    assert_eq!((&counts["new"], &counts["unpinned"]), (&json!(1), &json!(1)));
    assert!(log.text().contains("not pinned"), "{}", log.text());
    // Sent on it would lie there again, for the next fetch to send on.
    assert!(world.aws().messages(DELIVERIES).is_empty());
    assert_eq!(in_quarantine(world.aws()), waiting);

    let served = world.row(&world.key_id()).await.thumbprint().unwrap();
    let pinned: PinnedKeys = format!("{others},{served}").parse().unwrap();
    world.receiver = world.receiver.with_pinned(pinned.clone());
    world.refresh.waiting.pinned = pinned;
    assert_eq!(world.scheduled().await.unwrap()["unpinned"], 0);
    while world.receiver.verify_and_store().await.is_some() {}
    assert_eq!(stored_events(&world.receiver), ids);
    assert_eq!(in_quarantine(world.aws()), 0);
}

#[tokio::test]
async fn a_row_that_somebody_wrote_by_hand_proves_nothing_where_keys_are_pinned() {
    let world = World::new().await;
    let own = SigningKey::ed25519_from_seed("upvest-2", Dialect::UnquotedDigest, &[9; 32]).unwrap();
    let row = KeyRow {
        key_id: "upvest-2".to_owned(),
        algorithm: Some("ed25519".to_owned()),
        jwk: Some(serde_json::to_string(&own.to_jwk().unwrap()).unwrap()),
        source: Some("upvest".to_owned()),
        ..KeyRow::default()
    };
    world.put(row).await;
    let served = world.upvest.simulator.verify_keys().keys.remove(0).thumbprint();
    let receiver = world.receiver.with_pinned(served.parse().unwrap());
    let body = br#"{"payload":[]}"#;
    let headers = sign_with(&own, body, &SignatureOptions::new(COVERED));
    assert_eq!(receiver.post(&headers, body).await.unwrap().0, 200);
    receiver.verify_and_store().await.unwrap();
    assert_eq!(crate::support::quarantine(&receiver), ["unknown-key"]);
}

#[tokio::test]
async fn a_fetch_that_changes_which_keys_are_trusted_is_on_record_and_any_other_is_not() {
    let world = World::new().await;
    world.scheduled().await.unwrap();
    let operations = world.receiver.operations().await;
    let [operation] = &operations[..] else {
        panic!("{operations:?}")
    };
    assert_eq!(
        (operation.operator.as_str(), operation.command.as_str()),
        ("refresh-keys", "keys refresh")
    );
    let thumbprint = world.row(&world.key_id()).await.thumbprint().unwrap();
    let key = json!({ "key_id": world.key_id(), "result": "new", "thumbprint": thumbprint });
    assert_eq!(operation.request, json!({ "keys": [key] }));
    assert_eq!(operation.result.as_ref().unwrap()["new"], 1);

    world.advance(3600);
    world.scheduled().await.unwrap();
    assert_eq!(world.receiver.operations().await.len(), 1);
    world.upvest.simulator.rotate_key(Duration::ZERO).unwrap();
    world.scheduled().await.unwrap();
    assert_eq!(world.receiver.operations().await.len(), 2);
}

#[tokio::test]
async fn no_key_becomes_trusted_without_a_record() {
    let world = World::new().await;
    let insert = fake_aws::CallFilter::operation(fake_aws::Service::DynamoDb, "ExecuteStatement");
    world.aws().inject(fake_aws::Fault::Deny, insert);
    let refused = world
        .aws()
        .invoke("refresh-keys", world.scheduled())
        .await
        .unwrap();
    assert!(matches!(refused, Err(RefreshError::Aws(_))), "{refused:?}");
    assert!(world.aws().items("keys").is_empty());
    assert_eq!(world.scheduled().await.unwrap()["new"], 1);
}
