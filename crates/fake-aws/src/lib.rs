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
//! A [`Fault`] throttles or denies a call, breaks its connection before or after the effect, fails a part of a batch, answers as
//! of a moment ago, or kills the invocation in the middle ([`CrashError`]). Faults strike for a time ([`Aws::begin_outage`]), by script
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
//! # Servers on a socket
//!
//! Tests of connections open their servers themselves; [`tls`] has the certificates for them.
//!
//! # What is not here
//!
//! IAM is not evaluated, streams and point-in-time recovery do not exist, and no operation that the receiver does not
//! call is served: it is answered with an error that says so. Limits of AWS that a caller can run into (sizes, batch
//! counts, characters of a message, windows of deduplication) hold.

mod account;
mod addresses;
mod cbor;
mod clients;
mod clock;
mod cloudformation;
mod connector;
mod dynamodb;
mod event_bridge;
mod faults;
mod functions;
mod inspection;
mod invocation;
pub mod lambda;
mod message;
mod protection;
mod query;
mod queue;
mod queue_contents;
mod record;
mod reply;
mod rng;
mod s3;
mod secrets;
mod setup;
mod sqs;
mod stale;
mod throttling;
pub mod tls;
mod wire;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub use account::{Account, Alarm, OPERATOR};
pub use addresses::SENDER_ROLE_ID;
use aws_config::SdkConfig;
pub use clock::Clock;
pub use cloudformation::{ChangeSets, PlannedChange, ResourceEvent};
pub use event_bridge::PublishedEntry;
pub use faults::{CallFilter, Fault, FaultRates};
pub use invocation::{CrashError, die};
pub use message::MessageAttribute;
pub use queue_contents::{QueueSettings, QueuedMessage};
pub use record::{Call, Outcome, Service};
pub use rng::Rng;
pub use s3::StoredObject;

use connector::{InProcess, State, World};
use event_bridge::EventBuses;
use faults::FaultPlan;
use invocation::Invocation;
use queue::{Misbehaviour, Receive};
use sqs::Queues;

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

    /// Moves everything in a dead-letter queue back to the queues it came from; returns how many messages.
    pub fn redrive(&self, dead_letter_queue: &str) -> usize {
        self.world
            .state()
            .queues
            .redrive(dead_letter_queue, self.world.clock.unix_ms())
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
