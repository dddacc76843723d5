//! In-process and end-to-end tests.

mod deliveries;
mod in_process_aws;
mod simulation;
