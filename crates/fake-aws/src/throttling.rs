//! What a service replies that is asked too often.

use crate::record::Service;
use crate::reply::Reply;
use crate::{query, s3};

/// Writes the reply of a service that is asked too often, with the error code that is its own.
pub(crate) fn throttled(service: Service) -> Reply {
    match service {
        Service::DynamoDb => Reply::json_error(
            400,
            "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded.",
        ),
        Service::Sqs => Reply::json_error(
            400,
            "com.amazonaws.sqs#RequestThrottled",
            "The request was denied due to request throttling.",
        ),
        Service::CloudControl
        | Service::EventBridge
        | Service::SecretsManager
        | Service::CloudWatch
        | Service::Lambda => Reply::json_error(400, "ThrottlingException", "Rate exceeded"),
        Service::CloudFormation | Service::Sts => query::error(400, "Throttling", "Rate exceeded"),
        Service::S3 => s3::error(503, "SlowDown", "Please reduce your request rate."),
    }
}
