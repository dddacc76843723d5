//! In-process and end-to-end tests.

mod in_process_aws;
mod simulation;
