//! The answers that a sender can get, and what a request is refused with for its outside.

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::{HeaderValue, Method};
use lambda_http::{Body, Request, RequestExt};
use pipeline::policy::Policy;
use pipeline::runtime::metrics;
use serde_json::json;
use uuid::Uuid;

use crate::Config;
use crate::gateway_event::{MalformedError, context_of};

/// Says what a request is answered with. Upvest takes 200 alone for success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The delivery of this id is durable.
    Received(Uuid),
    /// The event is no request that can be handled.
    Malformed(MalformedError),
    /// The request has another path than the webhook's.
    WrongPath,
    /// The request has another method than POST.
    NotPost,
    /// The request lacks `signature` or `signature-input`: it is no delivery of Upvest's.
    Unsigned,
    /// The request comes from an address that is not on the allow list, where others are rejected.
    UnlistedSource,
    /// The delivery does not fit into a message, even compressed.
    TooLarge,
    /// The queue did not take the delivery: Upvest will send it again.
    Unavailable,
}

impl Answer {
    /// Looks at the outside of a request for what keeps it from being a delivery; `None` when nothing does.
    pub(crate) fn refusing(request: &Request, config: &Config) -> Option<Self> {
        let context = context_of(request);
        let listed = config
            .allowed
            .admits(context.and_then(|context| context.http.source_ip.as_deref()));
        if !listed {
            metrics::unlisted_source();
            tracing::warn!(
                gateway.request_id = context.and_then(|context| context.request_id.as_deref()),
                "request from an address that is not on the allow list"
            );
        }
        let has = |name| request.headers().contains_key(name);
        let path = request.raw_http_path();
        // The public one too: the gateway's event has the path of its own domain, mapping included.
        if path != config.path && Some(path) != config.public_path.as_deref() {
            Some(Self::WrongPath)
        } else if request.method() != Method::POST {
            Some(Self::NotPost)
        } else if !has("signature") || !has("signature-input") {
            // Before the address: 403 is for what could be a delivery of Upvest's, from an address that is not listed yet.
            Some(Self::Unsigned)
        } else if !listed && config.source_policy == Policy::Strict {
            Some(Self::UnlistedSource)
        } else {
            None
        }
    }

    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Received(_) => 200,
            Self::Malformed(_) => 400,
            Self::Unsigned => 401,
            Self::UnlistedSource => 403,
            Self::WrongPath => 404,
            Self::NotPost => 405,
            Self::TooLarge => 413,
            Self::Unavailable => 503,
        }
    }

    /// Tells whether the request was refused for what it is, and not for a fault of ours.
    pub(crate) fn is_refusal(self) -> bool {
        matches!(self.status(), 400..=405)
    }

    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Received(_) => "received",
            Self::Malformed(error) => error.reason(),
            Self::Unsigned => "missing-signature",
            Self::UnlistedSource => "source-address-not-allowed",
            Self::WrongPath => "no-such-path",
            Self::NotPost => "method-not-allowed",
            Self::TooLarge => "body-too-large",
            Self::Unavailable => "temporarily-unavailable",
        }
    }

    pub(crate) fn into_response(self) -> ApiGatewayV2httpResponse {
        let body = match self {
            Self::Received(delivery_id) => json!({ "delivery_id": delivery_id }),
            refusal => json!({ "reason": refusal.reason() }),
        };
        let mut response = ApiGatewayV2httpResponse::default();
        response.status_code = self.status().into();
        response.body = Some(Body::Text(body.to_string()));
        response
            .headers
            .insert("content-type", HeaderValue::from_static("application/json"));
        // HTTP asks for the methods that are allowed beside a 405 (RFC 9110, 15.5.6).
        if self == Self::NotPost {
            response.headers.insert("allow", HeaderValue::from_static("POST"));
        }
        response
    }
}
