//! The keys table, as a fetch writes it.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use upvest::signature::{Jwk, Profile};

use super::error::RefreshError;
use crate::error::AwsError;
use crate::runtime::clock::Clock;

/// The `source` of keys that were fetched from Upvest.
pub(crate) const SOURCE: &str = "upvest";
const UPDATE: &str = "UpdateItem of the keys table";

/// The keys table.
#[derive(Debug)]
pub struct KeysTable {
    client: Client,
    name: String,
    clock: Clock,
}

/// A key as the table has it.
#[derive(Debug)]
pub(super) struct Stored {
    source: String,
    jwk: Option<String>,
    pub(super) retired: bool,
}

/// What became of a key that the table did not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Imported {
    New,
    /// Somebody else wrote a key of that id meanwhile.
    Raced,
}

impl Stored {
    fn of(item: &HashMap<String, AttributeValue>) -> Self {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        Self {
            source: text("source").unwrap_or_default(),
            jwk: text("jwk"),
            retired: item.contains_key("retired_at"),
        }
    }

    /// Whether it was fetched from Upvest. Others belong to the operator.
    pub(super) fn is_ours(&self) -> bool {
        self.source == SOURCE
    }

    /// Whether it is this public key, however its JSON is written.
    pub(super) fn is_key(&self, jwk: &Jwk) -> bool {
        let stored = self.jwk.as_deref();
        let stored = stored.and_then(|stored| serde_json::from_str::<Jwk>(stored).ok());
        stored.is_some_and(|stored| match jwk.key_id() {
            Some(key_id) => stored.with_key_id(key_id) == *jwk,
            None => stored == *jwk,
        })
    }
}

impl KeysTable {
    /// The table of this name.
    #[must_use]
    pub fn new(client: Client, name: String, clock: Clock) -> Self {
        Self { client, name, clock }
    }

    /// All keys by id.
    pub(super) async fn all(&self) -> Result<BTreeMap<String, Stored>, AwsError> {
        let scan = self.client.scan().table_name(&self.name).consistent_read(true);
        let mut items = scan.into_paginator().items().send();
        let mut keys = BTreeMap::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(AwsError::of("Scan of the keys table"))?;
            if let Some(Ok(key_id)) = item.get("key_id").map(AttributeValue::as_s) {
                keys.insert(key_id.clone(), Stored::of(&item));
            }
        }
        Ok(keys)
    }

    /// Adds a key, unless there is one of its id.
    pub(super) async fn import(&self, key_id: &str, jwk: &Jwk) -> Result<Imported, RefreshError> {
        let now = self.clock.now().to_string();
        let attributes = [
            ("key_id", key_id.to_owned()),
            ("profile", Profile::UpvestV6.to_string()),
            ("algorithm", jwk.algorithm().to_string()),
            ("jwk", serde_json::to_string(jwk)?),
            ("source", SOURCE.to_owned()),
            ("first_seen", now.clone()),
            ("last_seen", now),
        ];
        let item = attributes.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item.into()))
            .condition_expression("attribute_not_exists(key_id)")
            .send()
            .await;
        match put {
            Ok(_) => Ok(Imported::New),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(Imported::Raced)
            }
            Err(error) => Err(AwsError::of("PutItem to the keys table")(error).into()),
        }
    }

    /// Notes that a key is served, in whatever state it was.
    pub(super) async fn note_seen(&self, key_id: &str, stored: &Stored) -> Result<(), AwsError> {
        let stored = AttributeValue::S(stored.jwk.clone().unwrap_or_default());
        let request = self
            .update(key_id, "SET last_seen = :now REMOVE retired_at")
            // Not if an operator replaced it meanwhile.
            .condition_expression("#source = :source AND jwk = :jwk")
            .expression_attribute_values(":jwk", stored);
        applied(request).await.map(drop)
    }

    /// Notes that a key is served no longer. `false` when somebody else did, or the key is another one by now.
    pub(super) async fn retire(&self, key_id: &str) -> Result<bool, AwsError> {
        let request = self
            .update(key_id, "SET retired_at = :now")
            .condition_expression("#source = :source AND attribute_not_exists(retired_at)");
        applied(request).await
    }

    fn update(
        &self,
        key_id: &str,
        expression: &str,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .key("key_id", AttributeValue::S(key_id.to_owned()))
            .update_expression(expression)
            .expression_attribute_names("#source", "source")
            .expression_attribute_values(":source", AttributeValue::S(SOURCE.to_owned()))
            .expression_attribute_values(":now", AttributeValue::S(self.clock.now().to_string()))
    }
}

/// Whether the condition of an update held.
async fn applied(
    request: aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder,
) -> Result<bool, AwsError> {
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
        {
            Ok(false)
        }
        Err(error) => Err(AwsError::of(UPDATE)(error)),
    }
}
