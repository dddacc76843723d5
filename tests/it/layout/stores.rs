//! Who writes items and names places of the archive: the rooms of the stores, and those who are listed here with a reason. Who
//! names the attributes of a message: the modules that have them as constants.

use std::fs;
use std::path::Path;

use pipeline::stores::archive::{QUARANTINE_PREFIX, VERIFIED_PREFIX};
use pipeline::stores::pending::PENDING_PREFIX;

use super::circles::TESTS;
use super::{files, is_shipped, root};

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

/// Lists what reads, writes or removes an attribute of a message, in shipped code.
const OF_A_MESSAGE: [&str; 4] = [
    "attribute(",
    "message_attributes.get(",
    "message_attributes.insert(",
    "message_attributes.remove(",
];

/// Tells whether a line spells the name of a message's attribute, in place of the constant that holds it.
fn spells_an_attribute(line: &str) -> bool {
    let is_whole = |before: &str| !before.ends_with(|last: char| last.is_alphanumeric() || last == '_');
    let is_spelled = |after: &str| after.split(')').next().is_some_and(|names| names.contains('"'));
    let is_so = |call: &&str| {
        let mut calls = line.match_indices(*call);
        calls.any(|(at, call)| is_whole(&line[..at]) && is_spelled(&line[at + call.len()..]))
    };
    OF_A_MESSAGE.iter().any(is_so)
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

#[test]
fn nobody_spells_the_name_of_a_messages_attribute() {
    let mut found = Vec::new();
    for file in files().into_iter().filter(|file| is_shipped(file)) {
        let text = lines_of(&file).join("\n");
        let code = text.split(TESTS).next().unwrap_or_default();
        if code.lines().any(spells_an_attribute) {
            found.push(file.display().to_string());
        }
    }
    assert!(
        found.is_empty(),
        "take the constant of pipeline::envelope::attributes:\n{}",
        found.join("\n")
    );
}

#[test]
fn a_name_that_is_spelled_is_told_from_a_constant() {
    for spelled in [
        "    let id = attribute(message, \"delivery_id\").map(str::to_owned);",
        "message.message_attributes.insert(\"pending\".to_owned(), attribute);",
    ] {
        assert!(spells_an_attribute(spelled), "{spelled}");
    }
    for other in [
        "match attribute(message, ENCODING) { Some(_) => \"encoded\", None => \"as it is\" }",
        "message.attributes.get(\"SenderId\")",
        "attributes.chain([string_attribute((MAY_BE_PENDING, \"true\".to_owned()))])",
    ] {
        assert!(!spells_an_attribute(other), "{other}");
    }
}
