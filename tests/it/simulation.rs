//! Whole runs of the receiver in a hostile world; [`webhook_tests::simulation`] says what is in it and what is held.
//!
//! `SIMULATION_SEEDS` sets how many seeds are run; `SIMULATION_SEED` runs one. `make simulate` runs many more.

#![expect(clippy::print_stderr, reason = "a failing seed has to be told")]

use std::collections::{BTreeMap, BTreeSet};

use fake_aws::Rng;
use upvest::category::{CATEGORIES, Role, UNRECOGNISED};
use upvest::{EntityKey, Event};
use webhook_tests::simulation::simulate;
use webhook_tests::story::Story;

/// How many seeds a run takes where nobody says otherwise.
const SEEDS: u64 = 400;

#[test]
fn nothing_is_lost_doubled_or_taken_on_trust_whatever_fails() {
    let one = std::env::var("SIMULATION_SEED")
        .ok()
        .map(|seed| seed.parse::<u64>().unwrap());
    let count = std::env::var("SIMULATION_SEEDS").map_or(SEEDS, |count| count.parse().unwrap());
    let seeds = one.map_or(0..count, |seed| seed..seed + 1);
    std::thread::scope(|scope| {
        for parity in 0..2 {
            let seeds = seeds.clone().filter(move |seed| seed % 2 == parity);
            scope.spawn(move || seeds.for_each(run));
        }
    });
}

fn run(seed: u64) {
    if let Err(panic) = std::panic::catch_unwind(|| simulate(seed)) {
        eprintln!(
            "seed {seed} fails; to run it alone:\n  \
             SIMULATION_SEED={seed} cargo test --workspace --test it simulation"
        );
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn the_stories_have_something_of_everything() {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for seed in 0..400 {
        let story = Story::new(&mut Rng::new(seed));
        for json in story.genuine_events() {
            let event = Event::parse(json).unwrap();
            seen.insert(event.category().name);
            let oddities = [
                ("about no entity", event.entity_key().is_err()),
                ("a status never seen", json.contains("\"TELEPORTED\"")),
                ("no decimal", json.contains("\"ten\"")),
                ("a type never seen", event.is_of_unknown_type()),
            ];
            let told = oddities.into_iter().filter(|(_, is_told)| *is_told);
            seen.extend(told.map(|(oddity, _)| oddity));
        }
        if story.deliveries.iter().any(|delivery| !delivery.genuine) {
            seen.insert("forged");
        }
    }
    let mut all: BTreeSet<&str> = CATEGORIES.iter().map(|row| row.name).collect();
    all.extend([
        UNRECOGNISED.name,
        "about no entity",
        "a status never seen",
        "no decimal",
        "a type never seen",
        "forged",
    ]);
    assert_eq!(seen, all);
}

#[test]
fn a_part_may_come_before_its_whole() {
    let first_is_a_part = |seed| {
        let story = Story::new(&mut Rng::new(seed));
        let mut first: BTreeMap<EntityKey, Event<'_>> = BTreeMap::new();
        for json in story.genuine_events() {
            let event = Event::parse(json).unwrap();
            let Ok(entity) = event.entity_key() else { continue };
            let earlier = first
                .get(&entity)
                .is_none_or(|other| event.created_at() < other.created_at());
            if earlier {
                first.insert(entity, event);
            }
        }
        first
            .values()
            .any(|event| matches!(event.category().role, Role::Part { .. }))
    };
    assert!((0..50).any(first_is_a_part));
}
