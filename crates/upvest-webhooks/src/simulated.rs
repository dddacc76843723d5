//! A receiver in process and a simulated Upvest on the loopback interface, for tests of the commands.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode};
use pipeline::key_refresh::refresh;
use pipeline::runtime::clock::Clock;
use pipeline::stores::keys::KeysTable;
use pipeline::upvest_api::AccessError;
use tokio::sync::{Mutex, mpsc, oneshot};
use upvest::signature::Algorithm;
use upvest_simulator::{Simulator, Trouble, api};
use verify_and_store::FreshnessPolicy;
use webhook_tests::receiver::{PATH, Receiver, gateway_request};

use crate::arguments::UpvestArgs;
use crate::stack::StackFinder;

/// The secret that holds the credentials.
pub(crate) const SECRET: &str = "upvest";

/// A stack whose secret holds the credentials of a client at the simulated Upvest.
pub(crate) struct World {
    pub(crate) receiver: Receiver,
    pub(crate) simulator: Arc<Simulator>,
    pub(crate) stacks: StackFinder<'static>,
    /// The document of credentials.
    pub(crate) document: String,
    /// Where the receiver listens.
    pub(crate) url: String,
    posted: Mutex<mpsc::UnboundedReceiver<Posted>>,
}

impl World {
    /// Starts both. The receiver lives some months ago, so that with [`FreshnessPolicy::Strict`] it takes all
    /// signatures for not yet valid.
    pub(crate) async fn new(freshness: FreshnessPolicy) -> Self {
        let receiver = Receiver::new(1, freshness);
        let simulator = Arc::new(Simulator::start(upvest_simulator::Options::default()).unwrap());
        let listener = api::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(api::serve(listener, Arc::clone(&simulator)));
        let document = simulator.api_credentials(&base_url).unwrap().unwrap();
        receiver.aws.create_secret(SECRET, document.as_bytes());
        let (url, posted) = listen().await;
        let outputs = [
            ("WebhookUrl", url.as_str()),
            ("KeysTableName", "keys"),
            ("EventsTableName", "events"),
            ("ArchiveBucketName", "archive"),
            ("UpvestSecret", SECRET),
        ];
        let stack = crate::stack::deployed(receiver.aws.sdk_config().clone(), &outputs);
        Self {
            stacks: StackFinder::of(stack),
            receiver,
            simulator,
            document,
            url,
            posted: Mutex::new(posted),
        }
    }

    /// Does something while the receiver takes what is posted, and verifies it at once.
    pub(crate) async fn receiving<T>(&self, work: impl Future<Output = T>) -> T {
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

    /// Has commands find the stack with these outputs too.
    pub(crate) fn adopt(&mut self, more: &[(&str, &str)]) {
        let outputs = [
            ("WebhookUrl", self.url.as_str()),
            ("KeysTableName", "keys"),
            ("EventsTableName", "events"),
            ("ArchiveBucketName", "archive"),
        ];
        let outputs = [&outputs[..], more].concat();
        let config = self.receiver.aws.sdk_config().clone();
        self.stacks = StackFinder::of(crate::stack::deployed(config, &outputs));
    }

    /// Has the receiver know a shared secret, as `keys import --hmac-secret-file` does.
    pub(crate) async fn know_secret(&self, key_id: &str, secret: &[u8]) {
        let aws = &self.receiver.aws;
        aws.create_secret("hmac", secret);
        let item = [
            ("key_id", key_id),
            ("profile", "quoted"),
            ("algorithm", Algorithm::HmacSha256.as_str()),
            ("secret", "hmac"),
            ("source", "import"),
        ];
        let put = aws.dynamodb().put_item().table_name("keys");
        let put = item.iter().fold(put, |put, (name, value)| {
            put.item(*name, AttributeValue::S((*value).to_owned()))
        });
        put.send().await.unwrap();
    }

    /// Has the receiver know the keys of Upvest.
    pub(crate) async fn know_keys(&self) {
        let client = UpvestArgs::default().client(&self.stacks).await.unwrap();
        let dynamodb = self.receiver.aws.dynamodb().clone();
        let table = KeysTable::new(dynamodb, "keys".to_owned(), Clock::system());
        let fetch = async || {
            client
                .verify_keys()
                .await
                .map_err(|error| AccessError::from(error).into())
        };
        refresh(&table, fetch).await.unwrap();
    }

    /// Has Upvest answer the next request to this path with a status.
    pub(crate) fn refuse(&self, path: &str, status: u16) {
        self.simulator.add_trouble(Trouble {
            answers: 1,
            status: Some(status),
            path_prefix: Some(path.to_owned()),
            ..Trouble::default()
        });
    }

    /// The requests so far that change something at Upvest.
    pub(crate) fn changes(&self) -> Vec<String> {
        let requests = self.simulator.api_requests().into_iter();
        requests
            .filter(|request| request.method != "GET" && request.path != "/auth/token")
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }

    /// Looks for each secret of the credentials in a text.
    pub(crate) fn assert_no_secret_in(&self, text: &str) {
        let document: serde_json::Value = serde_json::from_str(&self.document).unwrap();
        let member = |name: &str| document[name].as_str().unwrap().to_owned();
        let key = member("private_key");
        let lines = key.lines().filter(|line| !line.starts_with("-----"));
        for secret in lines.chain([member("client_secret").as_str()]) {
            assert!(!text.contains(secret), "a secret is in: {text}");
        }
    }
}

/// A delivery that was posted, and where its answer goes.
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
