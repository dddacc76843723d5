//! Requests as the in-process services see them.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;

use crate::record::Service;
use crate::{event_bridge, s3};

/// Holds a request, read off the wire far enough to know who answers it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) resource: String,
    pub(crate) http: http::Request<Vec<u8>>,
    /// Holds the body of a JSON protocol; null for S3, STS and Lambda.
    pub(crate) json: Value,
}

impl Request {
    /// Reads a request of an SDK client.
    pub(crate) async fn read(request: HttpRequest) -> Result<Self, ConnectorError> {
        let (parts, body) = request
            .try_into_http1x()
            .map_err(|error| unreadable(error.into()))?
            .into_parts();
        let body = match body.bytes() {
            Some(bytes) => bytes.to_vec(),
            None => {
                let collected = ByteStream::new(body).collect().await;
                collected.map_err(|error| unreadable(error.into()))?.to_vec()
            }
        };
        Self::of_http(http::Request::from_parts(parts, body))
    }

    /// Reads a request whose body has arrived.
    pub(crate) fn of_http(http: http::Request<Vec<u8>>) -> Result<Self, ConnectorError> {
        let target = http
            .headers()
            .get("x-amz-target")
            .and_then(|target| target.to_str().ok());
        if let Some((service, operation, resource)) = operation_without_target(&http) {
            return Ok(Self {
                service,
                operation,
                resource,
                http,
                json: Value::Null,
            });
        }
        let Some((api, operation)) = target.and_then(|target| target.split_once('.')) else {
            let (operation, resource) = (s3::operation(&http).to_owned(), s3::address(&http).0);
            return Ok(Self {
                service: Service::S3,
                operation,
                resource,
                http,
                json: Value::Null,
            });
        };
        let service = match api {
            "DynamoDB_20120810" => Service::DynamoDb,
            "AmazonSQS" => Service::Sqs,
            "AWSEvents" => Service::EventBridge,
            "secretsmanager" => Service::SecretsManager,
            "CloudApiService" => Service::CloudControl,
            other => return Err(unreadable(format!("no such service in process: {other}").into())),
        };
        let operation = operation.to_owned();
        let json = serde_json::from_slice(http.body()).map_err(|error| unreadable(error.into()))?;
        let resource = match service {
            Service::EventBridge => bus(&json),
            Service::CloudControl => json["Identifier"].as_str().unwrap_or_default().to_owned(),
            Service::SecretsManager if operation == "CreateSecret" => {
                json["Name"].as_str().unwrap_or_default().to_owned()
            }
            _ => resource(&json),
        };
        Ok(Self {
            service,
            operation,
            resource,
            http,
            json,
        })
    }
}

fn unreadable(error: Box<dyn std::error::Error + Send + Sync>) -> ConnectorError {
    ConnectorError::user(error)
}

/// Names the operation of the query protocol, in its form, of the CBOR protocol, in its path, and of Lambda, whose paths
/// name a resource too.
fn operation_without_target(http: &http::Request<Vec<u8>>) -> Option<(Service, String, String)> {
    if http.headers().contains_key("smithy-protocol") {
        let operation = http.uri().path().rsplit('/').next()?;
        return Some((Service::CloudWatch, operation.to_owned(), String::new()));
    }
    let service = match http.uri().host()?.split('.').next()? {
        "sts" => Service::Sts,
        "cloudformation" => Service::CloudFormation,
        "lambda" => {
            let path = http.uri().path().trim_matches('/');
            let function = path.split_once("/functions/").map(|(_, function)| function);
            let stopped = function.and_then(|function| function.strip_suffix("/concurrency"));
            let signing = path.split_once("/code-signing-configs/");
            let (operation, resource) = match (function, stopped) {
                (_, Some(function)) if http.method() == "PUT" => ("PutFunctionConcurrency", function),
                (_, Some(function)) => ("DeleteFunctionConcurrency", function),
                (Some(function), None) => ("GetFunction", function),
                (None, None) if path.ends_with("/account-settings") => ("GetAccountSettings", ""),
                (None, None) if signing.is_some() => ("GetCodeSigningConfig", ""),
                (None, None) => ("ListEventSourceMappings", ""),
            };
            return Some((Service::Lambda, operation.to_owned(), resource.to_owned()));
        }
        _ => return None,
    };
    let form = std::str::from_utf8(http.body()).ok()?;
    let action = form.split('&').find_map(|pair| pair.strip_prefix("Action="))?;
    Some((service, action.to_owned(), String::new()))
}

/// Finds the bus of the first entry.
fn bus(json: &Value) -> String {
    event_bridge::bus_name(json["Entries"][0]["EventBusName"].as_str()).to_owned()
}

/// Finds the queue or the first table that a JSON request names.
fn resource(json: &Value) -> String {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let table_in = |statement: &Value| Some(statement.as_str()?.split('"').nth(1)?.to_owned());
    let first_action = |actions: &Value| actions[0].as_object()?.values().next().cloned();
    text(&json["TableName"])
        .or_else(|| text(&json["SecretId"]))
        .or_else(|| {
            json["QueueUrl"]
                .as_str()
                .and_then(|url| url.rsplit('/').next())
                .map(str::to_owned)
        })
        .or_else(|| text(&json["QueueName"]))
        .or_else(|| {
            json["RequestItems"]
                .as_object()
                .and_then(|tables| tables.keys().next())
                .cloned()
        })
        .or_else(|| table_in(&json["Statement"]))
        .or_else(|| table_in(&json["Statements"][0]["Statement"]))
        .or_else(|| first_action(&json["TransactItems"]).and_then(|action| text(&action["TableName"])))
        .unwrap_or_default()
}
