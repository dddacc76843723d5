//! A request as the HTTP API hands it to ingest.

use std::collections::BTreeMap;

use serde_json::json;
use upvest::signature::Headers;

use super::PATH;

/// Writes a request as an HTTP API hands it to a function (payload 2.0).
pub fn gateway_request(unix_ms: u64, headers: &Headers, body: &[u8]) -> serde_json::Value {
    use base64::Engine;
    let headers: BTreeMap<_, _> = headers.iter().collect();
    json!({
        "version": "2.0",
        "routeKey": format!("ANY {PATH}"),
        "rawPath": PATH,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "api",
            "domainName": "api.execute-api.eu-central-1.amazonaws.com",
            "http": {
                "method": "POST",
                "path": PATH,
                "protocol": "HTTP/1.1",
                "sourceIp": "34.90.198.99",
                "userAgent": "",
            },
            "requestId": "request",
            "routeKey": format!("ANY {PATH}"),
            "stage": "$default",
            "time": "",
            "timeEpoch": unix_ms,
        },
        "body": base64::engine::general_purpose::STANDARD.encode(body),
        "isBase64Encoded": true,
    })
}
