//! What a function runs on: its invocation, AWS clients, configuration, clock, log, metrics and traces, and what CloudFormation
//! asks.

pub mod aws;
pub mod clock;
pub mod cloudformation;
pub mod config;
mod connections;
pub mod ids;
pub mod invocation;
pub mod log;
pub mod metrics;
pub mod process;
pub mod trace;
