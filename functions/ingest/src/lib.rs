//! Makes a delivery durable and answers 200.
//!
//! By Upvest's documentation of webhooks, whatever is not answered with exactly 200 blocks all later deliveries,
//! without limit. So this function looks at the outside of a request only, and leaves its content to verify-and-store.
//! Of the bodies it refuses two: one that does not fit into a message (1 MiB) even compressed, with 413, and one whose
//! base64 cannot be read, with 400. It never sees a key.

use aws_config::SdkConfig;
use jiff::Timestamp;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::HeaderValue;
use lambda_http::{Body, Request, RequestExt};
use pipeline::envelope::{self, Envelope};
use pipeline::error::ErrorChain;
use pipeline::policy::Policy;
use pipeline::queues::deliveries::{DeliveriesQueue, SendError};
use pipeline::runtime::clock::Clock;
use pipeline::runtime::config::{ConfigError, Lookup};
use pipeline::runtime::ids::id_at;
use pipeline::runtime::metrics;
use uuid::Uuid;

mod answer;
mod gateway_event;
mod source;

use answer::Answer;
pub use gateway_event::GatewayEvent;
use gateway_event::context_of;
pub use source::AllowList;

/// Says what the function is configured to do.
#[derive(Debug, Clone)]
pub struct Config {
    /// Gives the URL of the deliveries queue.
    pub queue_url: String,
    /// Gives the path at which the API takes deliveries, compared exactly.
    pub path: String,
    /// Gives the path of the public URL, which Upvest calls and signs, where something in front of the API may lead it to
    /// another one. `None` takes what the gateway saw.
    pub public_path: Option<String>,
    /// Lists the addresses that Upvest calls from; empty when any may.
    pub allowed: AllowList,
    /// Says what to do about other addresses, which are counted in any case: flag, because Upvest's addresses change and a
    /// refusal blocks all later deliveries, or answer 403, so that Upvest blocks until the address is listed.
    pub source_policy: Policy,
}

impl Config {
    /// Reads `DELIVERIES_QUEUE_URL`, `WEBHOOK_PATH`, `WEBHOOK_URL`, `ALLOWED_SOURCE_ADDRESSES` and `SOURCE_ADDRESS_POLICY`.
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
            public_path: lookup.optional("WEBHOOK_URL").and_then(|url| path_of(&url)),
            allowed: lookup.parsed("ALLOWED_SOURCE_ADDRESSES", AllowList::default())?,
            source_policy: lookup.parsed("SOURCE_ADDRESS_POLICY", Policy::Flag)?,
        })
    }
}

/// Takes the path out of a URL, exactly as it is written there.
fn path_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let path = &rest[rest.find('/')?..];
    path.split(['?', '#']).next().map(str::to_owned)
}

/// Holds the queue, the configuration and the sources of time and ids, made once per process.
pub struct Deps {
    /// Takes the deliveries: one that the queue took is durable, and is answered 200.
    pub queue: DeliveriesQueue,
    /// Says on which path, and from which addresses, a request is taken for a delivery.
    pub config: Config,
    /// Gives the time of receipt, where the gateway does not tell it.
    pub clock: Clock,
    /// Gives a new delivery its id, which begins with the time of receipt.
    pub new_id: Box<dyn Fn(Timestamp) -> Uuid + Send + Sync>,
}

impl Deps {
    /// Builds the clients, and gives ids by the version 7 of UUIDs.
    #[must_use]
    pub fn new(aws: &SdkConfig, config: Config) -> Self {
        let queue = DeliveriesQueue::new(pipeline::runtime::aws::sqs(aws), config.queue_url.clone());
        Self {
            queue,
            config,
            clock: Clock::system(),
            new_id: Box::new(id_at),
        }
    }

    /// Opens the connection to the queue: Lambda gives init a whole CPU, and the first delivery should not wait.
    pub async fn warm(&self) {
        self.queue.warm().await;
    }
}

/// Handles one request, as an HTTP API hands it over (payload 2.0).
pub async fn handle(deps: &Deps, event: GatewayEvent) -> ApiGatewayV2httpResponse {
    let request_id = event.request_id().map(str::to_owned);
    let answer = answer(deps, event).await;
    if answer.is_refusal() {
        tracing::warn!(
            gateway.request_id = request_id,
            status = answer.status(),
            reason = answer.reason(),
            "refused a request"
        );
    }
    metrics::answered(answer.status());
    metrics::flush();
    answer.into_response()
}

async fn answer(deps: &Deps, event: GatewayEvent) -> Answer {
    // What is not signed is no delivery of Upvest's, whatever its shape.
    let is_signed = event.has_header("signature") && event.has_header("signature-input");
    let request = match event.into_request() {
        Ok(request) => request,
        Err(_) if !is_signed => return Answer::Unsigned,
        Err(error) => return Answer::Malformed(error),
    };
    match Answer::refusing(&request, &deps.config) {
        Some(refusal) => refusal,
        None => accept(deps, request).await,
    }
}

/// Sends the delivery to its queue, and answers 200 once it is there.
async fn accept(deps: &Deps, request: Request) -> Answer {
    let envelope = envelope(deps, request);
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
            let bytes = envelope.body.len();
            tracing::error!(delivery.id = %envelope.delivery_id, delivery.bytes = bytes, %error, "delivery was refused");
            Answer::TooLarge
        }
        Err(error @ SendError::Aws(_)) => {
            let error = ErrorChain(&error);
            tracing::error!(delivery.id = %envelope.delivery_id, %error, "delivery could not be made durable");
            Answer::Unavailable
        }
    }
}

fn envelope(deps: &Deps, request: Request) -> Envelope {
    let received_at = received_at(&request).unwrap_or_else(|| deps.clock.now());
    // The envelope is JSON, which has no place for a header that is not UTF-8.
    let text = |value: &'_ HeaderValue| std::str::from_utf8(value.as_bytes()).ok().map(str::to_owned);
    let headers = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), text(value)?)))
        .collect();
    Envelope {
        delivery_id: (deps.new_id)(received_at),
        received_at,
        judged_at: None,
        request: envelope::Request {
            method: request.method().to_string(),
            // The sender signed the path that it called. The URI has it as a URL writes it.
            path: deps
                .config
                .public_path
                .clone()
                .unwrap_or_else(|| request.raw_http_path().to_owned()),
            query: request.uri().query().map(str::to_owned),
            source_address: context_of(&request).and_then(|context| context.http.source_ip.clone()),
            headers: Envelope::needed_headers(&headers),
            header_names: Envelope::names_of(&headers),
        },
        body: match request.into_body() {
            Body::Text(text) => text.into_bytes(),
            Body::Binary(bytes) => bytes,
            _ => Vec::new(),
        },
    }
}

/// Tells when the gateway received the request, to the millisecond; `None` where it does not say.
fn received_at(request: &Request) -> Option<Timestamp> {
    let milliseconds = Some(context_of(request)?.time_epoch).filter(|milliseconds| *milliseconds > 0);
    Timestamp::from_millisecond(milliseconds?).ok()
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region};

    use super::*;

    fn deps(source_policy: Policy) -> Deps {
        let aws = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            // Nothing listens there.
            .endpoint_url("http://127.0.0.1:9")
            .build();
        let allowed = "34.90.198.99".parse().unwrap();
        let path = "/webhooks/upvest".to_owned();
        Deps::new(
            &aws,
            Config {
                queue_url: "http://127.0.0.1:9/q".to_owned(),
                path,
                public_path: None,
                allowed,
                source_policy,
            },
        )
    }

    fn request(method: &str, path: &str, source: &str, query: &str) -> Request {
        let event = serde_json::json!({
            "rawPath": path,
            "rawQueryString": query,
            "headers": { "Signature": "a", "signature-input": "b" },
            "requestContext": { "timeEpoch": 1_767_225_600_123_i64, "http": { "method": method, "sourceIp": source } },
            "body": "AP8=",
            "isBase64Encoded": true,
        });
        let event: GatewayEvent = serde_json::from_value(event).unwrap();
        event.into_request().unwrap()
    }

    #[test]
    fn what_cannot_be_a_delivery_is_refused_with_its_own_answer() {
        let refused = |policy, method, path, source| {
            Answer::refusing(&request(method, path, source, ""), &deps(policy).config).map(Answer::status)
        };
        let (flag, strict) = (Policy::Flag, Policy::Strict);
        assert_eq!(refused(flag, "POST", "/webhooks/upvest", "34.90.198.99"), None);
        assert_eq!(
            refused(flag, "GET", "/webhooks/upvest", "34.90.198.99"),
            Some(405)
        );
        assert_eq!(
            refused(flag, "POST", "/webhooks/upvest/", "34.90.198.99"),
            Some(404)
        );
        assert_eq!(refused(flag, "POST", "/webhooks/upvest", "10.0.0.1"), None);
        assert_eq!(refused(strict, "POST", "/webhooks/upvest", "10.0.0.1"), Some(403));
        let mut unsigned = request("POST", "/webhooks/upvest", "10.0.0.1", "");
        unsigned.headers_mut().remove("signature");
        let answer = Answer::refusing(&unsigned, &deps(strict).config).map(Answer::status);
        assert_eq!(answer, Some(401), "no address makes it a delivery");
    }

    #[test]
    fn a_request_is_carried_as_it_is() {
        let query = "a=%zz&b[]=|&c={}";
        let envelope = envelope(
            &deps(Policy::Flag),
            request("POST", "/webhooks/../upvest//%2e%zz", "?", query),
        );
        assert_eq!(envelope.request.path, "/webhooks/../upvest//%2e%zz");
        assert_eq!(envelope.request.query.as_deref(), Some(query));
        assert_eq!(envelope.body, [0, 0xff]);
        assert_eq!(envelope.received_at.to_string(), "2026-01-01T00:00:00.123Z");
        assert!(envelope.delivery_id.to_string().starts_with("019b76da-a87b-7"));
    }

    #[test]
    fn the_signed_path_is_that_of_the_public_url_whatever_the_gateway_saw() {
        let config = |url: &'static str| {
            let variable = |name: &str| match name {
                "DELIVERIES_QUEUE_URL" => Some("http://127.0.0.1:9/q".to_owned()),
                "WEBHOOK_URL" => Some(url.to_owned()),
                _ => None,
            };
            Config::from_lookup(&Lookup::new(&variable)).unwrap()
        };
        for (url, called, signed) in [
            (
                "https://bank.example/in/upvest?a=1",
                "/webhooks/upvest",
                Some("/in/upvest"),
            ),
            ("https://bank.example/in/upvest", "/in/upvest", Some("/in/upvest")),
            (
                "https://bank.example/in%2Fupvest/",
                "/webhooks/upvest",
                Some("/in%2Fupvest/"),
            ),
            ("https://bank.example/in/upvest", "/in", None),
            (
                "https://bank.example",
                "/webhooks/upvest",
                Some("/webhooks/upvest"),
            ),
        ] {
            let deps = Deps {
                config: config(url),
                ..deps(Policy::Flag)
            };
            let request = request("POST", called, "?", "");
            let taken = Answer::refusing(&request, &deps.config).is_none();
            assert_eq!(taken, signed.is_some(), "{url} {called}");
            if let Some(signed) = signed {
                assert_eq!(envelope(&deps, request).request.path, signed, "{url} {called}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_malformed_is_answered_400_with_its_reason_and_401_where_it_is_not_even_signed() {
        let deps = deps(Policy::Flag);
        let answer = async |headers: serde_json::Value| {
            let event = serde_json::json!({
                "rawPath": "/webhooks/upvest", "rawQueryString": "a=<>", "headers": headers,
                "requestContext": { "http": { "method": "POST" } },
            });
            let response = handle(&deps, serde_json::from_value(event).unwrap()).await;
            let Some(Body::Text(text)) = response.body else {
                panic!("an answer has a text")
            };
            (response.status_code, text)
        };
        let signed = serde_json::json!({ "Signature": "a", "signature-input": "b" });
        let malformed = (400, r#"{"reason":"malformed-query"}"#.to_owned());
        assert_eq!(answer(signed).await, malformed);
        assert_eq!(answer(serde_json::json!({ "signature": "a" })).await.0, 401);
    }
}
