//! Times what the pure crate does to a delivery: verifies it, splits it, places and folds its events, packs their state.
//!
//! `cargo bench --package upvest`. Compare with an earlier build by criterion's `--save-baseline` and `--baseline`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use upvest::projection::{Placed, Projection};
use upvest::signature::{Dialect, Headers, SignatureOptions, SignedRequest, SigningKey, UnverifiedDelivery};
use upvest::time::Instant;
use upvest::{Event, Placement, Receipt, split};

const PATH: &str = "/webhooks/upvest";
const EVENTS: [usize; 3] = [1, 100, 500];
const PARTS: [usize; 2] = [1, 600];

fn execution(number: usize) -> String {
    format!(
        r#"{{"id":"1a9eca6b-4294-4260-a20c-{number:012x}","created_at":"2026-01-05T09:30:02.101Z","type":"EXECUTION.FILLED","object":{{"id":"854e6a1c-8858-43ed-99f7-{number:012x}","order_id":"9fc8c651-1a1d-47c4-b0c2-1f724601ecf4","cash_amount":"511.32","currency":"EUR","share_quantity":"6","price":"85.22","side":"BUY","status":"FILLED","taxes":[{{"type":"TOTAL","amount":"0"}}],"transaction_time":"2026-01-05T09:30:02.101Z"}},"webhook_id":"5a3f1c1e-6b0d-4c57-9a44-0d7a4f2f8e10"}}"#
    )
}

fn body(events: usize) -> Vec<u8> {
    let events: Vec<String> = (0..events).map(execution).collect();
    format!("{{\"payload\":[{}]}}", events.join(",")).into_bytes()
}

fn verify(criterion: &mut Criterion) {
    let key = SigningKey::generate_p521("key", Dialect::UnquotedDigest).expect("a key can be generated");
    let verifying = key.verifying_key().expect("the key has a public part");
    let mut group = criterion.benchmark_group("verify");
    for events in EVENTS {
        let body = body(events);
        let mut headers: Headers = [("content-type", "application/json")].into_iter().collect();
        let covered = ["@method", "@path", "content-type", "digest"];
        let signed = key.sign(&request(&headers, &body), &SignatureOptions::new(covered));
        signed.expect("the key signs").apply_to(&mut headers);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(events.to_string(), |bencher| {
            bencher.iter(|| {
                let delivery = UnverifiedDelivery::parse(black_box(request(&headers, &body)));
                let delivery = delivery.expect("the signature can be read");
                let verified = delivery.verify([&verifying], Timestamp::UNIX_EPOCH);
                black_box(verified.expect("the signature holds").freshness())
            });
        });
    }
    group.finish();
}

fn request<'r>(headers: &'r Headers, body: &'r [u8]) -> SignedRequest<'r> {
    SignedRequest {
        method: "POST",
        path: PATH,
        query: None,
        headers,
        body,
    }
}

fn split_body(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("split");
    for events in EVENTS {
        let body = body(events);
        group.throughput(Throughput::Elements(events as u64));
        group.bench_function(events.to_string(), |bencher| {
            bencher.iter(|| split(black_box(&body)).expect("the body is a batch").len());
        });
    }
    group.finish();
}

fn identify(criterion: &mut Criterion) {
    let json = execution(1);
    let event = Event::parse(&json).expect("an event");
    criterion.bench_function("entity key and identity", |bencher| {
        bencher.iter(|| (black_box(&event).entity_key(), event.identity().to_hex()));
    });
}

/// Folds one execution more into an order that has some.
fn fold(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fold");
    for parts in PARTS {
        let order = order(parts);
        let json = execution(parts);
        let event = Event::parse(&json).expect("an event");
        let aggregate = event.entity_key().expect("the event names its order");
        let placement = Placement::of(&event, &receipt());
        group.bench_function(format!("{parts} parts"), |bencher| {
            let placed = Placed {
                event: &event,
                aggregate: &aggregate,
                occurred: &placement.occurred,
            };
            bencher.iter_batched_ref(
                || order.clone(),
                |order| order.fold(black_box(placed)).expect("the event can be folded"),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// Packs the executions of an order, and sums them up, as it is done for each write.
fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for parts in PARTS {
        let order = order(parts);
        group.bench_function(format!("{parts} parts, packed"), |bencher| {
            bencher.iter(|| {
                let packed = black_box(&order).parts.values().map(|parts| parts.pack().len());
                packed.sum::<usize>()
            });
        });
        group.bench_function(format!("{parts} parts, summed"), |bencher| {
            bencher.iter(|| black_box(&order).derived("ORDER").len());
        });
    }
    group.finish();
}

fn order(parts: usize) -> Projection {
    let mut order = Projection::default();
    for number in 0..parts {
        let json = execution(number);
        let event = Event::parse(&json).expect("an event");
        let aggregate = event.entity_key().expect("the event names its order");
        let placed = Placed {
            event: &event,
            aggregate: &aggregate,
            occurred: &Placement::of(&event, &receipt()).occurred,
        };
        order.fold(placed).expect("the event can be folded");
    }
    order
}

fn receipt() -> Receipt {
    Receipt {
        received_at: Instant::parse("2026-01-05T09:30:03Z").expect("a time"),
        position: 0,
    }
}

criterion_group!(benches, verify, split_body, identify, fold, encode);
criterion_main!(benches);
