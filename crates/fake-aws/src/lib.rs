//! AWS in the process of a test, under the real SDK clients: DynamoDB, SQS, S3, EventBridge, Secrets Manager and the
//! poller of Lambda, without a socket.
//!
//! [`Aws`] holds one account. Its SDK clients sign, serialise, retry and parse as they do in production; a connector in
//! the place of HTTP hands their requests to dynoxide (DynamoDB) and to models in memory (the other services). So a
//! test runs the code that ships, with its conditions and its handling of errors, and needs no trait between that code
//! and AWS.
//!
//! # A first test
//!
//! Make an account, give its clients to the code under test, and choose a call that goes wrong:
//!
//! ```
//! use fake_aws::{Aws, CallFilter, Fault, QueueSettings, Service};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let aws = Aws::new(1);
//! let url = aws.create_queue(QueueSettings::new("deliveries"));
//!
//! // SQS takes the message, but its answer gets lost.
//! let sends = CallFilter::operation(Service::Sqs, "SendMessage").on("deliveries");
//! aws.inject(Fault::LoseReply, sends);
//!
//! // An invocation of the function `ingest`, as the code under test would make the call.
//! let send = aws.sqs().send_message().queue_url(&url).message_body("hello").send();
//! aws.invoke("ingest", send).await??;
//!
//! // The SDK sent it again, so it is there twice.
//! assert_eq!(aws.count(Service::Sqs, "SendMessage"), 2);
//! assert_eq!(aws.messages("deliveries").len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! Code that builds its own clients takes [`Aws::sdk_config`].
//!
//! # What can go wrong
//!
//! A [`Fault`] throttles or denies a call, breaks its connection before or after the effect, fails a part of a batch, or kills
//! the invocation in the middle ([`CrashError`]). Faults strike for a time ([`Aws::begin_outage`]), by script
//! ([`Aws::inject`]) or by chance ([`Aws::set_fault_rates`]), and only within [`Aws::invoke`]: the calls of the test itself always succeed at once.
//! Standard queues also hand out messages twice and out of order. [`lambda::EventSource`] polls a queue for a function
//! and settles its batches as Lambda does.
//!
//! # One seed decides everything
//!
//! Run on one thread with tokio's time paused (`#[tokio::test(start_paused = true)]`): then the same seed gives the
//! same [`Call`]s in the same order, and a failure that chance found can be looked at again. The code under test must
//! not add chance of its own; `tokio::select!` without `biased` and the iteration order of a `HashMap` do.
//!
//! # What is not here
//!
//! IAM is not evaluated, streams and point-in-time recovery do not exist, and no operation that the receiver does not
//! call is served: it is answered with an error that says so. Limits of AWS that a caller can run into (sizes, batch
//! counts, characters of a message, windows of deduplication) hold.

mod account;
mod addresses;
mod clients;
mod clock;
mod connector;
mod dynamodb;
mod event_bridge;
mod faults;
mod invocation;
pub mod lambda;
mod message;
mod query;
mod queue;
mod queued;
mod record;
mod reply;
mod rng;
mod s3;
mod secrets;
mod sqs;
mod sqs_replies;
mod throttling;
mod wire;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use serde_json::{Value, json};

pub use account::{Account, Alarm, OPERATOR};
pub use clock::Clock;
pub use event_bridge::PublishedEntry;
pub use faults::{CallFilter, Fault, FaultRates};
pub use invocation::CrashError;
pub use message::MessageAttribute;
pub use queued::{QueueSettings, QueuedMessage};
pub use record::{Call, Outcome, Service};
pub use rng::Rng;
pub use s3::StoredObject;

use connector::{InProcess, State, World};
use event_bridge::EventBuses;
use faults::FaultPlan;
use invocation::Invocation;
use queue::{Misbehaviour, Receive};
use secrets::Secret;
use sqs::Queues;

/// Kills the invocation in which it is awaited, as a crash of its process does: nothing after it runs.
///
/// # Panics
///
/// Outside of an invocation.
pub async fn die() -> std::convert::Infallible {
    let invocation = Invocation::current().expect("there is an invocation to kill");
    let _: Result<(), _> = invocation.crash().await;
    std::future::pending().await
}

/// Begins every simulated run: 2026-01-01T00:00:00Z, in milliseconds.
const START_UNIX_MS: u64 = 1_767_225_600_000;

/// Holds one AWS account in memory, and the SDK clients that call it. Clones share the account.
#[derive(Clone)]
pub struct Aws {
    world: Arc<World>,
    sdk_config: SdkConfig,
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
    s3: aws_sdk_s3::Client,
    event_bridge: aws_sdk_eventbridge::Client,
    rng: Rng,
}

impl Aws {
    /// Starts an empty account. `seed` decides every fault, delay and order of it.
    ///
    /// # Panics
    ///
    /// If the in-memory database cannot be opened.
    pub fn new(seed: u64) -> Self {
        let rng = Rng::new(seed);
        // The SDK draws from the generator of the thread, for its backoff jitter among others.
        fastrand::seed(rng.fork("sdk").draw());
        let clock = Clock::starting_at(START_UNIX_MS);
        let database = dynoxide::Database::memory_with_clock(Arc::new(clock.clone()))
            .expect("an in-memory database opens");
        let state = State {
            queues: Queues::new(rng.fork("queues")),
            buckets: BTreeMap::new(),
            event_buses: EventBuses::new(),
            secrets: BTreeMap::new(),
            account: Account::default(),
            faults: FaultPlan::new(rng.fork("faults")),
            calls: Vec::new(),
            under_way: BTreeMap::new(),
            members: rng.fork("members"),
            travel: rng.fork("travel"),
        };
        let world = Arc::new(World::new(clock, database, state));
        let sdk_config = clients::sdk_config(InProcess(world.clone()));
        let dynamodb = aws_sdk_dynamodb::Client::new(&sdk_config);
        let sqs = aws_sdk_sqs::Client::new(&sdk_config);
        let s3 = aws_sdk_s3::Client::new(&sdk_config);
        let event_bridge = aws_sdk_eventbridge::Client::new(&sdk_config);
        Self {
            world,
            sdk_config,
            dynamodb,
            sqs,
            s3,
            event_bridge,
            rng: rng.fork("scheduler"),
        }
    }

    /// Returns the configuration that the clients are built from, for functions that build their own.
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.sdk_config
    }

    /// Returns the DynamoDB client; all its calls go to dynoxide, without a socket.
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        &self.dynamodb
    }

    /// Returns the SQS client, whose queues are those of [`Aws::create_queue`].
    pub fn sqs(&self) -> &aws_sdk_sqs::Client {
        &self.sqs
    }

    /// Returns the S3 client, whose buckets are those of [`Aws::create_bucket`].
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        &self.s3
    }

    /// Returns the EventBridge client; what it puts is read by [`Aws::published`].
    pub fn event_bridge(&self) -> &aws_sdk_eventbridge::Client {
        &self.event_bridge
    }

    /// Returns the clock of the account, which stands still unless the test moves it.
    pub fn clock(&self) -> &Clock {
        &self.world.clock
    }

    /// Returns a source of chance for the test's own decisions, derived from the seed.
    pub fn rng(&self) -> Rng {
        self.rng.clone()
    }

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

    /// Sets how often faults strike from here on.
    pub fn set_fault_rates(&self, rates: FaultRates) {
        let mut state = self.world.state();
        let FaultRates {
            duplicate_delivery,
            reorder,
            ..
        } = rates;
        state.faults.rates = rates;
        state.queues.misbehaviour = Misbehaviour {
            duplicate_delivery,
            reorder,
        };
    }

    /// Makes `fault` strike the call that `filter` selects, once. Scripts go before chance.
    pub fn inject(&self, fault: Fault, filter: CallFilter) {
        self.world.state().faults.inject(filter, fault);
    }

    /// Makes `fault` strike every call that `filter` selects, for so long.
    pub fn begin_outage(&self, fault: Fault, filter: CallFilter, lasts: Duration) {
        let ends_ms = self.clock().unix_ms() + lasts.as_millis() as u64;
        self.world.state().faults.begin_outage(filter, fault, ends_ms);
    }

    /// Ends all faults: outages, scripted and drawn ones.
    pub fn heal(&self) {
        self.set_fault_rates(FaultRates::default());
        self.world.state().faults.heal();
    }

    /// Runs `work` as one invocation of the function `name`: its calls are recorded under that name, travel for a
    /// while, and can be struck. Calls outside an invocation always succeed at once.
    ///
    /// # Errors
    ///
    /// [`CrashError`] if a fault killed the invocation; `work` was dropped where it stood.
    pub async fn invoke<T>(&self, name: &str, work: impl Future<Output = T>) -> Result<T, CrashError> {
        let dies_at = self.world.state().faults.draw_death();
        Invocation::new(name).run(work, dies_at).await
    }

    /// Answers a request that came over a socket, for a server that makes the account reachable by other processes. Like
    /// a call of the test itself it always succeeds at once, and is recorded. What no service here understands is
    /// answered with 400.
    pub fn answer(&self, request: http::Request<Vec<u8>>) -> http::Response<Vec<u8>> {
        match wire::Request::of_http(request) {
            Ok(request) => self.world.answer_at_once(&request).into_response(),
            Err(error) => {
                reply::Reply::json_error(400, "UnknownOperationException", &error.to_string()).into_response()
            }
        }
    }

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

    /// Moves everything in a dead-letter queue back to the queues it came from; returns how many messages.
    pub fn redrive(&self, dead_letter_queue: &str) -> usize {
        self.world
            .state()
            .queues
            .redrive(dead_letter_queue, self.world.clock.unix_ms())
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

    pub(crate) fn receive(&self, queue: &str, max_messages: usize, max_bytes: usize) -> Vec<QueuedMessage> {
        let now_ms = self.world.clock.unix_ms();
        let request = Receive {
            max_messages,
            max_bytes,
            visibility_ms: None,
        };
        self.world.state().queues.receive(queue, request, now_ms)
    }

    /// Deletes for the poller, which ignores a refusal: the message comes back, as one never deleted does.
    pub(crate) fn delete(&self, queue: &str, receipt_handle: &str) {
        let now_ms = self.world.clock.unix_ms();
        let _refused = self.world.state().queues.delete(queue, receipt_handle, now_ms);
    }

    pub(crate) fn visibility_timeout(&self, queue: &str) -> std::time::Duration {
        let state = self.world.state();
        state
            .queues
            .get(queue)
            .map(|queue| queue.settings.visibility_timeout)
            .unwrap_or_default()
    }
}
