//! The worst bodies that a sender can make: what they cost is in proportion to their bytes.
//!
//! A test binary of its own: it looks at the memory of the whole process.

use std::time::{Duration, Instant};

use upvest::delivery::{DeliveryError, MAX_BODY_BYTES, MAX_EVENTS, split};

/// Bounds the bytes of memory that a byte of a body may take where its members are listed: 40 bytes for each
/// `"":0,`, and as much again while their list grows.
const OF_MEMBERS: u64 = 24;
/// Bounds the bytes of memory that a byte of any other body may take.
const OF_OTHERS: u64 = 2;

fn event(id: usize, object: &str) -> String {
    format!(r#"{{"id":"{id}","type":"ORDER.NEW","created_at":"2026-01-01T00:00:00Z","object":{object}}}"#)
}

fn batch(count: usize) -> String {
    let events: Vec<String> = (0..count).map(|id| event(id, r#"{"id":"o"}"#)).collect();
    format!("[{}]", events.join(","))
}

/// Bodies of about this size, with the bytes of memory that each of their bytes may take; the thrifty ones first, because
/// the most that the process ever had is what is looked at.
fn worst(size: usize) -> Vec<(&'static str, u64, String)> {
    let repeated = |text: &str| text.repeat(size / text.len() - 100 / text.len());
    let text = |part: &str| event(1, &format!(r#"{{"id":"o","x":"{}"}}"#, repeated(part)));
    let members = repeated("\"\":0,");
    vec![
        ("numbers for events", OF_OTHERS, format!("[{}0]", repeated("0,"))),
        (
            "objects for events",
            OF_OTHERS,
            format!("[{}{{}}]", repeated("{},")),
        ),
        ("brackets", OF_OTHERS, format!("[{}", repeated("["))),
        ("an open text", OF_OTHERS, format!("[\"{}", repeated("\\\""))),
        ("one text", OF_OTHERS, text("x")),
        ("one text of escapes", OF_OTHERS, text("\\u0001")),
        (
            "one array",
            OF_OTHERS,
            event(1, &format!(r#"{{"id":"o","users":[{}0]}}"#, repeated("0,"))),
        ),
        ("events", OF_MEMBERS, batch((size / 110).min(MAX_EVENTS))),
        (
            "one object of members",
            OF_MEMBERS,
            event(1, &format!(r#"{{{members}"id":"o"}}"#)),
        ),
        (
            "one event of members",
            OF_MEMBERS,
            format!(r#"{{{members}"type":"ORDER.NEW","id":"1","object":{{}}}}"#),
        ),
    ]
}

/// Does with a body what verify-and-store does with one that was proven.
fn work(body: &str) -> usize {
    let elements = split(body.as_bytes()).unwrap_or_default();
    let events = elements.iter().filter_map(|element| element.event.as_ref().ok());
    events
        .map(|event| {
            event.identity().to_hex().len()
                + event.webhook_ids().count()
                + usize::from(event.entity_key().is_ok())
        })
        .sum()
}

fn duration(body: &str) -> Duration {
    let times = (0..3).map(|_| {
        let begun = Instant::now();
        std::hint::black_box(work(body));
        begun.elapsed()
    });
    times.min().unwrap_or_default()
}

/// Reads the most memory that the process ever had, in bytes; `None` where the system does not tell.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .trim_end_matches(" kB")
        .parse::<u64>()
        .ok()
        .map(|kibibytes| kibibytes * 1024)
}

#[test]
fn memory_and_time_are_in_proportion_to_the_bytes_of_a_body() {
    let small = worst(MAX_BODY_BYTES / 10);
    for ((name, bound, large), (.., small)) in worst(MAX_BODY_BYTES).into_iter().zip(small) {
        assert!(large.len() <= MAX_BODY_BYTES, "{name}: {}", large.len());
        let before = peak();
        std::hint::black_box(work(&large));
        let grown = peak().zip(before).map_or(0, |(after, before)| after - before);
        assert!(grown <= bound * large.len() as u64, "{name}: {grown} bytes");
        // Ten times the bytes, and not a hundred times the time; below a tenth of a second there is nothing to compare.
        let (slow, quick) = (duration(&large), duration(&small));
        assert!(
            slow < Duration::from_millis(100) || slow < quick * 50,
            "{name}: {quick:?}, {slow:?}"
        );
    }
}

#[test]
fn more_events_than_a_delivery_may_have_are_refused_and_not_kept() {
    assert_eq!(
        split(batch(100_000).as_bytes()).unwrap_err(),
        DeliveryError::TooLarge
    );
    let small = |count: usize| format!("[{}{{}}]", r#"{"id":"e"},"#.repeat(count - 1));
    assert_eq!(
        split(small(100_000).as_bytes()).unwrap_err(),
        DeliveryError::TooManyEvents
    );
    assert_eq!(
        split(small(MAX_EVENTS + 1).as_bytes()).unwrap_err(),
        DeliveryError::TooManyEvents
    );
    assert_eq!(split(small(MAX_EVENTS).as_bytes()).unwrap().len(), MAX_EVENTS);
    let three_million = format!("[{}0]", "0,".repeat(3_000_000));
    assert_eq!(
        split(three_million.as_bytes()).unwrap_err(),
        DeliveryError::TooManyEvents
    );
    let broken = format!("[{}]", "0,".repeat(MAX_EVENTS + 1));
    assert_eq!(split(broken.as_bytes()).unwrap_err(), DeliveryError::NotJson);
}
