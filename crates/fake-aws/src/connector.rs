//! The HTTP connector under the SDK clients: where faults strike and calls are recorded.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use dynoxide::Database;

use crate::account::{Account, denial};
use crate::clock::Clock;
use crate::event_bridge::EventBuses;
use crate::faults::{Fault, FaultPlan, Target};
use crate::invocation::Invocation;
use crate::record::{Call, Outcome, Service};
use crate::reply::Reply;
use crate::rng::Rng;
use crate::sqs::Queues;
use crate::throttling::throttled;
use crate::wire::Request;
use crate::{dynamodb, s3, secrets, stale};

/// Holds what the services hold, and what is known about the run.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) database: Database,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) queues: Queues,
    pub(crate) buckets: s3::Buckets,
    pub(crate) event_buses: EventBuses,
    pub(crate) secrets: BTreeMap<String, secrets::Secret>,
    pub(crate) account: Account,
    pub(crate) faults: FaultPlan,
    pub(crate) calls: Vec<Call>,
    pub(crate) under_way: BTreeMap<Service, UnderWay>,
    /// Chooses which members of a batch fail.
    pub(crate) members: Rng,
    /// Chooses how long requests and replies travel, and so how concurrent invocations interleave.
    pub(crate) travel: Rng,
}

/// Counts the calls to a service that are under way, and the bytes of their bodies.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UnderWay {
    now: (usize, usize),
    pub(crate) most: (usize, usize),
}

/// Counts a call as under way for as long as it lives, which may end before it is answered.
struct Counted<'w> {
    world: &'w World,
    service: Service,
    bytes: usize,
}

impl<'w> Counted<'w> {
    fn new(world: &'w World, request: &Request) -> Self {
        let (service, bytes) = (request.service, request.http.body().len());
        let mut state = world.state();
        let under_way = state.under_way.entry(service).or_default();
        under_way.now = (under_way.now.0 + 1, under_way.now.1 + bytes);
        under_way.most = (
            under_way.most.0.max(under_way.now.0),
            under_way.most.1.max(under_way.now.1),
        );
        drop(state);
        Self {
            world,
            service,
            bytes,
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut state = self.world.state();
        let under_way = state.under_way.entry(self.service).or_default();
        under_way.now = (under_way.now.0 - 1, under_way.now.1 - self.bytes);
    }
}

impl World {
    pub(crate) fn new(clock: Clock, database: Database, state: State) -> Self {
        Self {
            clock,
            database,
            state: Mutex::new(state),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, request: &Request, partial: bool) -> Reply {
        let now_ms = self.clock.unix_ms();
        let state = &mut *self.state();
        // First, because what the account denies must not reach a service.
        if let Some(reply) = state.account.answer(request) {
            return reply;
        }
        let members = &mut state.members;
        match request.service {
            Service::DynamoDb if partial => dynamodb::answer_partly(&self.database, request, members),
            Service::DynamoDb => {
                let reply = dynamodb::answer(&self.database, request);
                state.account.complete(request, reply)
            }
            Service::Sqs => state.queues.answer(request, now_ms, partial.then_some(members)),
            Service::EventBridge => state.event_buses.answer(request, partial.then_some(members)),
            Service::SecretsManager => secrets::answer(&mut state.secrets, request),
            Service::S3 => s3::answer(&mut state.buckets, request, now_ms),
            Service::CloudControl
            | Service::CloudFormation
            | Service::CloudWatch
            | Service::Lambda
            | Service::Sts => {
                unreachable!("the account answers")
            }
        }
    }

    fn record(
        &self,
        request: &Request,
        invocation: Option<&Invocation>,
        outcome: Outcome,
        reply: Option<&Reply>,
    ) {
        let from_database = reply.filter(|_| request.service == Service::DynamoDb);
        self.state().calls.push(Call {
            invocation: invocation.map(|invocation| invocation.name.clone()),
            service: request.service,
            operation: request.operation.clone(),
            resource: request.resource.clone(),
            outcome,
            bytes: request.http.body().len(),
            half_units: from_database.map_or(0, dynamodb::half_units),
        });
    }

    /// Calls of the test itself are neither struck nor delayed.
    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = Request::read(request).await?;
        match Invocation::current() {
            Some(invocation) => self.answer_invocation(&request, &invocation).await,
            None => self.answer_at_once(&request).into_http(),
        }
    }

    /// Answers a call that no fault strikes.
    pub(crate) fn answer_at_once(&self, request: &Request) -> Reply {
        let reply = self.serve(request, false);
        self.record(request, None, outcome(&reply), Some(&reply));
        reply
    }

    async fn answer_invocation(
        &self,
        request: &Request,
        invocation: &Invocation,
    ) -> Result<HttpResponse, ConnectorError> {
        let _counted = Counted::new(self, request);
        let journey = self.plan(request, invocation);
        travel(journey.there_ms).await;
        // A call beside this one may have killed the invocation meanwhile, and then nothing more happens.
        if invocation.has_crashed() {
            return pending().await;
        }
        let reply = match journey.fault {
            Some(
                fault @ (Fault::Throttle | Fault::Deny | Fault::FailBeforeEffect | Fault::CrashBeforeEffect),
            ) => {
                self.record(request, Some(invocation), Outcome::Struck(fault), None);
                if fault == Fault::Deny {
                    denial(request)
                } else {
                    throttled(request.service)
                }
            }
            fault @ (None
            | Some(Fault::LoseReply | Fault::CrashAfterEffect | Fault::Partial | Fault::Stale)) => {
                let mut reply = self.serve(request, fault == Some(Fault::Partial));
                if fault == Some(Fault::Stale) {
                    stale::outdate(request, &mut reply);
                }
                let outcome = fault.map_or_else(|| outcome(&reply), Outcome::Struck);
                self.record(request, Some(invocation), outcome, Some(&reply));
                reply
            }
        };
        match journey.fault {
            Some(Fault::CrashBeforeEffect | Fault::CrashAfterEffect) => invocation.crash().await,
            Some(Fault::FailBeforeEffect) => Err(broken_connection()),
            Some(Fault::LoseReply) => {
                travel(journey.back_ms).await;
                Err(broken_connection())
            }
            None | Some(Fault::Throttle | Fault::Deny | Fault::Partial | Fault::Stale) => {
                travel(journey.back_ms).await;
                reply.into_http()
            }
        }
    }

    fn plan(&self, request: &Request, invocation: &Invocation) -> Journey {
        let call = Target {
            invocation: &invocation.name,
            service: request.service,
            operation: &request.operation,
            resource: &request.resource,
            body: request.http.body(),
        };
        let state = &mut *self.state();
        let mut travel_ms = || state.travel.below(4) as u64;
        let (there_ms, back_ms) = (travel_ms(), travel_ms());
        Journey {
            fault: state.faults.decide(&call, self.clock.unix_ms()),
            there_ms,
            back_ms,
        }
    }
}

/// Decides what will happen to a call, and how long its request and its reply travel.
struct Journey {
    fault: Option<Fault>,
    there_ms: u64,
    back_ms: u64,
}

async fn travel(ms: u64) {
    match ms {
        // A step all the same, or the calls of one invocation would never let another come in between.
        0 => tokio::task::yield_now().await,
        _ => tokio::time::sleep(Duration::from_millis(ms)).await,
    }
}

fn outcome(reply: &Reply) -> Outcome {
    reply.error.clone().map_or(Outcome::Ok, Outcome::Refused)
}

fn broken_connection() -> ConnectorError {
    ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())
}

/// Hands the requests of SDK clients to the [`World`].
#[derive(Clone)]
pub(crate) struct InProcess(pub(crate) Arc<World>);

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let world = self.0.clone();
        HttpConnectorFuture::new(async move { world.answer(request).await })
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
