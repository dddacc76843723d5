//! Makes a delivery durable and answers 200.
//!
//! Whatever is not answered with exactly 200 blocks all later deliveries, without limit (contract section 1). So this
//! function fails on nothing but its own infrastructure: it looks at the outside of a request only, and leaves its
//! content to verify-and-store. It never sees a key.

use aws_config::SdkConfig;
use jiff::Timestamp;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, Response};
use pipeline::clock::Clock;
use pipeline::config::{ConfigError, Lookup};
use pipeline::deliveries::{DeliveriesQueue, SendError};
use pipeline::envelope::{self, Envelope};
use pipeline::error::ErrorChain;
use pipeline::metric;
use uuid::Uuid;

mod answer;
mod source;

use answer::Answer;
pub use source::{AllowList, SourcePolicy};

/// What the function is configured to do.
#[derive(Debug, Clone)]
pub struct Config {
    /// The URL of the deliveries queue.
    pub queue_url: String,
    /// The path that Upvest calls.
    pub path: String,
    /// The addresses that Upvest calls from; empty when any may.
    pub allowed: AllowList,
    /// What to do about other addresses.
    pub source_policy: SourcePolicy,
}

impl Config {
    /// Reads `DELIVERIES_QUEUE_URL`, `WEBHOOK_PATH`, `ALLOWED_SOURCE_ADDRESSES` and `SOURCE_ADDRESS_POLICY`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable.
    pub fn from_lookup(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            queue_url: lookup.required("DELIVERIES_QUEUE_URL")?,
            path: lookup
                .optional("WEBHOOK_PATH")
                .unwrap_or_else(|| "/webhooks/upvest".to_owned()),
            allowed: lookup.parsed("ALLOWED_SOURCE_ADDRESSES", AllowList::default())?,
            source_policy: lookup.parsed("SOURCE_ADDRESS_POLICY", SourcePolicy::Flag)?,
        })
    }
}

/// What the function works with.
pub struct Deps {
    /// Where deliveries go.
    pub queue: DeliveriesQueue,
    /// What to do.
    pub config: Config,
    /// The time, where the gateway does not tell it.
    pub clock: Clock,
    /// Gives a new delivery its id, which begins with the time of receipt.
    pub new_id: Box<dyn Fn(Timestamp) -> Uuid + Send + Sync>,
}

impl Deps {
    /// Builds the clients.
    #[must_use]
    pub fn new(aws: &SdkConfig, config: Config) -> Self {
        let queue = DeliveriesQueue::new(aws_sdk_sqs::Client::new(aws), config.queue_url.clone());
        Self {
            queue,
            config,
            clock: Clock::system(),
            new_id: Box::new(new_id),
        }
    }

    /// Opens the connection to the queue: Lambda gives init a whole CPU, and the first delivery should not wait.
    pub async fn warm(&self) {
        self.queue.warm().await;
    }
}

/// Handles one request.
pub async fn handle(deps: &Deps, request: Request) -> Response<Body> {
    let source = source_address(&request);
    let answer = match refuse(&deps.config, &request, source.as_deref()) {
        Some(refusal) => refusal,
        None => accept(deps, &request, source).await,
    };
    metric::answered(answer.status());
    metric::flush();
    answer.into_response()
}

/// What keeps a request from being a delivery, seen from outside.
fn refuse(config: &Config, request: &Request, source: Option<&str>) -> Option<Answer> {
    let listed = config.allowed.admits(source);
    if !listed {
        metric::unlisted_source();
        tracing::warn!(listed, "request from an address that is not on the allow list");
    }
    let has = |name| request.headers().contains_key(name);
    if request.raw_http_path() != config.path {
        Some(Answer::WrongPath)
    } else if request.method() != "POST" {
        Some(Answer::NotPost)
    } else if !listed && config.source_policy == SourcePolicy::Reject {
        Some(Answer::UnlistedSource)
    } else if !has("signature") || !has("signature-input") {
        Some(Answer::Unsigned)
    } else {
        None
    }
}

/// Sends the delivery on its way.
async fn accept(deps: &Deps, request: &Request, source: Option<String>) -> Answer {
    let envelope = envelope(deps, request, source);
    match deps.queue.send(&envelope).await {
        Ok(()) => {
            tracing::info!(
                delivery.id = %envelope.delivery_id,
                delivery.bytes = envelope.body.len(),
                "received a delivery"
            );
            Answer::Received(envelope.delivery_id)
        }
        Err(error @ SendError::TooLarge(_)) => {
            tracing::error!(delivery.bytes = envelope.body.len(), error = %error, "delivery was refused");
            Answer::TooLarge
        }
        Err(error @ SendError::Aws(_)) => {
            tracing::error!(error = %ErrorChain(&error), "delivery could not be made durable");
            Answer::Unavailable
        }
    }
}

fn envelope(deps: &Deps, request: &Request, source_address: Option<String>) -> Envelope {
    let received_at = received_at(request).unwrap_or_else(|| deps.clock.now());
    let headers = request.headers().iter();
    let headers = headers
        .filter_map(|(name, value)| Some((name.as_str(), std::str::from_utf8(value.as_bytes()).ok()?)))
        .collect();
    Envelope {
        delivery_id: (deps.new_id)(received_at),
        received_at,
        request: envelope::Request {
            method: request.method().to_string(),
            path: request.raw_http_path().to_owned(),
            query: raw_query(request),
            source_address,
            headers: Envelope::needed_headers(&headers),
        },
        body: match request.body() {
            Body::Text(text) => text.clone().into_bytes(),
            Body::Binary(bytes) => bytes.clone(),
            _ => Vec::new(),
        },
    }
}

/// When the gateway received the request.
fn received_at(request: &Request) -> Option<Timestamp> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => Timestamp::from_millisecond(context.time_epoch)
            .ok()
            .filter(|at| at.as_millisecond() > 0),
        _ => None,
    }
}

fn source_address(request: &Request) -> Option<String> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.clone(),
        _ => None,
    }
}

fn raw_query(request: &Request) -> Option<String> {
    request
        .uri()
        .query()
        .filter(|query| !query.is_empty())
        .map(str::to_owned)
}

fn new_id(at: Timestamp) -> Uuid {
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    let nanoseconds = u32::try_from(at.subsec_nanosecond()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds))
}
