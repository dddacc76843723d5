//! What a specification has that the tables do not, and the reverse.

use std::collections::{BTreeMap, BTreeSet};

use upvest::Category;
use upvest::category::{self, CATEGORIES, Role};
use upvest::projection::{REFERENCE_TYPES, reference_paths};

use super::document::{EventSchema, Fields, Specification};
use super::{Difference, Side, Subject};
use crate::names;

/// Names the field in which a ledger line says of which type each entity is that it refers to.
const REFERENCE_TYPE: &str = "references[].type";

/// Collects what one side has alone.
#[derive(Default)]
struct Found(BTreeSet<Difference>);

/// Compares a specification with the tables.
pub(super) fn differences(specification: &Specification) -> BTreeSet<Difference> {
    let mut found = Found::default();
    categories(specification, &mut found);
    event_types(specification, &mut found);
    for event in &specification.events {
        keys(event, &mut found);
    }
    let fields = fields_by_category(specification);
    for (category, fields) in &fields {
        if let Some(row) = row_of(category) {
            status(row, fields, &mut found);
        }
    }
    references(&fields, &mut found);
    reference_types(&fields, &mut found);
    found.0
}

impl Found {
    /// Notes a thing that one side has, unless it was noted before.
    fn note(&mut self, subject: Subject, only_in: Side, category: Option<&str>, name: &str) {
        self.0.insert(Difference {
            subject,
            only_in,
            category: category.map(str::to_owned),
            name: name.to_owned(),
        });
    }
}

/// Lists the names that one side has alone.
fn alone<'n>(specified: &BTreeSet<&'n str>, known: &BTreeSet<&'n str>) -> Vec<(Side, &'n str)> {
    let of_specification = specified
        .difference(known)
        .map(|name| (Side::Specification, *name));
    let of_table = known.difference(specified).map(|name| (Side::Table, *name));
    of_specification.chain(of_table).collect()
}

fn row_of(category: &str) -> Option<&'static Category> {
    CATEGORIES.iter().find(|row| row.name == category)
}

fn categories(specification: &Specification, found: &mut Found) {
    let known = names::categories().collect();
    for (side, name) in alone(&specification.categories(), &known) {
        found.note(Subject::Category, side, Some(name), name);
    }
}

/// Compares the types of the categories that the specification has events of. (Of the others the category is told.)
fn event_types(specification: &Specification, found: &mut Found) {
    let specified = specification.event_types();
    let with_events: BTreeSet<&str> = specified.iter().map(|name| category::name_of(name)).collect();
    let known = names::event_types().filter(|name| with_events.contains(category::name_of(name)));
    let known: BTreeSet<String> = known.collect();
    for name in &specified {
        let own = category::name_of(name);
        if row_of(own).is_none() || !category::of(name).knows_type(name) {
            found.note(Subject::EventType, Side::Specification, Some(own), name);
        }
    }
    for name in known.iter().filter(|name| !specified.contains(name.as_str())) {
        found.note(
            Subject::EventType,
            Side::Table,
            Some(category::name_of(name)),
            name,
        );
    }
}

/// Compares what tells entities apart, and parts of one. Where the objects of several types share a schema with variants, a
/// key is there when the variants together have it.
fn keys(event: &EventSchema, found: &mut Found) {
    for event_type in event
        .types
        .iter()
        .filter(|name| row_of(category::name_of(name)).is_some())
    {
        let row = category::of(event_type);
        let has = |path: &str| event.fields.contains_key(path);
        let has_all = |paths: &[&str]| !paths.is_empty() && paths.iter().all(|path| has(path));
        let part = match row.role {
            Role::Part { id_field, .. } => id_field,
            Role::Snapshot | Role::Line => None,
        };
        let key = if has_all(row.key) || row.fallback_key.is_empty() {
            row.key
        } else {
            row.fallback_key
        };
        for path in key.iter().copied().chain(part).filter(|path| !has(path)) {
            found.note(Subject::Key, Side::Table, Some(row.name), path);
        }
        let mut known = row.key.iter().chain(row.fallback_key).copied().chain(part);
        if has("id") && !known.any(|path| path == "id") {
            found.note(Subject::Key, Side::Specification, Some(row.name), "id");
        }
    }
}

/// Collects the fields that objects of each category may have.
fn fields_by_category(specification: &Specification) -> BTreeMap<&str, Fields> {
    let mut by_category = BTreeMap::<&str, Fields>::new();
    for event in &specification.events {
        let categories: BTreeSet<&str> = event.types.iter().map(|name| category::name_of(name)).collect();
        for category in categories {
            let fields = by_category.entry(category).or_default();
            for (path, values) in &event.fields {
                fields
                    .entry(path.clone())
                    .or_default()
                    .extend(values.iter().cloned());
            }
        }
    }
    by_category
}

/// Compares the field that says the status, and its values where the specification lists them.
fn status(row: &Category, fields: &Fields, found: &mut Found) {
    let category = Some(row.name);
    let steps = if row.statuses.is_empty() {
        row.lifecycle
    } else {
        row.statuses
    };
    let known: BTreeSet<&str> = steps.iter().flat_map(|step| step.names.iter().copied()).collect();
    let Some(values) = fields.get(row.status_field) else {
        if !known.is_empty() {
            found.note(Subject::StatusField, Side::Table, category, row.status_field);
        }
        let others = fields
            .iter()
            .filter(|(path, values)| is_status(path) && !values.is_empty());
        for (path, _) in others {
            found.note(Subject::StatusField, Side::Specification, category, path);
        }
        return;
    };
    if !values.is_empty() {
        let values = values.iter().map(String::as_str).collect();
        for (side, name) in alone(&values, &known) {
            found.note(Subject::Status, side, category, name);
        }
    }
}

fn is_status(path: &str) -> bool {
    path == "status" || (path.ends_with("_status") && !path.contains('.'))
}

/// Compares the fields that name other entities. What the tables know is looked for in objects of whatever category, and is
/// missed only where no object has it.
fn references(by_category: &BTreeMap<&str, Fields>, found: &mut Found) {
    let known = reference_paths();
    for (category, fields) in by_category {
        let own = row_of(category).map_or(&[][..], |row| row.key);
        let named = fields.keys().filter(|path| is_reference(path, fields));
        for path in named.filter(|path| !known.contains(path) && !own.contains(&path.as_str())) {
            found.note(Subject::Reference, Side::Specification, Some(category), path);
        }
    }
    let used = |path: &String| by_category.values().any(|fields| fields.contains_key(path));
    for path in known.iter().filter(|path| !used(path)) {
        found.note(Subject::Reference, Side::Table, None, path);
    }
}

/// Tells whether a field is named as ids are, and is not the object's own `id`.
fn is_reference(path: &str, fields: &Fields) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    let is_list = fields.contains_key(&format!("{path}[]"));
    path != "id"
        && !is_list
        && (["id", "uuid"].contains(&name) || name.ends_with("_id") || name.ends_with("_ids[]"))
}

/// Compares the types of what a ledger line refers to.
fn reference_types(by_category: &BTreeMap<&str, Fields>, found: &mut Found) {
    let known = BTreeSet::from(REFERENCE_TYPES);
    let listed = by_category
        .values()
        .filter_map(|fields| fields.get(REFERENCE_TYPE));
    let specified: BTreeSet<&str> = listed.flatten().map(String::as_str).collect();
    if !specified.is_empty() {
        for (side, name) in alone(&specified, &known) {
            found.note(Subject::ReferenceType, side, None, name);
        }
    }
}
