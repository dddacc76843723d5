//! The configuration of the SDK clients of a simulated account.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};

use crate::connector::InProcess;

/// Counts accounts, to give each a region of its own: clients of one service and region share their retry quota
/// process-wide, so one run would reach into the next.
static ACCOUNTS: AtomicU64 = AtomicU64::new(0);

/// Configures clients to send their requests to `http_client`. The backoff has no jitter, so that the SDK adds no
/// chance of its own.
pub(crate) fn sdk_config(http_client: InProcess) -> SdkConfig {
    let region = Region::new(format!(
        "eu-simulated-{}",
        ACCOUNTS.fetch_add(1, Ordering::Relaxed)
    ));
    let credentials = Credentials::builder()
        .access_key_id("AKIAIOSFODNN7EXAMPLE")
        .secret_access_key("in-process")
        .provider_name("in-process")
        .build();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_use_static_exponential_base(true))
        // It watches the throughput of sockets, which are not there, and takes a fifth of the time of a call.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http_client)
        .build()
}
