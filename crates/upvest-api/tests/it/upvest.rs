//! A simulated Upvest, and clients of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use upvest_api::{Client, Credentials, NewWebhook, Options};
use upvest_simulator::{ApiRequest, Simulator, api};

pub(crate) struct Upvest {
    pub(crate) simulator: Arc<Simulator>,
    pub(crate) base_url: String,
}

impl Upvest {
    pub(crate) async fn start() -> Self {
        Self::start_with(upvest_simulator::Options {
            time_scale: 0.001,
            ..upvest_simulator::Options::default()
        })
        .await
    }

    pub(crate) async fn start_with(options: upvest_simulator::Options) -> Self {
        let simulator = Arc::new(Simulator::start(options).unwrap());
        let listener = api::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(api::serve(listener, Arc::clone(&simulator)));
        Self { simulator, base_url }
    }

    pub(crate) fn document(&self) -> Value {
        let document = self.simulator.api_credentials(&self.base_url).unwrap().unwrap();
        serde_json::from_str(&document).unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(options())
    }

    pub(crate) fn client_with(&self, options: Options) -> Client {
        client(&self.document(), options)
    }

    /// Lists the requests to a path, in the order in which they were answered.
    pub(crate) fn requests(&self, path: &str) -> Vec<ApiRequest> {
        let all = self.simulator.api_requests().into_iter();
        all.filter(|request| request.path == path).collect()
    }

    pub(crate) fn statuses(&self, path: &str) -> Vec<u16> {
        self.requests(path).iter().map(|request| request.status).collect()
    }
}

pub(crate) fn client(document: &Value, options: Options) -> Client {
    let credentials = Credentials::from_json(&document.to_string()).unwrap();
    Client::with_options(credentials, options).unwrap()
}

/// Gives options that are patient with a busy machine, and quick to try again.
pub(crate) fn options() -> Options {
    Options {
        first_backoff: Duration::from_millis(1),
        request_timeout: Some(Duration::from_secs(30)),
        ..Options::default()
    }
}

/// Gives options for tests that stop the time: no timer runs while an answer is awaited, so that none fires at once.
pub(crate) fn without_timeouts() -> Options {
    Options {
        connect_timeout: None,
        request_timeout: None,
        ..Options::default()
    }
}

/// Gives a time that both sides take from the same place, and that starts at the same second always.
pub(crate) fn start_of_time() -> Timestamp {
    "2026-01-05T08:00:00Z".parse().unwrap()
}

pub(crate) fn new_webhook(title: &str) -> NewWebhook {
    NewWebhook::new(title, "http://127.0.0.1:9/webhooks/upvest".parse().unwrap())
}

/// Writes an error with all that caused it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
