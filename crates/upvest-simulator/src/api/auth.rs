//! `/auth/`: access tokens, and the keys with which deliveries are verified.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Serialize;

use super::admission::Caller;
use super::problem::Problem;
use crate::api_state::IssuedToken;
use crate::keys::VerifyKeys;
use crate::simulator::Simulator;

pub(super) fn router() -> Router<Arc<Simulator>> {
    Router::new()
        .route("/auth/token", post(token))
        .route("/auth/verify_keys", get(verify_keys))
}

#[derive(Serialize)]
struct Token {
    access_token: String,
    expires_in: u64,
    token_type: &'static str,
    scope: String,
}

/// Gives out a token to who knows the client's secret.
async fn token(
    State(simulator): State<Arc<Simulator>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Token>, Problem> {
    let form: HashMap<_, _> = form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    if field("grant_type") != "client_credentials" {
        return Err(Problem::bad_request("grant_type is to be client_credentials"));
    }
    let client = simulator.api().client(field("client_id"));
    let known = client.is_some_and(|client| {
        client.client_id == caller.client_id && client.client_secret == field("client_secret")
    });
    if !known {
        return Err(Problem::unauthorized("client_id or client_secret is wrong"));
    }
    let scope = field("scope");
    if !scope.split(' ').all(is_scope) {
        return Err(Problem::bad_request("scope is not a list of scopes"));
    }
    let lifetime = *simulator.api().token_lifetime.lock();
    let access_token = simulator.api().issue(IssuedToken {
        client_id: caller.client_id,
        scope: scope.to_owned(),
        expires: simulator.now() + lifetime,
    });
    Ok(Json(Token {
        access_token,
        expires_in: lifetime.as_secs(),
        token_type: "bearer",
        scope: scope.to_owned(),
    }))
}

fn is_scope(text: &str) -> bool {
    let word = |text: &str| {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        !text.is_empty() && text.bytes().all(known)
    };
    text.split_once(':')
        .is_some_and(|(resource, right)| word(resource) && word(right))
}

async fn verify_keys(State(simulator): State<Arc<Simulator>>) -> Json<VerifyKeys> {
    Json(simulator.verify_keys())
}
