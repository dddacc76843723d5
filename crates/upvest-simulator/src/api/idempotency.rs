//! One effect per idempotency key. How long Upvest remembers keys is not known; here it is for ever.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::admission::Caller;
use super::problem::Problem;
use crate::api_state::{FirstAnswer, fingerprint};
use crate::simulator::Simulator;

/// Runs the handler once per idempotency key: the same request has the first answer again, another one is refused.
pub(super) async fn once(
    simulator: &Simulator,
    caller: Caller,
    request: (Parts, Bytes),
    next: Next,
) -> Response {
    let (mut parts, body) = request;
    let key = parts
        .headers
        .get("idempotency-key")
        .filter(|_| matches!(parts.method, Method::POST | Method::PATCH))
        .and_then(|key| key.to_str().ok())
        .map(str::to_owned);
    let fingerprint = fingerprint(parts.method.as_str(), parts.uri.path(), &body);
    let client_id = caller.client_id.clone();
    if let Some(first) = key
        .as_ref()
        .and_then(|key| simulator.api().first_answer(&client_id, key))
    {
        return match first.request == fingerprint {
            true => replay(first),
            false => Problem::bad_request("the idempotency key was used for another request").into_response(),
        };
    }
    parts.extensions.insert(caller);
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    match key {
        // A failure is not kept: the same request may succeed when it is sent again.
        Some(key) if response.status().is_success() => {
            keep(simulator, (&client_id, &key), fingerprint, response).await
        }
        _ => response,
    }
}

async fn keep(
    simulator: &Simulator,
    (client_id, key): (&str, &str),
    request: [u8; 32],
    response: Response,
) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return Problem::arranged(500).into_response();
    };
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    let answer = FirstAnswer {
        request,
        status: parts.status.as_u16(),
        content_type: content_type.and_then(|value| Some(value.to_str().ok()?.to_owned())),
        body: body.to_vec(),
    };
    simulator.api().keep_answer(client_id, key, answer);
    Response::from_parts(parts, Body::from(body))
}

fn replay(first: FirstAnswer) -> Response {
    let mut response = Response::new(Body::from(first.body));
    *response.status_mut() = StatusCode::from_u16(first.status).expect("it was a status when it was kept");
    let content_type = first
        .content_type
        .and_then(|value| HeaderValue::from_str(&value).ok());
    if let Some(value) = content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}
