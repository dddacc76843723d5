//! The test of a subscription. What Upvest sends is not known: here it is a delivery of
//! one event `WEBHOOK.TEST`, signed like any other, whether the subscription is enabled or not.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::found;
use crate::api::problem::Problem;
use crate::api_state::TestBehaviour;
use crate::post::post_and_read;
use crate::signer::DeliverySigner;
use crate::simulator::Simulator;
use crate::subscriber::Target;

pub(super) async fn by_post(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let target = found(&simulator, &id)?.target();
    let behaviour = *simulator.api().test_behaviour.lock();
    match behaviour {
        TestBehaviour::GetOnly => Err(Problem::method_not_allowed()),
        TestBehaviour::Echo => test(&simulator, &target).await,
        TestBehaviour::Accept => {
            // Nobody is told how it went.
            let _ = test(&simulator, &target).await;
            Ok(StatusCode::ACCEPTED.into_response())
        }
    }
}

pub(super) async fn by_get(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let target = found(&simulator, &id)?.target();
    let behaviour = *simulator.api().test_behaviour.lock();
    match behaviour {
        TestBehaviour::GetOnly => test(&simulator, &target).await,
        _ => Err(Problem::method_not_allowed()),
    }
}

async fn test(simulator: &Simulator, target: &Target) -> Result<Response, Problem> {
    let subscription = &target.subscription;
    let now = simulator.now();
    let event = json!({"id": Uuid::new_v4().to_string(), "created_at": now.to_string(), "type": "WEBHOOK.TEST",
                       "object": {"id": subscription.id}, "webhook_id": subscription.id});
    let signer = DeliverySigner {
        key: &simulator.current_key(),
        path: subscription.url.path(),
        query: subscription.url.query(),
        lifetime: simulator.signature_lifetime(),
    };
    let body = json!({"payload": [event]}).to_string().into_bytes();
    let signed = signer
        .sign(body, now, &mut fastrand::Rng::new())
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    let answer = post_and_read(&target.client, &subscription.url, &signed)
        .await
        .ok_or_else(|| Problem::bad_request("the webhook's endpoint did not answer"))?;
    let headers: Map<String, Value> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    let body = String::from_utf8_lossy(&answer.body);
    let response = json!({"status": answer.status, "headers": headers, "body": body});
    Ok(Json(json!({"url": subscription.url.as_str(), "response": response})).into_response())
}
