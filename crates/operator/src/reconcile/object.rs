//! Objects of Upvest's API: their ids, and what is within them.

use serde_json::Value;
use serde_json::value::RawValue;
use upvest::Occurred;
use upvest::category::{CATEGORIES, Category, Role};
use upvest::projection::Projection;
use upvest_api::{Listing, Resource, ResourceId};

/// Lists the categories whose objects are parts of an entity of this one.
pub(super) fn parts_of(category: &'static Category) -> impl Iterator<Item = &'static Category> {
    let is_part = move |part: &&Category| {
        let is_of_it = category.role == Role::Snapshot && part.entity == category.name;
        is_of_it && part.is_whole() && matches!(part.role, Role::Part { .. })
    };
    CATEGORIES.iter().filter(is_part)
}

/// Finds the category whose objects are within those of this one, and the member that has them.
pub(super) fn member_within(category: &'static Category) -> Option<(&'static Category, &'static str)> {
    parts_of(category).find_map(|part| match Resource::of(part.name)?.listing {
        Listing::Within { member, .. } => Some((part, member)),
        _ => None,
    })
}

/// Finds the place of the event that told the newest that the projection has of an object: the log has the object itself.
pub(super) fn ours<'p>(category: &Category, projection: &'p Projection, id: &str) -> Option<&'p Occurred> {
    match category.role {
        Role::Part { map, .. } => Some(&projection.parts.get(map)?.get(id)?.occurred),
        Role::Snapshot | Role::Line => Some(&projection.newest.as_ref()?.occurred),
    }
}

/// Parses JSON that was parsed before, so that it cannot fail; null stands for none.
pub(super) fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

/// Reads the status of an object of this category, where it has one.
pub(super) fn status<'o>(category: &Category, object: &'o Value) -> Option<&'o str> {
    let mut path = category.status_field.split('.');
    let status = path.try_fold(object, |object, name| object.get(name))?;
    status.as_str().filter(|status| !status.is_empty())
}

/// Reads the member `id` of an object; `None` where it has none.
pub(super) fn id_of(object: &RawValue) -> Option<ResourceId> {
    #[derive(serde::Deserialize)]
    struct Identified {
        id: ResourceId,
    }
    let identified: Identified = serde_json::from_str(object.get()).ok()?;
    Some(identified.id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use upvest::category;

    use super::*;

    #[test]
    fn the_status_is_where_the_table_of_categories_says() {
        let of = |event_type, object| status(category::of(event_type), &object).map(str::to_owned);
        let action = json!({"id": "c", "status": "other", "announcement_status": "CONFIRMED"});
        assert_eq!(
            of("CORPORATE_ACTION.UPDATED", action).as_deref(),
            Some("CONFIRMED")
        );
        assert_eq!(of("ORDER.NEW", json!({"status": "NEW"})).as_deref(), Some("NEW"));
        for object in [
            json!({"status": ""}),
            json!({"status": 1}),
            json!({}),
            json!(null),
        ] {
            assert_eq!(of("ORDER.NEW", object), None);
        }
    }
}
