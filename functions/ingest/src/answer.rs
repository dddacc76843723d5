//! The answers that a sender can get.

use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::HeaderValue;
use serde_json::json;
use uuid::Uuid;

use crate::gateway_event::MalformedError;

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
