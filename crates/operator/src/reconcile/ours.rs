//! What we have of an object of Upvest's API, and of the objects within it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::value::RawValue;
use upvest::category::Category;
use upvest::projection::Projection;
use upvest::{EntityKey, Occurred};
use upvest_api::Fetched;

use super::event::key_of;
use super::object::{id_of, member_within, ours};
use crate::error::Result;
use crate::records::Records;

/// Holds what we have of objects of Upvest's API: of each the place of the event that told it last, and what that event
/// said.
#[derive(Default)]
pub(super) struct Ours {
    /// Finds places by the category and the object's id.
    pub(super) places: BTreeMap<(&'static str, String), Occurred>,
    /// Finds by the event's id the object, or why it cannot be had.
    pub(super) objects: BTreeMap<String, std::result::Result<Box<RawValue>, String>>,
}

impl Ours {
    /// Reads what we have of an object of Upvest's API and of what is within it, from the log.
    pub(super) async fn read(
        records: &Records,
        category: &'static Category,
        entity: &EntityKey,
        fetched: &Fetched,
        projection: Option<&Projection>,
    ) -> Result<Self> {
        let Some(projection) = projection else {
            return Ok(Self::default());
        };
        let mut places = BTreeMap::new();
        let mut find = |category: &Category, object: &RawValue| {
            let id = id_of(object).map(String::from).unwrap_or_default();
            if let Some(occurred) = ours(category, projection, &id) {
                places.insert((category.name, id), occurred.clone());
            }
        };
        find(category, &fetched.object);
        for (part, fetched) in within(category, entity, fetched) {
            find(part, &fetched.object);
        }
        let ids = places.values().map(|occurred| occurred.event_id.as_str());
        let ids: BTreeSet<&str> = ids.collect();
        let objects = records.objects_of(&ids.into_iter().collect::<Vec<_>>()).await?;
        Ok(Self { places, objects })
    }
}

/// Takes out of an object the objects within it that belong to the same entity.
pub(super) fn within(
    category: &'static Category,
    entity: &EntityKey,
    fetched: &Fetched,
) -> Vec<(&'static Category, Fetched)> {
    let Some((part, member)) = member_within(category) else {
        return Vec::new();
    };
    let members: HashMap<String, &RawValue> = serde_json::from_str(fetched.object.get()).unwrap_or_default();
    let list = members.get(member).map(|list| list.get()).unwrap_or_default();
    let objects: Vec<Box<RawValue>> = serde_json::from_str(list).unwrap_or_default();
    objects
        .into_iter()
        .map(|object| (part, Fetched::new(object, fetched.at)))
        .filter(|(part, fetched)| key_of(part, fetched).as_ref() == Some(entity))
        .collect()
}
