//! Events in files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use upvest::delivery::DeliveryError;
use upvest::event::EventError;

/// Says why a file of events cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SamplesError {
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Names the file or folder that was named.
        path: PathBuf,
        /// Tells what was wrong with it, in full.
        #[source]
        source: io::Error,
    },
    /// A file was read to its end, and no line of it holds an event.
    #[error("{} holds no events", path.display())]
    NoEvents {
        /// Names the file that holds it.
        path: PathBuf,
        /// Tells what was wrong with it, in full.
        #[source]
        source: DeliveryError,
    },
    /// A part of a file is not an event.
    #[error("event {index} (counted from 0) of {} is malformed", path.display())]
    Malformed {
        /// Names the file that holds it.
        path: PathBuf,
        /// Numbers the event in the file, from 0.
        index: usize,
        /// Tells what was wrong with it, in full.
        #[source]
        source: EventError,
    },
}

/// Reads the events of a file, or of all `*.json` files of a folder in the order of their names. A file holds one
/// event, or a story as an array of events; what stands between the tokens of JSON is left out, as Upvest does.
///
/// # Errors
/// [`SamplesError`] for the first file that cannot be used.
pub fn read_events(path: &Path) -> Result<Vec<String>, SamplesError> {
    let read_error = |source| SamplesError::Read {
        path: path.to_owned(),
        source,
    };
    if !path.is_dir() {
        return read_file(path);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(read_error)? {
        let file = entry.map_err(read_error)?.path();
        if file.extension().is_some_and(|extension| extension == "json") {
            files.push(file);
        }
    }
    files.sort();
    let stories: Result<Vec<_>, _> = files.iter().map(|file| read_file(file)).collect();
    Ok(stories?.into_iter().flatten().collect())
}

fn read_file(path: &Path) -> Result<Vec<String>, SamplesError> {
    let text = fs::read(path).map_err(|source| SamplesError::Read {
        path: path.to_owned(),
        source,
    })?;
    let parts = upvest::split(&text).map_err(|source| SamplesError::NoEvents {
        path: path.to_owned(),
        source,
    })?;
    let events = parts.into_iter().enumerate().map(|(index, part)| {
        let event = part.event.map_err(|source| SamplesError::Malformed {
            path: path.to_owned(),
            index,
            source,
        })?;
        Ok(compact(event.json()))
    });
    events.collect()
}

/// Removes the white space between the tokens of a valid JSON text; keys, their order and numbers stay as they are.
fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let significant = |character: &char| {
        let keep = in_string || !character.is_ascii_whitespace();
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = in_string,
            '"' => in_string = !in_string,
            _ => {}
        }
        keep
    };
    json.chars().filter(significant).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet, HashSet};

    use serde_json::Value;
    use upvest::projection::Placed;
    use upvest::time::Instant;
    use upvest::{Domain, Event, Placement, Projection, Receipt};

    use super::*;
    use crate::Subscription;

    fn samples() -> Vec<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/samples");
        read_events(Path::new(folder)).unwrap()
    }

    #[test]
    fn compacting_keeps_strings_as_they_are() {
        let spaced = "{ \"a\" : [ 1.50 ,\n\t\"x \\\" \\\\\" , \" y\" ] }";
        assert_eq!(compact(spaced), "{\"a\":[1.50,\"x \\\" \\\\\",\" y\"]}");
    }

    #[test]
    fn every_sample_has_an_id_of_its_own_and_the_same_subscription() {
        let samples = samples();
        let ids: HashSet<String> = samples
            .iter()
            .map(|json| {
                let value: Value = serde_json::from_str(json).unwrap();
                assert_eq!(value["webhook_id"], Subscription::SAMPLE_ID);
                value["id"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(ids.len(), samples.len());
    }

    #[test]
    fn every_category_that_upvest_documents_occurs() {
        let samples = samples();
        let seen: BTreeSet<&str> = samples
            .iter()
            .map(|json| Event::parse(json).unwrap().category().name)
            .collect();
        let documented = include_str!("../../../events/documented-categories.txt");
        let unseen: Vec<&str> = documented.lines().filter(|name| !seen.contains(name)).collect();
        assert_eq!(unseen, [""; 0]);
        assert!(seen.contains(""), "something that nobody knows");
    }

    #[test]
    fn no_event_is_older_than_the_one_before() {
        let samples = samples();
        let events = samples.iter().map(|json| Event::parse(json).unwrap());
        assert!(events.is_sorted_by(|left, right| left.created_at() <= right.created_at()));
    }

    #[test]
    fn decimals_are_texts() {
        for json in samples() {
            let event: Value = serde_json::from_str(&json).unwrap();
            assert!(!has_fraction(&event), "{json}");
        }
    }

    fn has_fraction(value: &Value) -> bool {
        match value {
            Value::Number(number) => number.is_f64(),
            Value::Array(items) => items.iter().any(has_fraction),
            Value::Object(fields) => fields.values().any(has_fraction),
            _ => false,
        }
    }

    #[test]
    fn what_a_ledger_line_books_happened_before() {
        let mut known = BTreeSet::new();
        for json in samples() {
            let event: Value = serde_json::from_str(&json).unwrap();
            let references = event["object"]["references"].as_array().into_iter().flatten();
            for reference in references.filter(|other| other["type"] != "CORPORATE_ACTION_TRANSACTION_ID") {
                assert!(known.contains(reference["id"].as_str().unwrap()), "{json}");
            }
            collect_ids(&event["object"], &mut known);
        }
    }

    fn collect_ids(value: &Value, ids: &mut BTreeSet<String>) {
        ids.extend(value["id"].as_str().map(str::to_owned));
        match value {
            Value::Array(items) => items.iter().for_each(|item| collect_ids(item, ids)),
            Value::Object(fields) => fields.values().for_each(|field| collect_ids(field, ids)),
            _ => {}
        }
    }

    #[test]
    fn the_cash_balance_is_what_the_ledger_adds_up_to() {
        let mut cents: BTreeMap<String, i64> = BTreeMap::new();
        let mut last: BTreeMap<String, String> = BTreeMap::new();
        for json in samples() {
            let event: Value = serde_json::from_str(&json).unwrap();
            let object = &event["object"];
            let group = object["account_group_id"].as_str().unwrap_or_default().to_owned();
            match event["type"].as_str().unwrap() {
                "CASH_TRANSACTION.EXECUTED" => {
                    let amount: String = object["delta"]["amount"].as_str().unwrap().replace('.', "");
                    *cents.entry(group).or_default() += amount.parse::<i64>().unwrap();
                }
                "CASH_BALANCE.UPDATED" => {
                    last.insert(group, object["balance"].as_str().unwrap().to_owned());
                }
                _ => {}
            }
        }
        for (group, booked) in cents {
            assert_eq!(last[&group].replace('.', "").parse(), Ok(booked), "{group}");
        }
    }

    #[test]
    fn the_samples_tell_their_stories_to_the_end() {
        let samples = samples();
        let mut states: BTreeMap<String, (Domain, Projection)> = BTreeMap::new();
        let received_at = Instant::parse("2026-12-01T00:00:00Z").unwrap();
        for (position, json) in (0..).zip(&samples) {
            let event = Event::parse(json).unwrap();
            let aggregate = event.entity_key().unwrap();
            let receipt = Receipt {
                received_at,
                position,
            };
            let placed = Placed {
                event: &event,
                aggregate: &aggregate,
                occurred: &Placement::of(&event, &receipt).occurred,
            };
            let domain = event.category().domain;
            let (_, state) = states
                .entry(aggregate.to_string())
                .or_insert_with(|| (domain, Projection::default()));
            state.fold(placed).unwrap();
        }
        let statuses = |domain: Domain| -> Vec<&str> {
            let of_domain = states.values().filter(|(own, _)| *own == domain);
            of_domain.filter_map(|(_, state)| state.status()).collect()
        };
        let mut orders = statuses(Domain::Orders);
        orders.sort_unstable();
        assert_eq!(orders, ["CANCELLED", "FILLED", "FILLED", "FILLED"]);
        let mut users = statuses(Domain::Users);
        users.sort_unstable();
        assert_eq!(users, ["ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "INACTIVE"]);
        assert_eq!(
            states
                .values()
                .filter(|(domain, _)| *domain == Domain::Unrecognised)
                .count(),
            1
        );
    }
}
