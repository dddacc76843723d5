//! `/auth/`: the keys with which deliveries are verified.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};

use crate::keys::VerifyKeys;
use crate::simulator::Simulator;

pub(super) fn router() -> Router<Arc<Simulator>> {
    Router::new().route("/auth/verify_keys", get(verify_keys))
}

async fn verify_keys(State(simulator): State<Arc<Simulator>>) -> Json<VerifyKeys> {
    Json(simulator.verify_keys())
}
