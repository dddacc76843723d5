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
    /// Reads what we have of these objects of one entity from the log.
    pub(super) async fn read(
        records: &Records,
        objects: &[(&'static Category, Fetched)],
        projection: Option<&Projection>,
    ) -> Result<Self> {
        let Some(projection) = projection else {
            return Ok(Self::default());
        };
        let mut places = BTreeMap::new();
        for (category, fetched) in objects {
            let id = id_of(&fetched.object).map(String::from).unwrap_or_default();
            if let Some(occurred) = ours(category, projection, &id) {
                places.insert((category.name, id), occurred.clone());
            }
        }
        let ids = places.values().map(|occurred| occurred.event_id.as_str());
        let ids: BTreeSet<&str> = ids.collect();
        let objects = records.objects_of(&ids.into_iter().collect::<Vec<_>>()).await?;
        Ok(Self { places, objects })
    }
}

/// Takes an object apart: those within it that belong to the same entity, then the object itself.
pub(super) fn parts_and_whole(
    category: &'static Category,
    entity: &EntityKey,
    whole: &Fetched,
) -> Vec<(&'static Category, Fetched)> {
    let mut objects = Vec::new();
    if let Some((part, member)) = member_within(category) {
        let members: HashMap<String, &RawValue> =
            serde_json::from_str(whole.object.get()).unwrap_or_default();
        let list = members.get(member).map(|list| list.get()).unwrap_or_default();
        let parts: Vec<Box<RawValue>> = serde_json::from_str(list).unwrap_or_default();
        let parts = parts.into_iter().map(|object| Fetched::new(object, whole.at));
        let own = parts.filter(|fetched| key_of(part, fetched).as_ref() == Some(entity));
        objects.extend(own.map(|fetched| (part, fetched)));
    }
    objects.push((category, whole.clone()));
    objects
}
