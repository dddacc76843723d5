//! The HTTP interface.

use std::sync::Arc;

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use upvest_simulator::{Options, Simulator, Subscription, api, generate};

use crate::receiver::{Receiver, simulator};

struct Served {
    base: String,
    simulator: Arc<Simulator>,
    client: Client,
}

impl Served {
    async fn start(subscription: Subscription) -> Self {
        let options = Options {
            time_scale: 0.001,
            ..Options::default()
        };
        let simulator = Arc::new(simulator(options, [subscription]));
        let listener = api::listen("127.0.0.1:0".parse().expect("an address"))
            .await
            .expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(api::serve(listener, Arc::clone(&simulator)));
        Self {
            base,
            simulator,
            client: Client::builder().no_proxy().build().expect("a client"),
        }
    }

    async fn get(&self, path: &str) -> Value {
        let response = self.client.get(format!("{}{path}", self.base)).send().await;
        response.expect("an answer").json().await.expect("JSON")
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        let request = self.client.post(format!("{}{path}", self.base)).json(body);
        request.send().await.expect("an answer")
    }
}

async fn served() -> (Served, Receiver) {
    let receiver = Receiver::start(&[]).await;
    let served = Served::start(Subscription::new("s", receiver.url.clone())).await;
    (served, receiver)
}

#[tokio::test]
async fn verification_keys_have_the_documented_shape() {
    let (served, _) = served().await;
    let body = served.get("/simulator/verify-keys").await;
    let key = &body["keys"][0];
    assert_eq!((&key["kty"], &key["crv"]), (&json!("EC"), &json!("P-521")));
    assert_eq!(key["kid"], json!(served.simulator.state().key_id));
    assert_eq!(key["x"].as_str().unwrap().len(), 88);
    assert_eq!(key.as_object().unwrap().len(), 5);
    assert_eq!(body.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn queued_events_are_delivered_and_recorded() {
    let (served, receiver) = served().await;
    let events: Vec<Value> = generate(1, 4)
        .iter()
        .map(|event| serde_json::from_str(event).unwrap())
        .collect();
    let response = served.post("/simulator/events", &json!(events)).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(response.json::<Value>().await.unwrap(), json!({"queued": 4}));
    served.simulator.delivered().await;

    assert_eq!(receiver.received().len(), 1);
    let records = served.get("/simulator/deliveries").await;
    assert_eq!(
        records[0]["answer"]["answered"],
        json!({"status": 200, "body": "noted"})
    );
    assert_eq!(records[0]["events"].as_array().unwrap().len(), 4);
    let state = served.get("/simulator/state").await;
    assert_eq!(state["outstanding_events"], 0);
    assert_eq!(state["subscriptions"][0]["subscription_id"], "s");
}

#[tokio::test]
async fn what_is_no_event_is_refused_with_the_reason() {
    let (served, _) = served().await;
    let response = served.post("/simulator/events", &json!([{"id": 7}])).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem: Value = response.json().await.unwrap();
    assert!(
        problem["error"].as_str().unwrap().starts_with("event 0"),
        "{problem}"
    );
}

#[tokio::test]
async fn keys_and_faults_are_changed_while_it_runs() {
    let (served, _) = served().await;
    let response = served
        .post("/simulator/rotate-key", &json!({"overlap_seconds": 60}))
        .await;
    let jwk: Value = response.json().await.unwrap();
    let keys = served.get("/simulator/verify-keys").await;
    assert_eq!(keys["keys"][0], jwk);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);

    let response = served.post("/simulator/faults", &json!({"tampered": 0.5})).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(served.get("/simulator/faults").await["tampered"], 0.5);
    let response = served.post("/simulator/faults", &json!({"tampered": 2})).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_body_that_a_web_page_could_send_unasked_is_refused() {
    let (served, _) = served().await;
    let url = format!("{}/simulator/rotate-key", served.base);
    let response = served.client.post(url).body("{}").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(served.simulator.verify_keys().keys.len(), 1);
}
