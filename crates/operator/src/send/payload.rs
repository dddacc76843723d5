//! The bodies of deliveries, from files or made up.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;
use upvest::delivery::DeliveryError;

use crate::error::{Error, Result};

/// Sets how many events are in a delivery where nothing else decides.
const DEFAULT_BATCH: usize = 10;

/// Says where the bodies come from, and how events are packed into them.
#[derive(Debug)]
pub struct Source<'s> {
    /// Lists files of events or whole bodies; `-` is standard input.
    pub files: &'s [PathBuf],
    /// Says how many events to make up.
    pub generate: usize,
    /// Decides which events are made up: one seed always makes the same ones.
    pub seed: u64,
    /// Sets how many events are in a delivery; `None` delivers each file as one.
    pub batch: Option<usize>,
    /// Tells whether bodies are taken apart in any case, because their events change.
    pub take_apart: bool,
    /// Tells whether each file is posted as the body that it is, even if it is no JSON or has no events.
    pub raw: bool,
}

/// Holds the content of a delivery, as a finished body or as events to build one from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// The payload is a body as it is.
    Verbatim {
        /// Has the bytes to post, which stay as they are.
        body: Vec<u8>,
        /// Counts the events in the body.
        events: usize,
    },
    /// The payload is events, each as JSON text, from which a body is built for each delivery.
    Events(Vec<String>),
}

impl Source<'_> {
    /// Reads and makes up everything that is to be delivered.
    ///
    /// # Errors
    ///
    /// [`Error`] for the first file that cannot be used.
    pub fn payloads(&self) -> Result<Vec<Payload>> {
        let (mut payloads, mut events) = (Vec::new(), Vec::new());
        for path in self.files {
            let body = read(path)?;
            let payload = match self.raw {
                true => Payload::verbatim(body),
                false => self.parse(path, body)?,
            };
            match payload {
                Payload::Events(apart) if self.batch.is_some() => events.extend(apart),
                payload => payloads.push(payload),
            }
        }
        let generated = upvest_simulator::generate(self.seed, self.generate);
        let batch = self.batch.unwrap_or(DEFAULT_BATCH);
        payloads.extend(batches(events, batch));
        payloads.extend(batches(generated, batch));
        Ok(payloads)
    }

    /// Reads the content of a file: whole bodies stay as they are if they can; else a sequence of events, arrays of
    /// events and bodies.
    fn parse(&self, path: &Path, body: Vec<u8>) -> Result<Payload> {
        let values = serde_json::Deserializer::from_slice(&body).into_iter::<&RawValue>();
        let values: Vec<&RawValue> = values.collect::<Result<_, _>>().map_err(Error::context(format!(
            "{} is not JSON; --raw sends it as it is",
            path.display()
        )))?;
        let mut events = Vec::new();
        for value in &values {
            let parts = upvest::split(value.get().as_bytes()).map_err(no_events(path))?;
            events.extend(parts.into_iter().map(|part| part.json.to_owned()));
        }
        let whole = matches!(&values[..], [value] if is_body(value));
        if whole && self.batch.is_none() && !self.take_apart {
            let events = events.len();
            return Ok(Payload::Verbatim { body, events });
        }
        if events.is_empty() {
            return Err(no_events(path)(DeliveryError::NoEvents));
        }
        Ok(Payload::Events(events))
    }
}

/// Counts the events to make up for so many deliveries.
pub fn events_for(deliveries: usize, batch: Option<usize>) -> usize {
    deliveries.saturating_mul(batch.unwrap_or(DEFAULT_BATCH))
}

impl Payload {
    fn verbatim(body: Vec<u8>) -> Self {
        let events = upvest::split(&body).map_or(0, |parts| parts.len());
        Self::Verbatim { body, events }
    }

    /// Counts the events that a receiver will not take for such.
    #[must_use]
    pub fn malformed(&self) -> usize {
        match self {
            Self::Verbatim { body, .. } => {
                let parts = upvest::split(body).unwrap_or_default();
                parts.iter().filter(|part| part.event.is_err()).count()
            }
            Self::Events(events) => {
                let malformed = |event: &&String| upvest::Event::parse(event).is_err();
                events.iter().filter(malformed).count()
            }
        }
    }

    /// Counts the events, malformed ones included; none in a body that cannot be split.
    #[must_use]
    pub fn events(&self) -> usize {
        match self {
            Self::Verbatim { events, .. } => *events,
            Self::Events(events) => events.len(),
        }
    }

    /// Writes the body. `ids`, if given, makes the events' new ids.
    pub fn body(&self, ids: Option<&mut fastrand::Rng>) -> Vec<u8> {
        let events = match self {
            Self::Verbatim { body, .. } => return body.clone(),
            Self::Events(events) => events,
        };
        let joined = match ids {
            Some(ids) => events
                .iter()
                .map(|event| with_id(event, &random_uuid(ids)))
                .collect::<Vec<_>>()
                .join(","),
            None => events.join(","),
        };
        format!("{{\"payload\":[{joined}]}}").into_bytes()
    }
}

fn batches(events: Vec<String>, size: usize) -> impl Iterator<Item = Payload> {
    let mut events = events.into_iter();
    std::iter::from_fn(move || {
        let batch: Vec<String> = events.by_ref().take(size.max(1)).collect();
        (!batch.is_empty()).then_some(Payload::Events(batch))
    })
}

fn is_body(value: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Body<'b> {
        #[serde(borrow)]
        payload: Option<&'b RawValue>,
    }
    object::<Body<'_>>(value.get()).is_some_and(|body| body.payload.is_some())
}

/// Reads members of a JSON object. An array, which serde would take for the members in order, is none.
fn object<'j, T: Deserialize<'j>>(json: &'j str) -> Option<T> {
    serde_json::from_str(json)
        .ok()
        .filter(|_| json.trim_start().starts_with('{'))
}

/// Puts the event under another id, all its other bytes the same; an event without an id stays as it is.
fn with_id(event: &str, id: &str) -> String {
    #[derive(Deserialize)]
    struct Identified<'e> {
        #[serde(borrow)]
        id: &'e RawValue,
    }
    let Some(Identified { id: old }) = object(event) else {
        return event.to_owned();
    };
    // The borrowed value is a part of the text, so the distance of their addresses is its place.
    let start = old.get().as_ptr().addr() - event.as_ptr().addr();
    let end = start + old.get().len();
    format!("{}\"{id}\"{}", &event[..start], &event[end..])
}

fn random_uuid(random: &mut fastrand::Rng) -> String {
    let bytes = random.u128(..).to_be_bytes();
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

fn no_events(path: &Path) -> impl FnOnce(DeliveryError) -> Error {
    Error::context(format!(
        "{} holds no events; --raw sends it as it is",
        path.display()
    ))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let content = if path == Path::new("-") {
        let mut content = Vec::new();
        io::stdin().lock().read_to_end(&mut content).map(|_| content)
    } else {
        std::fs::read(path)
    };
    content.map_err(Error::context(format!("cannot read {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str =
        r#"{"type":"ORDER.NEW", "id" : "e\u0031","created_at":"2026-01-05T09:30:00Z","object":{"id":"o1"}}"#;

    fn parse(content: &str, batch: Option<usize>) -> Result<Payload> {
        let source = Source {
            files: &[],
            generate: 0,
            seed: 0,
            batch,
            take_apart: false,
            raw: false,
        };
        source.parse(Path::new("f"), content.as_bytes().to_vec())
    }

    #[test]
    fn a_whole_body_is_delivered_byte_for_byte() {
        let body = format!(" {{\"payload\": [{EVENT}, 7]}}\n");
        let expected = Payload::Verbatim {
            body: body.clone().into_bytes(),
            events: 2,
        };
        assert_eq!(parse(&body, None).unwrap(), expected);
        let apart = Payload::Events(vec![EVENT.to_owned(), "7".to_owned()]);
        assert_eq!(parse(&body, Some(1)).unwrap(), apart);
    }

    #[test]
    fn events_come_as_one_as_an_array_or_one_per_line() {
        let two = Payload::Events(vec![EVENT.to_owned(); 2]);
        assert_eq!(parse(&format!("[{EVENT},{EVENT}]"), None).unwrap(), two);
        assert_eq!(parse(&format!("{EVENT}\n{EVENT}\n"), None).unwrap(), two);
        let one = Payload::Events(vec![EVENT.to_owned()]);
        assert_eq!(parse(&format!("[{EVENT}]"), None).unwrap(), one);
        let body = two.body(None);
        assert_eq!(body, format!("{{\"payload\":[{EVENT},{EVENT}]}}").into_bytes());
        assert_eq!(upvest::split(&body).unwrap().len(), 2);
    }

    #[test]
    fn a_file_without_events_is_refused() {
        for (text, why) in [
            ("hello", "is not JSON"),
            ("{}", "holds no events"),
            ("", "holds no events"),
        ] {
            let error = parse(text, None).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_new_id_changes_nothing_else() {
        assert_eq!(
            with_id(EVENT, "x"),
            r#"{"type":"ORDER.NEW", "id" : "x","created_at":"2026-01-05T09:30:00Z","object":{"id":"o1"}}"#
        );
        assert_eq!(with_id("[7]", "x"), "[7]");
        let payload = Payload::Events(vec![EVENT.to_owned(); 2]);
        let body = payload.body(Some(&mut fastrand::Rng::with_seed(1)));
        let ids: Vec<String> = upvest::split(&body)
            .unwrap()
            .into_iter()
            .map(|part| part.event.unwrap().id().to_owned())
            .collect();
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn generated_events_are_batched() {
        let source = Source {
            files: &[],
            generate: 25,
            seed: 7,
            batch: None,
            take_apart: false,
            raw: false,
        };
        let sizes: Vec<usize> = source.payloads().unwrap().iter().map(Payload::events).collect();
        assert_eq!(sizes, [10, 10, 5]);
    }
}
