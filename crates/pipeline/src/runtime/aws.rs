//! Making AWS clients.
//!
//! Clients of the services that the receiver uses are made here and nowhere else, for functions, command line and local
//! stack alike; a test holds it. They count their requests, which is without effect in a process that has no metrics. S3 is
//! addressed by path where an endpoint is configured, because local emulators know buckets by path alone. Clients of
//! services that only operators use (CloudFormation, CloudWatch, Lambda, STS) are made by their library.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::runtime::config::environment;
use crate::runtime::connections::Connections;
use crate::runtime::metrics;

/// Ends an attempt at a call that hangs: the queue in front of a function retries with more patience than an invocation can
/// afford.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Ends a call with all its attempts. It is less than the shortest timeout of a function: ingest has to answer 503 before
/// Lambda ends it.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(8);

/// Loads the configuration of all AWS clients: the function's region and role, few and fast retries.
///
/// A call has [`CALL_TIMEOUT`], and an attempt at it [`ATTEMPT_TIMEOUT`]. All clients share their connections.
pub async fn config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(3)
                .with_max_backoff(Duration::from_secs(1)),
        )
        .timeout_config(timeouts)
        .http_client(connections());
    // Where Lambda puts those of the role, which everywhere else are asked first: what else may have some is not even made.
    let loader = match environment("AWS_ACCESS_KEY_ID") {
        Some(_) => loader.credentials_provider(EnvironmentVariableCredentialsProvider::new()),
        None => loader,
    };
    loader.load().await
}

/// Makes the connections that clients share. Through a proxy goes only what has TLS: an emulator of AWS is spoken to directly,
/// which the SDK's own connector sends through that of `HTTP_PROXY`, even where it is on this machine.
#[must_use]
pub fn connections() -> SharedHttpClient {
    SharedHttpClient::new(Connections::new(&environment))
}

/// Counts the requests of a client, each attempt.
#[derive(Debug)]
struct CountRequests;

impl Intercept for CountRequests {
    fn name(&self) -> &'static str {
        "CountRequests"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let service = config.load::<Metadata>().map_or("unknown", Metadata::service);
        let attempts = config
            .load::<RequestAttempts>()
            .map_or(1, RequestAttempts::attempts);
        metrics::aws_request(service, attempts > 1);
        Ok(())
    }
}

/// Tells whether timeouts end a request that hangs. Then a client does without a watch on every body that is sent and
/// received, because bodies are small. Where there are none, as at the command line, which has a person's patience, the
/// watch is all that ends one. S3's bodies, which may be megabytes long, are watched everywhere.
fn ends_by_timeout(aws: &SdkConfig) -> bool {
    let timeouts = aws.timeout_config();
    timeouts.is_some_and(|timeouts| timeouts.operation_attempt_timeout().is_some())
}

/// Makes a client of SQS whose requests are counted.
#[must_use]
pub fn sqs(aws: &SdkConfig) -> aws_sdk_sqs::Client {
    let mut config = aws_sdk_sqs::config::Builder::from(aws).interceptor(CountRequests);
    if ends_by_timeout(aws) {
        config = config.stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    }
    aws_sdk_sqs::Client::from_conf(config.build())
}

/// Makes a client of `DynamoDB` whose requests are counted.
#[must_use]
pub fn dynamodb(aws: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let mut config = aws_sdk_dynamodb::config::Builder::from(aws).interceptor(CountRequests);
    if ends_by_timeout(aws) {
        config = config.stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    }
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// Makes a client of S3 whose requests are counted.
#[must_use]
pub fn s3(aws: &SdkConfig) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(s3_builder(aws).build())
}

/// Begins a client of S3 whose requests are counted, for who has other timeouts than all others.
#[must_use]
pub fn s3_builder(aws: &SdkConfig) -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::config::Builder::from(aws)
        // Local emulators know buckets by path alone.
        .force_path_style(aws.endpoint_url().is_some())
        .interceptor(CountRequests)
}

/// Makes a client of Secrets Manager whose requests are counted.
#[must_use]
pub fn secrets(aws: &SdkConfig) -> aws_sdk_secretsmanager::Client {
    let config = aws_sdk_secretsmanager::config::Builder::from(aws).interceptor(CountRequests);
    aws_sdk_secretsmanager::Client::from_conf(config.build())
}

/// Makes a client of EventBridge whose requests are counted.
#[must_use]
pub fn event_bridge(aws: &SdkConfig) -> aws_sdk_eventbridge::Client {
    let config = aws_sdk_eventbridge::config::Builder::from(aws).interceptor(CountRequests);
    aws_sdk_eventbridge::Client::from_conf(config.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_watched_where_no_timeout_ends_a_request() {
        let is_watched = |aws: &SdkConfig| {
            let of = |watch: Option<&StalledStreamProtectionConfig>| {
                watch.is_some_and(|watch| watch.download_enabled())
            };
            let (sqs, dynamodb) = (sqs(aws), dynamodb(aws));
            [
                of(sqs.config().stalled_stream_protection()),
                of(dynamodb.config().stalled_stream_protection()),
            ]
        };
        let configured = || {
            let enabled = StalledStreamProtectionConfig::enabled().build();
            let aws = SdkConfig::builder().stalled_stream_protection(enabled);
            aws.behavior_version(aws_config::BehaviorVersion::latest())
        };
        assert_eq!(is_watched(&configured().build()), [true, true]);
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT);
        let function = configured().timeout_config(timeouts.build()).build();
        assert_eq!(is_watched(&function), [false, false]);
    }
}
