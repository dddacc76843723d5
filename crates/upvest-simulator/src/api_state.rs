//! Remembers, for the simulated API, its tokens, nonces, files, first answers, and the trouble to come.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::api_client::{ApiClient, ApiCredentials};
use crate::lock::Lock;
use crate::resources::Resources;

/// Begins the paths of stored files.
const STORAGE: &str = "/storage";

/// Describes something that goes wrong with the API's next answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trouble {
    /// Says how many of the next answers it concerns.
    pub answers: u32,
    /// Gives the status that is answered; without it the genuine answer comes, late.
    pub status: Option<u16>,
    /// Says what the header `retry-after` says, in seconds.
    pub retry_after_seconds: Option<u32>,
    /// Says what the header `location` says.
    pub location: Option<String>,
    /// Says how long the answer takes, in milliseconds.
    pub delay_ms: u64,
    /// Tells whether the request has its effect all the same, so that its answer alone is lost.
    pub after_effect: bool,
    /// Concerns requests alone whose path begins so. The storage of files, under `/storage`, has trouble only if it
    /// is named.
    pub path_prefix: Option<String>,
}

/// Says how the API tests a subscription; Upvest's sources disagree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestBehaviour {
    /// POST is answered with what the endpoint answered.
    #[default]
    Echo,
    /// POST is answered with 202 and nothing.
    Accept,
    /// GET is answered with what the endpoint answered, POST with 405.
    GetOnly,
}

/// Records a request to the API, as it was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ApiRequest {
    /// Gives the request's method, in capitals.
    pub method: String,
    /// Gives the request's path, without its query.
    pub path: String,
    /// Gives the request's query, as it was sent.
    pub query: Option<String>,
    /// Lists the names of its headers, in their order.
    pub headers: Vec<String>,
    /// Repeats the header `signature-input`; `None` where the request has none.
    pub signature_input: Option<String>,
    /// Repeats the header `idempotency-key`; `None` where the request has none.
    pub idempotency_key: Option<String>,
    /// Lists the scopes that a token was asked for or presented with.
    pub scope: Option<String>,
    /// Gives the HTTP status that it was answered with.
    pub status: u16,
}

/// Describes a file that the API gives out.
#[derive(Debug, Clone)]
pub(crate) struct StoredFile {
    pub(crate) id: Uuid,
    pub(crate) updated_at: Timestamp,
    pub(crate) bytes: Vec<u8>,
}

/// Names a file by its namespace and its name.
pub(crate) type FileKey = (String, String);

/// Describes an access token: what it may do, and until when.
#[derive(Debug, Clone)]
pub(crate) struct IssuedToken {
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) expires: Timestamp,
}

/// Holds the first answer to an idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct FirstAnswer {
    pub(crate) request: [u8; 32],
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct ApiState {
    pub(crate) clients: Vec<ApiClient>,
    pub(crate) generated: Option<ApiCredentials>,
    pub(crate) token_lifetime: Lock<Duration>,
    pub(crate) test_behaviour: Lock<TestBehaviour>,
    pub(crate) resources: Lock<Resources>,
    pub(crate) reports: Lock<HashMap<String, serde_json::Value>>,
    pub(crate) files: Lock<HashMap<FileKey, StoredFile>>,
    /// Maps the locations that were given out to what they lead to, and until when.
    pub(crate) locations: Lock<HashMap<String, (FileKey, Timestamp)>>,
    tokens: Lock<HashMap<String, IssuedToken>>,
    nonces: Lock<HashMap<(String, String), Timestamp>>,
    first_answers: Lock<HashMap<(String, String), FirstAnswer>>,
    trouble: Lock<VecDeque<Trouble>>,
    requests: Lock<Vec<ApiRequest>>,
}

impl ApiState {
    pub(crate) fn new(
        clients: Vec<ApiClient>,
        generated: Option<ApiCredentials>,
        token_lifetime: Duration,
    ) -> Self {
        Self {
            clients,
            generated,
            token_lifetime: Lock::new(token_lifetime),
            test_behaviour: Lock::default(),
            resources: Lock::default(),
            reports: Lock::default(),
            files: Lock::default(),
            locations: Lock::default(),
            tokens: Lock::default(),
            nonces: Lock::default(),
            first_answers: Lock::default(),
            trouble: Lock::default(),
            requests: Lock::default(),
        }
    }

    pub(crate) fn client(&self, client_id: &str) -> Option<&ApiClient> {
        self.clients.iter().find(|client| client.client_id == client_id)
    }

    pub(crate) fn issue(&self, token: IssuedToken) -> String {
        let text = format!("ory_at_{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        self.tokens.lock().insert(text.clone(), token);
        text
    }

    pub(crate) fn token(&self, text: &str) -> Option<IssuedToken> {
        self.tokens.lock().get(text).cloned()
    }

    pub(crate) fn revoke_tokens(&self) {
        self.tokens.lock().clear();
    }

    /// Notes a nonce until its signature expires. `false` when it was noted already.
    pub(crate) fn note_nonce(&self, client_id: &str, nonce: &str, now: Timestamp, until: Timestamp) -> bool {
        let mut nonces = self.nonces.lock();
        nonces.retain(|_, until| now <= *until);
        let key = (client_id.to_owned(), nonce.to_owned());
        nonces.insert(key, until).is_none()
    }

    pub(crate) fn first_answer(&self, client_id: &str, key: &str) -> Option<FirstAnswer> {
        let key = (client_id.to_owned(), key.to_owned());
        self.first_answers.lock().get(&key).cloned()
    }

    pub(crate) fn keep_answer(&self, client_id: &str, key: &str, answer: FirstAnswer) {
        let key = (client_id.to_owned(), key.to_owned());
        self.first_answers.lock().insert(key, answer);
    }

    pub(crate) fn add_trouble(&self, trouble: Trouble) {
        self.trouble.lock().push_back(trouble);
    }

    pub(crate) fn clear_trouble(&self) {
        self.trouble.lock().clear();
    }

    /// Takes one answer's worth of the first trouble that concerns the path.
    pub(crate) fn take_trouble(&self, path: &str) -> Option<Trouble> {
        let mut troubles = self.trouble.lock();
        troubles.retain(|trouble| trouble.answers > 0);
        let concerns = |trouble: &&mut Trouble| {
            let named = trouble.path_prefix.as_deref();
            named.map_or(!path.starts_with(STORAGE), |prefix| path.starts_with(prefix))
        };
        let trouble = troubles.iter_mut().find(concerns)?;
        trouble.answers -= 1;
        Some(trouble.clone())
    }

    pub(crate) fn record(&self, request: ApiRequest) {
        self.requests.lock().push(request);
    }

    pub(crate) fn requests(&self) -> Vec<ApiRequest> {
        self.requests.lock().clone()
    }
}

/// Computes what makes two requests with one idempotency key the same.
pub(crate) fn fingerprint(method: &str, path: &str, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [method.as_bytes(), b" ", path.as_bytes(), b"\n", body] {
        hash.update(part);
    }
    hash.finalize().into()
}
