//! What a function runs on: AWS clients, configuration, clock, log, metrics and traces.

pub mod aws;
pub mod clock;
pub mod config;
pub mod ids;
pub mod log;
pub mod metrics;
pub mod process;
pub mod trace;
