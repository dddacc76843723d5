//! A server that answers as told and verifies nothing, for answers that the simulator does not give.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{any, post};
use serde_json::{Value, json};
use upvest_api::Client;
use upvest_simulator::ApiCredentials;

use crate::upvest::{client, options};

/// Starts a server that gives out tokens and answers everything else with `body`, and gives a client of it.
pub(crate) async fn answering(status: u16, body: &Value) -> Client {
    let token =
        json!({"access_token": TOKEN, "expires_in": 1799, "token_type": "bearer", "scope": "x", "new": [1]});
    answering_with_token(&token, status, body.to_string()).await
}

pub(crate) const TOKEN: &str = "ory_at_very-secret-token";

pub(crate) async fn answering_with_token(token: &Value, status: u16, body: String) -> Client {
    let token = token.to_string();
    let json = || [(header::CONTENT_TYPE, "application/json")];
    let status = StatusCode::from_u16(status).unwrap();
    let router = Router::new()
        .route("/auth/token", post(async move || (json(), token).into_response()))
        .fallback(any(async move || (status, json(), body).into_response()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let document = ApiCredentials::generate().unwrap().to_json(&base_url).unwrap();
    client(&serde_json::from_str(&document).unwrap(), options())
}
