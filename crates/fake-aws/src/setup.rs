//! What a test sets up in the account before its steps: tables, queues, buckets, buses and secrets.

use serde_json::{Value, json};

use crate::secrets::Secret;
use crate::{Account, Aws, QueueSettings, addresses};

impl Aws {
    /// Creates a table with a string key, and a second string as sort key if named.
    ///
    /// # Panics
    ///
    /// If the table exists.
    pub fn create_table(&self, name: &str, partition_key: &str, sort_key: Option<&str>) {
        let keys = [(Some(partition_key), "HASH"), (sort_key, "RANGE")];
        let keys: Vec<(&str, &str)> = keys
            .into_iter()
            .filter_map(|(key, kind)| Some((key?, kind)))
            .collect();
        let schema = keys
            .iter()
            .map(|(key, kind)| json!({ "AttributeName": key, "KeyType": kind }));
        let definitions = keys
            .iter()
            .map(|(key, _)| json!({ "AttributeName": key, "AttributeType": "S" }));
        self.create_table_from(json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": schema.collect::<Vec<_>>(),
            "AttributeDefinitions": definitions.collect::<Vec<_>>(),
        }));
    }

    /// Creates a table from a `CreateTable` request, for those with indexes.
    ///
    /// # Panics
    ///
    /// If DynamoDB would refuse the request.
    pub fn create_table_from(&self, request: Value) {
        let request = serde_json::from_value(request).expect("a CreateTable request");
        self.world
            .database
            .create_table(request)
            .expect("the table can be created");
    }

    /// Creates a queue, and returns its URL. A dead-letter queue is created on its own.
    pub fn create_queue(&self, settings: QueueSettings) -> String {
        let url = addresses::queue_url(&settings.name);
        self.world.state().queues.create(settings);
        url
    }

    /// Has fewer messages of a queue in flight at a time than SQS would, so that a test meets the limit.
    pub fn limit_in_flight(&self, queue: &str, messages: usize) {
        self.world.state().queues.limit_in_flight(queue, messages);
    }

    /// Creates a bucket without objects, where none of this name is.
    pub fn create_bucket(&self, name: &str) {
        self.world.state().buckets.entry(name.to_owned()).or_default();
    }

    /// Creates an event bus beside the `default` one.
    pub fn create_event_bus(&self, name: &str) {
        self.world.state().event_buses.create(name);
    }

    /// Has requests of `PutEvents` take so many bytes at most, where AWS still has another limit.
    pub fn limit_event_requests(&self, bytes: usize) {
        self.world.state().event_buses.limit_requests(bytes);
    }

    /// Keeps a secret for `GetSecretValue`, under the id by which it will be asked for: a name or an ARN.
    pub fn create_secret(&self, id: &str, value: &[u8]) {
        let secret = Secret::Binary(value.to_vec());
        self.world.state().secrets.insert(id.to_owned(), secret);
    }

    /// Keeps a secret that is a text, as CloudFormation generates one.
    pub fn create_secret_string(&self, id: &str, value: &str) {
        let secret = Secret::Text(value.to_owned());
        self.world.state().secrets.insert(id.to_owned(), secret);
    }

    /// Changes what is said of the account where it holds no data for it: alarms, protections, denials.
    pub fn edit_account(&self, edit: impl FnOnce(&mut Account)) {
        edit(&mut self.world.state().account);
    }
}
