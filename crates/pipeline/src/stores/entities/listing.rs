//! What lists say of entities: their status, their person and their last event, without the rest of the state.

use std::collections::BTreeSet;

use upvest::{EntityKey, Occurred};

use super::reading::key_of;
use super::{Entities, EntityError, attributes};
use crate::error::AwsError;
use crate::stores::item::{Item, text_of};

/// Describes an entity as far as a list does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Names the entity that the item is of.
    pub entity: EntityKey,
    /// Gives the status that it has; `None` where no event gave one.
    pub status: Option<String>,
    /// Names the user whose entity it is; `None` where the object names none.
    pub user_id: Option<String>,
    /// Gives the type and the place of the event that occurred last; `None` where the item is not usable.
    pub last: Option<(String, Occurred)>,
}

/// Holds a page of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryPage {
    /// Describes the page's entities, in no order.
    pub entities: Vec<Summary>,
    /// Names the entity after which the next page begins; `None` when this was the last.
    pub next: Option<EntityKey>,
}

impl Entities {
    /// Reads a page of the table, 1 MB of it, after one of the entities.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it cannot be read.
    pub async fn summaries(&self, after: Option<EntityKey>) -> Result<SummaryPage, AwsError> {
        let scan = self
            .client
            .scan()
            .projection_expression("#aggregate, #status, user_id, last_event_type, last_occurred")
            // Reserved words of DynamoDB.
            .expression_attribute_names("#aggregate", attributes::AGGREGATE)
            .expression_attribute_names("#status", attributes::STATUS);
        let page = self.page(scan, after).await?;
        Ok(SummaryPage {
            entities: page.items().iter().filter_map(Summary::of).collect(),
            next: page.last_evaluated_key().and_then(key_of),
        })
    }

    /// Describes these entities, as far as they have a state, in the order of their keys.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when they cannot be read.
    pub async fn summaries_of(&self, entities: &BTreeSet<EntityKey>) -> Result<Vec<Summary>, AwsError> {
        let mut loaded = self.load_many(&entities.iter().collect()).await?;
        let summaries = entities.iter().filter_map(|entity| {
            let state = match loaded.remove(entity)? {
                Ok(loaded) => Some(loaded.stored.projection),
                // It is there, and `entities rebuild` mends it.
                Err(EntityError::Unusable { .. }) => None,
                Err(_) => return None,
            };
            let state = state.as_ref();
            Some(Summary {
                entity: entity.clone(),
                status: state.and_then(|state| state.status().map(str::to_owned)),
                user_id: state.and_then(|state| state.user_id().map(str::to_owned)),
                last: state
                    .and_then(|state| state.last.as_ref())
                    .map(|last| (last.event_type.clone(), last.occurred.clone())),
            })
        });
        Ok(summaries.collect())
    }
}

impl Summary {
    fn of(item: &Item) -> Option<Self> {
        let owned = |name: &str| text_of(item, name).map(str::to_owned);
        let occurred =
            text_of(item, attributes::LAST_OCCURRED).and_then(|text| Occurred::from_stored(text).ok());
        Some(Self {
            entity: key_of(item)?,
            status: owned(attributes::STATUS),
            user_id: owned(attributes::USER_ID),
            last: owned(attributes::LAST_EVENT_TYPE).zip(occurred),
        })
    }
}
