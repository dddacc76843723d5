//! Where queues are: the account and the region of everything in process, and the names made of them.

/// Numbers the account that owns everything. AWS's own documentation uses this number for examples.
pub(crate) const ACCOUNT: &str = "123456789012";
/// Is the id of the role that sends every message, as SQS gives it to whoever receives one.
pub const SENDER_ROLE_ID: &str = "AROA0000000000000000A";
/// Names the region that everything is in.
pub(crate) const REGION: &str = "eu-central-1";

/// Builds the URL of a queue of this account.
pub(crate) fn queue_url(name: &str) -> String {
    format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}")
}

/// Builds the ARN of a queue of this account.
pub(crate) fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}
