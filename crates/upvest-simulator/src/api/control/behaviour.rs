//! How the simulated API behaves, what it serves, and who called it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::Value;

use crate::api_state::{ApiRequest, TestBehaviour, Trouble};
use crate::simulator::Simulator;

pub(super) fn router() -> Router<Arc<Simulator>> {
    Router::new()
        .route("/trouble", post(add_trouble).delete(clear_trouble))
        .route("/revoke-tokens", post(revoke_tokens))
        .route("/token-lifetime", post(set_token_lifetime))
        .route("/test-behaviour", post(set_test_behaviour))
        .route("/reports", post(put_report))
        .route("/files", post(put_file))
        .route("/objects", post(put_object).delete(remove_object))
        .route("/api-requests", get(api_requests))
        .route("/api-credentials", get(api_credentials))
}

// An object is asked for though nothing is in it: a web page could post an empty body unasked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lifetime {
    seconds: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    behaviour: TestBehaviour,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    namespace: String,
    name: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    category: String,
    object: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectId {
    category: String,
    id: String,
}

async fn add_trouble(State(simulator): State<Arc<Simulator>>, Json(trouble): Json<Trouble>) -> StatusCode {
    simulator.add_trouble(trouble);
    StatusCode::NO_CONTENT
}

async fn clear_trouble(State(simulator): State<Arc<Simulator>>) -> StatusCode {
    simulator.clear_trouble();
    StatusCode::NO_CONTENT
}

async fn revoke_tokens(
    State(simulator): State<Arc<Simulator>>,
    Json(Nothing {}): Json<Nothing>,
) -> StatusCode {
    simulator.revoke_tokens();
    StatusCode::NO_CONTENT
}

async fn set_token_lifetime(
    State(simulator): State<Arc<Simulator>>,
    Json(life): Json<Lifetime>,
) -> StatusCode {
    simulator.set_token_lifetime(Duration::from_secs(life.seconds.into()));
    StatusCode::NO_CONTENT
}

async fn set_test_behaviour(State(simulator): State<Arc<Simulator>>, Json(test): Json<Test>) -> StatusCode {
    simulator.set_test_behaviour(test.behaviour);
    StatusCode::NO_CONTENT
}

async fn put_report(State(simulator): State<Arc<Simulator>>, Json(report): Json<Value>) -> StatusCode {
    simulator.put_report(report);
    StatusCode::NO_CONTENT
}

async fn put_file(State(simulator): State<Arc<Simulator>>, Json(file): Json<File>) -> StatusCode {
    simulator.put_file(&file.namespace, &file.name, file.text);
    StatusCode::NO_CONTENT
}

async fn put_object(State(simulator): State<Arc<Simulator>>, Json(put): Json<Object>) -> StatusCode {
    simulator.put_object(&put.category, put.object);
    StatusCode::NO_CONTENT
}

async fn remove_object(State(simulator): State<Arc<Simulator>>, Json(named): Json<ObjectId>) -> StatusCode {
    match simulator.remove_object(&named.category, &named.id) {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::NOT_FOUND,
    }
}

async fn api_requests(State(simulator): State<Arc<Simulator>>) -> Json<Vec<ApiRequest>> {
    Json(simulator.api_requests())
}

/// Serves the credentials document of the generated client, for the address that was called.
async fn api_credentials(State(simulator): State<Arc<Simulator>>, headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let base_url = format!("http://{}", host.unwrap_or("127.0.0.1"));
    match simulator.api_credentials(&base_url) {
        Ok(Some(document)) => ([(header::CONTENT_TYPE, "application/json")], document).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
