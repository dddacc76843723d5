//! EventBridge: events put on buses, for the tests to read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::reply::Reply;
use crate::rng::Rng;
use crate::wire::Request;

/// Names the bus that every account has.
const DEFAULT_BUS: &str = "default";
const MAX_ENTRIES: usize = 10;
/// Bounds a request, in bytes, as AWS does since January 2026; for years it had been 256 KiB.
const MAX_BYTES: usize = 1024 * 1024;
/// Gives the bytes that a time counts for, however it is written.
const TIME_BYTES: usize = 14;

/// Describes an event that a bus took in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedEntry {
    /// Gives the id that EventBridge gave it.
    pub event_id: String,
    /// Names who says so, such as `upvest-webhooks`.
    pub source: String,
    /// Names the kind of thing that is said.
    pub detail_type: String,
    /// Holds what is said: a JSON object, as it was sent.
    pub detail: String,
    /// Names what it is about: ARNs, where they have any.
    pub resources: Vec<String>,
    /// Tells when it happened, if the sender said so.
    pub time: Option<Timestamp>,
}

/// Holds all buses, and what they took in.
#[derive(Debug)]
pub(crate) struct EventBuses {
    buses: BTreeMap<String, Vec<PublishedEntry>>,
    ids_given: u64,
    max_bytes: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(default)]
    source: String,
    #[serde(default)]
    detail_type: String,
    #[serde(default)]
    detail: String,
    event_bus_name: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    time: Option<f64>,
}

/// Describes an error of one entry, or of a whole request.
struct Refusal {
    code: &'static str,
    message: String,
}

/// Finds the bus that a name, an ARN or nothing stands for.
pub(crate) fn bus_name(name_or_arn: Option<&str>) -> &str {
    let name = name_or_arn.unwrap_or(DEFAULT_BUS);
    name.split_once(":event-bus/").map_or(name, |(_, name)| name)
}

impl EventBuses {
    pub(crate) fn new() -> Self {
        Self {
            buses: BTreeMap::from([(DEFAULT_BUS.to_owned(), Vec::new())]),
            ids_given: 0,
            max_bytes: MAX_BYTES,
        }
    }

    pub(crate) fn create(&mut self, name: &str) {
        self.buses.entry(name.to_owned()).or_default();
    }

    pub(crate) fn limit_requests(&mut self, bytes: usize) {
        self.max_bytes = bytes;
    }

    pub(crate) fn published(&self, bus: &str) -> Vec<PublishedEntry> {
        self.buses.get(bus).cloned().unwrap_or_default()
    }

    /// Answers a request. With `partial`, some entries fail on the part of EventBridge.
    pub(crate) fn answer(&mut self, request: &Request, partial: Option<&mut Rng>) -> Reply {
        let answer = match request.operation.as_str() {
            "PutEvents" => self.put_events(&request.json, partial),
            "DescribeEventBus" => self.describe(&request.json),
            other => Err(Refusal {
                code: "UnknownOperationException",
                message: format!("{other} is not served in process."),
            }),
        };
        match answer {
            Ok(body) => Reply::json(&body),
            Err(refusal) => Reply::json_error(400, refusal.code, &refusal.message),
        }
    }

    fn describe(&self, body: &Value) -> Result<Value, Refusal> {
        let name = bus_name(body["Name"].as_str());
        match self.buses.contains_key(name) {
            true => Ok(json!({ "Name": name })),
            false => Err(Refusal {
                code: "ResourceNotFoundException",
                message: format!("Event bus {name} does not exist."),
            }),
        }
    }

    fn put_events(&mut self, body: &Value, mut partial: Option<&mut Rng>) -> Result<Value, Refusal> {
        let entries = read(body, self.max_bytes)?;
        // One is sure to fail, or a partial failure could be none at all.
        let certain = partial.as_mut().map_or(0, |rng| rng.below(entries.len()));
        let mut failed = 0;
        let mut results = Vec::new();
        for (at, entry) in entries.into_iter().enumerate() {
            let failure = partial.as_mut().and_then(|rng| {
                let strikes = rng.chance(300) || at == certain;
                strikes.then(|| failure_of_eventbridge(rng))
            });
            let outcome = failure.map_or_else(|| self.put(entry), Err);
            results.push(match outcome {
                Ok(event_id) => json!({ "EventId": event_id }),
                Err(Refusal { code, message }) => {
                    failed += 1;
                    json!({ "ErrorCode": code, "ErrorMessage": message })
                }
            });
        }
        Ok(json!({ "FailedEntryCount": failed, "Entries": results }))
    }

    /// Takes an entry in; gives it an id even if there is no such bus, as EventBridge does.
    fn put(&mut self, entry: Entry) -> Result<String, Refusal> {
        check(&entry)?;
        self.ids_given += 1;
        let event_id = format!("00000000-0000-4000-8000-{:012x}", self.ids_given);
        if let Some(bus) = self.buses.get_mut(bus_name(entry.event_bus_name.as_deref())) {
            bus.push(PublishedEntry {
                event_id: event_id.clone(),
                source: entry.source,
                detail_type: entry.detail_type,
                detail: entry.detail,
                resources: entry.resources,
                time: entry.time.and_then(timestamp),
            });
        }
        Ok(event_id)
    }
}

/// Reads the entries of a request that is neither empty nor too large.
fn read(body: &Value, max_bytes: usize) -> Result<Vec<Entry>, Refusal> {
    let entries: Vec<Entry> =
        serde_json::from_value(body["Entries"].clone()).map_err(|error| validation(error.to_string()))?;
    let bound = match entries.len() {
        0 => Some("greater than or equal to 1".to_owned()),
        count if count > MAX_ENTRIES => Some(format!("less than or equal to {MAX_ENTRIES}")),
        _ => None,
    };
    if let Some(bound) = bound {
        return Err(validation(format!(
            "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length \
             {bound}"
        )));
    }
    if entries.iter().map(size).sum::<usize>() > max_bytes {
        return Err(validation(
            "Total size of the entries in the request is over the limit.".to_owned(),
        ));
    }
    Ok(entries)
}

/// Computes the size of an entry in bytes, as the user guide of EventBridge has it calculated.
fn size(entry: &Entry) -> usize {
    entry.time.map_or(0, |_| TIME_BYTES)
        + entry.source.len()
        + entry.detail_type.len()
        + entry.detail.len()
        + entry.resources.iter().map(String::len).sum::<usize>()
}

fn check(entry: &Entry) -> Result<(), Refusal> {
    let required = [
        ("Source", &entry.source),
        ("DetailType", &entry.detail_type),
        ("Detail", &entry.detail),
    ];
    for (name, value) in required {
        if value.is_empty() {
            return Err(Refusal {
                code: "InvalidArgument",
                message: format!("Parameter {name} is not valid. Reason: {name} is a required argument."),
            });
        }
    }
    match serde_json::from_str::<Map<String, Value>>(&entry.detail) {
        Ok(_) => Ok(()),
        Err(_) => Err(Refusal {
            code: "MalformedDetail",
            message: "Detail is malformed.".to_owned(),
        }),
    }
}

fn failure_of_eventbridge(rng: &mut Rng) -> Refusal {
    let (code, message) = if rng.chance(500) {
        ("ThrottlingException", "Rate exceeded")
    } else {
        ("InternalFailure", "Unable to put the event.")
    };
    Refusal {
        code,
        message: message.to_owned(),
    }
}

fn validation(message: String) -> Refusal {
    Refusal {
        code: "ValidationException",
        message,
    }
}

fn timestamp(epoch_seconds: f64) -> Option<Timestamp> {
    Timestamp::from_millisecond((epoch_seconds * 1000.0).round() as i64).ok()
}
