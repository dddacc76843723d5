//! Finding the differences: what Upvest lists is looked up here, and what is here and was not listed is read there.

use std::collections::HashSet;

use futures_util::future::join_all;
use jiff::SignedDuration;
use pipeline::stores::entities::Entities;
use serde_json::Value;
use serde_json::value::RawValue;
use upvest::category::{CATEGORIES, Category, Role};
use upvest::projection::{Projection, Snapshot};
use upvest::{EntityKey, Event};
use upvest_api::{Client, Fetched, Listing, Resource, why_unreadable};
use uuid::Uuid;

use super::arguments::Arguments;
use super::compare::{Kind, changed_at, compare};
use super::report::{CategoryReport, Difference};
use super::walk::{Reader, Walk, id_of};
use super::{ReconcileError, event};
use crate::stack::Stack;

/// How many entities are read from the table at the same time.
const AT_A_TIME: usize = 16;

/// A comparison, as far as it came.
pub(super) struct Examination<'c> {
    entities: Entities,
    reader: Reader<'c>,
    grace: SignedDuration,
    pub(super) categories: Vec<CategoryReport>,
    pub(super) differences: Vec<Difference>,
}

impl<'c> Examination<'c> {
    pub(super) fn new(
        stack: &Stack,
        client: &'c Client,
        arguments: &Arguments,
    ) -> Result<Self, ReconcileError> {
        let dynamodb = aws_sdk_dynamodb::Client::new(stack.config());
        Ok(Self {
            entities: Entities::new(dynamodb, stack.entities_table()?),
            reader: Reader::new(client, arguments.rate()),
            grace: arguments.grace(),
            categories: Vec::new(),
            differences: Vec::new(),
        })
    }

    /// Compares what the command line names. What Upvest refuses for one category keeps no other from being compared.
    pub(super) async fn run(&mut self, arguments: &Arguments) -> Result<(), ReconcileError> {
        for entity in arguments.entities() {
            self.one(&entity).await?;
        }
        let named =
            |category: &&Category| category.is_whole() && arguments.domains.contains(&category.domain);
        for category in CATEGORIES.iter().filter(named) {
            let Some(resource) = Resource::of(category.name) else {
                self.report(category).unreadable = Some(why_unreadable(category.name));
                continue;
            };
            self.report(category);
            match self.all(category, resource).await {
                Err(ReconcileError::Upvest(error)) => {
                    let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
                    let chain = pipeline::error::ErrorChain(&error).to_string();
                    self.report(category).error = Some(format!("{chain}{hint}"));
                }
                result => result?,
            }
        }
        Ok(())
    }

    /// Compares all of a category.
    async fn all(
        &mut self,
        category: &'static Category,
        resource: &'static Resource,
    ) -> Result<(), ReconcileError> {
        let mut seen = HashSet::new();
        let walk = self.reader.walk(resource).await?;
        if let Some(mut walk) = walk {
            while let Some(page) = self.next(&mut walk).await? {
                seen.extend(self.page(category, &page).await?);
            }
        }
        if !resource.has_path() {
            return Ok(());
        }
        for entity in self.entities.keys_of_type(category.entity).await? {
            if !seen.contains(&entity) {
                self.unlisted(category, resource, &entity).await?;
            }
        }
        Ok(())
    }

    async fn next(&mut self, walk: &mut Walk<'c>) -> Result<Option<Vec<Fetched>>, ReconcileError> {
        Ok(self.reader.next(walk).await?)
    }

    /// Compares one entity, with its parts.
    async fn one(&mut self, entity: &EntityKey) -> Result<(), ReconcileError> {
        let refused = |why| ReconcileError::Entity {
            entity: entity.clone(),
            why,
        };
        let category = upvest::category::of(&format!("{}.", entity.entity_type()));
        let resource = Resource::of(category.name).filter(|resource| resource.has_path());
        let resource = resource
            .ok_or_else(|| refused("Upvest does not give out such an object by its id; name its domain"))?;
        let id = entity
            .as_str()
            .split_once('#')
            .and_then(|(_, id)| id.parse().ok());
        let id: upvest_api::ResourceId = id.ok_or_else(|| refused("entities are written TYPE#ID"))?;
        self.report(category);
        if !self.unlisted(category, resource, entity).await? {
            return Err(refused("neither Upvest nor the stack has it"));
        }
        for part in parts_of(category) {
            let Some(resource) = Resource::of(part.name) else {
                continue;
            };
            if matches!(resource.listing, Listing::Each { .. }) {
                let mut walk = self.reader.walk_of(resource, id.clone());
                while let Some(page) = self.next(&mut walk).await? {
                    self.page(part, &page).await?;
                }
            }
        }
        Ok(())
    }

    /// Compares an entity that no list has shown; says whether it is at Upvest or here.
    async fn unlisted(
        &mut self,
        category: &'static Category,
        resource: &Resource,
        entity: &EntityKey,
    ) -> Result<bool, ReconcileError> {
        let id = entity
            .as_str()
            .split_once('#')
            .and_then(|(_, id)| id.parse().ok());
        let Some(id) = id else { return Ok(false) };
        if let Some(fetched) = self.reader.read(resource, &id).await? {
            self.page(category, &[fetched]).await?;
            return Ok(true);
        }
        let Some(stored) = self.entities.load(entity).await? else {
            return Ok(false);
        };
        // Without a snapshot there is nothing that Upvest was said to have.
        let Some(snapshot) = stored.projection.snapshot else {
            return Ok(true);
        };
        self.report(category).compared += 1;
        self.add(Difference {
            entity: entity.to_string(),
            category: category.name,
            id: id.to_string(),
            kind: Kind::Extra,
            fields: Vec::new(),
            ours: status(&parsed(&snapshot.object)),
            theirs: None,
            repair: None,
        });
        Ok(true)
    }

    /// Compares objects of a category, and what is within them; gives back their entities.
    async fn page(
        &mut self,
        category: &'static Category,
        page: &[Fetched],
    ) -> Result<Vec<EntityKey>, ReconcileError> {
        let mut entities = Vec::new();
        for chunk in page.chunks(AT_A_TIME) {
            let keyed = chunk.iter().map(|fetched| (fetched, key_of(category, fetched)));
            let keyed: Vec<_> = keyed.collect();
            let table = &self.entities;
            let loaded = join_all(keyed.iter().map(async |(_, key)| match key {
                Some(key) => table.load(key).await,
                None => Ok(None),
            }));
            for ((fetched, key), stored) in keyed.iter().zip(loaded.await) {
                let Some(key) = key else {
                    self.report(category).unusable += 1;
                    continue;
                };
                let projection = stored?.map(|stored| stored.projection);
                self.compare(category, key, fetched, projection.as_ref());
                entities.push(key.clone());
            }
        }
        Ok(entities)
    }

    fn compare(
        &mut self,
        category: &'static Category,
        entity: &EntityKey,
        fetched: &Fetched,
        projection: Option<&Projection>,
    ) {
        self.report(category).compared += 1;
        let theirs = parsed(fetched.object.get());
        let within = parts_of(category).find_map(|part| Some((part, member(part)?)));
        if let Some((part, member)) = within {
            for object in raw_list(&fetched.object, member) {
                let fetched = Fetched::new(object, fetched.at);
                if key_of(part, &fetched).as_ref() == Some(entity) {
                    self.compare(part, entity, &fetched, projection);
                }
            }
        }
        let id = id_of(&fetched.object).map(String::from).unwrap_or_default();
        let ours = projection.and_then(|projection| ours(category, projection, &id));
        // An object that was too large for the table is left out of it.
        if ours.is_some_and(|ours| ours.object.is_empty()) {
            self.report(category).unusable += 1;
            return;
        }
        let elsewhere = within.map(|(_, member)| member);
        let own = ours.map(|ours| parsed(&ours.object));
        let differs = match &own {
            None => Some((Kind::Missing, Vec::new())),
            Some(own) => {
                compare(category, own, &theirs, elsewhere).map(|differs| (differs.kind, differs.fields))
            }
        };
        let Some((kind, fields)) = differs else { return };
        // What says no time of its own, like a position, is as old as the event that told us of it last.
        let changed = changed_at(&theirs).or_else(|| ours?.occurred.instant().parse().ok());
        // The answer's date has whole seconds, so that its age may be negative.
        let is_young = |changed| fetched.at.duration_since(changed) < self.grace;
        if !self.grace.is_zero() && changed.is_some_and(is_young) {
            self.report(category).recent += 1;
            return;
        }
        let (own, theirs) = (own.as_ref().and_then(status), status(&theirs));
        let event_type = event::type_for(category, kind, own.as_deref(), theirs.as_deref());
        self.add(Difference {
            entity: entity.to_string(),
            category: category.name,
            id,
            kind,
            fields,
            ours: own,
            theirs,
            repair: Some((event_type, fetched.clone())),
        });
    }

    fn add(&mut self, difference: Difference) {
        let report = self
            .categories
            .iter_mut()
            .find(|report| report.category == difference.category);
        if let Some(report) = report {
            *report.count(difference.kind) += 1;
        }
        self.differences.push(difference);
    }

    /// The report on a category, which begins when it is first asked for.
    fn report(&mut self, category: &Category) -> &mut CategoryReport {
        let at = self
            .categories
            .iter()
            .position(|report| report.category == category.name);
        let at = at.unwrap_or_else(|| {
            self.categories.push(CategoryReport::new(category));
            self.categories.len() - 1
        });
        &mut self.categories[at]
    }
}

/// The entity that an object of the API is about: that of the event that would tell it.
fn key_of(category: &Category, fetched: &Fetched) -> Option<EntityKey> {
    let event_type = event::type_for(category, Kind::Diverged, None, None);
    let json = event::told(Uuid::nil(), &event_type, fetched);
    Event::parse(&json).ok()?.entity_key().ok()
}

/// The categories whose objects are parts of an entity of this one.
fn parts_of(category: &'static Category) -> impl Iterator<Item = &'static Category> {
    let is_part = move |part: &&Category| {
        let is_of_it = category.role == Role::Snapshot && part.entity == category.name;
        is_of_it && part.is_whole() && matches!(part.role, Role::Part { .. })
    };
    CATEGORIES.iter().filter(is_part)
}

/// The member of its parent's object that holds a part.
fn member(part: &Category) -> Option<&'static str> {
    match Resource::of(part.name)?.listing {
        Listing::Within { member, .. } => Some(member),
        _ => None,
    }
}

/// What the projection has of an object.
fn ours<'p>(category: &Category, projection: &'p Projection, id: &str) -> Option<&'p Snapshot> {
    match category.role {
        Role::Part { map, .. } => projection.parts.get(map)?.get(id),
        Role::Snapshot | Role::Line => projection.snapshot.as_ref(),
    }
}

fn raw_list(object: &RawValue, member: &str) -> Vec<Box<RawValue>> {
    let mut members: std::collections::HashMap<String, Box<RawValue>> =
        serde_json::from_str(object.get()).unwrap_or_default();
    let list = members.remove(member);
    list.and_then(|list| serde_json::from_str(list.get()).ok())
        .unwrap_or_default()
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

fn status(object: &Value) -> Option<String> {
    let status = object["status"].as_str().filter(|status| !status.is_empty());
    status.map(str::to_owned)
}
