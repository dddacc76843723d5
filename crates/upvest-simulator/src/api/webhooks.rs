//! `/webhooks`: the management of subscriptions.

mod body;
mod test;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use uuid::Uuid;

use self::body::Change;
use super::problem::Problem;
use super::time;
use crate::simulator::Simulator;
use crate::subscriber::Subscriber;
use crate::subscription::Subscription;

/// Bounds the subscriptions on one page, by Upvest's API description.
const MAX_LIMIT: usize = 1000;
const DEFAULT_LIMIT: usize = 100;
const SORTS: [&str; 5] = ["created_at", "updated_at", "title", "url", "enabled"];

pub(super) fn router() -> Router<Arc<Simulator>> {
    Router::new()
        .route("/webhooks", get(list).post(create))
        .route("/webhooks/{id}", get(one).patch(update).delete(delete))
        .route("/webhooks/{id}/test", get(test::by_get).post(test::by_post))
}

async fn list(State(simulator): State<Arc<Simulator>>, uri: Uri) -> Result<Json<Value>, Problem> {
    let query: HashMap<_, _> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    let number = |name: &str, default: usize| match query.get(name) {
        Some(text) => text
            .parse()
            .map_err(|_| Problem::bad_request(format!("{name} is not a number"))),
        None => Ok(default),
    };
    let (offset, limit) = (number("offset", 0)?, number("limit", DEFAULT_LIMIT)?);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request("limit is to be 1 to 1000"));
    }
    let sort = query.get("sort").map_or("created_at", String::as_str);
    let order = query.get("order").map_or("ASC", String::as_str);
    if !SORTS.contains(&sort) || !matches!(order, "ASC" | "DESC") {
        return Err(Problem::bad_request("sort or order is not known"));
    }
    let mut all: Vec<Value> = simulator.subscribers().iter().map(|own| view(own)).collect();
    all.sort_by_cached_key(|webhook| (time(&webhook[sort]), webhook[sort].to_string()));
    if order == "DESC" {
        all.reverse();
    }
    let total = all.len();
    let data: Vec<Value> = all.into_iter().skip(offset).take(limit).collect();
    let meta = json!({"offset": offset, "limit": limit, "count": data.len(), "total_count": total,
                      "sort": sort, "order": order});
    Ok(Json(json!({"meta": meta, "data": data})))
}

async fn create(
    State(simulator): State<Arc<Simulator>>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let change = Change::of_creation(&body)?;
    let id = Uuid::new_v4().to_string();
    let url = change
        .url()?
        .ok_or_else(|| Problem::bad_request("url is missing"))?;
    let fresh = Subscription {
        enabled: false,
        ..Subscription::new(&id, url)
    };
    let subscription = change.apply_to(fresh)?;
    simulator
        .subscribe(subscription)
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok((StatusCode::CREATED, Json(view(&*found(&simulator, &id)?))))
}

async fn one(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(view(&*found(&simulator, &id)?)))
}

async fn update(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let subscriber = found(&simulator, &id)?;
    let changed = Change::of_update(&body)?.apply_to(subscriber.target().subscription.clone())?;
    simulator
        .update_subscription(changed)
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(Json(view(&subscriber)))
}

async fn delete(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    match simulator.drop_subscription(&id) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(missing(&id)),
    }
}

fn found(simulator: &Simulator, id: &str) -> Result<Arc<Subscriber>, Problem> {
    simulator.subscriber(id).ok_or_else(|| missing(id))
}

fn missing(id: &str) -> Problem {
    Problem::not_found(format!("there is no webhook {id}"))
}

fn view(subscriber: &Subscriber) -> Value {
    let target = subscriber.target();
    let own = &target.subscription;
    let mut view = json!({
        "id": own.id,
        "created_at": subscriber.created_at.to_string(),
        "updated_at": target.updated_at.to_string(),
        "title": own.title,
        "url": own.url.as_str(),
        "type": own.categories,
        "enabled": own.enabled,
        "config": {"delay": delay_text(own.delay), "max_package_size": own.max_package_size},
    });
    if !own.excluded_categories.is_empty() {
        view["exclude_type"] = json!(own.excluded_categories);
    }
    view
}

fn delay_text(delay: Duration) -> String {
    format!("{}s", delay.as_secs().clamp(1, 30))
}
