//! Addressing events to their domains.

use pipeline::error::AwsError;
use pipeline::queues::domains::Dispatch;
use pipeline::stores::events::LoggedEvent;
use upvest::{Domain, EntityKey, Event};

use super::counts::Failure;
use super::page::{Delivered, Selected};
use crate::error::Result;
use crate::records::Records;

/// Gets hold of events, up to [`LOAD_BATCH`], and addresses them; those that cannot be had fail.
pub(crate) async fn dispatches(
    records: &Records,
    events: &[Selected],
    targets: impl Fn(&str) -> Vec<Domain>,
    replay: &str,
) -> Result<(Vec<Dispatch>, Vec<Failure>)> {
    let in_log = events.iter().filter(|event| event.delivered.is_none());
    let ids: Vec<&str> = in_log.map(|event| event.event_id.as_str()).collect();
    let mut items = records.log.load(&ids).await?;
    let (mut dispatches, mut failures) = (Vec::new(), Vec::new());
    for event in events {
        let had = match &event.delivered {
            Some(Delivered { json, delivery_id }) => Ok((json.clone(), delivery_id.clone())),
            None => from_log(records, items.remove(&event.event_id)).await?,
        };
        let addressed = had.and_then(|(json, delivery_id)| {
            let entity = entity_of(&json)?;
            let targets = targets(&event.event_type).into_iter().map(|domain| Dispatch {
                event_id: event.event_id.clone(),
                domain,
                entity: entity.clone(),
                json: json.clone(),
                delivery_id: delivery_id.clone(),
                replay: Some(replay.to_owned()),
            });
            Ok(targets.collect::<Vec<_>>())
        });
        match addressed {
            Ok(addressed) => dispatches.extend(addressed),
            Err(reason) => failures.push(Failure {
                what: event.event_id.clone(),
                reason,
            }),
        }
    }
    Ok((dispatches, failures))
}

async fn from_log(
    records: &Records,
    item: Option<LoggedEvent>,
) -> Result<Result<(String, String), String>, AwsError> {
    let Some(item) = item else {
        return Ok(Err("it is not in the event log any more".to_owned()));
    };
    let json = records.json(&item).await?;
    Ok(json.map(|json| (json, item.delivery_id)))
}

/// Finds the entity as this version of the software sees it: by that the processor will find it.
fn entity_of(json: &str) -> Result<EntityKey, String> {
    let event = Event::parse(json).map_err(|error| error.to_string())?;
    event.entity_key().map_err(|error| error.to_string())
}
