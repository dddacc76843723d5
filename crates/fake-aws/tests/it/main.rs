//! The in-process AWS answers as AWS does, and fails as it is told to.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

mod dynamodb;
mod event_bridge;
mod faults;
mod lambda;
mod outages;
mod partiql;
mod s3;
mod sqs;
