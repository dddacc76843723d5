//! Lambda's Runtime API, as far as a process polls it and answers.

use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Said, Says};
use crate::error::BenchError;

/// Says how far ahead the deadline of each invocation lies, in milliseconds.
const DEADLINE_MS: u128 = 60_000;

/// Serves the Runtime API on a port of its own.
pub(super) struct RuntimeApi {
    pub(super) address: String,
    server: JoinHandle<()>,
}

impl RuntimeApi {
    pub(super) async fn start(says: Says) -> Result<Self, BenchError> {
        let invocation = "/2018-06-01/runtime/invocation";
        let router = Router::new()
            .route(&format!("{invocation}/next"), get(poll))
            .route(&format!("{invocation}/{{id}}/response"), post(take_answer))
            .fallback(take_error)
            .with_state(says);
        let what = "a port of 127.0.0.1";
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(BenchError::io(what))?;
        let address = listener.local_addr().map_err(BenchError::io(what))?.to_string();
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            let _ = stream.set_nodelay(true);
        });
        let server = tokio::spawn(async {
            // It ends only by being aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, server })
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn poll(State(says): State<Says>) -> Result<Response, StatusCode> {
    let (invocation, next) = oneshot::channel();
    let _ = says.send((Instant::now(), Said::Polled(invocation)));
    // Nobody hands one out any more: the process is about to be ended.
    let invocation = next.await.map_err(|_| StatusCode::GONE)?;
    let response = Response::builder()
        .header("Content-Type", "application/json")
        .header(
            "Lambda-Runtime-Aws-Request-Id",
            "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        )
        .header(
            "Lambda-Runtime-Deadline-Ms",
            (unix_ms() + DEADLINE_MS).to_string(),
        )
        .header(
            "Lambda-Runtime-Invoked-Function-Arn",
            "arn:aws:lambda:eu-central-1:000000000000:function:f",
        )
        .header(
            "Lambda-Runtime-Trace-Id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
        );
    response
        .body(Body::from(invocation))
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn take_answer(State(says): State<Says>, body: Bytes) -> StatusCode {
    let is_error = false;
    let _ = says.send((Instant::now(), Said::Answered { body, is_error }));
    StatusCode::ACCEPTED
}

/// Takes the error of an invocation, or of the start, and what this API does not have.
async fn take_error(State(says): State<Says>, body: Bytes) -> StatusCode {
    let is_error = true;
    let _ = says.send((Instant::now(), Said::Answered { body, is_error }));
    StatusCode::ACCEPTED
}

#[expect(
    clippy::disallowed_methods,
    reason = "the deadline of a real process is one of the real clock"
)]
fn unix_ms() -> u128 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default().as_millis()
}
