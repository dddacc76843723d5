//! A receiver that answers as told and keeps what it received.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::time::Instant;
use upvest::signature::{Freshness, Headers, SignedRequest, UnverifiedDelivery, VerifyError, VerifyingKey};
use upvest_simulator::{Clock, Options, Simulator, Subscription, Url, generate};

const PATH: &str = "/webhooks/upvest";

/// Holds a request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) at: Duration,
    pub(crate) path: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn event_ids(&self) -> Vec<String> {
        let parts = upvest::split(&self.body).expect("a batch");
        let ids = parts.iter().filter_map(|part| part.event.as_ref().ok());
        ids.map(|event| event.id().to_owned()).collect()
    }

    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.combined(name).unwrap_or_default().into_owned()
    }

    pub(crate) fn verify(&self, key: &VerifyingKey, now: Timestamp) -> Result<Freshness, VerifyError> {
        let request = SignedRequest {
            method: "POST",
            path: &self.path,
            query: None,
            headers: &self.headers,
            body: &self.body,
        };
        let verified = UnverifiedDelivery::parse(request)?.verify([key], now)?;
        Ok(verified.freshness())
    }
}

#[derive(Debug)]
struct Inner {
    start: Instant,
    received: Mutex<Vec<Received>>,
    statuses: Mutex<Vec<u16>>,
}

/// Receives deliveries and answers 200, after the statuses that it was started with.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    inner: Arc<Inner>,
    pub(crate) url: Url,
}

impl Receiver {
    /// Starts one that answers with these statuses first.
    pub(crate) async fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let inner = Arc::new(Inner {
            start: Instant::now(),
            received: Mutex::default(),
            statuses: Mutex::new(statuses.iter().rev().copied().collect()),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            inner,
            url: format!("http://{address}{PATH}").parse().expect("a URL"),
        }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.inner.received.lock().expect("no panic").clone()
    }

    pub(crate) fn arrivals(&self) -> Vec<Duration> {
        self.received().iter().map(|received| received.at).collect()
    }
}

async fn answer(State(inner): State<Arc<Inner>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let received = Received {
        at: inner.start.elapsed(),
        path: uri.path().to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().expect("ASCII")))
            .collect(),
        body: body.to_vec(),
    };
    inner.received.lock().expect("no panic").push(received);
    let status = inner.statuses.lock().expect("no panic").pop().unwrap_or(200);
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [(header::LOCATION, "/elsewhere")], "noted").into_response()
}

/// Gives the options of tests that stop the time: the clock follows tokio's, and no timer runs while an answer is awaited.
pub(crate) fn stopped_time() -> Options {
    let start = Instant::now();
    Options {
        clock: Clock::from_fn(move || Timestamp::UNIX_EPOCH + start.elapsed()),
        answer_timeout: None,
        ..Options::default()
    }
}

pub(crate) fn simulator(
    options: Options,
    subscriptions: impl IntoIterator<Item = Subscription>,
) -> Simulator {
    let simulator = Simulator::start(options).expect("valid options");
    for subscription in subscriptions {
        simulator.subscribe(subscription).expect("a valid subscription");
    }
    simulator
}

/// Queues generated events one by one and returns their ids.
pub(crate) fn queue_generated(simulator: &Simulator, seed: u64, count: usize) -> Vec<String> {
    let events = generate(seed, count);
    for event in &events {
        simulator.queue(event).expect("a valid event");
    }
    let ids = events.iter().map(|event| {
        let event = upvest::Event::parse(event).expect("a valid event");
        event.id().to_owned()
    });
    ids.collect()
}

/// Makes the published keys into keys that verify.
pub(crate) fn verifying_keys(simulator: &Simulator) -> Vec<VerifyingKey> {
    let keys = simulator.verify_keys().keys;
    keys.iter()
        .map(|jwk| VerifyingKey::from_jwk(jwk).expect("a valid key"))
        .collect()
}
