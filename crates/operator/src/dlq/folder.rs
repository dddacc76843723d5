//! Folding events of dead-letter queues into their entities, without effects.

use pipeline::error::ErrorChain;
use pipeline::stores::entities::{Entities, EntityError, Stored};
use pipeline::stores::events::LoggedEvent;
use upvest::projection::{Placed, Projection, RULES};
use upvest::{EntityKey, Event};

use super::discard::DiscardResult;
use super::message::Message;
use crate::error::{Error, Result};
use crate::records::Records;
use crate::stack::Stack;

/// Says how often an entity is read and folded again when its processor changed it meanwhile.
const ATTEMPTS: usize = 5;

/// Folds events as the log has them.
pub(super) struct Folder {
    records: Records,
    entities: Entities,
}

impl Folder {
    /// Opens the log, the archive and the entities of a stack.
    pub(super) fn of(stack: &Stack) -> Result<Self> {
        Ok(Self {
            records: Records::of(stack)?,
            entities: stack.entities()?,
        })
    }

    /// Folds the event of a message, as the log has it.
    pub(super) async fn fold(&self, message: &Message) -> Result<DiscardResult> {
        let not_folded = |why: String| Ok(DiscardResult::NotFolded { why });
        let Some(event_id) = &message.about.event_id else {
            return not_folded("the message holds no event".to_owned());
        };
        let Some(logged) = self.records.log.find(event_id).await? else {
            return not_folded("the log does not have the event".to_owned());
        };
        let Some(entity) = logged.aggregate.clone() else {
            return not_folded("the event belongs to no entity".to_owned());
        };
        match self.records.json(&logged).await? {
            Ok(json) => self.fold_into(&entity, &logged, &json).await,
            Err(why) => Ok(DiscardResult::Kept { why }),
        }
    }

    async fn fold_into(&self, entity: &EntityKey, logged: &LoggedEvent, json: &str) -> Result<DiscardResult> {
        let not_folded = |why: String| Ok(DiscardResult::NotFolded { why });
        let event = match Event::parse(json) {
            Ok(event) => event,
            Err(error) => return not_folded(error.to_string()),
        };
        let placed = Placed {
            event: &event,
            aggregate: entity,
            occurred: &logged.occurred,
        };
        for _ in 0..ATTEMPTS {
            let stored = match self.entities.load(entity).await {
                Ok(stored) => stored,
                Err(EntityError::Aws(error)) => return Err(error.into()),
                Err(error) => {
                    let why = ErrorChain(&error).to_string();
                    return Ok(DiscardResult::Kept { why });
                }
            };
            let before = stored.as_ref().map(|stored| stored.projection.clone());
            let mut projection = before.clone().unwrap_or_default();
            if let Err(error) = projection.fold(placed) {
                return not_folded(error.to_string());
            }
            if before.as_ref() == Some(&projection) {
                return Ok(DiscardResult::InState);
            }
            let after = after(stored, projection);
            let version = after.version;
            match self.entities.save(entity, &after).await {
                Ok(()) => return Ok(DiscardResult::Folded { version }),
                Err(EntityError::Changed(_)) => {}
                Err(error @ EntityError::TooLarge(_)) => return not_folded(error.to_string()),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::failed(format!(
            "entity {entity} is being changed all the time: its processor works on it; run the command again"
        )))
    }
}

/// Puts a new state into the entity, in the place of the one before. What is kept to be resumed stays: this write is
/// nobody's attempt.
fn after(before: Option<Stored>, projection: Projection) -> Stored {
    match before {
        Some(before) => Stored {
            projection,
            version: before.version + 1,
            // The lowest rules that wrote a state count, so that it stays known as one that is to be rebuilt.
            fold: before.fold.min(RULES),
            ..before
        },
        None => Stored::rebuilt(None, projection),
    }
}
