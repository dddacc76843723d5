//! What a call sends, before it is signed.

use reqwest::Url;
use uuid::Uuid;

use crate::error::RequestLine;
use crate::scope::Scope;

/// Holds one call. It is signed anew for every attempt; all attempts share its idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) url: Url,
    pub(crate) accept: &'static str,
    /// Names the scope of its access token; `None` for the request of a token.
    pub(crate) scope: Option<Scope>,
    pub(crate) body: Option<Body>,
    pub(crate) idempotency_key: Option<Uuid>,
}

#[derive(Clone)]
pub(crate) struct Body {
    pub(crate) content_type: &'static str,
    pub(crate) bytes: zeroize::Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} bytes of {}", self.bytes.len(), self.content_type)
    }
}

/// Names the media types, in the only spellings that Upvest accepts: parameters such as `charset` are refused.
pub(crate) const JSON: &str = "application/json";
pub(crate) const PDF: &str = "application/pdf";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

impl Call {
    pub(crate) fn new(method: &'static str, url: Url, scope: Scope) -> Self {
        Self {
            method,
            url,
            accept: JSON,
            scope: Some(scope),
            body: None,
            // So that an attempt whose answer was lost does not create or change twice. Upvest takes none elsewhere.
            idempotency_key: matches!(method, "POST" | "PATCH").then(Uuid::new_v4),
        }
    }

    pub(crate) fn with_json(mut self, bytes: Vec<u8>, idempotency_key: Option<Uuid>) -> Self {
        self.body = Some(Body {
            content_type: JSON,
            bytes: bytes.into(),
        });
        self.idempotency_key = idempotency_key.or(self.idempotency_key);
        self
    }

    /// Returns what `content-length` is to say; `None` where the header is not sent.
    ///
    /// A POST without a body says so: load balancers, Google's among them, answer one that does not with 411, and the
    /// HTTP library leaves the header out.
    pub(crate) fn content_length(&self) -> Option<usize> {
        match &self.body {
            Some(body) => Some(body.bytes.len()),
            None => matches!(self.method, "POST" | "PATCH" | "PUT").then_some(0),
        }
    }

    /// Names the call in errors, without its query.
    pub(crate) fn line(&self) -> RequestLine {
        RequestLine {
            method: self.method,
            path: self.url.path().to_owned(),
        }
    }
}

/// Appends segments to the base's path, percent-encoded.
pub(crate) fn join(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    // Only URLs that cannot be a base, such as mailto:, have no segments; the credentials hold none of them.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}
