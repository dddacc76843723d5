//! `/simulator/`: controls a running simulator. Not a part of Upvest's API.
//!
//! Bodies must be declared as `application/json`, which a foreign web page cannot do without being asked first.

mod behaviour;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use upvest::signature::Jwk;

use crate::faults::{Faults, FaultsError};
use crate::keys::VerifyKeys;
use crate::record::DeliveryRecord;
use crate::simulator::{self, QueueError, RotateError, Simulator};

pub(super) fn router() -> Router<Arc<Simulator>> {
    Router::new()
        .route("/events", post(queue_events))
        .route("/lost-events", post(lose_events))
        .route("/rotate-key", post(rotate_key))
        .route("/faults", get(faults).post(set_faults))
        .route("/deliveries", get(deliveries))
        .route("/state", get(state))
        .route("/verify-keys", get(verify_keys))
        .route("/drop-subscription", post(drop_subscription))
        .merge(behaviour::router())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Drop {
    id: String,
}

#[derive(Serialize)]
struct Queued {
    queued: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// Says how long the former key stays published.
    #[serde(default)]
    overlap_seconds: u32,
}

#[derive(Serialize)]
struct Problem {
    error: String,
}

async fn queue_events(
    State(simulator): State<Arc<Simulator>>,
    Json(events): Json<Box<RawValue>>,
) -> Result<(StatusCode, Json<Queued>), QueueError> {
    let queued = simulator.queue(events.get())?;
    Ok((StatusCode::ACCEPTED, Json(Queued { queued })))
}

/// Takes events that happen and are never delivered.
async fn lose_events(
    State(simulator): State<Arc<Simulator>>,
    Json(events): Json<Box<RawValue>>,
) -> Result<StatusCode, QueueError> {
    simulator.lose(events.get())?;
    Ok(StatusCode::NO_CONTENT)
}

async fn rotate_key(
    State(simulator): State<Arc<Simulator>>,
    Json(rotation): Json<Rotation>,
) -> Result<Json<Jwk>, RotateError> {
    let overlap = Duration::from_secs(rotation.overlap_seconds.into());
    Ok(Json(simulator.rotate_key(overlap)?))
}

async fn faults(State(simulator): State<Arc<Simulator>>) -> Json<Faults> {
    Json(simulator.state().faults)
}

async fn set_faults(
    State(simulator): State<Arc<Simulator>>,
    Json(faults): Json<Faults>,
) -> Result<Json<Faults>, FaultsError> {
    simulator.set_faults(faults)?;
    Ok(Json(faults))
}

async fn deliveries(State(simulator): State<Arc<Simulator>>) -> Json<Vec<DeliveryRecord>> {
    Json(simulator.records())
}

async fn state(State(simulator): State<Arc<Simulator>>) -> Json<simulator::State> {
    Json(simulator.state())
}

/// Serves the published keys, for who has no API client.
async fn verify_keys(State(simulator): State<Arc<Simulator>>) -> Json<VerifyKeys> {
    Json(simulator.verify_keys())
}

async fn drop_subscription(State(simulator): State<Arc<Simulator>>, Json(drop): Json<Drop>) -> StatusCode {
    match simulator.drop_subscription(&drop.id) {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::NOT_FOUND,
    }
}

impl IntoResponse for QueueError {
    fn into_response(self) -> Response {
        problem(StatusCode::UNPROCESSABLE_ENTITY, &self)
    }
}

impl IntoResponse for FaultsError {
    fn into_response(self) -> Response {
        problem(StatusCode::UNPROCESSABLE_ENTITY, &self)
    }
}

impl IntoResponse for RotateError {
    fn into_response(self) -> Response {
        problem(StatusCode::INTERNAL_SERVER_ERROR, &self)
    }
}

fn problem(status: StatusCode, error: &dyn std::error::Error) -> Response {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = chain.map(ToString::to_string).collect();
    let problem = Problem {
        error: texts.join(": "),
    };
    (status, Json(problem)).into_response()
}
