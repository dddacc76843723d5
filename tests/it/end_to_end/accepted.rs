//! Deliveries whose signature holds.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use pipeline::stores::events::conflict_key;
use pipeline::stores::keys::KeyRow;
use serde_json::json;
use tokio::task::JoinSet;
use upvest::projection::Placed;
use upvest::signature::{Dialect, Headers, SignatureOptions, SignedRequest, SigningKey};
use upvest::{Event, Projection};
use upvest_simulator::{Simulator, Subscription, Url, read_events};

use super::sender::{COMPONENTS, Delivery, Sender, batch, event, new_id, new_order};
use super::stack::{Stack, last, until};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/samples");

/// Starts a stand-in for Upvest whose key the stack knows and which delivers to it at once.
async fn simulator(stack: &Stack) -> Simulator {
    let options = upvest_simulator::Options {
        time_scale: 0.1,
        answer_timeout: Some(Duration::from_secs(30)),
        ..upvest_simulator::Options::default()
    };
    let simulator = Simulator::start(options).expect("the simulator starts");
    for key in &simulator.verify_keys().keys {
        let row = KeyRow {
            key_id: key.key_id().expect("published keys have ids").to_owned(),
            algorithm: Some("ecdsa-p521-sha512".to_owned()),
            jwk: Some(serde_json::to_string(key).expect("a key is JSON")),
            ..KeyRow::default()
        };
        stack.import(&row).await;
    }
    let url: Url = stack.url().parse().expect("the output is a URL");
    let subscription = Subscription::new(Subscription::SAMPLE_ID, url);
    simulator
        .subscribe(subscription)
        .expect("the simulator takes the URL");
    simulator
}

#[tokio::test]
async fn what_the_simulator_delivers_reaches_the_log_and_the_projections() {
    let stack = Stack::shared().await;
    let samples = read_events(Path::new(SAMPLES)).unwrap();
    let events: Vec<Event<'_>> = samples.iter().map(|json| Event::parse(json).unwrap()).collect();
    let simulator = simulator(&stack).await;
    simulator.queue(&format!("[{}]", samples.join(","))).unwrap();
    simulator.delivered().await;

    let ids: Vec<&str> = events.iter().map(Event::id).collect();
    let logged = until("every event is in the log", async || {
        Some(stack.events(&ids).await).filter(|logged| logged.len() == ids.len())
    })
    .await;
    for event in &events {
        let logged = logged.iter().find(|logged| logged.event_id == event.id());
        let logged = logged.unwrap();
        assert_eq!(logged.object.as_deref(), Some(event.object().get()));
        assert_eq!(logged.sha256, event.identity().to_hex());
    }
    let mut expected: BTreeMap<String, Projection> = BTreeMap::new();
    for event in &events {
        let Ok(aggregate) = event.entity_key() else {
            continue;
        };
        let logged = logged.iter().find(|logged| logged.event_id == event.id());
        let placed = Placed {
            event,
            aggregate: &aggregate,
            occurred: &logged.unwrap().occurred,
        };
        let state = expected.entry(aggregate.to_string()).or_default();
        state.fold(placed).unwrap();
    }
    let keys: Vec<&String> = expected.keys().collect();
    until("the entities are the fold of the log", async || {
        let entities = stack.entities(&keys).await;
        let shown = entities.iter().filter(|(entity, state)| {
            let projection = &expected[entity.as_str()];
            state.projection.status() == projection.status()
                && last(state).occurred == projection.last.as_ref().unwrap().occurred
        });
        (shown.count() == keys.len()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn another_implementation_s_signatures_verify_in_any_order_of_components() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    for turn in 0..COMPONENTS.len() {
        let mut components = COMPONENTS;
        components.rotate_left(turn);
        let id = new_id();
        let (order, entity) = new_order(&id);
        let delivery = sender.sign(sender.draft(batch(&[order])).covering(&components));
        let delivery_id = stack.deliver(&delivery).await;
        let item = until("the event is in the log", async || stack.event(&id).await).await;
        assert_eq!(item.delivery_id, delivery_id);
        let archived = stack.archived(&delivery_id).await;
        assert_eq!(archived.envelope.body, delivery.body);
        assert_eq!(archived.key_id.as_deref(), Some(&*sender.key_id));
        let state = until("the order has a state", async || stack.entity(&entity).await).await;
        assert_eq!(state.projection.status(), Some("NEW"));
    }
}

#[tokio::test]
async fn a_key_for_hmac_in_secrets_manager_verifies_in_the_quoted_dialect() {
    let stack = Stack::shared().await;
    let (key_id, secret) = (new_id(), new_id().into_bytes());
    let request = stack.clients.secrets.create_secret();
    let request = request.name(format!("upvest-webhooks/upvest-webhooks/hmac/{key_id}"));
    let created = request
        .secret_binary(aws_smithy_types::Blob::new(secret.clone()))
        .send()
        .await
        .unwrap();
    let row = KeyRow {
        key_id: key_id.clone(),
        algorithm: Some("hmac-sha256".to_owned()),
        secret: created.arn().map(str::to_owned),
        ..KeyRow::default()
    };
    stack.import(&row).await;

    let key = SigningKey::hmac(&key_id, Dialect::QuotedContentDigest, secret.into()).unwrap();
    let id = new_id();
    let body = batch(&[new_order(&id).0]).into_bytes();
    let mut headers: Headers = [("content-type", "application/json")].into_iter().collect();
    let path = stack.path();
    let request = SignedRequest {
        method: "POST",
        path: &path,
        query: None,
        headers: &headers,
        body: &body,
    };
    let options = SignatureOptions::new(["content-digest", "@path", "content-type", "@method"]);
    key.sign(&request, &options).unwrap().apply_to(&mut headers);
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    stack.deliver(&Delivery { headers, body }).await;
    until("the event is in the log", async || stack.event(&id).await).await;
}

#[tokio::test]
async fn the_same_event_in_concurrent_deliveries_is_one_item_with_one_effect() {
    const REPEATS: usize = 8;
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    let id = new_id();
    let (order, entity) = new_order(&id);
    let mut posts = JoinSet::new();
    for _ in 0..REPEATS {
        let delivery = sender.delivery(&[order.clone(), order.clone()]);
        posts.spawn(async move { Stack::shared().await.deliver(&delivery).await });
    }
    let deliveries = posts.join_all().await;
    for delivery in &deliveries {
        stack.archived(delivery).await;
    }
    let item = until("the event is in the log", async || stack.event(&id).await).await;
    assert!(deliveries.contains(&item.delivery_id));
    until("the order has a state", async || stack.entity(&entity).await).await;
    // A later event of the order passes the same queues: once it shows, all before it is done.
    let last = new_id();
    let order_id = entity.strip_prefix("ORDER#").unwrap();
    let filled = event(
        &last,
        "ORDER.FILLED",
        &json!({ "id": order_id, "status": "FILLED" }),
    );
    let filled = filled.replace("T17:00:00", "T18:00:00");
    stack.deliver(&sender.delivery(&[filled])).await;
    let state = until("the order is filled", async || {
        stack
            .entity(&entity)
            .await
            .filter(|state| state.projection.status() == Some("FILLED"))
    });
    assert_eq!(state.await.version, 2);
    let conflicting = conflict_key(&id, &item.sha256);
    assert_eq!(stack.event(&conflicting).await, None);
}

#[tokio::test]
async fn of_two_payloads_with_the_same_event_id_both_are_kept() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    let id = new_id();
    let [(first, _), (second, _)] = [new_order(&id), new_order(&id)];
    stack
        .deliver(&sender.delivery(std::slice::from_ref(&first)))
        .await;
    until("the first is in the log", async || stack.event(&id).await).await;
    stack
        .deliver(&sender.delivery(std::slice::from_ref(&second)))
        .await;
    let beside = conflict_key(&id, &Event::parse(&second).unwrap().identity().to_hex());
    until("the second is beside it", async || stack.event(&beside).await).await;
    let kept = stack.event(&id).await.unwrap();
    assert_eq!(kept.sha256, Event::parse(&first).unwrap().identity().to_hex());
}

#[tokio::test]
async fn what_nobody_knows_yet_is_stored_and_goes_to_the_catch_all() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    let (category, order_type, order) = (new_id(), new_id(), new_id());
    let unknown = event(
        &category,
        "MOON_LANDING.PLANNED",
        &json!({ "id": category, "crew": [{ "name": null }] }),
    );
    let object = json!({ "id": order, "status": "TELEPORTED", "new_field": { "a": 1 } });
    let unknown_type = event(&order_type, "ORDER.TELEPORTED", &object);
    stack.deliver(&sender.delivery(&[unknown, unknown_type])).await;
    let entity = format!("MOON_LANDING#{category}");
    let state = until("the catch-all has it", async || stack.entity(&entity).await).await;
    assert_eq!(last(&state).occurred.event_id, category);
    let entity = format!("ORDER#{order}");
    let state = until("the order has a state", async || stack.entity(&entity).await).await;
    assert_eq!(
        state.projection.status(),
        None,
        "what is not understood replaces nothing"
    );
    assert_eq!(last(&state).event_type, "ORDER.TELEPORTED");
    assert_eq!(stack.events(&[category, order_type]).await.len(), 2);
}

#[tokio::test]
async fn a_delivery_that_was_expired_or_not_yet_valid_on_receipt_is_stored() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    let ids = [new_id(), new_id()];
    for (id, age_s) in ids.iter().zip([3600, -3600]) {
        let draft = sender
            .draft(batch(&[new_order(id).0]))
            .with_parameters(sender.parameters(age_s));
        stack.deliver(&sender.sign(draft)).await;
    }
    until("both are in the log", async || {
        (stack.events(&ids).await.len() == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_imported_late_verifies_what_waited_for_it() {
    let stack = Stack::shared().await;
    let late = Sender::unknown(&stack);
    let id = new_id();
    let delivery_id = stack.deliver(&late.delivery(&[new_order(&id).0])).await;
    // What is sent after it is stored before it: the unknown key was looked for and not found by then.
    let known = Sender::known(&stack).await;
    let marker = new_id();
    stack.deliver(&known.delivery(&[new_order(&marker).0])).await;
    until("the later delivery is stored", async || {
        stack.event(&marker).await
    })
    .await;
    let reasons = stack.quarantine_of(&delivery_id).await;
    assert_eq!(reasons.into_iter().collect::<Vec<_>>(), ["unknown-key"]);
    assert!(stack.event(&id).await.is_none());

    late.import(&stack).await;
    stack.refresh_keys().await;
    let item = until("the delivery is verified after all", async || {
        stack.event(&id).await
    })
    .await;
    assert_eq!(item.delivery_id, delivery_id);
    until("it is in quarantine no longer", async || {
        stack.quarantined(&delivery_id).await.is_empty().then_some(())
    })
    .await;
}
