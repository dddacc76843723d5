//! In-process and end-to-end tests.

mod deliveries;
mod end_to_end;
mod in_process_aws;
mod simulation;
mod template;
