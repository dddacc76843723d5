//! Users, accounts, orders, payments ... to be read (description 1.9.0 of Upvest's API).

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::problem::Problem;
use crate::simulator::Simulator;

const MAX_LIMIT: usize = 1000;
const DEFAULT_LIMIT: usize = 100;

/// The path of one object, and its category.
const SINGLE: [(&str, &str); 10] = [
    ("/users/{id}", "USER"),
    ("/accounts/{id}", "ACCOUNT"),
    ("/account_groups/{id}", "ACCOUNT_GROUP"),
    ("/orders/{id}", "ORDER"),
    ("/payments/direct_debits/{id}", "DIRECT_DEBIT"),
    ("/payments/withdrawals/{id}", "WITHDRAWAL"),
    ("/fees/collections/{id}", "FEE_COLLECTION"),
    ("/instruments/{id}", "INSTRUMENT"),
    ("/portfolios/allocations/{id}", "PORTFOLIO_ALLOCATION"),
    ("/portfolios/orders/{id}", "PORTFOLIO_ORDER"),
];

/// The path of a list of all, and its category.
const LISTS: [(&str, &str); 6] = [
    ("/users", "USER"),
    ("/accounts", "ACCOUNT"),
    ("/account_groups", "ACCOUNT_GROUP"),
    ("/instruments", "INSTRUMENT"),
    ("/portfolios/allocations", "PORTFOLIO_ALLOCATION"),
    ("/portfolios/orders", "PORTFOLIO_ORDER"),
];

/// The path of a list of what belongs to something, its category, and the member that names the owner.
const OWNED: [(&str, &str, &str); 4] = [
    ("/accounts/{id}/orders", "ORDER", "account_id"),
    (
        "/account_groups/{id}/payments/direct_debits",
        "DIRECT_DEBIT",
        "account_group_id",
    ),
    (
        "/account_groups/{id}/payments/withdrawals",
        "WITHDRAWAL",
        "account_group_id",
    ),
    ("/users/{id}/reports", "REPORT", "user_id"),
];

type Shared = State<Arc<Simulator>>;

pub(super) fn router() -> Router<Arc<Simulator>> {
    let mut router = Router::new().route("/users/{id}/checks", get(checks));
    for (path, category) in SINGLE {
        let handler = async move |State(simulator): Shared, Path(id): Path<String>| {
            let object = simulator.api().resources.lock().one(category, &id);
            let missing = || Problem::not_found(format!("there is no {category} {id}"));
            object.map(Json).ok_or_else(missing)
        };
        router = router.route(path, get(handler));
    }
    for (path, category) in LISTS {
        let handler =
            async move |State(simulator): Shared, uri: Uri| page(objects(&simulator, category, None), &uri);
        router = router.route(path, get(handler));
    }
    for (path, category, owner) in OWNED {
        let handler = async move |State(simulator): Shared, Path(id): Path<String>, uri: Uri| {
            page(objects(&simulator, category, Some((owner, &id))), &uri)
        };
        router = router.route(path, get(handler));
    }
    router
}

/// The one list that has no pages.
async fn checks(State(simulator): Shared, Path(id): Path<String>, uri: Uri) -> Result<Json<Value>, Problem> {
    if uri.query().is_some() {
        return Err(Problem::bad_request("the list of checks takes no query"));
    }
    let checks = objects(&simulator, "USER_CHECK", Some(("user_id", &id)));
    Ok(Json(json!({ "data": checks })))
}

fn objects(simulator: &Simulator, category: &str, member: Option<(&str, &str)>) -> Vec<Value> {
    if category != "REPORT" {
        return simulator.api().resources.lock().all(category, member);
    }
    let reports = simulator.api().reports.lock();
    let matching = reports
        .values()
        .filter(|report| member.is_none_or(|(name, value)| report[name].as_str() == Some(value)));
    matching.cloned().collect()
}

fn page(mut all: Vec<Value>, uri: &Uri) -> Result<Json<Value>, Problem> {
    let query: HashMap<_, _> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    let number = |name: &str, default: usize| match query.get(name) {
        Some(text) => text
            .parse()
            .map_err(|_| Problem::bad_request(format!("{name} is not a number"))),
        None => Ok(default),
    };
    let known = ["offset", "limit", "order", "sort"];
    if let Some(name) = query.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(Problem::bad_request(format!("{name} is not known")));
    }
    let (offset, limit) = (number("offset", 0)?, number("limit", DEFAULT_LIMIT)?);
    let order = query.get("order").map_or("ASC", String::as_str);
    if limit > MAX_LIMIT || !matches!(order, "ASC" | "DESC") {
        return Err(Problem::bad_request(
            "limit is to be up to 1000, order ASC or DESC",
        ));
    }
    all.sort_by_cached_key(|object| (object["created_at"].to_string(), object["id"].to_string()));
    if order == "DESC" {
        all.reverse();
    }
    let total = all.len();
    let data: Vec<Value> = all.into_iter().skip(offset).take(limit).collect();
    let meta = json!({"offset": offset, "limit": limit, "count": data.len(), "total_count": total,
                      "sort": "created_at", "order": order});
    Ok(Json(json!({ "meta": meta, "data": data })))
}
