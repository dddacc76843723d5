//! List prices of AWS, by which the cost of a run is reckoned.
//!
//! Those of us-east-1 in US dollars as of November 2026, without free tier or volume discount.

/// A million requests to an HTTP API.
pub const API: f64 = 1.00;
/// A million invocations.
pub const INVOCATIONS: f64 = 0.20;
/// A GB second on arm64.
pub const GB_SECOND: f64 = 0.000_013_333_4;
/// A million requests to a standard queue.
pub const SQS_STANDARD: f64 = 0.40;
/// A million requests to a FIFO queue.
pub const SQS_FIFO: f64 = 0.50;
/// A million write request units, on demand.
pub const WRITE_UNITS: f64 = 0.625;
/// A million read request units, on demand.
pub const READ_UNITS: f64 = 0.125;
/// A million PUT requests.
pub const S3_PUT: f64 = 5.00;
/// A million custom events.
pub const EVENT_BUS: f64 = 1.00;
/// Is what a request to SQS or an entry of EventBridge counts once for, in bytes.
pub const CHUNK: usize = 64 * 1024;
