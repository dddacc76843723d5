//! Who writes items and names places of the archive: the rooms of the stores, and those who are listed here with a reason.

use std::fs;
use std::path::Path;

use pipeline::stores::archive::{QUARANTINE_PREFIX, VERIFIED_PREFIX};
use pipeline::stores::pending::PENDING_PREFIX;

use super::{files, root};

/// Names the folder that has one room for each table and bucket.
const ROOMS: &str = "crates/pipeline/src/stores";
/// Lists who else may write an item, or name a place of the archive, and why.
const OTHERS: [(&str, &str); 4] = [
    ("crates/fake-aws", "it is about AWS itself, whoever uses it"),
    (
        "tests/src/stored/by_hand.rs",
        "the one place where tests edit rows",
    ),
    (
        "tests/it/end_to_end/least_privilege.rs",
        "it asks as the functions for what they may not do",
    ),
    (
        "tests/it/end_to_end/releases.rs",
        "it asks as the deployer for what they may not do",
    ),
];
/// Names the type of an attribute's value, without which no item is written.
const VALUE: &str = concat!("Attribute", "Value");

/// Tells whether a line names the type of values of items; those of messages and of the emulator's errors end alike.
fn names_a_value(line: &str) -> bool {
    let is_whole = |before: &str| !before.ends_with(|last: char| last.is_alphanumeric());
    line.match_indices(VALUE).any(|(at, _)| is_whole(&line[..at]))
}

/// Tells whether a line has a text that begins with a place of the archive, or of what is pending.
fn names_a_place(line: &str) -> bool {
    let places = [VERIFIED_PREFIX, QUARANTINE_PREFIX, PENDING_PREFIX];
    places.iter().any(|place| line.contains(&format!("\"{place}")))
}

fn lines_of(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(root().join(file));
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.lines().map(str::to_owned).collect()
}

#[test]
fn nobody_but_the_stores_writes_items_or_names_places_of_the_archive() {
    let (mut found, mut needed) = (Vec::new(), Vec::new());
    for file in files() {
        let mut lines = lines_of(&file).into_iter();
        if file.starts_with(ROOMS) || !lines.any(|line| names_a_value(&line) || names_a_place(&line)) {
            continue;
        }
        match OTHERS.iter().find(|(other, _)| file.starts_with(other)) {
            Some((other, _)) => needed.push(*other),
            None => found.push(file.display().to_string()),
        }
    }
    assert!(
        found.is_empty(),
        "go through the room of the store:\n{}",
        found.join("\n")
    );
    for (other, why) in OTHERS {
        assert!(
            needed.contains(&other),
            "{other} does not need to be listed: {why}"
        );
    }
}

#[test]
fn an_item_and_a_place_are_told_from_what_looks_like_them() {
    assert!(names_a_value(&format!(
        "use aws_sdk_dynamodb::types::{VALUE}::S;"
    )));
    assert!(names_a_value(&format!("types::{{{VALUE}, KeysAndAttributes}}")));
    for other in ["Message", "MessageSystem", "Invalid"] {
        assert!(!names_a_value(&format!("{other}{VALUE}")), "{other}");
    }
    for place in [VERIFIED_PREFIX, QUARANTINE_PREFIX, PENDING_PREFIX] {
        assert!(names_a_place(&format!("key.starts_with(\"{place}\")")), "{place}");
        // The template has them behind the name of a bucket, and its tests hold both against each other.
        assert!(!names_a_place(&format!("\"bucket/{place}*\"")), "{place}");
    }
}
