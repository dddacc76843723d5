//! The record of every AWS call of a run.

use std::fmt;
use std::sync::Arc;

use crate::faults::Fault;

/// An AWS service that runs in process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// AWS CloudFormation.
    CloudFormation,
    /// Amazon CloudWatch.
    CloudWatch,
    /// Amazon DynamoDB.
    DynamoDb,
    /// Amazon EventBridge.
    EventBridge,
    /// AWS Lambda.
    Lambda,
    /// Amazon S3.
    S3,
    /// AWS Secrets Manager.
    SecretsManager,
    /// Amazon SQS.
    Sqs,
    /// AWS Security Token Service.
    Sts,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered with success.
    Ok,
    /// Answered with this error code by the service itself, such as `ConditionalCheckFailedException`.
    Refused(String),
    /// Struck by a fault.
    Struck(Fault),
}

/// One HTTP request of an SDK client. Retries of the SDK count, as AWS counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The invocation that made it; `None` for a call of the test itself.
    pub invocation: Option<Arc<str>>,
    /// The service called.
    pub service: Service,
    /// The operation, as the API names it.
    pub operation: String,
    /// The table, queue, bucket, event bus, function or secret; of a call on several, the first.
    pub resource: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The size of the request's body.
    pub bytes: usize,
    /// What it consumed of DynamoDB's capacity, in halves of a read or write unit.
    pub half_units: u32,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let invocation = self.invocation.as_deref().unwrap_or("test");
        let Self {
            service,
            operation,
            resource,
            outcome,
            ..
        } = self;
        write!(f, "{invocation}: {service:?} {operation} {resource} {outcome:?}")
    }
}
