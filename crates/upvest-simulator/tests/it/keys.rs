//! Signatures, and the keys that verify them.

use std::time::Duration;

use jiff::Timestamp;
use upvest::signature::Freshness;
use upvest_simulator::{KeySource, Options, Simulator, Subscription};

use crate::receiver::{Receiver, queue_generated, simulator, stopped_time, verifying_keys};

#[tokio::test(start_paused = true)]
async fn what_is_delivered_verifies_with_the_published_key() {
    let receiver = Receiver::start(&[500, 500]).await;
    let small = Subscription {
        max_package_size: 2_000,
        ..Subscription::new("s", receiver.url.clone())
    };
    let simulator = simulator(stopped_time(), [small]);
    queue_generated(&simulator, 1, 60);
    simulator.delivered().await;

    let key = &verifying_keys(&simulator)[0];
    let received = receiver.received();
    assert!(received.len() > 10);
    for delivery in received {
        let now = Timestamp::UNIX_EPOCH + delivery.at;
        assert_eq!(delivery.verify(key, now), Ok(Freshness::Fresh));
        assert_eq!(delivery.header("content-type"), "application/json");
        assert_eq!(delivery.header("content-length"), delivery.body.len().to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_rotation_the_new_key_signs_and_the_old_one_stays_for_the_overlap() {
    let receiver = Receiver::start(&[]).await;
    let simulator = simulator(stopped_time(), [Subscription::new("s", receiver.url.clone())]);
    queue_generated(&simulator, 1, 1);
    simulator.delivered().await;
    let new = simulator.rotate_key(Duration::from_secs(60)).unwrap();
    queue_generated(&simulator, 2, 1);
    simulator.delivered().await;

    let keys = verifying_keys(&simulator);
    assert_eq!(keys.len(), 2);
    assert_eq!(Some(keys[0].key_id()), new.key_id());
    let received = receiver.received();
    let now = Timestamp::UNIX_EPOCH;
    assert!(received[0].verify(&keys[1], now).is_ok());
    assert!(received[1].verify(&keys[0], now).is_ok());
    let unknown = received[1].verify(&keys[1], now).unwrap_err();
    assert_eq!(unknown.reason(), "unknown-key");
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(verifying_keys(&simulator).len(), 1);
}

#[tokio::test]
async fn a_key_file_keeps_the_key_over_restarts_and_rotations() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let start = || {
        let options = Options {
            key: KeySource::File(path.clone()),
            ..Options::default()
        };
        Simulator::start(options).unwrap()
    };
    let first = start();
    let key_id = first.state().key_id;
    assert_eq!(start().state().key_id, key_id);
    first.rotate_key(Duration::ZERO).unwrap();
    let rotated = first.state().key_id;
    assert_ne!(rotated, key_id);
    assert_eq!(start().state().key_id, rotated);
}
