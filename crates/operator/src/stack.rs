//! The stack to work on: how AWS is reached, and the names of what is in it.

mod clients;
mod finder;
mod queue;

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use pipeline::verification::FreshnessPolicy;

pub use finder::{LOCAL_STACK_FILE, StackChoice, StackFinder};
pub use queue::Queue;

use crate::error::{Error, Result};

/// The variable of the environment and the stack's output that name the same part. The variable wins.
pub(crate) const PARTS: [(&str, &str); 8] = [
    ("KEYS_TABLE", "KeysTableName"),
    ("EVENTS_TABLE", "EventsTableName"),
    ("ENTITIES_TABLE", "EntitiesTableName"),
    ("IDEMPOTENCY_TABLE", "IdempotencyTableName"),
    ("AUDIT_TABLE", "AuditTableName"),
    ("ARCHIVE_BUCKET", "ArchiveBucketName"),
    ("WEBHOOK_URL", "WebhookUrl"),
    ("UPVEST_SECRET", "UpvestSecret"),
];

/// A deployed stack.
///
/// That a part is missing shows when it is asked for: some operations can do without.
#[derive(Debug)]
pub struct Stack {
    config: SdkConfig,
    name: Option<String>,
    outputs: BTreeMap<String, String>,
}

impl Stack {
    /// Describes a stack by its outputs. Without a name it is one whose parts the environment names one by one.
    pub fn new(
        config: SdkConfig,
        name: Option<String>,
        outputs: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self {
            config,
            name,
            outputs: outputs.into_iter().collect(),
        }
    }

    /// Names parts in place of the stack's own outputs.
    fn with_parts(mut self, parts: Vec<(String, String)>) -> Self {
        self.outputs.extend(parts);
        self
    }

    /// Tells how AWS clients reach the stack.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Names the stack.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) where only its parts are named.
    pub fn name(&self) -> Result<&str> {
        self.name.as_deref().ok_or_else(|| {
            Error::usage(
                "no stack is named: use --stack NAME or --local, because the secret's name begins with the stack's",
            )
        })
    }

    /// Names the keys table.
    ///
    /// # Errors
    ///
    /// [`Error`] when neither the stack nor the environment names it. So it is for the other parts.
    pub fn keys_table(&self) -> Result<String> {
        self.part("KEYS_TABLE")
    }

    /// Names the events table.
    ///
    /// # Errors
    ///
    /// As [`Stack::keys_table`].
    pub fn events_table(&self) -> Result<String> {
        self.part("EVENTS_TABLE")
    }

    /// Names the entities table.
    ///
    /// # Errors
    ///
    /// As [`Stack::keys_table`].
    pub fn entities_table(&self) -> Result<String> {
        self.part("ENTITIES_TABLE")
    }

    /// Names the idempotency table.
    ///
    /// # Errors
    ///
    /// As [`Stack::keys_table`].
    pub fn idempotency_table(&self) -> Result<String> {
        self.part("IDEMPOTENCY_TABLE")
    }

    /// Names the audit table.
    ///
    /// # Errors
    ///
    /// As [`Stack::keys_table`].
    pub fn audit_table(&self) -> Result<String> {
        self.part("AUDIT_TABLE")
    }

    /// Names the archive bucket.
    ///
    /// # Errors
    ///
    /// As [`Stack::keys_table`].
    pub fn archive_bucket(&self) -> Result<String> {
        self.part("ARCHIVE_BUCKET")
    }

    /// Gives the URL that Upvest delivers to.
    ///
    /// # Errors
    ///
    /// As [`Stack::keys_table`].
    pub fn webhook_url(&self) -> Result<String> {
        self.part("WEBHOOK_URL")
    }

    /// Gives the URL of a queue.
    ///
    /// # Errors
    ///
    /// [`Error`] when the stack does not have it.
    pub fn queue_url(&self, queue: Queue) -> Result<String> {
        self.output(&format!("{queue}QueueUrl"))
    }

    /// Gives the URL of a queue's dead-letter queue.
    ///
    /// # Errors
    ///
    /// [`Error`] when the stack does not have it.
    pub fn dead_letter_queue_url(&self, queue: Queue) -> Result<String> {
        self.output(&format!("{queue}DeadLetterQueueUrl"))
    }

    /// Names the event bus that changes are published to, if the stack publishes any.
    pub fn event_bus(&self) -> Option<&str> {
        self.optional("EventBusName")
    }

    /// Tells what the stack does about signatures that are out of their time: its parameter of that name.
    pub fn freshness_policy(&self) -> FreshnessPolicy {
        let policy = self
            .optional("FreshnessPolicy")
            .and_then(|name| name.parse().ok());
        policy.unwrap_or(FreshnessPolicy::Flag)
    }

    /// Names the secret with the credentials of the Upvest API client, if the stack has one.
    pub fn upvest_secret(&self) -> Option<&str> {
        self.optional("UpvestSecret")
    }

    /// Gives an output that not every stack has.
    pub fn optional(&self, output: &str) -> Option<&str> {
        self.outputs.get(output).map(String::as_str)
    }

    fn part(&self, variable: &'static str) -> Result<String> {
        let named = PARTS.iter().find(|(name, _)| *name == variable);
        let output = named.map_or(variable, |(_, output)| *output);
        if self.name.is_none() && self.optional(output).is_none() {
            let message = format!("no stack is named: use --stack NAME or --local, or set {variable}");
            return Err(Error::usage(message));
        }
        self.output(output)
    }

    fn output(&self, output: &str) -> Result<String> {
        let value = self.outputs.get(output).cloned();
        value.ok_or_else(|| match &self.name {
            Some(stack) => Error::not_found(format!(
                "stack {stack} has no output {output}: is it a stack of this receiver, and completely deployed?"
            )),
            None => finder::nothing_named(),
        })
    }
}
