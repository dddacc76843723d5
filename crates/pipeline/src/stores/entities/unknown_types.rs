//! Which event types entities had that this version does not know.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use upvest::EntityKey;

use super::reading::key_of;
use super::{Entities, attributes};
use crate::error::AwsError;

/// Holds what a page of the table says of unknown event types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownTypes {
    /// Counts, for each type, the entities that had an event of it.
    pub types: BTreeMap<String, u64>,
    /// Counts the entities that were looked at.
    pub entities: u64,
    /// Names the entity after which the next page begins; `None` when this was the last.
    pub next: Option<EntityKey>,
}

impl Entities {
    /// Looks through a page of the table (1 MB of it), in no order, after one of the entities.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it cannot be read.
    pub async fn unknown_types(&self, after: Option<EntityKey>) -> Result<UnknownTypes, AwsError> {
        let scan = self
            .client
            .scan()
            .projection_expression(attributes::UNKNOWN_TYPES)
            .filter_expression("attribute_exists(unknown_types)");
        let page = self.page(scan, after).await?;
        let mut types = BTreeMap::new();
        let named = page
            .items()
            .iter()
            .filter_map(|item| item.get(attributes::UNKNOWN_TYPES));
        for event_type in named
            .filter_map(|types| AttributeValue::as_m(types).ok())
            .flat_map(|types| types.keys())
        {
            *types.entry(event_type.clone()).or_default() += 1;
        }
        Ok(UnknownTypes {
            types,
            entities: u64::try_from(page.scanned_count()).unwrap_or(0),
            next: page.last_evaluated_key().and_then(key_of),
        })
    }
}
