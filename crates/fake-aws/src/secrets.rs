//! Secrets Manager: secrets to be created, described and read.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::reply::Reply;
use crate::wire::Request;

/// Holds the value of a secret, as it was created.
pub(crate) enum Secret {
    Binary(Vec<u8>),
    Text(String),
}

/// Answers a request from the secrets, which are kept by id.
pub(crate) fn answer(secrets: &mut BTreeMap<String, Secret>, request: &Request) -> Reply {
    if ["CreateSecret", "PutSecretValue"].contains(&&*request.operation) {
        return keep(secrets, request);
    }
    let is_described = request.operation == "DescribeSecret";
    if !is_described && request.operation != "GetSecretValue" {
        return Reply::json_error(
            400,
            "InvalidRequestException",
            "The operation is not served in process.",
        );
    }
    match secrets.get(&request.resource) {
        Some(_) if is_described => Reply::json(&json!({ "ARN": request.resource, "Name": request.resource })),
        Some(Secret::Binary(value)) => Reply::json(&json!({
            "ARN": request.resource,
            "Name": request.resource,
            "SecretBinary": BASE64_STANDARD.encode(value),
        })),
        Some(Secret::Text(value)) => Reply::json(&json!({
            "ARN": request.resource,
            "Name": request.resource,
            "SecretString": value,
        })),
        None => Reply::json_error(
            400,
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.",
        ),
    }
}

fn keep(secrets: &mut BTreeMap<String, Secret>, request: &Request) -> Reply {
    let value = request.json["SecretBinary"].as_str().unwrap_or_default();
    let Ok(value) = BASE64_STANDARD.decode(value) else {
        return Reply::json_error(400, "InvalidParameterException", "The secret is not base64.");
    };
    if request.operation == "CreateSecret" && secrets.contains_key(&request.resource) {
        return Reply::json_error(400, "ResourceExistsException", "A secret of that name is there.");
    }
    secrets.insert(request.resource.clone(), Secret::Binary(value));
    Reply::json(&json!({ "ARN": request.resource, "Name": request.resource }))
}
