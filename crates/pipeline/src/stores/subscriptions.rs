//! The subscriptions table: which of Upvest's subscriptions are ours, and which others were seen.
//!
//! | Attribute | |
//! |---|---|
//! | `webhook_id` | the key: the subscription's id at Upvest |
//! | `ours` | `true` where register-webhook found or made it, for our URL; otherwise absent |
//! | `first_seen` | when the row was written (RFC 3339) |
//! | `outlived_at` | when the stack gave the subscription up, or could not delete it, and left it at Upvest (RFC 3339); otherwise absent |
//!
//! Rows are never deleted: Upvest repeats deliveries of a subscription that is gone.

pub mod attributes;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard};

use super::item::{condition_held, text, text_of};
use crate::error::AwsError;
use crate::runtime::clock::Clock;

/// Says how long the table is not read again.
const KNOWN_FOR: Duration = Duration::from_secs(300);
/// Says how long it is not read again for an id that it does not say to be ours: a subscription that was just made, or
/// found, is told from others as soon as register-webhook has noted it.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);
/// Bounds an id that is noted, in bytes. Upvest's are UUIDs; a key takes 2,048, and a row is never deleted.
const MAX_ID_BYTES: usize = 128;

/// Tells whose subscription an event was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionOwner {
    /// The subscription is ours, or nothing is known of any that is.
    Us,
    /// The subscription is somebody else's, as far as the table knows.
    Others {
        /// Tells that nobody had noted it before.
        is_new: bool,
    },
}

/// Reads and writes the subscriptions table, and remembers what is in it.
#[derive(Debug)]
pub struct Subscriptions {
    client: Client,
    table: String,
    clock: Clock,
    remembered: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    /// Tells whether each subscription of the table is ours.
    rows: BTreeMap<String, bool>,
    read_at: Option<Timestamp>,
}

impl Remembered {
    /// Tells whether a subscription is ours. Before register-webhook was there nothing can be told apart.
    fn is_ours(&self, webhook_id: &str) -> bool {
        self.rows.get(webhook_id) == Some(&true) || !self.rows.values().any(|is_ours| *is_ours)
    }

    fn is_older_than(&self, age: Duration, now: Timestamp) -> bool {
        self.read_at.is_none_or(|read_at| read_at + age <= now)
    }
}

impl Subscriptions {
    /// Uses the table of this name.
    #[must_use]
    pub fn new(client: Client, table: String, clock: Clock) -> Self {
        Self {
            client,
            table,
            clock,
            remembered: Mutex::default(),
        }
    }

    /// Notes that a subscription is ours.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when that is not known to be noted.
    pub async fn adopt(&self, webhook_id: &str) -> Result<(), AwsError> {
        self.client
            .update_item()
            .table_name(&self.table)
            .key(attributes::WEBHOOK_ID, text(webhook_id))
            .update_expression(
                "SET ours = :true, first_seen = if_not_exists(first_seen, :now) REMOVE outlived_at",
            )
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":now", text(self.clock.now().to_string()))
            .send()
            .await
            .map_err(AwsError::of("UpdateItem of the subscriptions table"))?;
        Ok(())
    }

    /// Notes that a subscription stays at Upvest though its stack has given it up: it blocks on an endpoint that may be gone.
    /// The table outlives the stack, which the log that says so does not need to.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when that is not known to be noted.
    pub async fn note_outliving(&self, webhook_id: &str) -> Result<(), AwsError> {
        self.client
            .update_item()
            .table_name(&self.table)
            .key(attributes::WEBHOOK_ID, text(webhook_id))
            .update_expression("SET outlived_at = :now, first_seen = if_not_exists(first_seen, :now)")
            .expression_attribute_values(":now", text(self.clock.now().to_string()))
            .send()
            .await
            .map_err(AwsError::of("UpdateItem of the subscriptions table"))?;
        Ok(())
    }

    /// Lists the subscriptions that were left at Upvest, with the time at which they were. Some may be gone since.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be read.
    pub async fn outliving(&self) -> Result<BTreeMap<String, String>, AwsError> {
        let scan = self.client.scan().table_name(&self.table).consistent_read(true);
        let mut items = scan.into_paginator().items().send();
        let mut outliving = BTreeMap::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(AwsError::of("Scan of the subscriptions table"))?;
            if let (Some(id), Some(at)) = (
                text_of(&item, attributes::WEBHOOK_ID),
                text_of(&item, attributes::OUTLIVED_AT),
            ) {
                outliving.insert(id.to_owned(), at.to_owned());
            }
        }
        Ok(outliving)
    }

    /// Tells whose a subscription is. One that is not ours is noted; of several receivers that see it at the same time
    /// one is told that it is new.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be read or written.
    pub async fn owner(&self, webhook_id: &str) -> Result<SubscriptionOwner, AwsError> {
        let now = self.clock.now();
        let mut remembered = self.remembered(webhook_id, now).await?;
        if remembered.is_ours(webhook_id) {
            return Ok(SubscriptionOwner::Us);
        }
        // What is longer is no id of a subscription: a write of it would fail, and hold up what came with it.
        let is_unnoted = !remembered.rows.contains_key(webhook_id) && webhook_id.len() <= MAX_ID_BYTES;
        let is_new = is_unnoted && self.note(webhook_id, now).await?;
        if is_unnoted {
            remembered.rows.insert(webhook_id.to_owned(), false);
        }
        Ok(SubscriptionOwner::Others { is_new })
    }

    /// Tells whether a subscription is ours, as [`Subscriptions::owner`] does, and notes nothing.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be read.
    pub async fn is_ours(&self, webhook_id: &str) -> Result<bool, AwsError> {
        let remembered = self.remembered(webhook_id, self.clock.now()).await?;
        Ok(remembered.is_ours(webhook_id))
    }

    /// Gives what is in the table, read anew where that is due.
    async fn remembered(
        &self,
        webhook_id: &str,
        now: Timestamp,
    ) -> Result<MutexGuard<'_, Remembered>, AwsError> {
        // Held across the read: of several deliveries one reads and the others wait for it.
        let mut remembered = self.remembered.lock().await;
        if remembered.is_older_than(KNOWN_FOR, now)
            || (remembered.rows.get(webhook_id) != Some(&true) && remembered.is_older_than(UNKNOWN_FOR, now))
        {
            *remembered = self.read(now).await?;
        }
        Ok(remembered)
    }

    async fn read(&self, now: Timestamp) -> Result<Remembered, AwsError> {
        let scan = self.client.scan().table_name(&self.table).consistent_read(true);
        let mut items = scan.into_paginator().items().send();
        let mut rows = BTreeMap::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(AwsError::of("Scan of the subscriptions table"))?;
            let is_ours = item.get(attributes::OURS).and_then(|ours| ours.as_bool().ok()) == Some(&true);
            if let Some(id) = text_of(&item, attributes::WEBHOOK_ID) {
                rows.insert(id.to_owned(), is_ours);
            }
        }
        Ok(Remembered {
            rows,
            read_at: Some(now),
        })
    }

    /// Writes a row for a subscription of others; `false` when there is one.
    async fn note(&self, webhook_id: &str, now: Timestamp) -> Result<bool, AwsError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(attributes::WEBHOOK_ID, text(webhook_id))
            .item(attributes::FIRST_SEEN, text(now.to_string()))
            .condition_expression("attribute_not_exists(webhook_id)")
            .send()
            .await;
        condition_held(put, "PutItem to the subscriptions table")
    }
}
