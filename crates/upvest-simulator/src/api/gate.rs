//! What every request to Upvest's API passes: admission, arranged trouble, idempotency. All of them are written down.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use upvest::delivery::MAX_BODY_BYTES;
use uuid::Uuid;

use super::admission::{Caller, admit};
use super::idempotency::once;
use super::problem::{Problem, REQUEST_ID};
use crate::api_state::{ApiRequest, Trouble};
use crate::simulator::Simulator;

/// Answers a request without a length: a page, and no problem document, because Upvest never sees the request.
const LENGTH_REQUIRED: &str = "<title>Error 411 (Length Required)!!1</title><p>POST requests require a <code>Content-length</code> header.";

/// Lets through what Upvest would let through, and writes down everything.
pub(super) async fn gate(State(simulator): State<Arc<Simulator>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut record = record(&parts);
    let response = match to_bytes(body, MAX_BODY_BYTES).await {
        _ if lacks_length(&parts) => (StatusCode::LENGTH_REQUIRED, Html(LENGTH_REQUIRED)).into_response(),
        Err(_) => Problem::bad_request("the body cannot be read").into_response(),
        Ok(body) => match admit(&simulator, &parts, &body) {
            Err(problem) => problem.into_response(),
            Ok(caller) => {
                record.scope.clone_from(&caller.scope);
                answer(&simulator, caller, (parts, body), next).await
            }
        },
    };
    record.status = response.status().as_u16();
    simulator.api().record(record);
    stamped(response, simulator.now())
}

/// Tells whether a load balancer of Google's, where Upvest's addresses are, would not let a request through: one that
/// may have a body has to say how long it is.
fn lacks_length(parts: &Parts) -> bool {
    matches!(parts.method, Method::POST | Method::PUT | Method::PATCH)
        && !parts.headers.contains_key(header::CONTENT_LENGTH)
        && !parts.headers.contains_key(header::TRANSFER_ENCODING)
}

pub(super) fn record(parts: &Parts) -> ApiRequest {
    let text = |name: &str| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
    ApiRequest {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers.keys().map(ToString::to_string).collect(),
        signature_input: text("signature-input"),
        idempotency_key: text("idempotency-key"),
        scope: None,
        status: 0,
    }
}

fn stamped(mut response: Response, now: Timestamp) -> Response {
    let headers = response.headers_mut();
    // A problem has one already, which its body repeats.
    if !headers.contains_key(REQUEST_ID)
        && let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string())
    {
        headers.insert(REQUEST_ID, id);
    }
    // By the simulator's clock: clients compare theirs with this header, and tests decide what it shows.
    let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
    if let Some(date) = date.ok().and_then(|date| HeaderValue::from_str(&date).ok()) {
        headers.insert(header::DATE, date);
    }
    response
}

async fn answer(simulator: &Simulator, caller: Caller, request: (Parts, Bytes), next: Next) -> Response {
    let trouble = simulator
        .api()
        .take_trouble(request.0.uri.path())
        .unwrap_or_default();
    let genuine = match trouble.status.is_some() && !trouble.after_effect {
        true => None,
        false => Some(once(simulator, caller, request, next).await),
    };
    if trouble.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(trouble.delay_ms)).await;
    }
    match (trouble.status, genuine) {
        (None, Some(genuine)) => genuine,
        (status, _) => arranged(status.unwrap_or(500), &trouble),
    }
}

fn arranged(status: u16, trouble: &Trouble) -> Response {
    let mut response = Problem::arranged(status).into_response();
    let headers = response.headers_mut();
    if let Some(seconds) = trouble.retry_after_seconds {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if let Some(location) = trouble
        .location
        .as_deref()
        .and_then(|url| HeaderValue::from_str(url).ok())
    {
        headers.insert(header::LOCATION, location);
    }
    response
}
