//! Keeps the subscription at Upvest as the stack wants it.
//!
//! CloudFormation invokes it as a custom resource, to create, update and delete the subscription with the stack; a
//! schedule invokes it to repair a subscription that was disabled or changed, or that Upvest's sandbox dropped after 30
//! days of failures. What is wanted stands in the environment alone.

use std::time::Duration;

use aws_config::SdkConfig;
use jiff::Timestamp;
use pipeline::runtime::clock::Clock;
use pipeline::runtime::cloudformation::{CloudFormation, Request};
use pipeline::runtime::config::Lookup;
use pipeline::runtime::metrics;
use pipeline::stores::subscriptions::Subscriptions;
use serde_json::{Value, json};

mod check;
mod custom_resource;
mod error;
mod physical_id;
mod settings;
mod subscription;

pub use check::Health;
pub use error::RegisterError;
pub use settings::Settings;

/// Holds the settings, the client for CloudFormation and the limits of time, made once per process.
#[derive(Debug)]
pub struct Deps {
    /// Says which subscription is wanted, and gives access to Upvest.
    pub settings: Settings,
    /// Sends CloudFormation the answer to each of its requests.
    pub cloudformation: CloudFormation,
    /// Gives the time, by which the invocation's end is measured.
    pub clock: Clock,
    /// Says how long tests and changes are repeated.
    pub timing: Timing,
    /// Notes which subscriptions are ours; `None` where nobody asks.
    pub ours: Option<Subscriptions>,
}

/// Says how long tests and changes are repeated, and what is left for the answer. Tests of the function shorten them.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Says how long a new subscription is tested before it counts as failed: new routes take a while to be served.
    pub test_for: Duration,
    /// Sets the pause between two tests, and between two tries to change a subscription that Upvest does not find yet.
    pub pause: Duration,
    /// Says what is left of an invocation's time to answer CloudFormation in.
    pub reserve: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            test_for: Duration::from_secs(60),
            pause: Duration::from_secs(3),
            reserve: Duration::from_secs(8),
        }
    }
}

impl Deps {
    /// Builds the clients, and reads `SUBSCRIPTIONS_TABLE` and [`Settings`]; what is wrong with those is told to whoever invokes the function.
    ///
    /// # Errors
    ///
    /// When the TLS library finds no trusted certificates.
    pub fn new(aws: &SdkConfig, lookup: &Lookup<'_>, clock: Clock) -> Result<Self, RegisterError> {
        Ok(Self {
            settings: Settings::read(aws, lookup, &clock),
            cloudformation: CloudFormation::new()?,
            timing: Timing::default(),
            ours: lookup
                .optional("SUBSCRIPTIONS_TABLE")
                .map(|table| Subscriptions::new(pipeline::runtime::aws::dynamodb(aws), table, clock.clone())),
            clock,
        })
    }
}

/// Handles a request of CloudFormation, which it answers itself, or an event of the schedule.
///
/// # Errors
///
/// [`RegisterError`] when CloudFormation cannot be answered, or the check fails, so that Lambda tries again.
pub async fn handle(deps: &Deps, event: &Value, deadline: Timestamp) -> Result<Value, RegisterError> {
    let result = match Request::of(event) {
        // Boxed, because they are too deep for the compiler within the runtime's own futures.
        Some(request) => Box::pin(custom_resource::serve(deps, &request, deadline))
            .await
            .map(|status| json!({ "answered": status })),
        None => Box::pin(check::run(deps, event))
            .await
            .map(|health| json!({ "subscription": health })),
    };
    if let Err(error) = &result {
        tracing::error!(error = error.explain(), "the subscription was not looked after");
    }
    metrics::flush();
    result
}
