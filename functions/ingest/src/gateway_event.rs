//! The guard between Lambda's runtime and `lambda_http`.
//!
//! `lambda_http` makes an `http::Request` of the gateway's event before any code of ours runs, and panics where the parts
//! make none: anybody could have the front door answer 502. It also drops what follows a `#`.
//! Here the event is taken as it is, looked at, and handed on only when nothing of that can happen; what remains is answered
//! 400 with its reason. Nothing of the path, the query, the headers or the body is changed, because they are signed.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpRequestContext};
use lambda_http::http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use lambda_http::http::{Method, Uri};
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::{Body, Request, RequestExt};
use serde::Deserialize;
use url::Url;

/// Holds the event of an HTTP API for one request (payload 2.0), with nothing looked at yet.
///
/// Every member may be absent: whatever the gateway sends is a value of this type, and gets an answer of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayEvent {
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    cookies: Option<Vec<String>>,
    headers: Option<BTreeMap<String, String>>,
    request_context: Option<Context>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Context {
    request_id: Option<String>,
    domain_name: Option<String>,
    time_epoch: Option<i64>,
    http: Option<Http>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Http {
    method: Option<String>,
    source_ip: Option<String>,
}

/// Says why an event is no request that `lambda_http` can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MalformedError {
    /// There is no method, or it is none.
    Method,
    /// A header's name is none, or its value has a control character.
    Header,
    /// Scheme, host and path make no URL.
    Url,
    /// The query has a character that no query may have.
    Query,
    /// The body says that it is base64 and is not.
    Body,
}

impl MalformedError {
    /// Names the reason for the sender and the log.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Method => "malformed-method",
            Self::Header => "malformed-header",
            Self::Url => "malformed-url",
            Self::Query => "malformed-query",
            Self::Body => "malformed-body",
        }
    }
}

impl GatewayEvent {
    /// Tells which request of the gateway's log it is.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.request_context.as_ref()?.request_id.as_deref()
    }

    /// Tells whether a header is there; the gateway writes names in lower case, others may not.
    pub(crate) fn has_header(&self, name: &str) -> bool {
        let mut names = self.headers.iter().flat_map(BTreeMap::keys);
        names.any(|given| given.eq_ignore_ascii_case(name))
    }

    /// Makes the request of it, by `lambda_http`.
    ///
    /// # Errors
    ///
    /// [`MalformedError`] where `lambda_http` would panic, or would not keep what was sent.
    pub(crate) fn into_request(mut self) -> Result<Request, MalformedError> {
        let body = body(self.body.take(), self.is_base64_encoded.unwrap_or_default())?;
        let mut event = ApiGatewayV2httpRequest::default();
        event.headers = headers(self.headers.take().unwrap_or_default())?;
        event.raw_path = Some(self.raw_path.unwrap_or_default());
        event.raw_query_string = self.raw_query_string;
        event.cookies = self.cookies;
        event.request_context = context(self.request_context.unwrap_or_default())?;
        check_target(&event)?;
        let mut request = Request::from(LambdaRequest::ApiGatewayV2(event));
        *request.body_mut() = body;
        Ok(request)
    }
}

/// Takes the body's exact bytes: the gateway hands text over as it is and everything else in base64.
fn body(body: Option<String>, is_base64: bool) -> Result<Body, MalformedError> {
    let text = body.unwrap_or_default();
    match is_base64 {
        true => STANDARD
            .decode(text)
            .map(Body::from)
            .or(Err(MalformedError::Body)),
        false => Ok(Body::from(text)),
    }
}

/// Takes headers by their bytes. The gateway has joined lines of one name; of two spellings of a name one counts, as for
/// `lambda_http`.
fn headers(named: BTreeMap<String, String>) -> Result<HeaderMap, MalformedError> {
    let mut headers = HeaderMap::with_capacity(named.len());
    for (name, value) in named {
        let name = HeaderName::from_bytes(name.as_bytes()).or(Err(MalformedError::Header))?;
        let value = HeaderValue::try_from(value.into_bytes()).or(Err(MalformedError::Header))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Fills in what is known of a request beside itself. The stage is left out, which `lambda_http` puts before the path.
fn context(given: Context) -> Result<ApiGatewayV2httpRequestContext, MalformedError> {
    let http = given.http.unwrap_or_default();
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.http.method =
        Method::from_bytes(http.method.unwrap_or_default().as_bytes()).or(Err(MalformedError::Method))?;
    context.http.source_ip = http.source_ip;
    context.request_id = given.request_id;
    context.domain_name = given.domain_name;
    context.time_epoch = given.time_epoch.unwrap_or_default();
    Ok(context)
}

/// Makes the URI as `lambda_http` does, which does not ask whether it is one.
fn check_target(event: &ApiGatewayV2httpRequest) -> Result<(), MalformedError> {
    let header = |name| event.headers.get(name).and_then(|value| value.to_str().ok());
    let host = header(HOST).or(event.request_context.domain_name.as_deref());
    let path = event.raw_path.as_deref().unwrap_or_default();
    let url = match host {
        Some(host) => {
            let scheme = header(HeaderName::from_static("x-forwarded-proto")).unwrap_or("https");
            Url::parse(&format!("{scheme}://{host}{path}")).map(String::from)
        }
        None => Url::parse(&format!("http://localhost{path}")).map(|url| url.path().to_owned()),
    };
    let url = url.or(Err(MalformedError::Url))?;
    let uri: Uri = url.parse().or(Err(MalformedError::Url))?;
    if uri.query().is_some() {
        // A question mark in the path would begin the query.
        return Err(MalformedError::Url);
    }
    let query = event
        .raw_query_string
        .as_deref()
        .filter(|query| !query.is_empty());
    let Some(query) = query else { return Ok(()) };
    let uri: Uri = format!("{url}?{query}").parse().or(Err(MalformedError::Query))?;
    // A number sign ends the query: what follows it would be lost.
    match uri.query() == Some(query) {
        true => Ok(()),
        false => Err(MalformedError::Query),
    }
}

/// Gives what the gateway tells of a request beside it; `None` where another kind of event brought it.
pub(crate) fn context_of(request: &Request) -> Option<&ApiGatewayV2httpRequestContext> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => Some(context),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
