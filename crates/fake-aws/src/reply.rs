//! Replies of the in-process services.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

/// Holds a service's reply before it is an HTTP response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Gives the error code, if it is one.
    pub(crate) error: Option<String>,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            error: None,
        }
    }

    pub(crate) fn json(body: &Value) -> Self {
        Self::ok(body.to_string())
    }

    /// Writes an error of a JSON protocol.
    pub(crate) fn json_error(status: u16, code: &str, message: &str) -> Self {
        let body = json!({ "__type": code, "message": message });
        Self {
            status,
            error: Some(short_code(code)),
            ..Self::json(&body)
        }
    }

    /// Writes the reply for a server; an impossible status or header is an error of the test.
    pub(crate) fn into_response(self) -> http::Response<Vec<u8>> {
        let response = http::Response::builder().status(self.status);
        let headers = self.headers.into_iter();
        let response = headers.fold(response, |response, (name, value)| response.header(name, value));
        response
            .body(self.body)
            .expect("replies have a status and headers that HTTP allows")
    }

    pub(crate) fn into_http(self) -> Result<HttpResponse, ConnectorError> {
        let status = self
            .status
            .try_into()
            .map_err(|_| ConnectorError::user("status out of range".into()))?;
        let mut response = HttpResponse::new(status, SdkBody::from(self.body));
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        Ok(response)
    }
}

/// Shortens a code for whoever reads the record: `com.amazonaws.sqs#QueueDoesNotExist` is `QueueDoesNotExist`.
pub(crate) fn short_code(code: &str) -> String {
    code.rsplit('#').next().unwrap_or(code).to_owned()
}
