//! The identity of events against vectors that an independent script made (`events/identities/make-vectors.py`).

#![expect(clippy::unwrap_used, reason = "a vector that cannot be read fails")]

use std::collections::BTreeSet;

use serde::Deserialize;
use upvest::Event;

#[derive(Deserialize)]
struct Vector {
    name: String,
    event: String,
    sha256: String,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../../../events/identities/vectors.json")).unwrap()
}

#[test]
fn every_vector_has_its_identity() {
    for vector in vectors() {
        let event = Event::parse(&vector.event).unwrap();
        assert_eq!(event.identity().to_hex(), vector.sha256, "{}", vector.name);
    }
}

#[test]
fn neither_a_subscription_nor_the_order_of_members_makes_a_conflict_and_all_else_does() {
    let vectors = vectors();
    let identities: Vec<&str> = vectors.iter().map(|vector| vector.sha256.as_str()).collect();
    let (same, others) = identities.split_at(4);
    assert!(same.iter().all(|identity| *identity == same[0]));
    let different: BTreeSet<&&str> = others.iter().collect();
    // An escaped name is the name: that one is the event of before.
    assert!(
        others[3] == same[0] && different.len() == others.len(),
        "{different:?}"
    );
}
