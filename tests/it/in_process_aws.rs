//! The in-process AWS answers as AWS does, and fails as it is told to.

mod dynamodb;
mod faults;
mod lambda;
mod s3;
mod sqs;
