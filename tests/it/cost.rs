//! What a million events cost, at list prices and by the requests that the shipped code really makes.
//!
//! `cargo test --workspace --test it -- cost --nocapture` prints the table of docs/cost.md. What is counted depends on
//! nothing but the code; prices are those of `webhook_tests::prices`, times are constants below.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::time::Duration;

use fake_aws::{Call, Service};
use pipeline::actions::{Actions, DomainActions};
use pipeline::processor::Processor;
use serde_json::Value;
use upvest::Domain;
use upvest_simulator::generate;
use verify_and_store::Policy;
use webhook_tests::prices;
use webhook_tests::receiver::{CHANGES, Receiver};

use crate::support::{enqueue_events, receiver};

/// What ships: no action of one's own.
struct NoActions;

impl Actions for NoActions {}

/// Events in the run that is counted.
const EVENTS: usize = 2_000;
const MILLION: f64 = 1_000_000.0;
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

/// What a run of so many events took.
struct Bill {
    events: usize,
    usage: BTreeMap<&'static str, Usage>,
    /// What the write units went to: how often something was written, by the units that each took.
    writes: BTreeMap<&'static str, BTreeMap<usize, usize>>,
}

impl Bill {
    fn of(events: usize) -> Self {
        Self {
            events,
            usage: BTreeMap::new(),
            writes: BTreeMap::new(),
        }
    }

    fn add(&mut self, what: &'static str, count: f64, price: f64) {
        let usage = self.usage.entry(what).or_default();
        usage.count += count;
        usage.price = price;
    }

    fn invocation(&mut self, (ms, gb): (f64, f64)) {
        self.add("Lambda invocations", 1.0, prices::INVOCATIONS);
        self.add(
            "Lambda GB seconds",
            ms / 1_000.0 * gb,
            prices::GB_SECOND * MILLION,
        );
    }

    /// The poll that brought a batch, and the request that deletes it. Lambda makes both in the name of the function.
    fn poll(&mut self, price: f64) {
        let what = match price == prices::SQS_FIFO {
            true => "SQS requests, FIFO",
            false => "SQS requests, standard",
        };
        self.add(what, 2.0, price);
    }

    fn call(&mut self, call: &Call) {
        let chunks = call.bytes.div_ceil(prices::CHUNK).max(1) as f64;
        let units = f64::from(call.half_units) / 2.0;
        match (call.service, call.operation.as_str()) {
            (Service::Sqs, _) if call.resource.ends_with(".fifo") => {
                self.add("SQS requests, FIFO", chunks, prices::SQS_FIFO);
            }
            (Service::Sqs, _) => self.add("SQS requests, standard", chunks, prices::SQS_STANDARD),
            (Service::DynamoDb, "GetItem" | "BatchGetItem" | "Query" | "Scan") => {
                self.add("DynamoDB read units", units, prices::READ_UNITS);
            }
            (Service::DynamoDb, _) => self.add("DynamoDB write units", units, prices::WRITE_UNITS),
            (Service::S3, "PutObject") => self.add("S3 PUT requests", 1.0, prices::S3_PUT),
            _ => {}
        }
    }

    /// The units of each write: those of states as the calls took them, those of events by the size of their items.
    fn count_writes(&mut self, receiver: &Receiver) {
        let saves = receiver.aws.calls().into_iter();
        for call in saves.filter(|call| {
            call.resource == "entities" && call.half_units > 0 && call.operation != "BatchGetItem"
        }) {
            self.wrote("the state of an entity", call.half_units as usize / 2);
        }
        for item in receiver.aws.items("events") {
            let attributes = item.as_object().unwrap();
            let size = |(name, value): (&String, &Value)| name.len() + value["S"].as_str().unwrap().len();
            self.wrote(
                "an event",
                attributes.iter().map(size).sum::<usize>().div_ceil(1024),
            );
            let indexed = ["event_id", "aggregate", "occurred", "type"].map(|name| (name, &attributes[name]));
            let size = indexed.map(|(name, value)| name.len() + value["S"].as_str().unwrap().len());
            self.wrote(
                "its place in by-aggregate",
                size.iter().sum::<usize>().div_ceil(1024),
            );
        }
        let units = self.writes.values().flatten().map(|(units, count)| units * count);
        assert_eq!(
            units.sum::<usize>() as f64,
            self.usage["DynamoDB write units"].count
        );
    }

    fn wrote(&mut self, what: &'static str, units: usize) {
        *self.writes.entry(what).or_default().entry(units).or_default() += 1;
    }

    /// What the write units went to, in percent of the writes.
    fn writes_table(&self) -> String {
        let mut table = String::new();
        for (what, by_units) in &self.writes {
            let writes: usize = by_units.values().sum();
            let units: usize = by_units.iter().map(|(units, count)| units * count).sum();
            let percent = |wanted: &dyn Fn(usize) -> bool| {
                let matching = by_units.iter().filter(|(units, _)| wanted(**units));
                100 * matching.map(|(_, count)| count).sum::<usize>() as u64 / writes as u64
            };
            // Writing to a text cannot fail.
            let _ = writeln!(
                table,
                "| {what} | {} % | {} % | {} % | {} % | {:.3} |",
                percent(&|units| units == 1),
                percent(&|units| units == 2),
                percent(&|units| units == 3),
                percent(&|units| units > 3),
                units as f64 / self.events as f64
            );
        }
        table
    }

    /// The price of a million events, in dollars.
    fn total(&self) -> f64 {
        let cost = |usage: &Usage| usage.count / self.events as f64 * usage.price;
        self.usage.values().map(cost).sum()
    }

    fn table(&self) -> String {
        let mut table = String::new();
        for (what, usage) in &self.usage {
            let per_event = usage.count / self.events as f64;
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

/// How events arrive.
#[derive(Clone, Copy)]
struct Traffic {
    per_delivery: usize,
    /// Deliveries that wait whenever Lambda polls.
    at_once: usize,
    publishes: bool,
}

const TEN: Traffic = Traffic {
    per_delivery: 10,
    at_once: 1,
    publishes: false,
};

/// The same events with orders that are executed in one go: without the executions that follow an order's first one.
fn executed_at_once(events: Vec<String>) -> Vec<String> {
    let mut first: HashMap<String, String> = HashMap::new();
    let id = |object: &Value| object["id"].as_str().unwrap_or_default().to_owned();
    let kept = events.into_iter().filter_map(|json| {
        let mut event: Value = serde_json::from_str(&json).unwrap();
        let object = &mut event["object"];
        if let Some(order) = object["order_id"]
            .as_str()
            .filter(|_| json.contains("EXECUTION."))
        {
            let first = first.entry(order.to_owned()).or_insert_with(|| id(object));
            return (*first == id(object)).then_some(json);
        }
        let first = first.get(&id(object));
        match object["executions"].as_array_mut() {
            Some(executions) if !executions.is_empty() => {
                executions.retain(|execution| Some(&id(execution)) == first);
                Some(event.to_string())
            }
            _ => Some(json),
        }
    });
    kept.collect()
}

/// Runs events through the receiver, and bills it.
async fn bill(events: &[String], traffic: Traffic) -> Bill {
    let receiver = receiver(Policy::Flag).await;
    let processors: Vec<Processor> = receiver
        .domains()
        .map(|domain| shipped(&receiver, domain, traffic.publishes))
        .collect();
    let mut bill = Bill::of(events.len());
    receiver.aws.clear_calls();
    for batch in events.chunks(traffic.per_delivery * traffic.at_once) {
        for delivery in batch.chunks(traffic.per_delivery) {
            enqueue_events(&receiver, delivery).await;
            // Deliveries of one millisecond have no order.
            receiver.aws.clock().advance(Duration::from_millis(1));
            bill.add("API Gateway requests", 1.0, prices::API);
            bill.invocation(INGEST);
        }
        while receiver.verify_and_store().await.is_some() {
            bill.invocation(VERIFY);
            bill.poll(prices::SQS_STANDARD);
        }
        for processor in &processors {
            while receiver.process_by(processor.clone()).await.is_some() {
                bill.invocation(PROCESSOR);
                bill.poll(prices::SQS_FIFO);
            }
        }
    }
    assert_eq!(
        (receiver.waiting(), receiver.aws.items("events").len()),
        (0, events.len())
    );
    // That a key proved deliveries is noted once an hour, however many they are.
    let calls = receiver.aws.calls().into_iter();
    let calls = calls.filter(|call| (&*call.resource, &*call.operation) != ("keys", "UpdateItem"));
    calls.for_each(|call| bill.call(&call));
    bill.count_writes(&receiver);
    let published = receiver.aws.published(CHANGES).len();
    bill.add("EventBridge events", published as f64, prices::EVENT_BUS);
    bill
}

#[tokio::test(start_paused = true)]
async fn a_million_events_cost_what_the_documentation_says() {
    let events = generate(7, EVENTS);
    let busy = Traffic { at_once: 10, ..TEN };
    let publishes = Traffic {
        publishes: true,
        ..TEN
    };
    let single = Traffic {
        per_delivery: 1,
        ..TEN
    };
    let in_one_go = executed_at_once(events.clone());
    let documented = include_str!("../../docs/cost.md");
    let mut missing = Vec::new();
    for (title, events, traffic) in [
        ("ten events in a delivery", &events, TEN),
        ("the same, ten deliveries at a time", &events, busy),
        ("the same, orders executed in one go", &in_one_go, busy),
        (
            "ten events in a delivery, every change published",
            &events,
            publishes,
        ),
        ("one event in a delivery", &events, single),
    ] {
        let bill = bill(events, traffic).await;
        let (table, writes) = (bill.table(), bill.writes_table());
        println!("{title}:\n\n{table}\n{writes}");
        let is_documented = documented.contains(&table) && documented.contains(&writes);
        missing.extend(Some(title).filter(|_| !is_documented));
    }
    assert!(missing.is_empty(), "docs/cost.md is not up to date: {missing:?}");
}
