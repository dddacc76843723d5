//! The SDK clients of a simulated account.

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};

use super::connector::InProcess;
use super::sqs::REGION;

/// The configuration of all clients. The backoff has no jitter, so that the SDK adds no chance of its own.
pub(crate) fn sdk_config(http_client: InProcess) -> SdkConfig {
    let credentials = Credentials::builder()
        .access_key_id("AKIAIOSFODNN7EXAMPLE")
        .secret_access_key("in-process")
        .provider_name("in-process")
        .build();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_use_static_exponential_base(true))
        // It watches the throughput of sockets, which are not there, and takes a fifth of the time of a call.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http_client)
        .build()
}

/// The clients. A retry quota of their own keeps one run from reaching into the next: the SDK's default one is shared
/// by the whole process.
pub(crate) fn clients(
    config: &SdkConfig,
) -> (aws_sdk_dynamodb::Client, aws_sdk_sqs::Client, aws_sdk_s3::Client) {
    let dynamodb = {
        use aws_sdk_dynamodb::config::{Builder, retry::RetryPartition};
        Builder::from(config).retry_partition(RetryPartition::custom("in-process").build())
    };
    let sqs = {
        use aws_sdk_sqs::config::{Builder, retry::RetryPartition};
        Builder::from(config).retry_partition(RetryPartition::custom("in-process").build())
    };
    let s3 = {
        use aws_sdk_s3::config::{Builder, retry::RetryPartition};
        Builder::from(config).retry_partition(RetryPartition::custom("in-process").build())
    };
    (
        aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
        aws_sdk_sqs::Client::from_conf(sqs.build()),
        aws_sdk_s3::Client::from_conf(s3.build()),
    )
}
