//! An end to connections that never come about. One that nobody waits for any more hyper makes all the same, for the next
//! request.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use tokio::time::timeout;
use tower_service::Service;

use super::route::{Route, Stream};

/// Connects to hosts, with the TLS that is spoken to them.
#[derive(Clone)]
pub(super) struct Limited {
    connector: HttpsConnector<Route>,
    limit: Option<Duration>,
}

impl Limited {
    /// Gives a connection twice the time that it has without its TLS, where that is limited.
    pub(super) fn new(connector: HttpsConnector<Route>, connect_timeout: Option<Duration>) -> Self {
        let limit = connect_timeout.map(|time| time.saturating_mul(2));
        Self { connector, limit }
    }
}

impl Service<Uri> for Limited {
    type Response = MaybeHttpsStream<Stream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, host: Uri) -> Self::Future {
        let connecting = self.connector.call(host);
        let Some(limit) = self.limit else {
            return connecting;
        };
        Box::pin(async move {
            timeout(limit, connecting)
                .await
                .unwrap_or_else(|_| Err(format!("no connection within {limit:?}").into()))
        })
    }
}
