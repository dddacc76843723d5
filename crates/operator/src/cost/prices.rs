//! List prices of AWS in US dollars as of November 2026, without free tier or volume discount.
//!
//! They are the one place where prices stand. Those of Virginia and of Frankfurt are here; another region is a value more.

/// Holds the prices of a region.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prices {
    /// Names the region as AWS does: `us-east-1`.
    pub region: &'static str,
    /// Prices a million requests to an HTTP API.
    pub api: f64,
    /// Prices a million invocations of functions; their time is billed apart.
    pub invocations: f64,
    /// Prices a GB second on arm64.
    pub gb_second: f64,
    /// Prices a million requests to a standard queue.
    pub sqs_standard: f64,
    /// Prices a million requests to a FIFO queue.
    pub sqs_fifo: f64,
    /// Prices a million write request units, on demand.
    pub write_units: f64,
    /// Prices a million read request units, on demand.
    pub read_units: f64,
    /// Prices a million PUT requests to a bucket of the class Standard.
    pub s3_put: f64,
    /// Prices a million custom events on a bus, each of up to 64 KiB.
    pub event_bus: f64,
    /// Prices a GB that is written to a log.
    pub logs_gb: f64,
    /// Prices an alarm on one metric, for a month.
    pub alarm: f64,
    /// Prices an alarm on alarms, for a month.
    pub composite_alarm: f64,
    /// Prices a metric with its dimensions, for a month in which it is seen.
    pub metric: f64,
    /// Prices a dashboard, for a month.
    pub dashboard: f64,
    /// Prices a secret, for a month.
    pub secret: f64,
}

/// Bounds what a request to SQS or an entry of EventBridge counts once for, in bytes.
pub const CHUNK: usize = 64 * 1024;

/// Holds the prices of N. Virginia, those of the public list.
pub const US_EAST_1: Prices = Prices {
    region: "us-east-1",
    api: 1.00,
    invocations: 0.20,
    gb_second: 0.000_013_333_4,
    sqs_standard: 0.40,
    sqs_fifo: 0.50,
    write_units: 0.625,
    read_units: 0.125,
    s3_put: 5.00,
    event_bus: 1.00,
    logs_gb: 0.50,
    alarm: 0.10,
    composite_alarm: 0.50,
    metric: 0.30,
    dashboard: 3.00,
    secret: 0.40,
};

/// Prices of Frankfurt, where they differ.
const EU_CENTRAL_1: Prices = Prices {
    region: "eu-central-1",
    api: 1.20,
    write_units: 0.762_5,
    read_units: 0.152_5,
    s3_put: 5.40,
    logs_gb: 0.63,
    ..US_EAST_1
};

/// Lists the regions whose prices are known.
pub const REGIONS: [Prices; 2] = [US_EAST_1, EU_CENTRAL_1];
