//! Each target over its corpus and some thousand changes of it: seconds, where `make fuzz` takes as long as one likes.

#![expect(clippy::unwrap_used, reason = "a corpus that cannot be read fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use fuzz::mutation::mutated;
use fuzz::{TARGETS, Target};

/// How many changed inputs each target gets.
const CHANGED: usize = 3_000;

fn here(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(part)
}

fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let mut inputs: Vec<_> = fs::read_dir(here("corpus").join(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

/// The words of a dictionary as libFuzzer reads it: one a line, in quotes, with \" and \\.
fn words(name: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(here("dictionaries").join(format!("{name}.dict"))).unwrap();
    let quoted = text.lines().filter(|line| line.starts_with('"'));
    quoted
        .map(|line| {
            line[1..line.len() - 1]
                .replace("\\\"", "\"")
                .replace("\\\\", "\\")
                .into_bytes()
        })
        .collect()
}

/// Runs a target on an input, and says on which when it panics.
fn try_on(target: Target, name: &str, what: &str, input: &[u8]) {
    let outcome = std::panic::catch_unwind(|| target(input));
    assert!(
        outcome.is_ok(),
        "{name} fails on {what}: {:?}",
        String::from_utf8_lossy(input)
    );
}

fn smoke(name: &str) {
    let (_, target) = TARGETS.into_iter().find(|(known, _)| *known == name).unwrap();
    let corpus = corpus(name);
    assert!(corpus.len() > 5, "{name} has no corpus");
    for (path, input) in &corpus {
        try_on(target, name, path, input);
    }
    let seeds: Vec<Vec<u8>> = corpus.into_iter().map(|(_, input)| input).collect();
    let words = words(name);
    let mut rng = Rng::with_seed(14);
    for round in 0..CHANGED {
        let input = mutated(&mut rng, &seeds, &words);
        try_on(target, name, &format!("change {round}"), &input);
    }
}

#[test]
fn made_up_signatures_prove_nothing_and_our_own_hold() {
    smoke("signature");
}

#[test]
fn made_up_bodies_are_split_and_folded_in_any_order() {
    smoke("delivery");
}

#[test]
fn made_up_messages_are_envelopes_that_come_back_or_none() {
    smoke("envelope");
}

#[test]
fn made_up_keys_come_back_and_prove_nothing_that_anybody_can_make_up() {
    smoke("jwk");
}
