//! The control of the simulated API over HTTP.

use std::sync::Arc;

use reqwest::{Client, Response};
use serde_json::{Value, json};
use upvest_simulator::{Options, Simulator, Subscription, TestBehaviour, api};

struct Served {
    base: String,
    simulator: Arc<Simulator>,
    http: Client,
}

impl Served {
    async fn start() -> Self {
        let simulator = Arc::new(Simulator::start(Options::default()).expect("valid options"));
        let listener = api::listen("127.0.0.1:0".parse().expect("an address"))
            .await
            .expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(api::serve(listener, Arc::clone(&simulator)));
        let http = Client::builder().no_proxy().build().expect("a client");
        Self {
            base,
            simulator,
            http,
        }
    }

    async fn get(&self, path: &str) -> Response {
        let request = self.http.get(format!("{}{path}", self.base));
        request.send().await.expect("an answer")
    }

    async fn post(&self, path: &str, body: &Value) -> u16 {
        let request = self
            .http
            .post(format!("{}/simulator/{path}", self.base))
            .json(body);
        request.send().await.expect("an answer").status().as_u16()
    }
}

#[tokio::test]
async fn trouble_is_arranged_and_ended() {
    let served = Served::start().await;
    // Trouble concerns requests that would be accepted, so that an unsigned one shows none of it.
    let trouble = json!({"answers": 2, "status": 429, "retry_after_seconds": 3, "path_prefix": "/webhooks"});
    assert_eq!(served.post("trouble", &trouble).await, 204);
    assert_eq!(served.get("/webhooks").await.status(), 401);
    assert_eq!(
        served.post("trouble", &json!({"answers": 1, "typo": 1})).await,
        422
    );
    let ended = served.http.delete(format!("{}/simulator/trouble", served.base));
    assert_eq!(ended.send().await.unwrap().status(), 204);
    assert_eq!(served.post("revoke-tokens", &json!({})).await, 204);
    assert_eq!(served.post("token-lifetime", &json!({"seconds": 5})).await, 204);
    assert_eq!(
        served
            .post("test-behaviour", &json!({"behaviour": "get-only"}))
            .await,
        204
    );
    assert_eq!(
        served
            .post("test-behaviour", &json!({"behaviour": "shrug"}))
            .await,
        422
    );
    assert_eq!(serde_json::to_value(TestBehaviour::Accept).unwrap(), "accept");
}

#[tokio::test]
async fn a_subscription_is_dropped_as_the_sandbox_does() {
    let served = Served::start().await;
    let subscription = Subscription::new("s", "http://127.0.0.1:9/".parse().unwrap());
    served.simulator.subscribe(subscription).unwrap();
    assert_eq!(served.post("drop-subscription", &json!({"id": "s"})).await, 204);
    assert_eq!(served.post("drop-subscription", &json!({"id": "s"})).await, 404);
    assert!(served.simulator.subscriptions().is_empty());
}

#[tokio::test]
async fn the_generated_client_is_exported_for_the_address_that_was_called() {
    let served = Served::start().await;
    let document: Value = served
        .get("/simulator/api-credentials")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(document["base_url"], served.base);
    for member in ["client_id", "client_secret", "key_id", "private_key"] {
        assert!(document[member].is_string(), "{member}");
    }
}

#[tokio::test]
async fn requests_are_written_down_also_when_they_are_refused() {
    let served = Served::start().await;
    assert_eq!(
        served.get("/auth/verify_keys").await.status(),
        401,
        "it is not public"
    );
    let requests: Value = served.get("/simulator/api-requests").await.json().await.unwrap();
    assert_eq!(requests[0]["path"], "/auth/verify_keys");
    assert_eq!(requests[0]["status"], 401);
}
