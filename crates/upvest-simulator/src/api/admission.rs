//! Who is let through: headers, client, signature, nonce, token, scope.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use jiff::Timestamp;
use uuid::Uuid;

use super::problem::Problem;
use super::signature::{Incoming, verify};
use crate::api_client::ApiClient;
use crate::simulator::Simulator;

const TOKEN_PATH: &str = "/auth/token";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Tells who called, for the handlers.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) client_id: String,
    pub(super) scope: Option<String>,
}

/// Verifies a request as strictly as Upvest would.
pub(super) fn admit(simulator: &Simulator, parts: &Parts, body: &[u8]) -> Result<Caller, Problem> {
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
    // The proxy of Upvest falls back to */*, which works.
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
    // By its length too, because the library also takes UUIDs in braces and behind `urn:uuid:`.
    if key.is_some_and(|key| !matches!(key.len(), 32 | 36) || Uuid::parse_str(key).is_err()) {
        return Err(Problem::bad_request("idempotency-key is not a UUID"));
    }
    Ok(())
}

/// Finds the client that the header `upvest-client-id` names, or else the form of a token request: Upvest's
/// Java example leaves the header out there.
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

/// Lists the scopes of Upvest's API description, one of which a token is to have.
fn wanted_scopes(method: &Method, path: &str) -> &'static [&'static str] {
    let reads = method == Method::GET && !path.ends_with("/test");
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    // The first that fits decides, so that what is below a user or an account stands before it.
    match segments[..] {
        ["reports", ..] | ["users", _, "reports"] => &["reports:read"],
        ["files", ..] => &["files:read"],
        ["users", _, "checks"] => &["checks:read", "checks:admin"],
        ["users", ..] => &["users:read", "users:admin"],
        ["accounts", _, "positions"] | ["account_groups", _, "payments", "cash_balance"] => {
            &["positions:read"]
        }
        ["accounts", _, "valuations"] => &["valuations:read"],
        ["accounts", _, "returns"] => &["account_returns:read"],
        ["accounts", _, "liquidations"] => &["account_liquidations:read", "account_liquidations:admin"],
        ["transactions", ..] => &["transactions:read"],
        ["accounts", _, "orders"] | ["orders", ..] => &["orders:read", "orders:admin"],
        ["account_groups", _, "payments", ..] | ["payments", ..] => &["payments:read", "payments:admin"],
        ["accounts" | "account_groups", ..] => &["accounts:read", "accounts:admin"],
        ["fees", ..] => &["fees:read", "fees:admin"],
        ["instruments", ..] => &["instruments:read"],
        ["portfolios", ..] => &["portfolios:read", "portfolios:admin"],
        _ if reads => &["webhooks:read", "webhooks:admin"],
        _ => &["webhooks:admin"],
    }
}
