//! The record of every AWS call of a run.

use std::fmt;
use std::sync::Arc;

use crate::faults::Fault;

/// Names an AWS service that runs in process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// The call went to AWS Cloud Control API.
    CloudControl,
    /// The call went to AWS CloudFormation.
    CloudFormation,
    /// The call went to Amazon CloudWatch.
    CloudWatch,
    /// The call went to Amazon DynamoDB.
    DynamoDb,
    /// The call went to Amazon EventBridge.
    EventBridge,
    /// The call went to AWS Lambda.
    Lambda,
    /// The call went to Amazon S3.
    S3,
    /// The call went to AWS Secrets Manager.
    SecretsManager,
    /// The call went to Amazon SQS.
    Sqs,
    /// The call went to AWS Security Token Service.
    Sts,
}

/// Tells what became of a call, by its answer or by the fault that struck it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The service did what it was asked for, and its answer arrived.
    Ok,
    /// The service itself answered with this error code, such as `ConditionalCheckFailedException`.
    Refused(String),
    /// A fault that a test had injected struck the call.
    Struck(Fault),
}

/// Describes one HTTP request of an SDK client. Retries of the SDK count, as AWS counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Names the invocation that made it; `None` for a call of the test itself.
    pub invocation: Option<Arc<str>>,
    /// Names the service that was called.
    pub service: Service,
    /// Names the operation, as the API names it.
    pub operation: String,
    /// Names the table, queue, bucket, event bus, function or secret; of a call on several, the first.
    pub resource: String,
    /// Tells whether the service did it, refused it, or a fault struck it.
    pub outcome: Outcome,
    /// Gives the size of the request's body, in bytes.
    pub bytes: usize,
    /// Counts what it consumed of DynamoDB's capacity, in halves of a read or write unit.
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
