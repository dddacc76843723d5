//! The stack that runs on this machine, as `make run` describes it.

use std::collections::BTreeMap;
use std::path::Path;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::config::Credentials;
use pipeline::runtime::aws::connections;
use serde::Deserialize;

use super::Stack;
use crate::error::{Error, Result};

/// Gives the name under which `make run` deploys.
const LOCAL_STACK_NAME: &str = "upvest-webhooks";

/// Reads `stack.json`, by which a stack on this machine says how to reach it.
#[derive(Deserialize)]
struct Connection {
    endpoint_url: String,
    region: String,
    access_key_id: String,
    secret_access_key: String,
    outputs: BTreeMap<String, String>,
}

/// Reads the stack that a file describes.
///
/// # Errors
///
/// [`Error`] when the file is not there, or describes no stack.
pub(super) async fn local(file: &Path) -> Result<Stack> {
    let shown = file.display();
    let text = std::fs::read(file).map_err(Error::context(format!(
        "cannot read {shown}: start the local stack with `make run`, or name a stack with --stack"
    )))?;
    let connection: Connection = serde_json::from_slice(&text).map_err(Error::context(format!(
        "{shown} does not describe a stack; `make run` writes such a file"
    )))?;
    let (id, secret) = (connection.access_key_id, connection.secret_access_key);
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(connection.region))
        .endpoint_url(connection.endpoint_url)
        // The SDK's own connector sends what is for this machine through the proxy of HTTP_PROXY.
        .http_client(connections())
        .credentials_provider(Credentials::new(id, secret, None, None, "stack.json"));
    let name = Some(LOCAL_STACK_NAME.to_owned());
    Ok(Stack {
        is_local: true,
        ..Stack::new(config.load().await, name, connection.outputs)
    })
}
