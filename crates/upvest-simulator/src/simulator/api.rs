//! The simulated API, as seen from this process.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use upvest::Event;
use upvest::signature::{KeyError, SigningKey};
use uuid::Uuid;

use super::Simulator;
use crate::api_state::{ApiRequest, ApiState, StoredFile, TestBehaviour, Trouble};

/// Names the namespace in which files of treasury reports are.
const TREASURY_NAMESPACE: &str = "settlement_reports";

impl Simulator {
    /// Returns the credentials of the generated API client, as their JSON document for an API at `base_url`; `None`
    /// when the options named clients.
    ///
    /// # Errors
    /// [`KeyError::Unavailable`] when the key cannot be exported.
    pub fn api_credentials(&self, base_url: &str) -> Result<Option<String>, KeyError> {
        let generated = self.api.generated.as_ref();
        generated
            .map(|credentials| credentials.to_json(base_url))
            .transpose()
    }

    /// Lets something go wrong with the API's next answers, after what is to go wrong already.
    pub fn add_trouble(&self, trouble: Trouble) {
        self.api.add_trouble(trouble);
    }

    /// Ends all trouble, also what had answers left.
    pub fn clear_trouble(&self) {
        self.api.clear_trouble();
    }

    /// Makes all access tokens invalid, as a restart of Upvest's might.
    pub fn revoke_tokens(&self) {
        self.api.revoke_tokens();
    }

    /// Decides how long access tokens are valid that are given out from now on.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        *self.api.token_lifetime.lock() = lifetime;
    }

    /// Decides how the API tests subscriptions from now on.
    pub fn set_test_behaviour(&self, behaviour: TestBehaviour) {
        *self.api.test_behaviour.lock() = behaviour;
    }

    /// Adds a report, or replaces the one with its `id`. Reports of queued events are added by themselves.
    pub fn put_report(&self, report: Value) {
        if let Some(id) = report["id"].as_str().map(str::to_owned) {
            self.api.reports.lock().insert(id, report);
        }
    }

    /// Puts an object of a category in the place of the one with its `id`, without an event that tells so.
    pub fn put_object(&self, category: &str, object: Value) {
        self.api.resources.lock().put(category, object);
    }

    /// Takes an object away, without an event that tells so. `false` when there is none.
    pub fn remove_object(&self, category: &str, id: &str) -> bool {
        self.api.resources.lock().remove(category, id)
    }

    /// Returns an object as the API gives it out.
    #[must_use]
    pub fn object(&self, category: &str, id: &str) -> Option<Value> {
        self.api.resources.lock().one(category, id)
    }

    /// Adds a file, or replaces the one of that name.
    pub fn put_file(&self, namespace: &str, name: &str, bytes: impl Into<Vec<u8>>) {
        let file = StoredFile {
            id: Uuid::new_v4(),
            updated_at: self.shared.now(),
            bytes: bytes.into(),
        };
        let key = (namespace.to_owned(), name.to_owned());
        self.api.files.lock().insert(key, file);
    }

    /// Returns every request to the API so far, in the order in which they were answered.
    #[must_use]
    pub fn api_requests(&self) -> Vec<ApiRequest> {
        self.api.requests()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.now()
    }

    pub(crate) fn current_key(&self) -> Arc<SigningKey> {
        self.shared.current_key()
    }

    pub(crate) fn signature_lifetime(&self) -> Duration {
        self.shared.signature_lifetime()
    }

    pub(crate) const fn api(&self) -> &ApiState {
        &self.api
    }

    /// Makes what an event speaks of available: the object, the report, or a treasury report's file.
    pub(super) fn publish_document(&self, event: &Event<'_>) {
        self.api.resources.lock().take(event);
        let object = || serde_json::from_str::<Value>(event.json()).map(|mut event| event["object"].take());
        match (event.category_name(), object()) {
            ("REPORT", Ok(report)) => self.put_report(report),
            ("TREASURY_REPORT", Ok(report)) => {
                if let Some(name) = report["filename"].as_str() {
                    self.put_file(TREASURY_NAMESPACE, name, "simulated;treasury;report\n");
                }
            }
            _ => {}
        }
    }
}
