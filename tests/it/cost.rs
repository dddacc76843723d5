//! What a million events cost, at list prices and by the requests that the shipped code really makes.
//!
//! `cargo test --workspace --test it -- cost --nocapture` prints the table of docs/cost.md. What is counted depends on
//! nothing but the code; prices and times are constants below.

use std::collections::BTreeMap;
use std::fmt::Write;

use pipeline::action::{Actions, DomainActions};
use pipeline::processor::Processor;
use upvest::Domain;
use upvest_simulator::generate;
use verify_and_store::FreshnessPolicy;
use webhook_tests::aws::{Call, Service};
use webhook_tests::receiver::{CHANGES, Receiver};

use crate::support::{post_events, receiver};

/// What ships: no action of one's own.
struct NoActions;

impl Actions for NoActions {}

/// Events in the run that is counted.
const EVENTS: usize = 2_000;
const MILLION: f64 = 1_000_000.0;
/// SQS and EventBridge count each request, or entry, once for every 64 KiB that it has begun.
const CHUNK: usize = 64 * 1024;

/// List prices of us-east-1 in US dollars, without free tier or volume discount.
mod price {
    /// A million requests to an HTTP API.
    pub(super) const API: f64 = 1.00;
    /// A million invocations.
    pub(super) const INVOCATIONS: f64 = 0.20;
    /// A GB second on arm64.
    pub(super) const GB_SECOND: f64 = 0.000_013_333_4;
    /// A million requests to a standard queue.
    pub(super) const SQS_STANDARD: f64 = 0.40;
    /// A million requests to a FIFO queue.
    pub(super) const SQS_FIFO: f64 = 0.50;
    /// A million write request units, on demand.
    pub(super) const WRITE_UNITS: f64 = 0.625;
    /// A million read request units, on demand.
    pub(super) const READ_UNITS: f64 = 0.125;
    /// A million PUT requests.
    pub(super) const S3_PUT: f64 = 5.00;
    /// A million custom events.
    pub(super) const EVENT_BUS: f64 = 1.00;
}

/// How long an invocation is billed for, in ms, and its memory, in GB: the template's defaults, and times that are
/// longer than what was measured on a developer's machine.
const INGEST: (f64, f64) = (5.0, 0.25);
const VERIFY: (f64, f64) = (60.0, 0.5);
const PROCESSOR: (f64, f64) = (40.0, 0.25);

/// How much of a thing a run took, and what a million of it costs.
#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    count: f64,
    price: f64,
}

/// What a run took.
struct Bill(BTreeMap<&'static str, Usage>);

impl Bill {
    fn add(&mut self, what: &'static str, count: f64, price: f64) {
        let usage = self.0.entry(what).or_default();
        usage.count += count;
        usage.price = price;
    }

    fn invocation(&mut self, (ms, gb): (f64, f64)) {
        self.add("Lambda invocations", 1.0, price::INVOCATIONS);
        self.add("Lambda GB seconds", ms / 1_000.0 * gb, price::GB_SECOND * MILLION);
    }

    /// The poll that brought a batch, and the request that deletes it. Lambda makes both in the name of the function.
    fn poll(&mut self, price: f64) {
        let what = match price == price::SQS_FIFO {
            true => "SQS requests, FIFO",
            false => "SQS requests, standard",
        };
        self.add(what, 2.0, price);
    }

    fn call(&mut self, call: &Call) {
        let chunks = call.bytes.div_ceil(CHUNK).max(1) as f64;
        let units = f64::from(call.half_units) / 2.0;
        match (call.service, call.operation.as_str()) {
            (Service::Sqs, _) if call.resource.ends_with(".fifo") => {
                self.add("SQS requests, FIFO", chunks, price::SQS_FIFO);
            }
            (Service::Sqs, _) => self.add("SQS requests, standard", chunks, price::SQS_STANDARD),
            (Service::DynamoDb, "GetItem" | "BatchGetItem" | "Query" | "Scan") => {
                self.add("DynamoDB read units", units, price::READ_UNITS);
            }
            (Service::DynamoDb, _) => self.add("DynamoDB write units", units, price::WRITE_UNITS),
            (Service::S3, "PutObject") => self.add("S3 PUT requests", 1.0, price::S3_PUT),
            _ => {}
        }
    }

    /// The price of a million events, in dollars.
    fn total(&self) -> f64 {
        let cost = |usage: &Usage| usage.count / EVENTS as f64 * usage.price;
        self.0.values().map(cost).sum()
    }

    fn table(&self) -> String {
        let mut table = String::new();
        for (what, usage) in &self.0 {
            let per_event = usage.count / EVENTS as f64;
            // Writing to a text cannot fail.
            let _ = writeln!(
                table,
                "| {what} | {per_event:.3} | {:.4} | {:.2} |",
                usage.price,
                per_event * usage.price
            );
        }
        let _ = writeln!(table, "| **Total** | | | **{:.2}** |", self.total());
        table
    }
}

/// The processor of a domain as it ships.
fn shipped(receiver: &Receiver, domain: Domain, publishes: bool) -> Processor {
    let processor = receiver.processor(domain);
    Processor {
        actions: DomainActions::new(NoActions),
        bus: processor.bus.filter(|_| publishes),
        ..receiver.processor(domain)
    }
}

/// Runs generated events through the receiver, so many in a delivery, and bills it.
async fn bill(per_delivery: usize, publishes: bool) -> Bill {
    let receiver = receiver(FreshnessPolicy::Flag).await;
    let processors: Vec<Processor> = receiver
        .domains()
        .map(|domain| shipped(&receiver, domain, publishes))
        .collect();
    let events = generate(7, EVENTS);
    let mut bill = Bill(BTreeMap::new());
    receiver.aws.clear_calls();
    for batch in events.chunks(per_delivery) {
        post_events(&receiver, batch).await;
        bill.add("API Gateway requests", 1.0, price::API);
        bill.invocation(INGEST);
        bill.invocation(VERIFY);
        bill.poll(price::SQS_STANDARD);
        for processor in &processors {
            while receiver.process_by(processor.clone()).await.is_some() {
                bill.invocation(PROCESSOR);
                bill.poll(price::SQS_FIFO);
            }
        }
    }
    assert_eq!(
        (receiver.waiting(), receiver.aws.items("events").len()),
        (0, EVENTS)
    );
    receiver.aws.calls().iter().for_each(|call| bill.call(call));
    let published = receiver.aws.published(CHANGES).len();
    bill.add("EventBridge events", published as f64, price::EVENT_BUS);
    bill
}

#[tokio::test(start_paused = true)]
async fn a_million_events_cost_what_the_documentation_says() {
    let plain = bill(10, false).await;
    println!("10 events in a delivery, nothing published:\n\n{}", plain.table());
    let published = bill(10, true).await;
    println!("the same, with every change published:\n\n{}", published.table());
    let single = bill(1, false).await;
    println!("1 event in a delivery, nothing published:\n\n{}", single.table());
    let documented = include_str!("../../docs/cost.md");
    for bill in [&plain, &published, &single] {
        assert!(
            documented.contains(&bill.table()),
            "docs/cost.md is not up to date"
        );
    }
}
