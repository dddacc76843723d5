//! Putting a state that was folded from the whole log in the place of an item, whatever is wrong with that.

use aws_sdk_dynamodb::types::AttributeValue;
use upvest::effects::Transition;
use upvest::{EntityKey, Projection};

use super::item::to_item;
use super::{Entities, EntityError, EntityItem, Stored, attributes};
use crate::stores::item::{condition_held, number_of};

impl Entities {
    /// Writes a state in the place of the item that was read, if its version is still the one that was read, and gives
    /// what was written. The kept transitions stay, and those that are unfinished are added.
    ///
    /// The item may be one that cannot be read, as when somebody edited it by hand: what can be read of its version and
    /// its transitions counts.
    ///
    /// # Errors
    ///
    /// [`EntityError::Changed`] when the item is another by now; [`EntityError::Aws`], [`EntityError::TooLarge`].
    pub async fn rebuild(
        &self,
        entity: &EntityKey,
        before: Option<&EntityItem>,
        projection: Projection,
        unfinished: Vec<Transition>,
    ) -> Result<Stored, EntityError> {
        match before.map(|item| (item, item.read(entity))) {
            Some((item, Err(_))) => self.replace(entity, item, projection, unfinished).await,
            readable => {
                let stored = readable.and_then(|(_, stored)| stored.ok());
                let state = Stored::rebuilt(stored, projection).with_unfinished(unfinished);
                self.save(entity, &state).await?;
                Ok(state)
            }
        }
    }

    async fn replace(
        &self,
        entity: &EntityKey,
        EntityItem(before): &EntityItem,
        projection: Projection,
        unfinished: Vec<Transition>,
    ) -> Result<Stored, EntityError> {
        let version = number_of(before, attributes::VERSION).and_then(|number| number.try_into().ok());
        let transitions = before
            .get(attributes::TRANSITIONS)
            .and_then(|packed| packed.as_b().ok());
        let transitions = transitions.and_then(|packed| Transition::unpack(packed.as_ref()).ok());
        let state = Stored {
            version: version.unwrap_or(0_u64).saturating_add(1),
            transitions: transitions.unwrap_or_default(),
            ..Stored::rebuilt(None, projection)
        };
        let state = state.with_unfinished(unfinished);
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(entity, &state)?))
            .expression_attribute_names("#version", attributes::VERSION);
        let request = match before.get(attributes::VERSION) {
            Some(version) => request
                .condition_expression("#version = :before")
                .expression_attribute_values(":before", AttributeValue::clone(version)),
            // `aggregate` is a reserved word.
            None => request
                .condition_expression("attribute_exists(#aggregate) AND attribute_not_exists(#version)")
                .expression_attribute_names("#aggregate", attributes::AGGREGATE),
        };
        match condition_held(request.send().await, "PutItem to the entities table")? {
            true => Ok(state),
            false => Err(EntityError::Changed(entity.clone())),
        }
    }
}
