//! Follows a test delivery through the stack, and tells what became of it.

use std::time::Duration;

use pipeline::error::AwsError;
use pipeline::stores::archive::{Archive, Found, ReadError};
use pipeline::stores::events::EventLog;
use serde::Serialize;
use tokio::time::{Instant, sleep};
use upvest_api::EndpointAnswer;
use uuid::Uuid;

use super::is_same_url;
use crate::error::{Error, Result};
use crate::send::Accepted;
use crate::stack::{Output, StackFinder};

const OK: u16 = 200;
/// Sets the pause between two looks for a delivery that is still on its way through the stack.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells what became of a test delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Arrival {
    /// The delivery was verified, and all its events are in the event log.
    Stored {
        /// Names the delivery, as the endpoint answered it.
        delivery_id: Uuid,
        /// Locates its object by the key in the archive's bucket.
        archived_at: String,
        /// Names its events in the order of the batch; there is at least one.
        event_ids: Vec<String>,
    },
    /// The delivery, or a part of it, is in quarantine.
    Quarantined {
        /// Names the delivery, as the endpoint answered it.
        delivery_id: Uuid,
        /// Names why it was put into quarantine, as quarantine keys do.
        reason: String,
        /// Locates its object by the key in the archive's bucket.
        archived_at: String,
    },
    /// The delivery was verified, and not all of its events are in the event log.
    Unfinished {
        /// Names the delivery, as the endpoint answered it.
        delivery_id: Uuid,
        /// Locates its object by the key in the archive's bucket.
        archived_at: String,
    },
    /// The delivery was received, and is neither in the archive nor in quarantine.
    NotSeen {
        /// Names the delivery, as the endpoint answered it.
        delivery_id: Uuid,
    },
    /// Nobody can tell, because the delivery could not be looked for in the stack.
    Unknown {
        /// Explains in words for people why the stack was not searched.
        reason: String,
    },
}

impl Arrival {
    /// Makes the answer for a delivery that cannot be looked for, with the reason.
    pub fn unknown(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Unknown { reason }
    }

    /// Tells whether nothing is known to have gone wrong.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        matches!(self, Self::Stored { .. } | Self::Unknown { .. })
    }
}

/// Looks for the delivery that an endpoint answered, for up to `at_most`.
pub(super) async fn search(
    stacks: &StackFinder<'_>,
    webhook_url: &str,
    answer: &EndpointAnswer,
    at_most: Duration,
) -> Result<Arrival> {
    let unknown = |reason: &str| Ok(Arrival::unknown(reason));
    let status = answer.status;
    if status != OK {
        return unknown(&format!("the endpoint answered {status}, and kept nothing"));
    }
    let unsearched = || Error::context::<Error>("the stack cannot be searched");
    let Some(stack) = stacks.if_named().await.map_err(unsearched())? else {
        return unknown("no stack is named");
    };
    let stack_url = stack.output(Output::WebhookUrl).map_err(unsearched())?;
    if !is_same_url(webhook_url, &stack_url) {
        return unknown(&format!(
            "the subscription delivers to {webhook_url}, and the stack receives at {stack_url}"
        ));
    }
    let Some(accepted) = Accepted::of(&answer.body) else {
        return unknown("the endpoint's answer names no delivery, as a receiver's would");
    };
    let archive = stack.archive().map_err(unsearched())?;
    let log = stack.event_log().map_err(unsearched())?;
    let until = Instant::now() + at_most;
    loop {
        let arrival = look_for(accepted.delivery_id, &archive, &log).await?;
        let is_final = matches!(arrival, Arrival::Stored { .. } | Arrival::Quarantined { .. });
        if is_final || Instant::now() + PAUSE > until {
            return Ok(arrival);
        }
        sleep(PAUSE).await;
    }
}

async fn look_for(delivery_id: Uuid, archive: &Archive, log: &EventLog) -> Result<Arrival> {
    let unread = || Error::context::<ReadError>("the archive cannot be read");
    // A verified delivery may have events in quarantine, so that both places are looked into unless all is logged.
    let verified = archive.verified(delivery_id).await.map_err(unread())?;
    if let Some(found) = &verified
        && let Some(event_ids) = event_ids(found)
        && are_logged(log, &event_ids)
            .await
            .map_err(Error::context("the event log cannot be read"))?
    {
        return Ok(Arrival::Stored {
            delivery_id,
            archived_at: found.key.clone(),
            event_ids,
        });
    }
    if let Some(found) = archive.quarantined(delivery_id).await.map_err(unread())? {
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

async fn are_logged(log: &EventLog, event_ids: &[String]) -> Result<bool, AwsError> {
    for event_id in event_ids {
        if !log.contains(event_id).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads the ids of a delivery's events; `None` where there are none, or not all are events.
fn event_ids(found: &Found) -> Option<Vec<String>> {
    let parts = upvest::split(&found.delivery.envelope.body).ok()?;
    let ids = parts
        .iter()
        .map(|part| Some(part.event.as_ref().ok()?.id().to_owned()));
    ids.collect::<Option<Vec<_>>>().filter(|ids| !ids.is_empty())
}
