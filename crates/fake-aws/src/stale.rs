//! Answers as of a moment ago: what AWS may give wherever it promises no consistency.

use serde_json::{Value, json};

use crate::record::Service;
use crate::reply::Reply;
use crate::wire::Request;

/// Takes out of an answer what happened last. One that AWS gives as of now stays as it is.
pub(crate) fn outdate(request: &Request, reply: &mut Reply) {
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else {
        return;
    };
    match (request.service, request.operation.as_str()) {
        (Service::DynamoDb, "Query") if request.json["IndexName"].is_string() => leave_out_last(&mut body),
        (Service::Sqs, "GetQueueAttributes") => count_nothing(&mut body),
        _ => return,
    }
    reply.body = body.to_string().into_bytes();
}

fn leave_out_last(answer: &mut Value) {
    let items = answer["Items"].as_array_mut();
    let left = items.map(|items| {
        items.pop();
        items.len()
    });
    answer["Count"] = json!(left.unwrap_or_default());
}

fn count_nothing(answer: &mut Value) {
    let attributes = answer["Attributes"].as_object_mut().into_iter().flatten();
    for (_, count) in attributes.filter(|(name, _)| name.starts_with("ApproximateNumberOf")) {
        *count = json!("0");
    }
}
