//! Reading many items of a table by key, in requests of a hundred.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::item::{Item, text};
use crate::error::AwsError;

/// Bounds the number of keys in one request (`BatchGetItem`).
pub(super) const BATCH: usize = 100;
/// Bounds the number of requests of one read that are under way at a time, and with it the memory that answers take.
const AT_A_TIME: usize = 8;
/// Says how often the rest of a throttled read is asked for, when none of it came the last time.
const ATTEMPTS: u32 = 5;
/// Says how long the first of these waits; each other one twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(25);

/// Describes a read of many items of a table, as of now.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchGet<'t> {
    client: &'t Client,
    table: &'t str,
    key: &'static str,
    attributes: Option<&'static [&'static str]>,
    /// Says what the read is called in an error.
    call: &'static str,
}

impl<'t> BatchGet<'t> {
    /// Reads all attributes of items of the table `table`, whose key is the attribute `key`. An error names `call`.
    pub(super) fn new(client: &'t Client, table: &'t str, key: &'static str, call: &'static str) -> Self {
        Self {
            client,
            table,
            key,
            attributes: None,
            call,
        }
    }

    /// Reads these attributes alone, which takes as many units, and less to carry.
    pub(super) fn only(self, attributes: &'static [&'static str]) -> Self {
        Self {
            attributes: Some(attributes),
            ..self
        }
    }

    /// Reads the items of these keys, which must differ, in no order. What is not there is left out.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when some of them are not known.
    pub(super) async fn read(&self, keys: &[&str]) -> Result<Vec<Item>, AwsError> {
        let batches = keys.chunks(BATCH).map(|keys| self.read_batch(keys));
        let answers = stream::iter(batches).buffer_unordered(AT_A_TIME);
        let items: Vec<Vec<Item>> = answers.try_collect().await?;
        Ok(items.into_iter().flatten().collect())
    }

    async fn read_batch(&self, keys: &[&str]) -> Result<Vec<Item>, AwsError> {
        let key = |key: &&str| Item::from([(self.key.to_owned(), text(*key))]);
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys.iter().map(key).collect()))
            .set_projection_expression(self.attributes.map(placeholders))
            .set_expression_attribute_names(self.attributes.map(names))
            .consistent_read(true)
            .build()
            .expect("the builder asks for keys alone, which are set");
        let mut wanted = HashMap::from([(self.table.to_owned(), wanted)]);
        let (mut items, mut in_vain) = (Vec::new(), 0);
        loop {
            let request = self.client.batch_get_item().set_request_items(Some(wanted));
            let answer = request.send().await.map_err(AwsError::of(self.call))?;
            let before = items.len();
            items.extend(answer.responses.unwrap_or_default().into_values().flatten());
            wanted = answer.unprocessed_keys.unwrap_or_default();
            if wanted.is_empty() {
                return Ok(items);
            }
            // Large items come a few at a time (16 MB an answer), which is no sign of throttling.
            in_vain = if items.len() > before { 0 } else { in_vain + 1 };
            if in_vain == ATTEMPTS {
                return Err(AwsError::entries(self.call, "unprocessed keys"));
            }
            tokio::time::sleep(PAUSE * (1 << in_vain)).await;
        }
    }
}

/// Writes the projection expression of some attributes. Each has a placeholder, because many of their names are reserved
/// words of `DynamoDB`.
fn placeholders(attributes: &[&str]) -> String {
    let placeholders: Vec<String> = attributes.iter().map(|name| format!("#{name}")).collect();
    placeholders.join(",")
}

fn names(attributes: &[&str]) -> HashMap<String, String> {
    let names = attributes.iter();
    names
        .map(|name| (format!("#{name}"), (*name).to_owned()))
        .collect()
}
