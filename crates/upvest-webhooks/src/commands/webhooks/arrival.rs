//! What became of a test delivery in the stack.

use std::time::Duration;

use pipeline::error::{AwsError, ErrorChain};
use pipeline::stores::archive::{Archive, Found, ReadError};
use pipeline::stores::events::EventLog;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use upvest_api::{EndpointAnswer, Url};
use uuid::Uuid;

use crate::stack::{Stack, StackError, StackFinder};

const OK: u16 = 200;

/// What became of a test delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub(super) enum Arrival {
    /// It was verified, and all its events are in the event log.
    Stored {
        delivery_id: Uuid,
        archived_at: String,
        event_ids: Vec<String>,
    },
    /// It, or a part of it, is in quarantine.
    Quarantined {
        delivery_id: Uuid,
        reason: String,
        archived_at: String,
    },
    /// It was verified, and not all of its events are in the event log.
    Unfinished { delivery_id: Uuid, archived_at: String },
    /// It was received, and is neither in the archive nor in quarantine.
    NotSeen { delivery_id: Uuid },
    /// It cannot be told.
    Unknown { reason: String },
}

/// Why a search ended without a result.
#[derive(Debug, thiserror::Error)]
enum SearchError {
    #[error("no stack is named")]
    NoStack,
    #[error("the stack cannot be searched")]
    Stack(#[from] StackError),
    #[error("the subscription delivers to {webhook}, and the stack receives at {stack}")]
    OtherUrl { webhook: String, stack: String },
    #[error("the endpoint answered {status}, and kept nothing")]
    Refused { status: u16 },
    #[error("the endpoint's answer names no delivery, as a receiver's would")]
    NoDelivery,
    #[error("the archive cannot be read")]
    Archive(#[from] ReadError),
    #[error("the event log cannot be read")]
    EventLog(#[from] AwsError),
}

/// How patiently a delivery is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search {
    pub(super) at_most: Duration,
    pub(super) pause: Duration,
}

/// What a receiver answers.
#[derive(Deserialize)]
struct Receipt {
    delivery_id: Uuid,
}

/// The ids of a delivery's events.
#[derive(Deserialize)]
struct Payload {
    payload: Vec<EventId>,
}

#[derive(Deserialize)]
struct EventId {
    id: String,
}

/// Where a delivery is looked for.
struct Place {
    archive: Archive,
    log: EventLog,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            at_most: Duration::from_secs(20),
            pause: Duration::from_secs(1),
        }
    }
}

impl Arrival {
    pub(super) fn unknown(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Unknown { reason }
    }

    /// Whether nothing is known to have gone wrong.
    pub(super) fn is_fine(&self) -> bool {
        matches!(self, Self::Stored { .. } | Self::Unknown { .. })
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Stored {
                delivery_id,
                event_ids,
                ..
            } => {
                let mut text = format!(
                    "arrived: delivery {delivery_id} was verified, and its events are in the event log"
                );
                for event_id in event_ids {
                    text.push_str(&format!("\n  upvest-webhooks events show {event_id}"));
                }
                text
            }
            Self::Quarantined {
                delivery_id,
                reason,
                archived_at,
            } => format!("arrived, but in quarantine: delivery {delivery_id}, {reason}\n  {archived_at}"),
            Self::Unfinished {
                delivery_id,
                archived_at,
            } => format!(
                "arrived: delivery {delivery_id} was verified, but not all of its events are in the event log yet\n  \
                 {archived_at}"
            ),
            Self::NotSeen { delivery_id } => format!(
                "received, but not verified yet: delivery {delivery_id} waits in the deliveries queue, or is in its \
                 dead-letter queue\n  if its key is not known: upvest-webhooks keys refresh"
            ),
            Self::Unknown { reason } => format!("whether it arrived in the stack cannot be told: {reason}"),
        }
    }
}

impl Search {
    /// Looks for the delivery that an endpoint answered.
    pub(super) async fn run(
        self,
        stacks: &StackFinder<'_>,
        webhook_url: &str,
        answer: &EndpointAnswer,
    ) -> Arrival {
        match Box::pin(self.find(stacks, webhook_url, answer)).await {
            Ok(arrival) => arrival,
            Err(error) => Arrival::unknown(ErrorChain(&error).to_string()),
        }
    }

    async fn find(
        self,
        stacks: &StackFinder<'_>,
        webhook_url: &str,
        answer: &EndpointAnswer,
    ) -> Result<Arrival, SearchError> {
        if answer.status != OK {
            return Err(SearchError::Refused {
                status: answer.status,
            });
        }
        let stack = stacks.if_named().await?.ok_or(SearchError::NoStack)?;
        let stack_url = stack.webhook_url()?;
        if !is_same(webhook_url, &stack_url) {
            return Err(SearchError::OtherUrl {
                webhook: webhook_url.to_owned(),
                stack: stack_url,
            });
        }
        let receipt: Receipt = serde_json::from_str(&answer.body).map_err(|_| SearchError::NoDelivery)?;
        let place = Place::of(stack)?;
        let until = Instant::now() + self.at_most;
        loop {
            let arrival = place.look_for(receipt.delivery_id).await?;
            let is_final = matches!(arrival, Arrival::Stored { .. } | Arrival::Quarantined { .. });
            if is_final || Instant::now() + self.pause > until {
                return Ok(arrival);
            }
            sleep(self.pause).await;
        }
    }
}

impl Place {
    fn of(stack: &Stack) -> Result<Self, StackError> {
        // Local emulators know buckets by path alone.
        let s3 = aws_sdk_s3::config::Builder::from(stack.config())
            .force_path_style(stack.config().endpoint_url().is_some())
            .build();
        let s3 = aws_sdk_s3::Client::from_conf(s3);
        Ok(Self {
            archive: Archive::new(s3, stack.archive_bucket()?),
            log: EventLog::new(
                pipeline::runtime::aws::dynamodb(stack.config()),
                stack.events_table()?,
            ),
        })
    }

    async fn look_for(&self, delivery_id: Uuid) -> Result<Arrival, SearchError> {
        let verified = self.archive.verified(delivery_id).await?;
        if let Some(found) = &verified {
            let event_ids = event_ids(found);
            if !event_ids.is_empty() && self.are_logged(&event_ids).await? {
                return Ok(Arrival::Stored {
                    delivery_id,
                    archived_at: found.key.clone(),
                    event_ids,
                });
            }
        }
        if let Some(found) = self.archive.quarantined(delivery_id).await? {
            return Ok(Arrival::Quarantined {
                delivery_id,
                reason: found.delivery.reason.unwrap_or_default(),
                archived_at: found.key,
            });
        }
        Ok(match verified {
            Some(found) => Arrival::Unfinished {
                delivery_id,
                archived_at: found.key,
            },
            None => Arrival::NotSeen { delivery_id },
        })
    }

    async fn are_logged(&self, event_ids: &[String]) -> Result<bool, AwsError> {
        for event_id in event_ids {
            if !self.log.contains(event_id).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn event_ids(found: &Found) -> Vec<String> {
    let payload: Result<Payload, _> = serde_json::from_slice(&found.delivery.envelope.body);
    let events = payload.map(|payload| payload.payload).unwrap_or_default();
    events.into_iter().map(|event| event.id).collect()
}

fn is_same(one: &str, other: &str) -> bool {
    match (one.parse::<Url>(), other.parse::<Url>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
