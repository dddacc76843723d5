//! The stacks of the end-to-end tests, as their owner sees them: one that all share, and one for what would disturb others.

use std::collections::{BTreeSet, HashMap};
use std::fmt::{Debug, Write};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::QueueAttributeName;
use local_stack::{LocalStack, LocalStackError, Options};
use pipeline::error::ErrorChain;
use pipeline::runtime::aws::connections;
use pipeline::stores::archive::{Archive, ArchivedDelivery, QUARANTINE_PREFIX};
use pipeline::stores::entities::{Entities, Stored};
use pipeline::stores::events::{EventLog, LoggedEvent};
use pipeline::stores::keys::KeyRow;
use pipeline::stores::{entities, events, keys};
use serde_json::Value;
use tokio::time::Instant;
use upvest::EntityKey;
use upvest::projection::LastEvent;
use upvest_simulator::Simulator;
use uuid::Uuid;
use webhook_tests::stored::by_hand::Rows;
use webhook_tests::stored::quarantine_reason;

use super::changes::tap;
use super::sender::Delivery;

/// Bounds how long anything may take to come about.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(20);
/// How long a delivery is invisible when its function was killed: the template's six minutes would outlast the test.
const VISIBILITY_TIMEOUT_S: u32 = 12;

/// Started by the first test that asks for it. It ends with this process, however that ends.
static SHARED: OnceLock<Result<Started, String>> = OnceLock::new();
/// The same, for one test after the other.
static ALONE: OnceLock<Result<Started, String>> = OnceLock::new();
/// Held by the test that has the stack [`ALONE`].
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

struct Started {
    local: LocalStack,
    /// The URL of the queue that gets a copy of everything that is published.
    changes_queue: String,
    /// It serves Upvest's API to the stack.
    upvest: Arc<Simulator>,
}

/// Holds the stack with clients of one test, whose connections belong to that test's runtime.
pub(super) struct Stack {
    local: &'static LocalStack,
    changes_queue: &'static str,
    upvest: &'static Arc<Simulator>,
    config: SdkConfig,
    pub(super) http: reqwest::Client,
    pub(super) clients: Clients,
}

/// Holds AWS clients with the credentials of the stack's owner or of one of its functions.
pub(super) struct Clients {
    pub(super) dynamodb: aws_sdk_dynamodb::Client,
    pub(super) event_bridge: aws_sdk_eventbridge::Client,
    pub(super) s3: aws_sdk_s3::Client,
    pub(super) secrets: aws_sdk_secretsmanager::Client,
    pub(super) sqs: aws_sdk_sqs::Client,
}

/// Says what the HTTP API answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) allow: Option<String>,
    pub(super) body: Value,
}

impl Stack {
    pub(super) async fn shared() -> Self {
        Self::started(&SHARED, "target/end-to-end", &[]).await
    }

    /// Gives a stack that no other test uses as long as the guard is held, with a canary and `FreshnessPolicy=strict`.
    pub(super) async fn alone() -> (Self, tokio::sync::MutexGuard<'static, ()>) {
        let turn = TURN.lock().await;
        let parameters = &["FreshnessPolicy=strict", "CanaryMinutes=2"];
        let stack = Self::started(&ALONE, "target/end-to-end-alone", parameters).await;
        (stack, turn)
    }

    async fn started(
        stack: &'static OnceLock<Result<Started, String>>,
        directory: &'static str,
        parameters: &'static [&'static str],
    ) -> Self {
        let started = stack.get_or_init(|| {
            std::thread::spawn(|| start(directory, parameters))
                .join()
                .expect("the start does not panic")
        });
        let Started {
            local,
            changes_queue,
            upvest,
        } = started.as_ref().unwrap_or_else(|problem| panic!("{problem}"));
        let connection = local.connection();
        let owner = Credentials::new(
            &connection.access_key_id,
            &connection.secret_access_key,
            None,
            None,
            "owner",
        );
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
        Self {
            local,
            changes_queue,
            upvest,
            config: local.sdk_config().to_builder().http_client(connections()).build(),
            http: http.expect("a client can be built"),
            clients: clients(local, owner).await,
        }
    }

    pub(super) fn changes_queue(&self) -> &str {
        self.changes_queue
    }

    /// Makes the clients of somebody else.
    #[cfg(target_os = "linux")]
    pub(super) async fn clients_of(&self, credentials: Credentials) -> Clients {
        clients(self.local, credentials).await
    }

    /// Gives the path of the file that tells the command line how to reach the stack.
    pub(super) fn description(&self) -> std::path::PathBuf {
        self.local.directory().join("stack.json")
    }

    /// Gives the stack itself, for what only its owner does.
    #[cfg(unix)]
    pub(super) fn local(&self) -> &'static LocalStack {
        self.local
    }

    /// Says how AWS clients reach the stack.
    pub(super) fn connection(&self) -> &local_stack::Connection {
        self.local.connection()
    }

    #[cfg(target_os = "linux")]
    pub(super) fn directory(&self) -> &std::path::Path {
        self.local.directory()
    }

    pub(super) fn output(&self, name: &str) -> &str {
        self.local
            .outputs()
            .get(name)
            .unwrap_or_else(|| panic!("the stack has an output {name}"))
    }

    /// Gives the configuration of AWS clients of the stack's owner.
    pub(super) fn sdk_config(&self) -> &SdkConfig {
        &self.config
    }

    /// Gives the stand-in for Upvest that serves its API to the stack.
    pub(super) fn upvest(&self) -> &Simulator {
        self.upvest
    }

    pub(super) fn url(&self) -> &str {
        self.output("WebhookUrl")
    }

    /// Gives the path of the URL, as a sender signs it.
    pub(super) fn path(&self) -> String {
        reqwest::Url::parse(self.url())
            .expect("the output is a URL")
            .path()
            .to_owned()
    }

    pub(super) async fn post(&self, delivery: &Delivery) -> Answer {
        let request = delivery
            .headers
            .iter()
            .fold(self.http.post(self.url()), |request, (name, value)| {
                request.header(name, value)
            });
        answer(request.body(delivery.body.clone())).await
    }

    /// Posts a delivery that must be accepted, and returns its id.
    pub(super) async fn deliver(&self, delivery: &Delivery) -> String {
        let answer = self.post(delivery).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["delivery_id"]
            .as_str()
            .expect("the answer names the delivery")
            .to_owned()
    }

    /// Edits the log by hand.
    pub(super) fn log_rows(&self) -> Rows {
        let table = self.output("EventsTableName");
        Rows::of(&self.clients.dynamodb, table, events::attributes::EVENT_ID)
    }

    /// Edits the states of entities by hand.
    pub(super) fn entity_rows(&self) -> Rows {
        let table = self.output("EntitiesTableName");
        Rows::of(&self.clients.dynamodb, table, entities::attributes::AGGREGATE)
    }

    /// Puts a key into the keys table, as somebody who writes rows there.
    pub(super) async fn import(&self, key: &KeyRow) {
        self.import_into(self.output("KeysTableName"), key).await;
    }

    /// Puts a key into the keys table of any stack.
    pub(super) async fn import_into(&self, table: &str, key: &KeyRow) {
        let rows = Rows::of(&self.clients.dynamodb, table, keys::attributes::KEY_ID);
        rows.put(key.to_item()).await;
    }

    fn log(&self) -> EventLog {
        let table = self.output("EventsTableName");
        EventLog::new(self.clients.dynamodb.clone(), table.to_owned())
    }

    /// Lists the events of these ids that are in the log.
    pub(super) async fn events<I: AsRef<str>>(&self, ids: &[I]) -> Vec<LoggedEvent> {
        let ids: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
        let loaded = self.log().load(&ids).await;
        loaded.expect("the log can be read").into_values().collect()
    }

    pub(super) async fn event(&self, id: &str) -> Option<LoggedEvent> {
        let found = self.log().find(id).await;
        found.expect("the log can be read")
    }

    fn states(&self) -> Entities {
        let table = self.output("EntitiesTableName");
        Entities::new(self.clients.dynamodb.clone(), table.to_owned())
    }

    /// Reads the states of the entities of these keys that have one.
    pub(super) async fn entities<I: AsRef<str>>(&self, keys: &[I]) -> HashMap<EntityKey, Stored> {
        let keys = keys.iter().map(|key| key.as_ref().to_owned());
        let keys: Vec<EntityKey> = keys.map(EntityKey::from_stored).collect();
        let loaded = self.states().load_many(&keys.iter().collect()).await;
        let loaded = loaded.expect("the table can be read").into_iter();
        loaded
            .map(|(entity, loaded)| (entity, loaded.expect("the item is an entity's").stored))
            .collect()
    }

    pub(super) async fn entity(&self, key: &str) -> Option<Stored> {
        let key = EntityKey::from_stored(key.to_owned());
        let found = self.states().load(&key).await;
        found.expect("the item is an entity's")
    }

    /// Lists the reasons for which a delivery, or a part of it, is in quarantine.
    pub(super) async fn quarantined(&self, delivery_id: &str) -> BTreeSet<String> {
        let bucket = self.output("QuarantineBucketName");
        let list = self.clients.s3.list_objects_v2().bucket(bucket);
        let mut pages = list.prefix(QUARANTINE_PREFIX).into_paginator().send();
        let mut reasons = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let page = page.expect("the quarantine can be listed");
            let keys = page.contents().iter().filter_map(|object| object.key());
            let own = keys.filter(|key| key.ends_with(delivery_id));
            reasons.extend(own.filter_map(quarantine_reason).map(str::to_owned));
        }
        reasons
    }

    /// Waits until a delivery is in quarantine, and returns why.
    pub(super) async fn quarantine_of(&self, delivery_id: &str) -> BTreeSet<String> {
        until("the delivery is in quarantine", async || {
            Some(self.quarantined(delivery_id).await).filter(|reasons| !reasons.is_empty())
        })
        .await
    }

    /// Waits until a delivery is in the archive, and returns what is kept there.
    pub(super) async fn archived(&self, delivery_id: &str) -> ArchivedDelivery {
        let [verified, quarantine] =
            ["ArchiveBucketName", "QuarantineBucketName"].map(|name| self.output(name).to_owned());
        let archive = Archive::new(self.clients.s3.clone(), verified, quarantine);
        let delivery_id: Uuid = delivery_id.parse().expect("a delivery has a UUID");
        let found = until("the delivery is in the archive", async || {
            let found = archive.verified(delivery_id).await;
            found.expect("the archive can be read")
        });
        found.await.delivery
    }

    /// Has the keys fetched by hand, which sends on whatever waited for one of the table.
    pub(super) async fn refresh_keys(&self) {
        let mut command = std::process::Command::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../target/debug/upvest-webhooks"
        ));
        command
            .args(["keys", "refresh", "--reason", "a late key"])
            .env("UPVEST_WEBHOOKS_LOCAL", self.description());
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        let output = output.expect("nothing panics").expect("the command can be run");
        assert!(output.status.success(), "{output:?}");
    }
}

/// The event that an entity was changed by last.
pub(super) fn last(state: &Stored) -> &LastEvent {
    let last = state.projection.last.as_ref();
    last.expect("who has a state has a last event")
}

/// Fails unless AWS refused a call to its caller.
pub(super) fn refused<T: Debug, E: ProvideErrorMetadata>(call: &str, outcome: Result<T, E>) {
    let code = match &outcome {
        Ok(answer) => panic!("{call} is not refused: {answer:?}"),
        Err(error) => error.code().unwrap_or("no code"),
    };
    assert!(code.starts_with("AccessDenied"), "{call} fails with {code}");
}

/// Sends a request and reads the answer.
pub(super) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("the API answers");
    let allow = response
        .headers()
        .get("allow")
        .and_then(|value| value.to_str().ok());
    Answer {
        status: response.status().as_u16(),
        allow: allow.map(str::to_owned),
        body: response.json().await.unwrap_or_default(),
    }
}

/// Looks until there is something to see, for a minute at most.
pub(super) async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    until_within(PATIENCE, what, look).await
}

/// Waits as [`until`] does, with another patience.
pub(super) async fn until_within<T>(patience: Duration, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: not within {patience:?}");
        tokio::time::sleep(INTERVAL).await;
    }
}

fn start(directory: &str, parameters: &[&str]) -> Result<Started, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be built").block_on(async {
        let options = Options {
            auth: true,
            directory: directory.into(),
            ..Options::default()
        };
        let emulated = LocalStack::prepare(options)
            .await
            .map_err(|error| explain(&error))?;
        let upvest = super::upvest::start(emulated.sdk_config()).await;
        let upvest_secret = format!("UpvestSecret={}", super::upvest::SECRET);
        let parameters = parameters
            .iter()
            .chain(&[upvest_secret.as_str(), "RetrieveReports=true"])
            .map(|parameter| (*parameter).to_owned())
            .collect();
        let local = emulated
            .deploy(parameters)
            .await
            .map_err(|error| explain(&error))?;
        let connection = local.connection();
        let owner = Credentials::new(
            &connection.access_key_id,
            &connection.secret_access_key,
            None,
            None,
            "owner",
        );
        let clients = clients(&local, owner).await;
        let request = clients.sqs.set_queue_attributes();
        let request = request
            .queue_url(&connection.outputs["DeliveriesQueueUrl"])
            .attributes(
                QueueAttributeName::VisibilityTimeout,
                VISIBILITY_TIMEOUT_S.to_string(),
            );
        request
            .send()
            .await
            .map_err(|error| ErrorChain(&error).to_string())?;
        let changes_queue = tap(&clients, &connection.outputs["EventBusName"]).await?;
        Ok(Started {
            local,
            changes_queue,
            upvest,
        })
    })
}

fn explain(error: &LocalStackError) -> String {
    let mut text = ErrorChain(error).to_string();
    if matches!(error, LocalStackError::ToolMissing { .. }) {
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "; `make test` installs what the end-to-end tests need and runs them"
        );
    }
    text
}

async fn clients(local: &LocalStack, credentials: Credentials) -> Clients {
    let connection = local.connection();
    let config: SdkConfig = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(connection.region.clone()))
        .endpoint_url(&connection.endpoint_url)
        .http_client(connections())
        .credentials_provider(credentials)
        .load()
        .await;
    let s3 = aws_sdk_s3::config::Builder::from(&config)
        .force_path_style(true)
        .build();
    Clients {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        event_bridge: aws_sdk_eventbridge::Client::new(&config),
        s3: aws_sdk_s3::Client::from_conf(s3),
        secrets: aws_sdk_secretsmanager::Client::new(&config),
        sqs: aws_sdk_sqs::Client::new(&config),
    }
}
