//! Requests to Upvest's API, written and signed by hand: what is accepted and what is refused.

mod signatures;
mod tokens;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sha2::{Digest, Sha512};
use upvest::signature::{Dialect, SigningKey};
use upvest_simulator::{ApiClient, Clock, Options, Simulator, api};
use uuid::Uuid;

const CLIENT_ID: &str = "5ec16164-6173-461d-b90d-116d68f55b40";
const SECRET: &str = "WHIW1yic-ouct3sceh";
const KEY_ID: &str = "1c32a0ab-1d4b-4e5f-8b0a-66f2e2d6c0de";
const NOW: i64 = 1_767_600_000;
const WEBHOOK: &str = r#"{"title":"User webhook","url":"https://tenant.tld/webhooks/users","type":["USER"]}"#;

const MINIMAL: &str = "upvest-client-id authorization upvest-api-version content-type content-length accept @method \
                       @path content-digest";

/// Holds a request, and how it is signed.
#[derive(Clone)]
struct Signed {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    /// Lists the covered components in their order, separated by spaces.
    covered: String,
    /// Lists the parameters of the signature in their order; `NONCE` becomes one.
    parameters: String,
}

struct Upvest {
    base: String,
    simulator: Arc<Simulator>,
    key: SigningKey,
    http: Client,
}

impl Signed {
    fn new(method: Method, path: &str, token: &str) -> Self {
        let mut headers = vec![
            ("upvest-signature-version", "15"),
            ("upvest-client-id", CLIENT_ID),
            ("accept", "application/json"),
        ];
        let authorization = format!("Bearer {token}");
        if !token.is_empty() {
            headers.push(("authorization", &authorization));
        }
        Self {
            method,
            path: path.to_owned(),
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: String::new(),
            covered: "@method @path accept upvest-client-id authorization".to_owned(),
            parameters: format!(
                "keyid=\"{KEY_ID}\";created={NOW};expires={};nonce=\"NONCE\"",
                NOW + 10
            ),
        }
    }

    /// A creation of a subscription, signed like the official Java example.
    fn creation(token: &str) -> Self {
        Self::new(Method::POST, "/webhooks", token)
            .header("upvest-api-version", "1")
            .body("application/json", WEBHOOK)
            .covered(MINIMAL)
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self
    }

    fn body(self, content_type: &str, body: &str) -> Self {
        let digest = format!("sha-512=:{}:", STANDARD.encode(Sha512::digest(body)));
        let mut request = self
            .header("content-type", content_type)
            .header("content-length", &body.len().to_string())
            .header("content-digest", &digest);
        request.body = body.to_owned();
        request
    }

    fn covered(mut self, covered: &str) -> Self {
        self.covered = covered.to_owned();
        self
    }

    fn parameters(mut self, parameters: &str) -> Self {
        self.parameters = parameters.to_owned();
        self
    }

    fn value(&self, component: &str) -> String {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        match component {
            "@method" => self.method.to_string(),
            "@path" => path.to_owned(),
            "@query" => format!("?{query}"),
            name => {
                let found = self.headers.iter().find(|(own, _)| own == name);
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            }
        }
    }

    /// Adds the two headers of the signature.
    fn sign(self, key: &SigningKey) -> Self {
        let names: Vec<&str> = self.covered.split_whitespace().collect();
        let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let nonce = Uuid::new_v4().simple().to_string();
        let text = format!(
            "({});{}",
            quoted.join(" "),
            self.parameters.replace("NONCE", &nonce)
        );
        let lines: Vec<String> = names
            .iter()
            .map(|name| format!("\"{name}\": {}\n", self.value(name)))
            .collect();
        let base = format!("{}\"@signature-params\": {text}", lines.concat());
        let signature = STANDARD.encode(key.sign_base(&base).expect("a signature"));
        self.header("signature-input", &format!("sig1={text}"))
            .header("signature", &format!("sig1=:{signature}:"))
    }
}

impl Upvest {
    async fn start() -> Self {
        let key = SigningKey::generate_p521(KEY_ID, Dialect::QuotedContentDigest).expect("a key");
        let options = Options {
            api_clients: vec![ApiClient {
                client_id: CLIENT_ID.to_owned(),
                client_secret: SECRET.to_owned(),
                key_id: KEY_ID.to_owned(),
                public_key: key.to_jwk().expect("a public key"),
            }],
            clock: Clock::from_fn(|| jiff::Timestamp::from_second(NOW).expect("a time")),
            ..Options::default()
        };
        let simulator = Arc::new(Simulator::start(options).expect("valid options"));
        let listener = api::listen("127.0.0.1:0".parse().expect("an address"))
            .await
            .expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(api::serve(listener, Arc::clone(&simulator)));
        Self {
            base,
            simulator,
            key,
            http: Client::builder().no_proxy().build().expect("a client"),
        }
    }

    /// Sends a request as it stands.
    async fn send(&self, request: &Signed) -> (u16, Value) {
        let url = format!("{}{}", self.base, request.path);
        let sent = request.headers.iter().fold(
            self.http.request(request.method.clone(), url),
            |sent, (name, value)| sent.header(name, value),
        );
        let response = sent.body(request.body.clone()).send().await.expect("an answer");
        let status = response.status().as_u16();
        // What a load balancer refuses is no problem of Upvest's.
        if status >= 400 && status != 411 {
            let headers = response.headers();
            assert_eq!(headers["content-type"], "application/problem+json");
            assert!(headers.contains_key("upvest-request-id"));
        }
        (status, response.json().await.unwrap_or_default())
    }

    async fn sign_and_send(&self, request: Signed) -> (u16, Value) {
        self.send(&request.sign(&self.key)).await
    }

    async fn token(&self, scope: &str) -> String {
        let (status, answer) = self.sign_and_send(token_request(scope)).await;
        assert_eq!(status, 200, "{answer}");
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    /// Signs, sends and expects a refusal whose detail has these words.
    async fn refuses(&self, request: Signed, status: u16, words: &str) {
        let (answered, problem) = self.sign_and_send(request).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert_eq!(
            (answered, detail.contains(words)),
            (status, true),
            "{words}: {problem}"
        );
        assert_eq!(problem["status"], status);
    }
}

fn token_request(scope: &str) -> Signed {
    let form = format!(
        "client_id={CLIENT_ID}&client_secret={SECRET}&grant_type=client_credentials&scope={}",
        scope.replace(':', "%3A")
    );
    Signed::new(Method::POST, "/auth/token", "")
        .body("application/x-www-form-urlencoded", &form)
        .covered("@method @path accept upvest-client-id content-type content-digest content-length")
}

#[tokio::test]
async fn what_the_official_examples_send_is_accepted() {
    let upvest = Upvest::start().await;
    let token = upvest.token("webhooks:admin").await;
    let key = Uuid::new_v4().to_string();
    let (admin, get) = (
        Signed::creation(&token),
        Signed::new(Method::GET, "/webhooks?limit=7", &token),
    );
    let dated = |request: Signed| request.header("date", "Mon, 05 Jan 2026 08:00:00 GMT");
    let parameters = |order: [&str; 4], lifetime: i64| {
        let parameter = |name: &str| match name {
            "keyid" => format!("keyid=\"{KEY_ID}\""),
            "created" => format!("created={NOW}"),
            "expires" => format!("expires={}", NOW + lifetime),
            _ => "nonce=\"NONCE\"".to_owned(),
        };
        order.map(parameter).join(";")
    };
    let python = ["keyid", "nonce", "created", "expires"];
    let java = ["keyid", "created", "nonce", "expires"];
    let examples = [
        ("Java, POST", admin.clone().header("idempotency-key", &key).parameters(&parameters(java, 60))),
        (
            "Java, GET",
            get.clone()
                .header("upvest-api-version", "1")
                .covered("upvest-client-id authorization upvest-api-version accept @method @path @query")
                .parameters(&parameters(java, 60)),
        ),
        (
            "Python",
            dated(admin.clone())
                .header("idempotency-key", &Uuid::new_v4().to_string())
                .covered(
                    "@method @path authorization content-type accept upvest-api-version upvest-client-id \
                     idempotency-key date content-digest content-length",
                )
                .parameters(&parameters(python, 10)),
        ),
        (
            "JavaScript",
            dated(get.clone())
                .covered("@method @path @query accept authorization upvest-client-id date")
                .parameters(&parameters(["keyid", "created", "expires", "nonce"], 5)),
        ),
        (
            "proxy",
            admin
                .header("accept", "*/*")
                .covered(
                    "content-length upvest-client-id accept content-type upvest-api-version authorization @method \
                     @path content-digest",
                )
                .parameters(&parameters(java, 60)),
        ),
        ("proxy, GET", get.covered("authorization accept upvest-client-id @method @path @query")),
    ];
    for (name, request) in examples {
        let (status, answer) = upvest.sign_and_send(request).await;
        assert!(matches!(status, 200 | 201), "{name}: {status} {answer}");
    }
    let nameless = token_request("webhooks:read")
        .without("upvest-client-id")
        .covered("@method @path accept content-type content-digest content-length");
    assert_eq!(
        upvest.sign_and_send(nameless).await.0,
        200,
        "Java's token request"
    );
}

#[tokio::test]
async fn a_post_has_to_say_how_long_its_body_is_though_there_is_none() {
    let upvest = Upvest::start().await;
    let token = upvest.token("webhooks:admin").await;
    let (_, created) = upvest.sign_and_send(Signed::creation(&token)).await;
    let path = format!("/webhooks/{}/test", created["id"].as_str().expect("an id"));
    let bare = Signed::new(Method::POST, &path, &token);
    assert_eq!(upvest.sign_and_send(bare.clone()).await.0, 411);
    // As Upvest's Python client sends it, and without covering it.
    let covered = format!("{} content-length", bare.covered);
    let with_length = bare.header("content-length", "0");
    for request in [with_length.clone().covered(&covered), with_length] {
        // Upvest saw it, and had the endpoint tested, which is nowhere.
        upvest
            .refuses(request, 400, "the webhook's endpoint did not answer")
            .await;
    }
    assert_eq!(upvest.simulator.api_requests()[2].status, 411);
}

#[tokio::test]
async fn headers_are_taken_by_the_letter() {
    let upvest = Upvest::start().await;
    let token = upvest.token("webhooks:admin").await;
    let good = Signed::creation(&token);
    let charset = "application/json; charset=utf-8";
    upvest
        .refuses(
            good.clone().body(charset, WEBHOOK),
            400,
            "unexpected request Content-Type",
        )
        .await;
    upvest
        .refuses(good.clone().header("accept", "text/html"), 406, "accept")
        .await;
    upvest
        .refuses(
            good.clone().header("upvest-api-version", "2"),
            400,
            "upvest-api-version",
        )
        .await;
    upvest
        .refuses(
            good.clone().header("idempotency-key", "seven"),
            400,
            "idempotency-key",
        )
        .await;
    upvest
        .refuses(good.header("upvest-client-id", "nobody"), 401, "no such client")
        .await;
}

#[tokio::test]
async fn an_idempotency_key_stands_for_one_request() {
    let upvest = Upvest::start().await;
    let token = upvest.token("webhooks:admin").await;
    let key = Uuid::new_v4().to_string();
    let create = || Signed::creation(&token).header("idempotency-key", &key);
    let (status, first) = upvest.sign_and_send(create()).await;
    assert_eq!(status, 201);
    assert_eq!(upvest.sign_and_send(create()).await, (201, first));
    let other = create().body("application/json", &WEBHOOK.replace("User", "Other"));
    upvest.refuses(other, 400, "idempotency key was used").await;
    assert_eq!(upvest.simulator.subscriptions().len(), 1);
}

#[tokio::test]
async fn bodies_keep_to_the_schema() {
    let upvest = Upvest::start().await;
    let token = upvest.token("webhooks:admin").await;
    let changed = |name: &str, value: Value| {
        let mut body: Value = serde_json::from_str(WEBHOOK).expect("JSON");
        body[name] = value;
        Signed::creation(&token).body("application/json", &body.to_string())
    };
    let cases = [
        (changed("enabled", json!(true)), "enabled"),
        (changed("surprise", json!(1)), "surprise"),
        (changed("title", json!("under_score")), "title"),
        (changed("title", Value::Null), "title"),
        (changed("url", json!("http://tenant.tld/")), "url"),
        (changed("url", json!("https://1.2.3.4/")), "url"),
        (changed("type", json!(["user"])), "type"),
        (changed("config", json!({"delay": "31s"})), "delay"),
        (changed("config", json!({"delay": "01s"})), "delay"),
        (
            changed("config", json!({"max_package_size": 99})),
            "max_package_size",
        ),
    ];
    for (request, words) in cases {
        upvest.refuses(request, 400, words).await;
    }
    assert!(upvest.simulator.subscriptions().is_empty());
}
