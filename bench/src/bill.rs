//! What invocations cost, at list prices, by the calls that were counted.

use std::collections::BTreeMap;

use fake_aws::{Call, Service};
use operator::cost::{CHUNK, US_EAST_1 as PRICES};

use crate::cases::{Case, Stage};
use crate::player::Played;

const MILLION: f64 = 1_000_000.0;

/// Holds what an invocation took of AWS, on average.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Counts requests by service and operation.
    pub operations: BTreeMap<String, f64>,
    /// Counts the bytes of their bodies.
    pub request_bytes: f64,
    /// Counts read request units of DynamoDB.
    pub read_units: f64,
    /// Counts write request units of DynamoDB.
    pub write_units: f64,
    /// Gives the list price of a million events, in US dollars: calls, invocation and its time, and the request or the polls
    /// that brought it.
    pub usd_per_million_events: f64,
}

impl Usage {
    /// Reckons what the invocations of a case took.
    #[must_use]
    pub fn of(case: &Case, played: &Played, latency_ms: f64) -> Self {
        let invocations = played.latency_ms.len() as f64;
        let mut usage = Self::default();
        let mut dollars = 0.0;
        for call in &played.calls {
            let operation = format!("{:?} {}", call.service, call.operation);
            *usage.operations.entry(operation).or_default() += 1.0 / invocations;
            usage.request_bytes += call.bytes as f64 / invocations;
            let units = f64::from(call.half_units) / 2.0 / invocations;
            match is_read(call) {
                true => usage.read_units += units,
                false => usage.write_units += units,
            }
            dollars += price(call) / invocations;
        }
        dollars += price_of_invocation(case.stage, latency_ms);
        usage.usd_per_million_events = dollars / case.events() as f64 * MILLION;
        usage
    }

    /// Counts the requests of an invocation.
    #[must_use]
    pub fn requests(&self) -> f64 {
        self.operations.values().sum()
    }
}

fn is_read(call: &Call) -> bool {
    matches!(
        (call.service, call.operation.as_str()),
        (Service::DynamoDb, "GetItem" | "BatchGetItem" | "Query" | "Scan")
    )
}

/// Gives the price of one call, in dollars.
fn price(call: &Call) -> f64 {
    let chunks = call.bytes.div_ceil(CHUNK).max(1) as f64;
    let units = f64::from(call.half_units) / 2.0;
    let for_a_million = match call.service {
        Service::Sqs if call.resource.ends_with(".fifo") => chunks * PRICES.sqs_fifo,
        Service::Sqs => chunks * PRICES.sqs_standard,
        Service::DynamoDb if is_read(call) => units * PRICES.read_units,
        Service::DynamoDb => units * PRICES.write_units,
        Service::S3 => PRICES.s3_put,
        _ => 0.0,
    };
    for_a_million / MILLION
}

/// Gives the price of an invocation by itself, in dollars: Lambda bills begun milliseconds.
fn price_of_invocation(stage: Stage, latency_ms: f64) -> f64 {
    let brought_by = match stage {
        Stage::Ingest => PRICES.api,
        // The poll that brought the batch, and the request that deletes it.
        Stage::Verify => 2.0 * PRICES.sqs_standard,
        Stage::Orders => 2.0 * PRICES.sqs_fifo,
    };
    let seconds = latency_ms.ceil() / 1_000.0;
    (brought_by + PRICES.invocations) / MILLION + seconds * stage.gigabytes() * PRICES.gb_second
}

#[cfg(test)]
mod tests {
    use fake_aws::Outcome;

    use super::*;
    use crate::cases::CASES;

    fn call(service: Service, operation: &str, resource: &str, bytes: usize, half_units: u32) -> Call {
        Call {
            invocation: None,
            service,
            operation: operation.to_owned(),
            resource: resource.to_owned(),
            outcome: Outcome::Ok,
            bytes,
            half_units,
        }
    }

    #[test]
    fn a_call_costs_what_its_bytes_and_units_cost() {
        let dollars = |call: &Call| price(call) * MILLION;
        let close = |left: f64, right: f64| (left - right).abs() < 1e-9;
        let send = call(Service::Sqs, "SendMessageBatch", "orders.fifo", 70_000, 0);
        assert!(close(dollars(&send), 1.0));
        assert!(close(
            dollars(&call(Service::Sqs, "SendMessage", "deliveries", 10, 0)),
            0.4
        ));
        assert!(close(
            dollars(&call(Service::DynamoDb, "BatchGetItem", "entities", 10, 3)),
            0.1875
        ));
        assert!(close(
            dollars(&call(Service::DynamoDb, "PutItem", "entities", 10, 4)),
            1.25
        ));
        assert!(close(
            dollars(&call(Service::S3, "PutObject", "archive", 10, 0)),
            5.0
        ));
    }

    #[test]
    fn usage_is_that_of_one_invocation_and_one_event() {
        let case = CASES.iter().find(|case| case.name == "orders-10").unwrap();
        let played = Played {
            latency_ms: vec![1.0, 1.0],
            calls: vec![call(Service::DynamoDb, "PutItem", "entities", 100, 2); 4],
            ..Played::default()
        };
        let usage = Usage::of(case, &played, 1.2);
        assert_eq!(
            (usage.requests(), usage.request_bytes, usage.write_units),
            (2.0, 200.0, 2.0)
        );
        // Two writes, two requests to the queue, an invocation, and two milliseconds of a quarter of a GB, for ten events.
        let expected = (2.0 * 0.625 + 2.0 * 0.5 + 0.2 + 0.002 * 0.25 * 13.333_4) / 10.0;
        assert!((usage.usd_per_million_events - expected).abs() < 1e-9);
    }
}
