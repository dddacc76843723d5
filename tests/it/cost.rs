//! What a million events cost, at list prices and by the requests that the shipped code really makes.
//!
//! `cargo test --workspace --test it -- cost --nocapture` prints the table of docs/cost.md. What is counted depends on
//! nothing but the code; prices are those of `operator::cost`, times are constants below.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use fake_aws::{Call, Service};
use jiff::SignedDuration;
use operator::cost::{CHUNK, Counts, ONE, Observability, TEN, TEN_WAITING, US_EAST_1 as PRICES};
use pipeline::actions::{Actions, DomainActions};
use pipeline::processor::Processor;
use pipeline::stores::events::attributes::{AGGREGATE, EVENT_ID, EVENT_TYPE, OCCURRED};
use serde_json::Value;
use upvest::{Domain, Event};
use upvest_simulator::generate;
use verify_and_store::Policy;
use webhook_tests::receiver::{CHANGES, Receiver};

mod forged;

use crate::log_bytes;
use crate::support::{enqueue_events, receiver};

/// What ships: no action of one's own.
struct NoActions;

impl Actions for NoActions {}

/// Events in the run that is counted.
const EVENTS: usize = 2_000;
const MILLION: f64 = 1_000_000.0;
/// A million of them are a GB.
const LOGS: &str = "KB of logs and metrics";
/// How long an invocation is billed for, in ms, its memory, in GB, and what it logs, in bytes: the template's defaults, times that
/// are longer than what was measured on a developer's machine, and what `log_bytes` holds the functions to.
const INGEST: (f64, f64, usize) = (5.0, 0.25, log_bytes::INGEST);
const VERIFY: (f64, f64, usize) = (60.0, 0.5, log_bytes::MOST);
const PROCESSOR: (f64, f64, usize) = (40.0, 0.25, log_bytes::MOST);

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

    fn invocation(&mut self, (ms, gb, bytes): (f64, f64, usize)) {
        self.add(LOGS, bytes as f64 / 1_000.0, PRICES.logs_gb);
        self.add("Lambda invocations", 1.0, PRICES.invocations);
        self.add("Lambda GB seconds", ms / 1_000.0 * gb, PRICES.gb_second * MILLION);
    }

    /// The poll that brought a batch, and the request that deletes it. Lambda makes both in the name of the function.
    fn poll(&mut self, price: f64) {
        let what = match price == PRICES.sqs_fifo {
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
                self.add("SQS requests, FIFO", chunks, PRICES.sqs_fifo);
            }
            (Service::Sqs, _) => self.add("SQS requests, standard", chunks, PRICES.sqs_standard),
            (Service::DynamoDb, "GetItem" | "BatchGetItem" | "Query" | "Scan") => {
                self.add("DynamoDB read units", units, PRICES.read_units);
            }
            (Service::DynamoDb, _) => self.add("DynamoDB write units", units, PRICES.write_units),
            (Service::S3, "PutObject") => self.add("S3 PUT requests", 1.0, PRICES.s3_put),
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
            let indexed = [EVENT_ID, AGGREGATE, OCCURRED, EVENT_TYPE].map(|name| (name, &attributes[name]));
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

    /// Units per event that went to something.
    fn units_of(&self, what: &str) -> f64 {
        let by_units = self.writes[what].iter();
        let units: usize = by_units.map(|(units, count)| units * count).sum();
        units as f64 / self.events as f64
    }

    /// What an event took, as the command `cost` knows it.
    fn counts(&self) -> Counts {
        let of = |what: &str| {
            let shown = format!("{:.3}", self.per_event(what));
            shown.parse().unwrap()
        };
        Counts {
            api_requests: of("API Gateway requests"),
            read_units: of("DynamoDB read units"),
            write_units: of("DynamoDB write units"),
            gb_seconds: of("Lambda GB seconds"),
            invocations: of("Lambda invocations"),
            s3_puts: of("S3 PUT requests"),
            sqs_fifo: of("SQS requests, FIFO"),
            sqs_standard: of("SQS requests, standard"),
            log_kb: of(LOGS),
        }
    }

    /// The price of a million events, in dollars.
    fn total(&self) -> f64 {
        let cost = |usage: &Usage| usage.count / self.events as f64 * usage.price;
        self.usage.values().map(cost).sum()
    }

    fn per_event(&self, what: &str) -> f64 {
        self.usage[what].count / self.events as f64
    }
}

/// The tables of docs/cost.md: a column for each bill.
fn tables(bills: &[(&str, Bill, Option<Counts>)]) -> [String; 3] {
    let table = |rows: Vec<&str>, cell: &dyn Fn(&Bill, &str) -> String| {
        let mut table = String::new();
        for what in rows {
            let cells: Vec<String> = bills.iter().map(|(_, bill, _)| cell(bill, what)).collect();
            // Writing to a text cannot fail.
            let _ = writeln!(table, "| {what} | {} |", cells.join(" | "));
        }
        table
    };
    let (_, first, _) = &bills[0];
    let things: Vec<&str> = first.usage.keys().copied().collect();
    let mut dollars = table(things.clone(), &|bill, what| {
        format!("{:.2}", bill.per_event(what) * bill.usage[what].price)
    });
    dollars += &table(vec!["**Total**"], &|bill, _| format!("**{:.2}**", bill.total()));
    let counts = table(things, &|bill, what| format!("{:.3}", bill.per_event(what)));
    let written = first.writes.keys().copied().collect();
    let writes = table(written, &|bill, what| format!("{:.3}", bill.units_of(what)));
    [dollars, counts, writes]
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

const BY_TEN: Traffic = Traffic {
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

/// Lets the clock of the receiver go on to two seconds after the newest of these events was created, or a millisecond,
/// because deliveries of one millisecond have no order. An event from the future would be flagged, and take more room.
fn until_after(receiver: &Receiver, events: &[String]) {
    let created_at = |json: &String| {
        let created_at = Event::parse(json).unwrap().created_at().unwrap();
        created_at.timestamp()
    };
    let newest = events.iter().map(created_at).max().unwrap();
    let ahead = newest.duration_since(receiver.aws.clock().timestamp()) + SignedDuration::from_secs(2);
    let step = ahead.max(SignedDuration::from_millis(1));
    receiver.aws.clock().advance(step.try_into().unwrap());
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
            until_after(&receiver, delivery);
            enqueue_events(&receiver, delivery).await;
            bill.add("API Gateway requests", 1.0, PRICES.api);
            bill.add(LOGS, log_bytes::ACCESS as f64 / 1_000.0, PRICES.logs_gb);
            bill.invocation(INGEST);
        }
        while receiver.verify_and_store().await.is_some() {
            bill.invocation(VERIFY);
            bill.poll(PRICES.sqs_standard);
        }
        for processor in &processors {
            while receiver.process_by(processor.clone()).await.is_some() {
                bill.invocation(PROCESSOR);
                bill.poll(PRICES.sqs_fifo);
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
    bill.add("EventBridge events", published as f64, PRICES.event_bus);
    bill
}

#[tokio::test(start_paused = true)]
async fn a_million_events_cost_what_the_documentation_says() {
    let events = generate(7, EVENTS);
    let busy = Traffic {
        at_once: 10,
        ..BY_TEN
    };
    let publishes = Traffic {
        publishes: true,
        ..BY_TEN
    };
    let single = Traffic {
        per_delivery: 1,
        ..BY_TEN
    };
    let in_one_go = executed_at_once(events.clone());
    let mut bills = Vec::new();
    for (title, events, traffic, known) in [
        ("ten events in a delivery", &events, BY_TEN, Some(TEN)),
        (
            "the same, ten deliveries at a time",
            &events,
            busy,
            Some(TEN_WAITING),
        ),
        ("the same, orders executed in one go", &in_one_go, busy, None),
        (
            "ten events in a delivery, every change published",
            &events,
            publishes,
            None,
        ),
        ("one event in a delivery", &events, single, Some(ONE)),
    ] {
        bills.push((title, bill(events, traffic).await, known));
    }
    let documented = include_str!("../../docs/cost.md");
    let tables = tables(&bills);
    tables.iter().for_each(|table| println!("{table}"));
    for (title, bill, known) in &bills {
        if let Some(known) = known {
            let message = "operator::cost knows other counts of";
            assert_eq!(&bill.counts(), known, "{message}: {title}");
        }
    }
    for table in &tables {
        assert!(documented.contains(table), "docs/cost.md lacks:\n{table}");
    }
    let traffic = operator::cost::Traffic {
        events_per_day: 0.0,
        per_delivery: 10.0,
    };
    for observability in [Observability::Lean, Observability::Full] {
        let fixed = operator::cost::reckon(traffic, &PRICES, observability).usd_fixed;
        let said = format!("{fixed:.2} dollars a month");
        println!("{observability:?}: {said}");
        assert!(documented.contains(&said), "docs/cost.md lacks: {said}");
    }
}
