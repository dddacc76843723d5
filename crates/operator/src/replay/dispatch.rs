//! Addressing events to their domains.

use jiff::Timestamp;
use pipeline::error::AwsError;
use pipeline::queues::domains::EventMessage;
use pipeline::stores::events::LoggedEvent;
use upvest::effects::Dispatch;
use upvest::{Domain, EntityKey, Occurred};

use super::counts::Failure;
use super::page::{Delivered, Selected};
use crate::error::Result;
use crate::records::Records;

/// Names a run of a replay as its messages do.
pub(crate) struct Run {
    pub(crate) replay: String,
    pub(crate) at: Timestamp,
}

/// Holds an event with the entity and the place that the log has of it.
struct Had {
    aggregate: EntityKey,
    occurred: Occurred,
    delivered: Delivered,
}

/// Gets hold of events, up to [`LOAD_BATCH`](pipeline::stores::events::LOAD_BATCH), and addresses them; those that cannot
/// be had fail.
pub(crate) async fn address(
    records: &Records,
    events: &[Selected],
    run: &Run,
) -> Result<(Vec<EventMessage>, Vec<Failure>)> {
    let in_log = events.iter().filter(|event| event.delivered.is_none());
    let ids: Vec<&str> = in_log.map(|event| event.occurred.event_id.as_str()).collect();
    let mut items = records.log.load(&ids).await?;
    let (mut messages, mut failures) = (Vec::new(), Vec::new());
    for event in events {
        let event_id = &event.occurred.event_id;
        let had = match &event.delivered {
            Some(delivered) => Ok(Had {
                aggregate: event.entity.clone(),
                occurred: event.occurred.clone(),
                delivered: delivered.clone(),
            }),
            None => from_log(records, items.remove(event_id)).await?,
        };
        match had {
            Ok(had) => messages.push(had.message(upvest::category::of(&event.event_type).domain, run)),
            Err(reason) => failures.push(Failure {
                what: event_id.clone(),
                reason,
            }),
        }
    }
    Ok((messages, failures))
}

async fn from_log(records: &Records, item: Option<LoggedEvent>) -> Result<Result<Had, String>, AwsError> {
    let Some(item) = item else {
        return Ok(Err("it is not in the event log any more".to_owned()));
    };
    let json = records.json(&item).await?;
    let (delivery_id, sha256) = (item.delivery_id, item.sha256);
    let aggregate = item.aggregate.ok_or("it belongs to no entity any more");
    Ok(json.and_then(|json| {
        Ok(Had {
            aggregate: aggregate?,
            occurred: item.occurred,
            delivered: Delivered {
                json,
                delivery_id,
                sha256,
            },
        })
    }))
}

impl Had {
    fn message(self, domain: Domain, run: &Run) -> EventMessage {
        let Delivered {
            json,
            delivery_id,
            sha256,
        } = self.delivered;
        EventMessage {
            event_id: self.occurred.event_id.clone(),
            domain,
            aggregate: self.aggregate,
            occurred: self.occurred,
            json,
            sha256,
            delivery_id,
            dispatch: Dispatch::Replay,
            dispatched_at: run.at,
            replay: Some(run.replay.clone()),
        }
    }
}
