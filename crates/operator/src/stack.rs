//! The stack to work on: how AWS is reached, and the names of what is in it.

mod clients;
mod depth;
mod finder;
mod local;
mod named;
mod queue;
mod resources;

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use pipeline::environment::Environment;
use pipeline::policy::Policy;
use pipeline::runtime::clock::Clock;
use pipeline::stores::keys::{PinnedKeys, PinnedKeysError};

pub(crate) use clients::NOT_THERE;
pub use depth::{Depth, queue_depth};
pub use finder::{LOCAL_STACK_FILE, StackChoice, StackFinder};
pub(crate) use named::{look_up, outputs, parameters};
pub use queue::Queue;
pub(crate) use resources::Resource;

use crate::error::{Error, Result};

/// Names an output of a stack that an operation needs: mostly the name of a table or a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Names the table with the keys that deliveries are verified by.
    KeysTable,
    /// Names the events table, which is the event log.
    EventsTable,
    /// Names the table with the state of each entity, folded from its events.
    EntitiesTable,
    /// Names the idempotency table, with the records of actions.
    IdempotencyTable,
    /// Names the table that records who repaired what, and why.
    AuditTable,
    /// Names the table of the subscriptions that are ours, which only a stack that manages its own has.
    SubscriptionsTable,
    /// Names the bucket of the archive.
    ArchiveBucket,
    /// Names the bucket of the quarantine.
    QuarantineBucket,
    /// Names the bucket of deliveries that were answered and are not settled.
    PendingBucket,
    /// Gives the URL that Upvest delivers to.
    WebhookUrl,
    /// Names the secret with the credentials of the Upvest API client, which not every stack has.
    UpvestSecret,
}

impl Output {
    pub(crate) const ALL: [Self; 11] = [
        Self::KeysTable,
        Self::EventsTable,
        Self::EntitiesTable,
        Self::IdempotencyTable,
        Self::AuditTable,
        Self::SubscriptionsTable,
        Self::ArchiveBucket,
        Self::QuarantineBucket,
        Self::PendingBucket,
        Self::WebhookUrl,
        Self::UpvestSecret,
    ];

    /// Names the variable of the environment and the stack's output that name it.
    pub(crate) const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::KeysTable => ("KEYS_TABLE", "KeysTableName"),
            Self::EventsTable => ("EVENTS_TABLE", "EventsTableName"),
            Self::EntitiesTable => ("ENTITIES_TABLE", "EntitiesTableName"),
            Self::IdempotencyTable => ("IDEMPOTENCY_TABLE", "IdempotencyTableName"),
            Self::AuditTable => ("AUDIT_TABLE", "AuditTableName"),
            Self::SubscriptionsTable => ("SUBSCRIPTIONS_TABLE", "SubscriptionsTableName"),
            Self::ArchiveBucket => ("ARCHIVE_BUCKET", "ArchiveBucketName"),
            Self::QuarantineBucket => ("QUARANTINE_BUCKET", "QuarantineBucketName"),
            Self::PendingBucket => ("PENDING_BUCKET", "PendingBucketName"),
            Self::WebhookUrl => ("WEBHOOK_URL", "WebhookUrl"),
            Self::UpvestSecret => ("UPVEST_SECRET", "UpvestSecret"),
        }
    }
}

/// Gives access to a deployed stack.
///
/// That an output is missing shows when it is asked for: some operations can do without.
#[derive(Debug)]
pub struct Stack {
    config: SdkConfig,
    name: Option<String>,
    outputs: BTreeMap<String, String>,
    is_local: bool,
    clock: Clock,
}

impl Stack {
    /// Describes a stack by its outputs. Without a name it is one whose outputs the environment gives one by one.
    pub fn new(
        config: SdkConfig,
        name: Option<String>,
        outputs: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self {
            config,
            name,
            outputs: outputs.into_iter().collect(),
            is_local: false,
            clock: Clock::system(),
        }
    }

    /// Has operations take the time from this clock, in place of the machine's.
    #[must_use]
    pub fn at(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Tells the time at which the stack is looked at.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Tells whether the stack runs on this machine, on an emulator that has not all of AWS.
    pub fn is_local(&self) -> bool {
        self.is_local
    }

    /// Tells how AWS clients reach the stack.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Names the stack as CloudFormation does; its secrets are named after it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) where only its outputs are given.
    pub fn name(&self) -> Result<&str> {
        self.name.as_deref().ok_or_else(|| {
            Error::usage(
                "no stack is named: use --stack NAME or --local, because the secret's name begins with the stack's",
            )
        })
    }

    /// Gives the value of an output.
    ///
    /// # Errors
    ///
    /// [`Error`] when neither the stack nor the environment names it.
    pub fn output(&self, output: Output) -> Result<String> {
        let (variable, output) = output.names();
        if self.name.is_none() && self.optional(output).is_none() {
            let message = format!("no stack is named: use --stack NAME or --local, or set {variable}");
            return Err(Error::usage(message));
        }
        self.required(output)
    }

    /// Lists the queues of the stack: all, but for that of requests for keys where the stack does not manage its subscription.
    pub fn queues(&self) -> impl Iterator<Item = Queue> {
        let requests = Queue::KeyRequests;
        // One of the two alone is a stack that lacks the other, and is to be told.
        let has_requests = self.queue_url(requests).is_ok() || self.dead_letter_queue_url(requests).is_ok();
        Queue::all().filter(move |queue| *queue != requests || has_requests)
    }

    /// Gives the URL of a queue.
    ///
    /// # Errors
    ///
    /// [`Error`] when the stack does not have it.
    pub fn queue_url(&self, queue: Queue) -> Result<String> {
        self.required(&format!("{queue}QueueUrl"))
    }

    /// Gives the URL of a queue's dead-letter queue.
    ///
    /// # Errors
    ///
    /// [`Error`] when the stack does not have it.
    pub fn dead_letter_queue_url(&self, queue: Queue) -> Result<String> {
        self.required(&format!("{queue}DeadLetterQueueUrl"))
    }

    /// Tells which of Upvest's environments the stack receives from: its parameter of that name. One that does not say so is taken
    /// for live.
    pub fn environment(&self) -> Environment {
        let environment = self.optional("Environment").and_then(|name| name.parse().ok());
        environment.unwrap_or(Environment::Live)
    }

    /// Lists the keys that alone may prove the stack's deliveries: its parameter of that name.
    ///
    /// # Errors
    ///
    /// [`Error`] when the parameter is no list of thumbprints.
    pub fn pinned_keys(&self) -> Result<PinnedKeys> {
        let list = self.optional("PinnedKeys").unwrap_or_default();
        list.parse().map_err(|error: PinnedKeysError| {
            Error::usage(format!("the stack's output PinnedKeys cannot be read: {error}"))
        })
    }

    /// Gives the policy that a parameter of this name sets: what the stack does about what it may take or refuse. One that does not
    /// say so flags it.
    ///
    /// # Errors
    ///
    /// [`Error`] when the parameter is no policy: what a strict stack refuses would be told to be taken.
    pub(crate) fn policy(&self, output: &str) -> Result<Policy> {
        let Some(name) = self.optional(output) else {
            return Ok(Policy::Flag);
        };
        name.parse().map_err(|error| {
            Error::usage(format!(
                "the stack's output {output} cannot be read: {name:?} is {error}"
            ))
        })
    }

    /// Names the secret with the credentials of the Upvest API client, if the stack has one.
    pub fn upvest_secret(&self) -> Option<&str> {
        self.optional("UpvestSecret")
    }

    /// Gives an output that not every stack has.
    pub fn optional(&self, output: &str) -> Option<&str> {
        self.outputs.get(output).map(String::as_str)
    }

    fn required(&self, output: &str) -> Result<String> {
        let value = self.outputs.get(output).cloned();
        value.ok_or_else(|| match &self.name {
            Some(stack) => Error::not_found(format!(
                "stack {stack} has no output {output}: is it a stack of this receiver, and completely deployed?"
            )),
            None => finder::nothing_named(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_cannot_be_read_is_not_taken_for_the_milder_one() {
        let policy = |value: Option<&str>| {
            let outputs = value.map(|value| ("FreshnessPolicy".to_owned(), value.to_owned()));
            let stack = Stack::new(SdkConfig::builder().build(), Some("s".to_owned()), outputs);
            stack.policy("FreshnessPolicy")
        };
        assert_eq!(policy(None).unwrap(), Policy::Flag);
        assert_eq!(policy(Some("strict")).unwrap(), Policy::Strict);
        let error = policy(Some("Strict")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the stack's output FreshnessPolicy cannot be read: \"Strict\" is neither flag nor strict"
        );
    }
}
