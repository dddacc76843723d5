//! What the functions are invoked with: signed deliveries of generated events, and what becomes of them on the way.
//!
//! The messages of the queues are those that the shipped code sends: deliveries go through ingest, and the events of orders
//! through verify-and-store as well, in the receiver of the tests.

use std::convert::Infallible;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use fake_aws::lambda::EventSource;
use jiff::Timestamp;
use serde_json::{Value, json};
use upvest::Domain;
use upvest::signature::{Headers, SIGNATURE_LIFETIME, SigningKey};
use upvest_simulator::{DeliverySigner, generate};
use uuid::Uuid;
use verify_and_store::Policy;
use webhook_tests::deliveries::import_key;
use webhook_tests::receiver::{DELIVERIES, PATH, Receiver, gateway_request, queue_name};

use crate::error::BenchError;

/// Counts the executions of one order that come in a batch: as many messages as SQS FIFO gives at once.
pub const EXECUTIONS_TOGETHER: usize = 10;
/// Says how far the clock stands after the day on which generated events begin, so that none comes from the future.
const AFTER_THE_EVENTS: Duration = Duration::from_secs(90 * 24 * 3600);
const STORY: &str = include_str!("../../events/samples/04-an-order-is-filled-in-two-executions.json");

/// Says what a function is invoked with.
#[derive(Debug, Clone, Copy)]
pub enum Input {
    /// Gives ingest requests with so many events.
    Requests {
        /// Counts the events of a request.
        events: usize,
    },
    /// Gives verify-and-store batches of deliveries.
    Deliveries {
        /// Counts the events of a delivery.
        events: usize,
        /// Counts the deliveries of a batch.
        together: usize,
    },
    /// Gives the processor of orders batches with an event of each of so many orders, which are placed, executed and
    /// filled.
    Orders {
        /// Counts the orders of a batch.
        together: usize,
    },
    /// Gives the processor of orders batches of executions, all of one order.
    Executions,
}

/// Makes invocations, each of them JSON as Lambda hands it over.
pub struct Workshop<'k> {
    key: &'k SigningKey,
    receiver: Receiver,
    random: fastrand::Rng,
    story: Vec<Value>,
}

impl<'k> Workshop<'k> {
    /// Sets up a receiver that knows the key. To be used where tokio's clock stands: the receiver's AWS takes its time.
    ///
    /// # Errors
    ///
    /// [`BenchError`] when the story of the sample events cannot be read.
    pub async fn new(key: &'k SigningKey) -> Result<Self, BenchError> {
        let receiver = Receiver::new(1, Policy::Flag);
        receiver.aws.clock().advance(AFTER_THE_EVENTS);
        import_key(&receiver.aws, key.to_jwk().ok_or(BenchError::Key)?).await;
        Ok(Self {
            key,
            receiver,
            random: fastrand::Rng::with_seed(521),
            story: serde_json::from_str(STORY).map_err(BenchError::Sample)?,
        })
    }

    /// Makes so many invocations.
    ///
    /// # Errors
    ///
    /// [`BenchError`] when a delivery cannot be signed, or the receiver does not take it.
    pub async fn make(&mut self, input: Input, count: usize) -> Result<Vec<String>, BenchError> {
        match input {
            Input::Requests { events } => self.requests(events, count),
            Input::Deliveries { events, together } => self.deliveries(events, together, count).await,
            Input::Orders { together } => self.orders(together, count).await,
            Input::Executions => self.executions(count).await,
        }
    }

    fn requests(&mut self, events: usize, count: usize) -> Result<Vec<String>, BenchError> {
        let all = generate(7, events * count);
        let requests = all.chunks(events).map(|events| {
            let (headers, body) = self.sign(events)?;
            let mut request = gateway_request(self.receiver.aws.clock().unix_ms(), &headers, b"");
            // Text, as an HTTP API hands over what is text.
            request["body"] = json!(String::from_utf8_lossy(&body));
            request["isBase64Encoded"] = json!(false);
            Ok(request.to_string())
        });
        requests.collect()
    }

    async fn deliveries(
        &mut self,
        events: usize,
        together: usize,
        count: usize,
    ) -> Result<Vec<String>, BenchError> {
        let all = generate(7, events * together * count);
        let mut batches = Vec::new();
        for batch in all.chunks(events * together) {
            for delivery in batch.chunks(events) {
                self.post(delivery).await?;
            }
            batches.push(self.receive(DELIVERIES, together).await?);
        }
        Ok(batches)
    }

    async fn orders(&mut self, together: usize, count: usize) -> Result<Vec<String>, BenchError> {
        let mut batches = Vec::new();
        while batches.len() < count {
            let orders: Vec<Uuid> = (0..together).map(|_| self.uuid()).collect();
            for step in ["ORDER.NEW", "EXECUTION.FILLED", "ORDER.FILLED"] {
                let events: Vec<String> = orders.iter().map(|order| self.event(step, *order)).collect();
                batches.push(self.dispatch(&events, together).await?);
            }
        }
        Ok(batches)
    }

    async fn executions(&mut self, count: usize) -> Result<Vec<String>, BenchError> {
        let order = self.uuid();
        let mut events = vec![self.event("ORDER.NEW", order)];
        let mut batches = vec![self.dispatch(&events, EXECUTIONS_TOGETHER).await?];
        while batches.len() < count {
            events = (0..EXECUTIONS_TOGETHER)
                .map(|_| self.event("EXECUTION.FILLED", order))
                .collect();
            batches.push(self.dispatch(&events, EXECUTIONS_TOGETHER).await?);
        }
        Ok(batches)
    }

    /// Has verify-and-store send events of orders to their queue, and gives the batch that Lambda polls.
    async fn dispatch(&mut self, events: &[String], together: usize) -> Result<String, BenchError> {
        self.post(events).await?;
        self.receiver
            .verify_and_store()
            .await
            .ok_or(BenchError::NotTaken)?;
        self.receive(&queue_name(Domain::Orders), together).await
    }

    async fn post(&mut self, events: &[String]) -> Result<(), BenchError> {
        let (headers, body) = self.sign(events)?;
        // Deliveries of one millisecond have no order.
        self.receiver.aws.clock().advance(Duration::from_millis(1));
        match self.receiver.post(&headers, &body).await {
            Ok((200, _)) => Ok(()),
            _ => Err(BenchError::NotTaken),
        }
    }

    /// Receives a batch of a queue and deletes it, so that the next one of its groups comes.
    async fn receive(&self, queue: &str, together: usize) -> Result<String, BenchError> {
        let source = EventSource::new(queue, "bench").batch_size(together);
        let batch = source.receive(&self.receiver.aws).ok_or(BenchError::NotTaken)?;
        let done = async |_| Ok::<_, Infallible>(SqsBatchResponse::default());
        batch.run(&self.receiver.aws, done).await;
        serde_json::to_string(&batch.event()).map_err(BenchError::Sample)
    }

    fn sign(&mut self, events: &[String]) -> Result<(Headers, Vec<u8>), BenchError> {
        let body = format!("{{\"payload\":[{}]}}", events.join(",")).into_bytes();
        let signer = DeliverySigner {
            key: self.key,
            path: PATH,
            query: None,
            lifetime: SIGNATURE_LIFETIME,
        };
        let signed = signer.sign(body, self.now(), &mut self.random)?;
        Ok((signed.headers, signed.body))
    }

    /// Writes an event of the sample's story anew, about another order.
    fn event(&mut self, event_type: &str, order: Uuid) -> String {
        let of_type = self.story.iter().find(|event| event["type"] == event_type);
        let mut event = of_type.cloned().unwrap_or_default();
        event["id"] = json!(self.uuid());
        event["created_at"] = json!(self.now().to_string());
        let own_id = event_type.starts_with("ORDER.").then_some(order);
        event["object"]["id"] = json!(own_id.unwrap_or_else(|| self.uuid()));
        if own_id.is_none() {
            event["object"]["order_id"] = json!(order);
        }
        event.to_string()
    }

    fn now(&self) -> Timestamp {
        self.receiver.aws.clock().timestamp()
    }

    fn uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.random.u128(..).to_be_bytes()).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use upvest_simulator::generate_key;

    use super::*;

    async fn made(input: Input, count: usize) -> Vec<Value> {
        let key = generate_key().unwrap();
        let mut workshop = Workshop::new(&key).await.unwrap();
        let made = workshop.make(input, count).await.unwrap();
        made.iter()
            .map(|json| serde_json::from_str(json).unwrap())
            .collect()
    }

    fn groups(batch: &Value) -> BTreeSet<&str> {
        let records = batch["Records"].as_array().unwrap().iter();
        let groups = records.map(|record| &record["attributes"]["MessageGroupId"]);
        groups.map(|group| group.as_str().unwrap()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_has_its_events_as_text() {
        let requests = made(Input::Requests { events: 3 }, 2).await;
        assert_eq!(requests.len(), 2);
        let body: Value = serde_json::from_str(requests[0]["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["payload"].as_array().unwrap().len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_has_its_deliveries() {
        let input = Input::Deliveries {
            events: 2,
            together: 3,
        };
        let batches = made(input, 2).await;
        let records = |batch: &Value| batch["Records"].as_array().unwrap().len();
        assert_eq!(batches.iter().map(records).collect::<Vec<_>>(), [3, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn orders_come_together_and_executions_of_one_order_in_tens() {
        let batches = made(Input::Orders { together: 4 }, 4).await;
        assert_eq!(groups(&batches[0]).len(), 4);
        assert_eq!(groups(&batches[0]), groups(&batches[1]));
        assert_ne!(groups(&batches[0]), groups(&batches[3]));
        let batches = made(Input::Executions, 3).await;
        let records = |batch: &Value| batch["Records"].as_array().unwrap().len();
        assert_eq!(batches.iter().map(records).collect::<Vec<_>>(), [1, 10, 10]);
        assert_eq!(groups(&batches[0]), groups(&batches[2]));
    }
}
