//! What goes wrong on purpose.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use upvest::signature::Freshness;
use upvest_simulator::{Fault, Faults, Options, Subscription};

use crate::receiver::{Receiver, queue_generated, simulator, stopped_time, verifying_keys};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

#[tokio::test(start_paused = true)]
async fn each_fault_is_what_it_says_and_costs_no_event() {
    let receiver = Receiver::start(&[]).await;
    let options = Options {
        faults: Faults {
            duplicated: 1.0,
            tampered: 1.0,
            unsigned: 1.0,
            unknown_key: 1.0,
            expired: 1.0,
            held_back: 0.0,
        },
        ..stopped_time()
    };
    let simulator = simulator(options, [Subscription::new("s", receiver.url.clone())]);
    let ids = queue_generated(&simulator, 1, 3);
    simulator.delivered().await;

    let key = &verifying_keys(&simulator)[0];
    let outcome: Vec<_> = receiver
        .received()
        .iter()
        .map(|received| received.verify(key, NOW).map_err(|error| error.reason()))
        .collect();
    assert_eq!(
        outcome,
        [
            Err("digest-mismatch"),
            Err("missing-signature-input"),
            Err("unknown-key"),
            Ok(Freshness::Expired),
            Ok(Freshness::Fresh),
            Ok(Freshness::Fresh),
        ]
    );
    let records = simulator.records();
    let faults: Vec<_> = records
        .iter()
        .map(|record| (record.fault, record.attempt, record.accepted))
        .collect();
    assert_eq!(
        faults,
        [
            (Some(Fault::Tampered), 0, false),
            (Some(Fault::Unsigned), 0, false),
            (Some(Fault::UnknownKey), 0, false),
            (Some(Fault::Expired), 0, false),
            (Some(Fault::Duplicated), 1, false),
            (None, 2, true),
        ]
    );
    assert_eq!(receiver.received()[5].event_ids(), ids);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_held_back_is_overtaken_by_another_subscription() {
    let receiver = Receiver::start(&[]).await;
    let of = |category: &str| Subscription {
        categories: vec![category.to_owned()],
        ..Subscription::new(category, receiver.url.clone())
    };
    let options = Options {
        faults: Faults {
            held_back: 0.5,
            ..Faults::default()
        },
        seed: 3,
        ..stopped_time()
    };
    let simulator = simulator(options, [of("ORDER"), of("EXECUTION")]);
    for seed in 1..40 {
        queue_generated(&simulator, seed, 60);
        simulator.delivered().await;
    }
    let mut rounds: HashMap<u64, Vec<String>> = HashMap::new();
    for record in simulator.records() {
        rounds
            .entry(record.delivery)
            .or_default()
            .push(record.subscription_id);
    }
    let executions_first = rounds.values().filter(|order| order[0] == "EXECUTION").count();
    let orders_first = rounds.values().filter(|order| order[0] == "ORDER").count();
    assert!(
        executions_first > 5 && orders_first > 5,
        "{executions_first} {orders_first}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_seed_decides_on_faults_components_and_nonces() {
    async fn run(seed: u64) -> Vec<(Option<Fault>, String)> {
        let receiver = Receiver::start(&[]).await;
        let options = Options {
            faults: Faults {
                duplicated: 0.4,
                tampered: 0.4,
                ..Faults::default()
            },
            seed,
            ..stopped_time()
        };
        let small = Subscription {
            max_package_size: 1_500,
            ..Subscription::new("s", receiver.url.clone())
        };
        let simulator = simulator(options, [small]);
        queue_generated(&simulator, 1, 40);
        simulator.delivered().await;
        let key_id = simulator.state().key_id;
        let inputs = receiver.received();
        let inputs = inputs
            .iter()
            .map(|received| received.header("signature-input").replace(&key_id, ""));
        let faults = simulator.records().into_iter().map(|record| record.fault);
        faults.zip(inputs).collect()
    }
    let first = run(1).await;
    assert_eq!(first, run(1).await);
    assert_ne!(first, run(2).await);
    assert!(first.iter().any(|(fault, _)| *fault == Some(Fault::Tampered)));
}

#[tokio::test(start_paused = true)]
async fn a_stale_signature_is_an_hour_old() {
    let receiver = Receiver::start(&[]).await;
    let options = Options {
        faults: Faults {
            expired: 1.0,
            ..Faults::default()
        },
        ..stopped_time()
    };
    let simulator = simulator(options, [Subscription::new("s", receiver.url.clone())]);
    queue_generated(&simulator, 1, 1);
    simulator.delivered().await;
    let key = &verifying_keys(&simulator)[0];
    let earlier = NOW - SignedDuration::from_hours(1);
    assert_eq!(receiver.received()[0].verify(key, earlier), Ok(Freshness::Fresh));
}
