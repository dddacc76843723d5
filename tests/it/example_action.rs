//! The action that docs/actions.md shows does what the page says.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use pipeline::actions::{ConfigError, DomainActions, Lookup, Setup};
use serde_json::Value;
use upvest::Domain;
use verify_and_store::Policy;
use webhook_tests::order_desk;
use webhook_tests::receiver::{Receiver, dead_letter_name};

use crate::support::{event_at, post_events, receiver};

/// What the order desk received: idempotency key and body.
type Received = Arc<Mutex<Vec<(String, Value)>>>;

/// An order desk that knows the account group `g1` only.
async fn order_desk() -> (String, Received) {
    let told = Received::default();
    let answer = async |State(told): State<Received>, headers: HeaderMap, body: String| {
        let body: Value = serde_json::from_str(&body).unwrap();
        let key = headers["idempotency-key"].to_str().unwrap().to_owned();
        let known = body["account_group"] == "g1";
        told.lock().unwrap().push((key, body));
        if known {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::NOT_FOUND
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/deposits", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/deposits", post(answer))
        .with_state(told.clone());
    tokio::spawn(async { axum::serve(listener, router).await });
    (url, told)
}

fn topup(second: u8, group: &str, status: &str) -> String {
    let object = format!(
        r#"{{"id":"t-{group}","account_group_id":"{group}","cash_amount":"100.01","currency":"EUR","status":"{status}"}}"#
    );
    event_at(
        &format!("{group}-{second}"),
        second,
        &format!("TOPUP.{status}"),
        &object,
    )
}

fn actions_for(receiver: &Receiver, url: &str) -> DomainActions {
    let variables = |name: &str| (name == "ORDER_DESK_URL").then(|| url.to_owned());
    let environment = Lookup::new(&variables);
    let setup = Setup::new(receiver.aws.sdk_config(), &environment);
    DomainActions::new(order_desk::actions(&setup).unwrap())
}

async fn process(receiver: &Receiver, actions: &DomainActions) {
    while receiver.process_with(Domain::Payments, actions).await.is_some() {}
}

#[tokio::test]
async fn the_order_desk_is_told_once_of_each_deposit() {
    let receiver = receiver(Policy::Flag).await;
    let (url, told) = order_desk().await;
    let actions = actions_for(&receiver, &url);
    post_events(
        &receiver,
        &[topup(1, "g1", "CONFIRMED"), topup(2, "g1", "SETTLED")],
    )
    .await;
    process(&receiver, &actions).await;
    post_events(
        &receiver,
        &[topup(1, "g1", "CONFIRMED"), topup(3, "g1", "CANCELLED")],
    )
    .await;
    process(&receiver, &actions).await;
    let told = told.lock().unwrap().clone();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "g1-1");
    assert_eq!(told[0].1["amount"], "100.01");
    assert_eq!(receiver.waiting(), 0);
}

#[tokio::test]
async fn what_the_order_desk_will_never_take_goes_to_the_dead_letter_queue() {
    let receiver = receiver(Policy::Flag).await;
    let (url, told) = order_desk().await;
    let actions = actions_for(&receiver, &url);
    post_events(
        &receiver,
        &[topup(1, "g2", "CONFIRMED"), topup(2, "g1", "CONFIRMED")],
    )
    .await;
    process(&receiver, &actions).await;
    assert_eq!(told.lock().unwrap().len(), 2);
    let dead = receiver.aws.messages(&dead_letter_name(Domain::Payments));
    let reason = dead[0].attributes["reason"].string_value.as_deref().unwrap();
    assert!(reason.contains("does not know the account group"), "{reason}");
}

#[tokio::test]
async fn without_its_variable_the_action_is_not_made() {
    let receiver = receiver(Policy::Flag).await;
    let environment = Lookup::new(&|_| None);
    let refused = order_desk::actions(&Setup::new(receiver.aws.sdk_config(), &environment)).err();
    assert_eq!(refused, Some(ConfigError::Missing("ORDER_DESK_URL")));
}

#[test]
fn the_page_shows_this_very_code() {
    let page = include_str!("../../docs/actions.md");
    let code = include_str!("../src/order_desk.rs");
    assert!(
        page.contains(code),
        "docs/actions.md shows another action than tests/src/order_desk.rs"
    );
}
