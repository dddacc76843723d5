//! Starting a function: log, metrics, AWS clients.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use lambda_runtime::tracing;

/// Starts the structured log and the metrics of the function process.
pub fn start() {
    tracing::init_default_subscriber();
    crate::metric::install(crate::config::environment("STACK_NAME").unwrap_or_default());
}

/// The configuration of all AWS clients: the function's region and role, few and fast retries.
///
/// An attempt that hangs is given up early, because the queue in front of the function retries with more patience
/// than an invocation can afford.
pub async fn config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(3))
        // Less than the shortest timeout of a function: ingest has to answer 503 before Lambda ends it.
        .operation_timeout(Duration::from_secs(8))
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(3)
                .with_max_backoff(Duration::from_secs(1)),
        )
        .timeout_config(timeouts)
        .load()
        .await
}
