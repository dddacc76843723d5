//! Users, accounts, orders, payments ... to be read (description 1.9.0 of Upvest's API).

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::problem::Problem;
use super::time;
use crate::simulator::Simulator;

const MAX_LIMIT: usize = 1000;
const DEFAULT_LIMIT: usize = 100;

/// Lists the paths of single objects, each with its category.
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

/// Lists the paths of lists of all objects, each with its category.
const LISTS: [(&str, &str); 8] = [
    ("/users", "USER"),
    ("/accounts", "ACCOUNT"),
    ("/account_groups", "ACCOUNT_GROUP"),
    ("/instruments", "INSTRUMENT"),
    ("/portfolios/allocations", "PORTFOLIO_ALLOCATION"),
    ("/portfolios/orders", "PORTFOLIO_ORDER"),
    ("/transactions/cash", "CASH_TRANSACTION"),
    ("/transactions/securities", "SECURITY_TRANSACTION"),
];

/// Lists the paths of lists of what belongs to something, each with its category and the member that names
/// the owner.
const OWNED: [(&str, &str, &str); 8] = [
    ("/accounts/{id}/orders", "ORDER", "account_id"),
    (POSITIONS, "POSITION", "account_id"),
    ("/accounts/{id}/valuations", "ACCOUNT_VALUATION", "account_id"),
    ("/accounts/{id}/returns", "ACCOUNT_RETURNS", "account_id"),
    ("/accounts/{id}/liquidations", "ACCOUNT_LIQUIDATION", "account_id"),
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

const POSITIONS: &str = "/accounts/{id}/positions";
/// Names what a list may be asked; that of positions has no order.
const QUERY: [&str; 4] = ["offset", "limit", "order", "sort"];

type Shared = State<Arc<Simulator>>;

pub(super) fn router() -> Router<Arc<Simulator>> {
    let mut router = Router::new()
        .route("/users/{id}/checks", get(checks))
        .route("/account_groups/{id}/payments/cash_balance", get(cash_balance))
        .route("/fees/collections", get(fee_collections));
    for (path, category) in SINGLE {
        let handler = async move |State(simulator): Shared, Path(id): Path<String>| {
            let object = simulator.api().resources.lock().one(category, &id);
            let missing = || Problem::not_found(format!("there is no {category} {id}"));
            object.map(Json).ok_or_else(missing)
        };
        router = router.route(path, get(handler));
    }
    for (path, category) in LISTS {
        let handler = async move |State(simulator): Shared, uri: Uri| {
            page(objects(&simulator, category, None), &uri, &QUERY)
        };
        router = router.route(path, get(handler));
    }
    for (path, category, owner) in OWNED {
        let known = if path == POSITIONS { &QUERY[..2] } else { &QUERY };
        let handler = async move |State(simulator): Shared, Path(id): Path<String>, uri: Uri| {
            page(objects(&simulator, category, Some((owner, &id))), &uri, known)
        };
        router = router.route(path, get(handler));
    }
    router
}

/// Serves the one list that has no pages.
async fn checks(State(simulator): Shared, Path(id): Path<String>, uri: Uri) -> Result<Json<Value>, Problem> {
    if uri.query().is_some() {
        return Err(Problem::bad_request("the list of checks takes no query"));
    }
    let checks = objects(&simulator, "USER_CHECK", Some(("user_id", &id)));
    Ok(Json(json!({ "data": checks })))
}

/// Serves the one resource that is no list.
async fn cash_balance(State(simulator): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let mut balances = objects(&simulator, "CASH_BALANCE", Some(("account_group_id", &id)));
    let missing = || Problem::not_found(format!("there is no cash balance of {id}"));
    balances.pop().map(Json).ok_or_else(missing)
}

/// Serves the one list that asks for an account and its group.
async fn fee_collections(State(simulator): Shared, uri: Uri) -> Result<Json<Value>, Problem> {
    let query = query(&uri);
    let mut collections = objects(&simulator, "FEE_COLLECTION", None);
    for owner in ["account_id", "account_group_id"] {
        let id = query.get(owner);
        let id = id.ok_or_else(|| Problem::bad_request(format!("{owner} is missing")))?;
        collections.retain(|object| object[owner].as_str() == Some(id));
    }
    let known = [&QUERY[..3], &["account_id", "account_group_id"]].concat();
    page(collections, &uri, &known)
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

fn query(uri: &Uri) -> HashMap<String, String> {
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    query.into_owned().collect()
}

fn page(mut all: Vec<Value>, uri: &Uri, known: &[&str]) -> Result<Json<Value>, Problem> {
    let query = query(uri);
    let number = |name: &str, default: usize| match query.get(name) {
        Some(text) => text
            .parse()
            .map_err(|_| Problem::bad_request(format!("{name} is not a number"))),
        None => Ok(default),
    };
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
    all.sort_by_cached_key(|object| (time(&object["created_at"]), object["id"].to_string()));
    if order == "DESC" {
        all.reverse();
    }
    let total = all.len();
    let data: Vec<Value> = all.into_iter().skip(offset).take(limit).collect();
    let meta = json!({"offset": offset, "limit": limit, "count": data.len(), "total_count": total,
                      "sort": "created_at", "order": order});
    Ok(Json(json!({ "meta": meta, "data": data })))
}
