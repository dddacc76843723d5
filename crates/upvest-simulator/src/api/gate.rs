//! What every request to Upvest's API passes: headers, signature, token, scope, idempotency, and arranged trouble.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use upvest::delivery::MAX_BODY_BYTES;
use uuid::Uuid;

use super::problem::{Problem, REQUEST_ID};
use super::signature::{Incoming, verify};
use crate::api_client::ApiClient;
use crate::api_state::{ApiRequest, FirstAnswer, Trouble, fingerprint};
use crate::simulator::Simulator;

const TOKEN_PATH: &str = "/auth/token";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Who called, for the handlers.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) client_id: String,
    scope: Option<String>,
}

/// Lets through what Upvest would let through, and writes down everything.
pub(super) async fn gate(State(simulator): State<Arc<Simulator>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut record = record(&parts);
    let response = match to_bytes(body, MAX_BODY_BYTES).await {
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
    if !headers.contains_key(REQUEST_ID)
        && let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string())
    {
        headers.insert(REQUEST_ID, id);
    }
    let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
    if let Some(date) = date.ok().and_then(|date| HeaderValue::from_str(&date).ok()) {
        headers.insert(header::DATE, date);
    }
    response
}

fn admit(simulator: &Simulator, parts: &Parts, body: &[u8]) -> Result<Caller, Problem> {
    let is_token = parts.uri.path() == TOKEN_PATH;
    check_headers(&parts.headers, body, if is_token { FORM } else { JSON })?;
    let client = client(simulator, &parts.headers, is_token.then_some(body))?;
    let now = simulator.now();
    let incoming = Incoming {
        method: &parts.method,
        uri: &parts.uri,
        headers: &parts.headers,
        body,
    };
    let claims = verify(incoming, client, now.as_second())
        .map_err(|refusal| Problem::unauthorized(refusal.to_string()))?;
    let until = Timestamp::from_second(claims.expires).unwrap_or(now);
    if !simulator
        .api()
        .note_nonce(&client.client_id, &claims.nonce, now, until)
    {
        return Err(Problem::unauthorized("the nonce was used before"));
    }
    let scope = match is_token {
        true => None,
        false => Some(scope(simulator, parts, client)?),
    };
    Ok(Caller {
        client_id: client.client_id.clone(),
        scope,
    })
}

fn check_headers(headers: &HeaderMap, body: &[u8], content_type: &str) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    // The proxy of Upvest falls back to */*, which works (contract section 3.1).
    if !matches!(text("accept"), None | Some(JSON | "application/pdf" | "*/*")) {
        return Err(Problem::not_acceptable(
            "accept is to be application/json or application/pdf",
        ));
    }
    if !body.is_empty() && text("content-type") != Some(content_type) {
        return Err(Problem::bad_request("unexpected request Content-Type"));
    }
    if !matches!(text("upvest-api-version"), None | Some("1")) {
        return Err(Problem::bad_request("upvest-api-version is to be 1"));
    }
    let key = text("idempotency-key");
    if key.is_some_and(|key| !matches!(key.len(), 32 | 36) || Uuid::parse_str(key).is_err()) {
        return Err(Problem::bad_request("idempotency-key is not a UUID"));
    }
    Ok(())
}

/// The client is named by a header, which Upvest's Java example leaves out of its token request.
fn client<'s>(
    simulator: &'s Simulator,
    headers: &HeaderMap,
    form: Option<&[u8]>,
) -> Result<&'s ApiClient, Problem> {
    let named = headers
        .get("upvest-client-id")
        .map(|id| id.to_str().unwrap_or_default().to_owned());
    let in_form = || {
        let mut pairs = form_urlencoded::parse(form?);
        pairs
            .find(|(name, _)| name == "client_id")
            .map(|(_, id)| id.into_owned())
    };
    let id = named
        .or_else(in_form)
        .ok_or_else(|| Problem::unauthorized("upvest-client-id is missing"))?;
    simulator
        .api()
        .client(&id)
        .ok_or_else(|| Problem::unauthorized("there is no such client"))
}

fn scope(simulator: &Simulator, parts: &Parts, client: &ApiClient) -> Result<String, Problem> {
    let header = parts.headers.get("authorization");
    let token = header
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .and_then(|text| simulator.api().token(text))
        .filter(|token| token.client_id == client.client_id)
        .ok_or_else(|| Problem::unauthorized("the access token is missing or not valid"))?;
    if token.expires <= simulator.now() {
        return Err(Problem::unauthorized("the access token has expired"));
    }
    let wanted = wanted_scopes(&parts.method, parts.uri.path());
    if token.scope.split(' ').any(|scope| wanted.contains(&scope)) {
        return Ok(token.scope);
    }
    Err(Problem::forbidden(format!(
        "the access token lacks the scope {}",
        wanted.join(" or ")
    )))
}

/// The scopes of Upvest's API description, one of which a token is to have.
fn wanted_scopes(method: &Method, path: &str) -> &'static [&'static str] {
    let reads = method == Method::GET && !path.ends_with("/test");
    match path.split('/').nth(1) {
        Some("reports") => &["reports:read"],
        Some("files") => &["files:read"],
        _ if reads => &["webhooks:read", "webhooks:admin"],
        _ => &["webhooks:admin"],
    }
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

/// Runs the handler once per idempotency key: the same request has the first answer again, another one is refused.
async fn once(simulator: &Simulator, caller: Caller, request: (Parts, Bytes), next: Next) -> Response {
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
    *response.status_mut() = axum::http::StatusCode::from_u16(first.status).unwrap_or_default();
    let content_type = first
        .content_type
        .and_then(|value| HeaderValue::from_str(&value).ok());
    if let Some(value) = content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}
