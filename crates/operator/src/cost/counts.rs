//! How much of everything an event takes: counted in runs of the shipped code.
//!
//! The test of costs counts anew, and fails when these differ.

/// Counts, for one event, what AWS bills by the request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counts {
    /// Counts requests to the HTTP API.
    pub api_requests: f64,
    /// Counts read units of all tables.
    pub read_units: f64,
    /// Counts write units of all tables and the index.
    pub write_units: f64,
    /// Counts the GB seconds of all functions.
    pub gb_seconds: f64,
    /// Counts the invocations of all functions, which AWS bills beside their time.
    pub invocations: f64,
    /// Counts the objects that are put into a bucket.
    pub s3_puts: f64,
    /// Counts requests to the domains' queues, Lambda's own included.
    pub sqs_fifo: f64,
    /// Counts requests to the deliveries queue, Lambda's own included.
    pub sqs_standard: f64,
    /// Counts kilobytes of logs and metrics, at what an invocation writes at most, the API's line of each request included.
    pub log_kb: f64,
}

/// Counts for deliveries of one event, each handled alone.
pub const ONE: Counts = Counts {
    api_requests: 1.0,
    read_units: 1.001,
    write_units: 3.268,
    gb_seconds: 0.041,
    invocations: 3.0,
    s3_puts: 1.0,
    sqs_fifo: 3.0,
    sqs_standard: 3.0,
    log_kb: 2.02,
};

/// Counts for deliveries of ten events, each handled alone.
pub const TEN: Counts = Counts {
    api_requests: 0.1,
    read_units: 0.881,
    write_units: 3.195,
    gb_seconds: 0.007,
    invocations: 0.558,
    s3_puts: 0.1,
    sqs_fifo: 1.176,
    sqs_standard: 0.3,
    log_kb: 0.357,
};

/// Counts for deliveries of ten events, of which ten wait at each poll.
pub const TEN_WAITING: Counts = Counts {
    api_requests: 0.1,
    read_units: 0.868,
    write_units: 3.147,
    gb_seconds: 0.002,
    invocations: 0.262,
    s3_puts: 0.1,
    sqs_fifo: 0.542,
    sqs_standard: 0.12,
    log_kb: 0.179,
};

impl Counts {
    /// Reckons the counts for deliveries of so many events, each handled alone: what a delivery takes once is shared by its
    /// events, so that they lie on a line over one event's share of a delivery.
    #[must_use]
    pub fn of(per_delivery: f64) -> Self {
        // An event's share of its delivery is 1 with `ONE`, and 0.1 with `TEN`: 0.9 lie between.
        let share = (1.0 / per_delivery.max(1.0) - 0.1) / 0.9;
        let between = |count: fn(&Self) -> f64| count(&TEN) + share * (count(&ONE) - count(&TEN));
        Self {
            api_requests: between(|counts| counts.api_requests),
            read_units: between(|counts| counts.read_units),
            write_units: between(|counts| counts.write_units),
            gb_seconds: between(|counts| counts.gb_seconds),
            invocations: between(|counts| counts.invocations),
            s3_puts: between(|counts| counts.s3_puts),
            sqs_fifo: between(|counts| counts.sqs_fifo),
            sqs_standard: between(|counts| counts.sqs_standard),
            log_kb: between(|counts| counts.log_kb),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_met_and_nothing_falls_below_zero() {
        let close = |one: f64, other: f64| (one - other).abs() < 1e-9;
        assert!(close(Counts::of(1.0).sqs_fifo, ONE.sqs_fifo));
        assert!(close(Counts::of(10.0).sqs_fifo, TEN.sqs_fifo));
        assert!(close(Counts::of(4.0).api_requests, 0.25));
        let many = Counts::of(10_000.0);
        assert!(many.gb_seconds > 0.0 && many.sqs_standard >= 0.0 && many.invocations > 0.0);
    }
}
