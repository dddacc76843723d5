//! DynamoDB: the engine of dynoxide behind the SDK's requests.

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::record::Service;
use crate::reply::{Reply, short_code};
use crate::rng::Rng;
use crate::throttling::throttled;
use crate::wire::Request;

/// Answers a request from the database.
pub(crate) fn answer(database: &Database, request: &Request) -> Reply {
    match perform(database, &request.operation, request.http.body()) {
        Some(Ok(body)) => Reply::ok(body),
        Some(Err(error)) => refusal(&error),
        None => Reply::json_error(
            400,
            "com.amazon.coral.service#UnknownOperationException",
            &format!("{} is not served in process", request.operation),
        ),
    }
}

/// Answers a batch request of which some members fail, as DynamoDB does when a partition is throttled. At least one
/// member of a batch read or write succeeds: DynamoDB throttles the whole call otherwise.
pub(crate) fn answer_partly(database: &Database, request: &Request, rng: &mut Rng) -> Reply {
    match request.operation.as_str() {
        "BatchGetItem" => answer_unprocessed(database, request, rng, "UnprocessedKeys"),
        "BatchWriteItem" => answer_unprocessed(database, request, rng, "UnprocessedItems"),
        "BatchExecuteStatement" => answer_throttled_statements(database, request, rng),
        _ => answer(database, request),
    }
}

/// Reads the capacity that a reply says was consumed, in halves of a unit: a read may take half of one.
pub(crate) fn half_units(reply: &Reply) -> u32 {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let consumed = &body["ConsumedCapacity"];
    let consumed = consumed
        .as_array()
        .map_or(std::slice::from_ref(consumed), Vec::as_slice);
    let units: f64 = consumed
        .iter()
        .filter_map(|table| table["CapacityUnits"].as_f64())
        .sum();
    (units * 2.0) as u32
}

fn refusal(error: &DynoxideError) -> Reply {
    Reply {
        status: error.status_code(),
        error: Some(short_code(error.error_type())),
        ..Reply::ok(error.to_json())
    }
}

fn perform(database: &Database, operation: &str, body: &[u8]) -> Option<Result<Vec<u8>, DynoxideError>> {
    Some(match operation {
        "BatchExecuteStatement" => run(body, |request| database.batch_execute_statement(request)),
        "BatchGetItem" => run(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => run(body, |request| database.batch_write_item(request)),
        "CreateTable" => run(body, |request| database.create_table(request)),
        "DeleteItem" => run(body, |request| database.delete_item(request)),
        "DescribeTable" => run(body, |request| database.describe_table(request)),
        "ExecuteStatement" => run(body, |request| database.execute_statement(request)),
        "ExecuteTransaction" => run(body, |request| database.execute_transaction(request)),
        "GetItem" => run(body, |request| database.get_item(request)),
        "PutItem" => run(body, |request| database.put_item(request)),
        "Query" => run(body, |request| database.query(request)),
        "Scan" => run(body, |request| database.scan(request)),
        "TransactGetItems" => run(body, |request| database.transact_get_items(request)),
        "TransactWriteItems" => run(body, |request| database.transact_write_items(request)),
        "UpdateItem" => run(body, |request| database.update_item(request)),
        _ => return None,
    })
}

fn run<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    action: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Result<Vec<u8>, DynoxideError> {
    let malformed = |error: serde_json::Error| DynoxideError::SerializationException(error.to_string());
    let mut request: Value = serde_json::from_slice(body).map_err(malformed)?;
    // For the record of calls; clients do not look at it.
    request["ReturnConsumedCapacity"] = "TOTAL".into();
    let request = serde_json::from_value(request).map_err(malformed)?;
    serde_json::to_vec(&action(request)?)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn answer_unprocessed(database: &Database, request: &Request, rng: &mut Rng, reported_as: &str) -> Reply {
    let mut now = request.json.clone();
    let mut later = Map::new();
    let total: usize = tables(&request.json).map(|(_, table)| members(table).len()).sum();
    if total < 2 {
        return throttled(Service::DynamoDb);
    }
    // Which member survives is drawn, so that no position in a batch is always safe.
    let survivor = rng.below(total);
    let mut at = 0;
    for (name, table) in tables(&request.json) {
        let (mut kept, mut left) = (Vec::new(), Vec::new());
        for member in members(table) {
            let keep = rng.chance(500) || at == survivor;
            if keep { &mut kept } else { &mut left }.push(member.clone());
            at += 1;
        }
        if !left.is_empty() {
            later.insert(name.clone(), with_members(table, left));
        }
        if kept.is_empty() {
            now["RequestItems"]
                .as_object_mut()
                .map(|tables| tables.remove(name));
        } else {
            now["RequestItems"][name] = with_members(table, kept);
        }
    }
    match perform(database, &request.operation, now.to_string().as_bytes()) {
        Some(Ok(body)) => {
            let mut body: Value = serde_json::from_slice(&body).unwrap_or_default();
            body[reported_as] = Value::Object(later);
            Reply::json(&body)
        }
        Some(Err(error)) => refusal(&error),
        None => answer(database, request),
    }
}

fn tables(request: &Value) -> impl Iterator<Item = (&String, &Value)> {
    request["RequestItems"].as_object().into_iter().flatten()
}

/// Lists the keys to read or the writes to make of one table of a batch.
fn members(table: &Value) -> &[Value] {
    table
        .as_array()
        .or_else(|| table["Keys"].as_array())
        .map_or(&[], Vec::as_slice)
}

fn with_members(table: &Value, members: Vec<Value>) -> Value {
    let mut table = table.clone();
    if table.is_array() {
        return members.into();
    }
    table["Keys"] = members.into();
    table
}

fn answer_throttled_statements(database: &Database, request: &Request, rng: &mut Rng) -> Reply {
    let statements = request.json["Statements"].as_array().cloned().unwrap_or_default();
    // One is sure to fail, or a partial failure could be none at all.
    let certain = rng.below(statements.len());
    let throttled: Vec<bool> = (0..statements.len())
        .map(|at| rng.chance(300) || at == certain)
        .collect();
    let run: Vec<&Value> = statements
        .iter()
        .zip(&throttled)
        .filter(|(_, throttled)| !**throttled)
        .map(|(s, _)| s)
        .collect();
    let mut answered = Vec::new();
    if !run.is_empty() {
        let body = json!({ "Statements": run }).to_string();
        match perform(database, &request.operation, body.as_bytes()) {
            Some(Ok(body)) => {
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                answered = body["Responses"].as_array().cloned().unwrap_or_default();
            }
            Some(Err(error)) => return refusal(&error),
            None => return answer(database, request),
        }
    }
    let mut answered = answered.into_iter();
    let responses: Vec<Value> = throttled
        .iter()
        .map(|throttled| {
            if *throttled {
                throttled_statement(rng)
            } else {
                answered.next().unwrap_or_default()
            }
        })
        .collect();
    Reply::json(&json!({ "Responses": responses }))
}

fn throttled_statement(rng: &mut Rng) -> Value {
    let codes = [
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
    ];
    json!({ "Error": { "Code": codes[rng.below(codes.len())], "Message": "The statement was throttled." } })
}
