//! What a receiver costs in a month, reckoned without a stack.
//!
//! The counts are those of the shipped code, which the test of costs holds; the prices are AWS's list prices. Nothing of
//! it is asked of AWS, and nothing knows of free tiers, discounts or taxes.

mod counts;
mod prices;

use serde::Serialize;
use upvest::Domain;

pub use self::counts::{Counts, ONE, TEN, TEN_WAITING};
pub use self::prices::{CHUNK, Prices, REGIONS, US_EAST_1};

/// Counts the days of the month that a bill is for.
const DAYS: f64 = 30.0;
const MILLION: f64 = 1_000_000.0;
/// Counts the domains' queues, and those of deliveries and of requests for keys, which Lambda polls while they are empty, too:
/// five pollers each, that wait for 20 seconds.
const FIFO_QUEUES: f64 = Domain::ALL.len() as f64;
const STANDARD_QUEUES: f64 = 2.0;
const POLLS_PER_DAY: f64 = 5.0 * 86_400.0 / 20.0;
/// Counts, of alarms and of metrics that the receiver itself publishes, those of a stack with all that can be watched.
const FULL: Watching = Watching {
    alarms: 96.0,
    metrics: 100.0,
    dashboards: 1.0,
};
/// Counts the alarms and metrics that a stack with `Observability=lean` keeps.
const LEAN: Watching = Watching {
    alarms: 26.0,
    metrics: 18.0,
    dashboards: 0.0,
};

/// Counts what CloudWatch bills by the month.
#[derive(Debug, Clone, Copy)]
struct Watching {
    alarms: f64,
    metrics: f64,
    dashboards: f64,
}

impl Watching {
    const fn of(observability: Observability) -> Self {
        match observability {
            Observability::Lean => LEAN,
            Observability::Full => FULL,
        }
    }
}

/// Says how much a stack watches itself: the parameter `Observability`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Observability {
    /// Keeps the alarms that wake somebody, and the metrics behind them.
    Lean,
    /// Keeps all alarms and metrics, and the dashboard.
    Full,
}

/// Describes the traffic of a receiver, by which most of the bill grows.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    /// Counts the events that Upvest sends in a day.
    pub events_per_day: f64,
    /// Counts the events that a delivery has, on average; at least one.
    pub per_delivery: f64,
}

/// Says what a month of the receiver costs at AWS's list prices.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MonthlyCost {
    /// Names the region whose prices are taken.
    pub region: &'static str,
    /// Gives the sum, in US dollars.
    pub usd: f64,
    /// Gives what a million events cost, what is due whatever arrives left out, in US dollars.
    pub usd_per_million_events: f64,
    /// Gives what is due whatever arrives, in US dollars.
    pub usd_fixed: f64,
    /// Lists what the sum is made of, what arrives first.
    pub items: Vec<Item>,
}

/// Describes one line of the bill of a month.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// Says for people what is billed, like `SQS requests, FIFO`.
    pub what: &'static str,
    /// Counts how much of it there is in a month.
    pub count: f64,
    /// Gives its cost in US dollars.
    pub usd: f64,
    /// Tells whether it is due whatever arrives.
    pub is_fixed: bool,
}

/// Reckons what a month costs, deliveries handled one at a time, as they are unless many come at once.
///
/// ```
/// use operator::cost::{Observability, Traffic, US_EAST_1, reckon};
///
/// let traffic = Traffic { events_per_day: 100_000.0, per_delivery: 10.0 };
/// let lean = reckon(traffic, &US_EAST_1, Observability::Lean);
/// assert!(lean.usd_fixed <= 20.0);
/// assert!(lean.usd > lean.usd_fixed);
/// ```
#[must_use]
pub fn reckon(traffic: Traffic, prices: &Prices, observability: Observability) -> MonthlyCost {
    let counts = Counts::of(traffic.per_delivery);
    let mut items = arriving(&counts, traffic.events_per_day * DAYS, prices);
    items.extend(fixed(prices, observability));
    let sum = |fixed: bool| -> f64 {
        let chosen = items.iter().filter(|item| item.is_fixed == fixed);
        chosen.map(|item| item.usd).sum()
    };
    let (by_events, usd_fixed) = (sum(false), sum(true));
    let millions = traffic.events_per_day * DAYS / MILLION;
    MonthlyCost {
        region: prices.region,
        usd: by_events + usd_fixed,
        usd_per_million_events: if millions > 0.0 { by_events / millions } else { 0.0 },
        usd_fixed,
        items,
    }
}

/// Reckons what so many events cost, without their storage.
fn arriving(counts: &Counts, events: f64, prices: &Prices) -> Vec<Item> {
    let item = |what, per_event: f64, price: f64| Item {
        what,
        count: per_event * events,
        usd: per_event * events * price,
        is_fixed: false,
    };
    let of_million = |what, per_event, price: f64| item(what, per_event, price / MILLION);
    vec![
        of_million("API Gateway requests", counts.api_requests, prices.api),
        of_million("DynamoDB read units", counts.read_units, prices.read_units),
        of_million("DynamoDB write units", counts.write_units, prices.write_units),
        item("Lambda GB seconds", counts.gb_seconds, prices.gb_second),
        of_million("Lambda invocations", counts.invocations, prices.invocations),
        of_million("S3 PUT requests", counts.s3_puts, prices.s3_put),
        of_million("SQS requests, FIFO", counts.sqs_fifo, prices.sqs_fifo),
        of_million("SQS requests, standard", counts.sqs_standard, prices.sqs_standard),
        // A million KB is a GB, so that this price too is that of a million.
        of_million("KB of logs and metrics", counts.log_kb, prices.logs_gb),
    ]
}

/// Reckons what is due whatever arrives.
fn fixed(prices: &Prices, observability: Observability) -> Vec<Item> {
    let watching = Watching::of(observability);
    let polls = POLLS_PER_DAY * DAYS;
    let (fifo, standard) = (FIFO_QUEUES * polls, STANDARD_QUEUES * polls);
    let item = |what, count: f64, price: f64| Item {
        what,
        count,
        usd: count * price,
        is_fixed: true,
    };
    let of_million = |what, count, price: f64| item(what, count, price / MILLION);
    vec![
        of_million("polls of FIFO queues", fifo, prices.sqs_fifo),
        of_million("polls of standard queues", standard, prices.sqs_standard),
        item("alarms", watching.alarms, prices.alarm),
        item("the alarm that wakes somebody", 1.0, prices.composite_alarm),
        item("metrics of the receiver", watching.metrics, prices.metric),
        item("dashboards", watching.dashboards, prices.dashboard),
        item("secrets", 1.0, prices.secret),
    ]
}

/// Tells how many alarms and metrics of its own a stack has, the composite alarm left out.
#[must_use]
pub fn watching(observability: Observability) -> (usize, usize) {
    let watching = Watching::of(observability);
    (watching.alarms as usize, watching.metrics as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(events_per_day: f64, observability: Observability) -> MonthlyCost {
        let traffic = Traffic {
            events_per_day,
            per_delivery: 10.0,
        };
        reckon(traffic, &US_EAST_1, observability)
    }

    #[test]
    fn the_sum_is_that_of_its_items() {
        let month = month(100_000.0, Observability::Full);
        let items: f64 = month.items.iter().map(|item| item.usd).sum();
        assert!((month.usd - items).abs() < 1e-9);
        assert!((month.usd - month.usd_fixed - 3.0 * month.usd_per_million_events).abs() < 1e-9);
        assert!(month.usd_fixed > self::month(0.0, Observability::Lean).usd_fixed);
    }

    #[test]
    fn a_lean_stack_costs_at_most_twenty_dollars_a_month_in_every_region_before_anything_arrives() {
        let nothing = Traffic {
            events_per_day: 0.0,
            per_delivery: 1.0,
        };
        for prices in &REGIONS {
            let month = reckon(nothing, prices, Observability::Lean);
            assert!(month.usd <= 20.0, "{month:?}");
            assert!((month.usd - month.usd_fixed).abs() < 1e-9);
        }
    }
}
