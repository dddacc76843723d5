//! What a test sees of the account after its steps: the calls that were made, and what they left.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{Aws, Call, PublishedEntry, QueuedMessage, Service, StoredObject};

impl Aws {
    /// Lists every AWS call so far, in the order in which they took effect.
    pub fn calls(&self) -> Vec<Call> {
        self.world.state().calls.clone()
    }

    /// Counts the calls of `operation` that invocations made; calls of the test itself do not count.
    pub fn count(&self, service: Service, operation: &str) -> usize {
        let state = self.world.state();
        let of_invocations = state.calls.iter().filter(|call| call.invocation.is_some());
        of_invocations
            .filter(|call| call.service == service && call.operation == operation)
            .count()
    }

    /// Counts the calls that invocations made, by service and operation.
    pub fn tally(&self) -> BTreeMap<(Service, String), usize> {
        let mut tally = BTreeMap::new();
        for call in self
            .world
            .state()
            .calls
            .iter()
            .filter(|call| call.invocation.is_some())
        {
            *tally.entry((call.service, call.operation.clone())).or_default() += 1;
        }
        tally
    }

    /// Forgets the calls so far, so that a test counts those of one step.
    pub fn clear_calls(&self) {
        let state = &mut *self.world.state();
        state.calls.clear();
        state.under_way.clear();
    }

    /// Tells how many calls of invocations to a service were under way at a time, and how many bytes their bodies had together,
    /// at most since the calls were last forgotten.
    pub fn most_under_way(&self, service: Service) -> (usize, usize) {
        let under_way = self.world.state().under_way.get(&service).copied();
        under_way.unwrap_or_default().most
    }

    /// Lists the messages in a queue, in flight or not, in the order of their arrival.
    pub fn messages(&self, queue: &str) -> Vec<QueuedMessage> {
        self.world
            .state()
            .queues
            .get(queue)
            .map_or_else(Vec::new, |queue| queue.messages.clone())
    }

    /// Lists all items of a table in DynamoDB's JSON, ordered by that JSON.
    ///
    /// # Panics
    ///
    /// If there is no such table.
    pub fn items(&self, table: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut start = Value::Null;
        loop {
            let mut request = json!({ "TableName": table, "ConsistentRead": true });
            if !start.is_null() {
                request["ExclusiveStartKey"] = start;
            }
            let request = serde_json::from_value(request).expect("a Scan request");
            let page = self
                .world
                .database
                .scan(request)
                .expect("the table can be scanned");
            let page = serde_json::to_value(page).expect("a Scan response is JSON");
            items.extend(page["Items"].as_array().cloned().unwrap_or_default());
            start = page["LastEvaluatedKey"].clone();
            if start.is_null() {
                break;
            }
        }
        items.sort_by_cached_key(Value::to_string);
        items
    }

    /// Copies the objects of a bucket, by key; none if there is no such bucket.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, StoredObject> {
        self.world
            .state()
            .buckets
            .get(bucket)
            .cloned()
            .unwrap_or_default()
    }

    /// Lists the events that a bus took in, in the order of their arrival; none if there is no such bus.
    pub fn published(&self, bus: &str) -> Vec<PublishedEntry> {
        self.world.state().event_buses.published(bus)
    }
}
