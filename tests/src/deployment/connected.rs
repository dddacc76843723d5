//! A deployment beside a simulated Upvest.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode};
use operator::StackFinder;
use operator::upvest_account::UpvestAccount;
use pipeline::key_refresh::plan;
use pipeline::runtime::clock::Clock;
use pipeline::stores::keys::{KeysTable, PinnedKeys};
use pipeline::upvest_access::AccessError;
use tokio::sync::{Mutex, mpsc, oneshot};
use upvest_simulator::{Simulator, Trouble, api};

use super::{Deployment, stack};
use crate::deliveries::import_secret;
use crate::receiver::{PATH, Receiver, gateway_request};

/// Names the secret that holds the credentials for the simulated Upvest.
pub const UPVEST_SECRET: &str = "upvest";

/// Is a [`Deployment`] whose stack has the credentials of a client at a simulated Upvest.
///
/// The receiver lives some months ago, so that with a strict policy it takes all signatures for not yet valid.
pub struct ConnectedDeployment {
    deployment: Deployment,
    /// Answers the receiver's calls as Upvest's API, and delivers to it.
    pub simulator: Arc<Simulator>,
    /// Finds the stack.
    pub stacks: StackFinder<'static>,
    /// Holds the document of credentials, as the secret has it.
    pub document: String,
    /// Gives the URL at which the receiver listens.
    pub url: String,
    posted: Mutex<mpsc::UnboundedReceiver<Posted>>,
}

impl Deref for ConnectedDeployment {
    type Target = Deployment;

    fn deref(&self) -> &Deployment {
        &self.deployment
    }
}

impl ConnectedDeployment {
    /// Starts a deployment that flags expired signatures.
    pub async fn new() -> Self {
        Deployment::builder().connect().await
    }

    pub(super) async fn beside(mut deployment: Deployment) -> Self {
        let simulator = Arc::new(Simulator::start(upvest_simulator::Options::default()).unwrap());
        let listener = api::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(api::serve(listener, Arc::clone(&simulator)));
        let document = simulator.api_credentials(&base_url).unwrap().unwrap();
        deployment
            .receiver
            .aws
            .create_secret(UPVEST_SECRET, document.as_bytes());
        let (url, posted) = listen().await;
        deployment.add_outputs(&[("WebhookUrl", &url), ("UpvestSecret", UPVEST_SECRET)]);
        Self {
            stacks: deployment.finder(),
            deployment,
            simulator,
            document,
            url,
            posted: Mutex::new(posted),
        }
    }

    /// Runs `work` while the receiver takes what is posted, and verifies it at once.
    pub async fn receiving<T>(&self, work: impl Future<Output = T>) -> T {
        let mut posted = self.posted.lock().await;
        let receive = async {
            while let Some(posted) = posted.recv().await {
                let answer = take(&self.receiver, &posted).await;
                posted.reply.send(answer).unwrap();
            }
            panic!("nobody listens");
        };
        tokio::select! {
            done = work => done,
            () = receive => unreachable!(),
        }
    }

    /// Gives the stack more outputs, or other values for those that it has.
    pub fn add_outputs(&mut self, more: &[(&str, &str)]) {
        self.deployment.add_outputs(more);
        self.stacks = self.deployment.finder();
    }

    /// Has commands find a stack with these outputs alone.
    pub fn replace_stack(&mut self, outputs: impl IntoIterator<Item = (String, String)>) {
        self.stacks = StackFinder::of(stack(&self.receiver.aws, outputs));
    }

    /// Has the receiver know a shared secret, as `keys import --hmac-secret-file` does.
    pub async fn know_secret(&self, key_id: &str, secret: &[u8]) {
        import_secret(&self.receiver.aws, key_id, secret).await;
    }

    /// Fetches the simulated Upvest's verification keys into the receiver's table, as `keys refresh` does.
    pub async fn know_keys(&self) {
        let client = UpvestAccount::default().client(&self.stacks).await.unwrap();
        let dynamodb = self.receiver.aws.dynamodb().clone();
        let table = KeysTable::new(dynamodb, "keys".to_owned(), Clock::system());
        let fetch = async || {
            let fetched = client.verify_keys().await;
            fetched.map_err(|error| AccessError::from(error).into())
        };
        let plan = plan(&table, &PinnedKeys::default(), fetch).await.unwrap();
        plan.apply(&table).await.unwrap();
    }

    /// Has Upvest answer the next request to this path with a status.
    pub fn refuse(&self, path: &str, status: u16) {
        self.simulator.add_trouble(Trouble {
            answers: 1,
            status: Some(status),
            path_prefix: Some(path.to_owned()),
            ..Trouble::default()
        });
    }

    /// Lists the requests so far that change something at Upvest.
    pub fn changes(&self) -> Vec<String> {
        let requests = self.simulator.api_requests().into_iter();
        requests
            .filter(|request| request.method != "GET" && request.path != "/auth/token")
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }

    /// Fails if a secret of the credentials is in a text.
    pub fn assert_no_secret_in(&self, text: &str) {
        let document: serde_json::Value = serde_json::from_str(&self.document).unwrap();
        let member = |name: &str| document[name].as_str().unwrap().to_owned();
        let key = member("private_key");
        let lines = key.lines().filter(|line| !line.starts_with("-----"));
        for secret in lines.chain([member("client_secret").as_str()]) {
            assert!(!text.contains(secret), "a secret is in: {text}");
        }
    }
}

/// Holds a delivery that was posted, and where its answer goes.
struct Posted {
    method: Method,
    headers: HeaderMap,
    body: Bytes,
    reply: oneshot::Sender<(StatusCode, String)>,
}

/// Listens on the loopback interface. The receiver cannot move between threads, so what is posted comes to it.
async fn listen() -> (String, mpsc::UnboundedReceiver<Posted>) {
    let (sender, posted) = mpsc::unbounded_channel();
    let listener = api::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}{PATH}", listener.local_addr().unwrap());
    let router = Router::new().fallback(async move |method: Method, headers: HeaderMap, body: Bytes| {
        let (reply, answer) = oneshot::channel();
        let posted = Posted {
            method,
            headers,
            body,
            reply,
        };
        sender.send(posted).ok().unwrap();
        answer.await.unwrap()
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, posted)
}

async fn take(receiver: &Receiver, posted: &Posted) -> (StatusCode, String) {
    let headers = posted.headers.iter();
    let headers = headers
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    let mut request = gateway_request(receiver.aws.clock().unix_ms(), &headers, &posted.body);
    request["requestContext"]["http"]["method"] = posted.method.as_str().into();
    let (status, body) = receiver.request(request).await.unwrap();
    receiver.verify_and_store().await;
    let status = u16::try_from(status).unwrap();
    (StatusCode::from_u16(status).unwrap(), body)
}
