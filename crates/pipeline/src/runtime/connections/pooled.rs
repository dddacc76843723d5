//! Requests over connections that are kept open: what the SDK's connector does, with the same libraries.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{CertificateError, ClientConfig};
use tokio::time::timeout;

use super::Timeouts;
use super::limited::Limited;
use super::proxies::Proxies;
use super::roots::Bundle;
use super::route::{ProxyError, Route};

/// Keeps connections open between requests, one for each that is under way to a host at a time.
#[derive(Debug)]
pub(super) struct Pooled {
    client: Client<Limited, SdkBody>,
    read_timeout: Option<Duration>,
    trusted: Arc<Trusted>,
}

/// Says whom connections are trusted by, for the error of one that is not.
#[derive(Debug)]
struct Trusted {
    bundle: Bundle,
    has_certificates: bool,
}

/// Says whose certificate was refused. The source says what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("the certificate of {host} is refused{reason}")]
struct RefusedError {
    host: String,
    reason: String,
    source: rustls::Error,
}

impl Pooled {
    /// Reads the certificates that are trusted. The first timeout is that of [`Route::new`] and [`Limited::new`].
    pub(super) fn new(timeouts: Timeouts, bundle: Bundle, proxies: Arc<Proxies>) -> Self {
        let (connect_timeout, read_timeout) = timeouts;
        let roots = bundle.roots();
        let trusted = Trusted {
            bundle,
            has_certificates: !roots.is_empty(),
        };
        // HTTP/2 is not offered: no service speaks it.
        let tls = ClientConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("the provider has cipher suites of all versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = Arc::new(tls);
        let route = Route::new(connect_timeout, Arc::clone(&tls), proxies);
        // Emulators speak plain HTTP, which it lets through.
        let connector = HttpsConnector::from((route, tls));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(Limited::new(connector, connect_timeout));
        Self {
            client,
            read_timeout,
            trusted: Arc::new(trusted),
        }
    }
}

impl HttpConnector for Pooled {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || described(&connection));
        }
        let host = request.uri().clone();
        let answer = self.client.request(request);
        let limit = self.read_timeout;
        let trusted = Arc::clone(&self.trusted);
        HttpConnectorFuture::new(async move {
            let answer = match limit {
                Some(limit) => timeout(limit, answer).await.map_err(|_| late(limit))?,
                None => answer.await,
            };
            // Whatever it is, it lies between here and AWS: the SDK tries it again.
            let answer = answer.map_err(|error| ConnectorError::io(trusted.explain(error.into(), &host)))?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn late(limit: Duration) -> ConnectorError {
    ConnectorError::timeout(format!("no answer within {limit:?}").into())
}

impl Trusted {
    /// Says of a certificate that was refused whose it was, and where the authorities are that it should have been signed by.
    fn explain(&self, error: BoxError, host: &Uri) -> BoxError {
        let Some(refusal) = refusal(&*error) else {
            return error;
        };
        let bundle = &self.bundle;
        let reason = match refusal {
            CertificateError::UnknownIssuer if self.has_certificates => {
                format!(", because no authority in {bundle} has signed it")
            }
            _ if self.has_certificates => String::new(),
            _ => format!(", because there is no authority in {bundle}"),
        };
        let refused = RefusedError {
            host: host.authority().map(ToString::to_string).unwrap_or_default(),
            reason,
            source: rustls::Error::InvalidCertificate(refusal.clone()),
        };
        refused.into()
    }
}

/// Finds why the certificate of a host was refused, if that is what failed. That of a proxy is told of by [`ProxyError`].
fn refusal<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e CertificateError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<ProxyError>() {
            return None;
        }
        if let Some(rustls::Error::InvalidCertificate(refusal)) = error.downcast_ref::<rustls::Error>() {
            return Some(refusal);
        }
        next = match error.downcast_ref::<io::Error>() {
            // Its source is that of the error within.
            Some(error) => error.get_ref().map(|within| within as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// Lets the SDK give a connection up on which a request failed, so that the next one gets another.
fn described(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    connection.connection_metadata().as_ref()?;
    let connection = connection.clone();
    let give_up = move || {
        if let Some(connected) = connection.connection_metadata().as_ref() {
            connected.poison();
        }
    };
    // Through a tunnel, too, it is the host that is spoken to.
    let metadata = ConnectionMetadata::builder().proxied(false);
    Some(metadata.poison_fn(give_up).build())
}
