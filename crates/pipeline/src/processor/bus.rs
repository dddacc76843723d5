//! The shipped action: publishing changes to an EventBridge bus.
//!
//! The form of what is published is in `events/schemas/change.v1.schema.json`. Publishing is at least once, with the
//! event's id in the detail, so it needs no idempotency record.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_eventbridge::operation::put_events::PutEventsError;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::projection::{Summary, flags_changed};

use crate::actions::Change;
use crate::error::AwsError;

/// Names the `source` of everything that is published, by which rules select it.
const SOURCE: &str = "upvest-webhooks";
/// Numbers the published form. It changes when a field goes or changes its meaning.
const SCHEMA_VERSION: u32 = 1;

const CALL: &str = "PutEvents";
/// Bounds the number of entries in one request of `PutEvents` (AWS's limit).
const MAX_ENTRIES: usize = 10;
/// Bounds a request that is sent, in bytes, entries and overhead together: AWS takes 1 MiB since January 2026.
const MAX_REQUEST_BYTES: usize = 1024 * 1024;
/// Counts the bytes left in an entry for what is not the detail: source, type, time.
const ENTRY_OVERHEAD_BYTES: usize = 1024;
/// Says how often an entry is sent in all, where the bus does not take it.
const ATTEMPTS: u32 = 3;

/// Publishes changes to one EventBridge bus.
#[derive(Debug, Clone)]
pub struct EventBus {
    client: Client,
    name: String,
}

/// Holds a change as it is published: written down once, so that publishing it again sends the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    event_type: String,
    detail: String,
}

/// Fixes the published form: its members and their names, in their order.
#[derive(Serialize)]
struct Detail<'d> {
    schema_version: u32,
    domain: &'static str,
    entity: &'d str,
    entity_type: &'d str,
    event: EventDetail<'d>,
    previous: Option<&'d Summary>,
    current: &'d Summary,
    status_entered: Option<&'d str>,
    flags_changed: BTreeMap<String, bool>,
    late: bool,
    possible_duplicate: bool,
    moved_back_from: Option<&'d str>,
    related: BTreeSet<String>,
    /// Holds the event's object, verbatim; null when it would not fit.
    object: Option<&'d RawValue>,
    /// Says where an object that did not fit is: the event log has it under this id.
    object_in_event_log: Option<&'d str>,
}

#[derive(Serialize)]
struct EventDetail<'d> {
    id: &'d str,
    r#type: &'d str,
    created_at: String,
    occurred: String,
    delivery_id: Option<&'d str>,
    /// Names the operation of an operator that told the event in Upvest's place; absent for an event of Upvest's.
    #[serde(skip_serializing_if = "Option::is_none")]
    reconciled_by: Option<String>,
    /// Tells that a developer made the event up; absent for an event of Upvest's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    synthetic: bool,
}

impl Publication {
    /// Writes a change down as it is published.
    #[must_use]
    pub fn of(change: &Change<'_>) -> Self {
        let write = |object: Option<&RawValue>| {
            let detail = Detail {
                schema_version: SCHEMA_VERSION,
                domain: change.domain.name(),
                entity: change.entity.as_str(),
                entity_type: change.entity.entity_type(),
                event: EventDetail {
                    id: change.event.id(),
                    r#type: change.event.event_type(),
                    created_at: change.occurred.created_at.to_string(),
                    occurred: change.occurred.to_string(),
                    delivery_id: change.delivery_id,
                    reconciled_by: change.reconciliation(),
                    synthetic: change.is_synthetic(),
                },
                previous: change.previous,
                current: change.current,
                status_entered: change.status_entered(),
                flags_changed: if change.late {
                    BTreeMap::new()
                } else {
                    flags_changed(change.previous, change.current)
                },
                late: change.late,
                possible_duplicate: change.possible_duplicate,
                moved_back_from: change.moved_back_from,
                related: change.related.iter().map(ToString::to_string).collect(),
                object,
                object_in_event_log: object.is_none().then(|| change.event.id()),
            };
            serde_json::to_string(&detail).expect("texts, numbers and parsed JSON can be written as JSON")
        };
        // A change without its object is worth more than none: who reads it finds the object in the event log.
        let mut detail = write(Some(change.event.object()));
        if detail.len() > MAX_REQUEST_BYTES - ENTRY_OVERHEAD_BYTES {
            detail = write(None);
        }
        Self {
            event_type: change.event.event_type().to_owned(),
            detail,
        }
    }

    /// Shows the detail, as the JSON that rules match.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    fn entry(&self, bus: &str) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(SOURCE)
            .detail_type(&self.event_type)
            .detail(&self.detail)
            .build()
    }

    fn size(&self) -> usize {
        self.detail.len() + ENTRY_OVERHEAD_BYTES
    }
}

impl EventBus {
    /// Publishes to the bus with this name or ARN.
    #[must_use]
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Publishes changes, as many as fit into each request, and tells for each whether the bus took it.
    pub async fn publish(&self, publications: &[&Publication]) -> Vec<Result<(), AwsError>> {
        let mut results = Vec::with_capacity(publications.len());
        for request in requests(publications) {
            results.extend(self.publish_request(request).await);
        }
        results
    }

    /// Sends the entries of one request; those that the bus did not take again, a few times.
    async fn publish_request(&self, publications: &[&Publication]) -> Vec<Result<(), AwsError>> {
        let mut results: Vec<Option<Result<(), AwsError>>> = publications.iter().map(|_| None).collect();
        for attempt in 1..=ATTEMPTS {
            // The bus takes entries one by one: what it took must not be sent again.
            let open: Vec<usize> = (0..results.len())
                .filter(|index| !matches!(results[*index], Some(Ok(()))))
                .collect();
            if open.is_empty() {
                break;
            }
            if attempt > 1 {
                tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
            }
            let entries = open.iter().map(|index| publications[*index].entry(&self.name));
            match self
                .client
                .put_events()
                .set_entries(Some(entries.collect()))
                .send()
                .await
            {
                Err(error) if open.len() > 1 && is_refusal(&error) => {
                    for index in open {
                        let alone = Box::pin(self.publish_request(&publications[index..=index])).await;
                        results[index] = alone.into_iter().next();
                    }
                    break;
                }
                // The SDK has retried already.
                Err(error) => {
                    let error = crate::error::ErrorChain(&error).to_string();
                    for index in open {
                        results[index] = Some(Err(AwsError::entries(CALL, &error)));
                    }
                    break;
                }
                Ok(answer) => {
                    for (position, index) in open.into_iter().enumerate() {
                        let entry = answer.entries().get(position);
                        let code = entry.map_or(Some("no answer"), |entry| entry.error_code());
                        results[index] = Some(code.map_or(Ok(()), |code| Err(AwsError::entries(CALL, code))));
                    }
                }
            }
        }
        results
            .into_iter()
            .map(|result| result.unwrap_or(Ok(())))
            .collect()
    }
}

/// Tells whether a request was refused for what is in it: one of its entries may be the reason, or all of them together,
/// where AWS has another limit than we know.
fn is_refusal(error: &SdkError<PutEventsError>) -> bool {
    error.code() == Some("ValidationException")
}

/// Cuts publications into requests that EventBridge takes.
fn requests<'p, 'q>(mut rest: &'p [&'q Publication]) -> impl Iterator<Item = &'p [&'q Publication]> {
    std::iter::from_fn(move || {
        let mut room = MAX_REQUEST_BYTES;
        let fitting = rest.iter().take(MAX_ENTRIES).take_while(|publication| {
            let fits = publication.size() <= room;
            room = room.saturating_sub(publication.size());
            fits
        });
        // At least one: each fits by itself, or is for EventBridge to refuse.
        let count = fitting.count().max(1).min(rest.len());
        let (request, others) = rest.split_at(count);
        rest = others;
        Some(request).filter(|request| !request.is_empty())
    })
}
