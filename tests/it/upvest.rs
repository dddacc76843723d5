//! A simulated Upvest on the loopback interface, and what its two functions need beside it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use ::tracing::subscriber::{DefaultGuard, NoSubscriber};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use fake_aws::Aws;
use lambda_runtime::tracing::subscriber::filter::LevelFilter;
use lambda_runtime::tracing::subscriber::fmt::MakeWriter;
use lambda_runtime::tracing::subscriber::util::SubscriberInitExt;
use lambda_runtime::tracing::{Dispatch, Level, Subscriber, subscriber};
use pipeline::runtime::clock::Clock;
use pipeline::upvest_access::UpvestAccess;
use serde_json::Value;
use upvest::signature::Headers;
use upvest_simulator::{Simulator, api};

/// Names the secret that holds the credentials.
pub(crate) const SECRET: &str = "upvest";

/// Simulates Upvest for a function that calls it.
pub(crate) struct Upvest {
    pub(crate) simulator: Arc<Simulator>,
    pub(crate) base_url: String,
}

impl Upvest {
    /// Starts it at the machine's time, and keeps the credentials in the account's secret.
    pub(crate) async fn start(aws: &Aws) -> Self {
        Self::start_with(aws, upvest_simulator::Options::default()).await
    }

    /// Starts it at the account's time.
    pub(crate) async fn start_in_time_of(aws: &Aws) -> Self {
        let clock = aws.clock().clone();
        let options = upvest_simulator::Options {
            clock: upvest_simulator::Clock::from_fn(move || clock.timestamp()),
            ..upvest_simulator::Options::default()
        };
        Self::start_with(aws, options).await
    }

    async fn start_with(aws: &Aws, options: upvest_simulator::Options) -> Self {
        let options = upvest_simulator::Options {
            time_scale: 0.001,
            ..options
        };
        let simulator = Arc::new(Simulator::start(options).unwrap());
        let listener = api::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(api::serve(listener, Arc::clone(&simulator)));
        let upvest = Self { simulator, base_url };
        aws.create_secret(SECRET, upvest.credentials().to_string().as_bytes());
        upvest
    }

    /// Gives the document in the secret.
    pub(crate) fn credentials(&self) -> Value {
        let document = self.simulator.api_credentials(&self.base_url).unwrap().unwrap();
        serde_json::from_str(&document).unwrap()
    }

    /// Lists the methods of the requests to a path, in their order.
    pub(crate) fn methods(&self, path: &str) -> Vec<String> {
        let requests = self.simulator.api_requests().into_iter();
        requests
            .filter(|request| request.path == path)
            .map(|request| request.method)
            .collect()
    }
}

/// Lists what nobody may be told: the parts of these credentials, of wrong ones, and of tokens.
pub(crate) fn secrets(credentials: &Value) -> Vec<String> {
    let key = credentials["private_key"].as_str().unwrap().lines();
    let key = key.filter(|line| !line.starts_with("-----"));
    let others = [
        credentials["client_secret"].as_str().unwrap(),
        "not-the-right-secret",
        "ory_at_",
    ];
    key.chain(others).map(str::to_owned).collect()
}

/// Access to Upvest at the account's time, with the credentials of the secret.
pub(crate) fn access(aws: &Aws) -> UpvestAccess {
    let time = aws.clock().clone();
    let options = upvest_api::Options {
        first_backoff: Duration::from_millis(1),
        max_attempts: 2,
        clock: upvest_api::Clock::from_fn(move || time.timestamp()),
        ..upvest_api::Options::default()
    };
    let secrets = aws_sdk_secretsmanager::Client::new(aws.sdk_config());
    UpvestAccess::new(secrets, SECRET.to_owned(), clock(aws), options)
}

/// Gives the account's time.
pub(crate) fn clock(aws: &Aws) -> Clock {
    let time = aws.clock().clone();
    Clock::from_fn(move || time.timestamp())
}

/// Holds a request that a server on the loopback interface took.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) method: String,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
}

/// Answers every request as it is told to, on the loopback interface, and keeps the requests.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) base_url: String,
    taken: Arc<Mutex<Vec<Taken>>>,
    statuses: Arc<Mutex<VecDeque<u16>>>,
}

impl Server {
    /// Starts a server that answers 200.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            base_url: format!("http://{}", listener.local_addr().unwrap()),
            taken: Arc::default(),
            statuses: Arc::new(Mutex::new([200].into())),
        };
        let own = server.clone();
        let router = Router::new().fallback(
            async move |method: axum::http::Method, headers: HeaderMap, body: Bytes| {
                own.take(method.to_string(), &headers, body)
            },
        );
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    /// Answers with these statuses from now on, one after another; the last one stays.
    pub(crate) fn answer(&self, statuses: impl IntoIterator<Item = u16>) {
        *self.statuses.lock().unwrap() = statuses.into_iter().collect();
    }

    /// Lists what it took so far.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    fn take(&self, method: String, headers: &HeaderMap, body: Bytes) -> (StatusCode, String) {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        self.taken.lock().unwrap().push(Taken {
            method,
            headers: headers.collect(),
            body,
        });
        let mut statuses = self.statuses.lock().unwrap();
        let status = match statuses.len() {
            1 => statuses[0],
            _ => statuses.pop_front().unwrap(),
        };
        let status = StatusCode::from_u16(status).unwrap();
        (status, format!("the endpoint says {status}"))
    }
}

/// Keeps everything that is logged on this thread, at every level.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Keeps the log of this thread until the guard is dropped.
    pub(crate) fn keep(&self) -> DefaultGuard {
        let subscriber = subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_writer(self.clone());
        kept_by(subscriber.finish())
    }

    /// Keeps the log of this thread as a function writes it at a level, until the guard is dropped.
    pub(crate) fn keep_at(&self, level: LevelFilter) -> DefaultGuard {
        kept_by(pipeline::runtime::log::subscriber(level, self.clone()))
    }

    /// Gives the text so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Logs what this thread does by a subscriber.
fn kept_by(subscriber: impl Subscriber + Send + Sync + 'static) -> DefaultGuard {
    // One that is always there. Of a single subscriber, tracing asks the thread that comes by a line first, and where it is a
    // test without a log, the line is off for all threads.
    static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
    LazyLock::force(&ANOTHER);
    subscriber.set_default()
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}
