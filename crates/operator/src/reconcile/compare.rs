//! Finding the differences: what Upvest lists is looked up here, and what is here and was not listed is read there.

use std::collections::HashSet;

use futures_util::future::join_all;
use jiff::SignedDuration;
use pipeline::error::ErrorChain;
use pipeline::stores::entities::Entities;
use upvest::category::{CATEGORIES, Category};
use upvest::{Domain, EntityKey};
use upvest_api::{Client, Fetched, Listing, Resource, ResourceId, why_unreadable};

use super::difference::{Kind, changed_at, difference};
use super::event::{self, key_of};
use super::object::{id_of, member_within, parsed, parts_of, status};
use super::ours::{Ours, parts_and_whole};
use super::reader::Reader;
use super::report::{CategoryReport, Difference, Reconciliation};
use crate::error::{Error, Result};
use crate::records::Records;
use crate::repair::Throttle;
use crate::stack::Stack;

/// Limits the entities that are read from the table at the same time, with a request for each.
const AT_A_TIME: usize = 16;

/// Says what of the stack to compare with Upvest.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Names the domains of which every entity is compared.
    pub domains: Vec<Domain>,
    /// Names single entities that are compared, each with the parts that Upvest lists apart from it.
    pub entities: Vec<EntityKey>,
    /// Says how lately a thing must have changed at Upvest to be left alone: its events may be on their way.
    pub grace: SignedDuration,
}

/// Compares what the stack has with what Upvest's API says, and changes nothing.
///
/// # Errors
///
/// [`Error`] when the stack cannot be read, or an entity that is named cannot be compared. That Upvest refuses to list a
/// category is in that category's report.
pub async fn compare(
    stack: &Stack,
    client: &Client,
    scope: &Scope,
    per_second: f64,
) -> Result<Reconciliation> {
    let mut comparison = Comparison {
        entities: stack.entities()?,
        records: Records::of(stack)?,
        reader: Reader {
            client,
            throttle: Throttle::new(per_second),
        },
        grace: scope.grace,
        found: Reconciliation {
            dry_run: true,
            ..Reconciliation::default()
        },
    };
    comparison.run(scope).await?;
    Ok(comparison.found)
}

/// Holds what one comparison reads from, and what was found so far.
struct Comparison<'c> {
    entities: Entities,
    records: Records,
    reader: Reader<'c>,
    grace: SignedDuration,
    found: Reconciliation,
}

impl Comparison<'_> {
    /// Compares what the scope names. What Upvest refuses for one category keeps no other from being compared.
    async fn run(&mut self, scope: &Scope) -> Result<()> {
        for entity in &scope.entities {
            self.one(entity).await?;
        }
        let named = |category: &&Category| category.is_whole() && scope.domains.contains(&category.domain);
        for category in CATEGORIES.iter().filter(named) {
            let Some(resource) = Resource::of(category.name) else {
                self.report(category).unreadable = Some(why_unreadable(category.name));
                continue;
            };
            // Begun before anything is read, so that a category without objects is in the report too.
            self.report(category);
            match self.all(category, resource).await {
                Err(error) if error.find::<upvest_api::Error>().is_some() => {
                    let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
                    self.report(category).error = Some(format!("{}{hint}", ErrorChain(&error)));
                }
                result => result?,
            }
        }
        Ok(())
    }

    /// Compares what Upvest lists of a category, then each entity of the table that the list left out.
    async fn all(&mut self, category: &'static Category, resource: &'static Resource) -> Result<()> {
        let mut seen = HashSet::new();
        if let Some(mut walk) = self.reader.walk(resource).await? {
            while let Some(page) = self.reader.next(&mut walk).await? {
                seen.extend(self.page(category, &page).await?);
            }
        }
        // Without a path of its own an object cannot be read by its id, so what was not listed stays unknown.
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

    /// Compares one entity, with its parts.
    async fn one(&mut self, entity: &EntityKey) -> Result<()> {
        let refused = |why| Error::usage(format!("{entity} cannot be compared: {why}"));
        let category = upvest::category::of(entity.entity_type());
        let resource = Resource::of(category.name).filter(|resource| resource.has_path());
        let resource = resource
            .ok_or_else(|| refused("Upvest does not give out such an object by its id; name its domain"))?;
        let id = entity.id().parse::<ResourceId>();
        let id = id.map_err(|_| refused("entities are written TYPE#ID"))?;
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
                while let Some(page) = self.reader.next(&mut walk).await? {
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
    ) -> Result<bool> {
        let Ok(id) = entity.id().parse() else {
            return Ok(false);
        };
        if let Some(fetched) = self.reader.read(resource, &id).await? {
            self.page(category, &[fetched]).await?;
            return Ok(true);
        }
        let Some(stored) = self.entities.load(entity).await? else {
            return Ok(false);
        };
        // Without a snapshot there is nothing that Upvest was said to have.
        let Some(newest) = stored.projection.newest else {
            return Ok(true);
        };
        let object = self.records.object_of(&newest.occurred.event_id).await?;
        self.report(category).compared += 1;
        self.add(Difference {
            entity: entity.to_string(),
            category: category.name,
            id: id.to_string(),
            kind: Kind::Extra,
            fields: Vec::new(),
            ours: object
                .ok()
                .and_then(|object| status(category, &parsed(object.get())).map(str::to_owned)),
            theirs: None,
            repair: None,
        });
        Ok(true)
    }

    /// Compares objects of a category, and what is within them; gives back their entities.
    async fn page(&mut self, category: &'static Category, page: &[Fetched]) -> Result<Vec<EntityKey>> {
        let mut entities = Vec::new();
        for chunk in page.chunks(AT_A_TIME) {
            let keys: Vec<_> = chunk.iter().map(|fetched| key_of(category, fetched)).collect();
            let table = &self.entities;
            let loaded = join_all(keys.iter().map(async |key| match key {
                Some(key) => table.load(key).await,
                None => Ok(None),
            }));
            let loaded = loaded.await;
            for ((fetched, key), stored) in chunk.iter().zip(keys).zip(loaded) {
                let Some(key) = key else {
                    self.report(category).unusable += 1;
                    continue;
                };
                let projection = stored?.map(|stored| stored.projection);
                let objects = parts_and_whole(category, &key, fetched);
                let ours = Ours::read(&self.records, &objects, projection.as_ref()).await?;
                for (category, fetched) in objects {
                    self.compare(category, &key, &fetched, &ours);
                }
                entities.push(key);
            }
        }
        Ok(entities)
    }

    fn compare(&mut self, category: &'static Category, entity: &EntityKey, fetched: &Fetched, ours: &Ours) {
        self.report(category).compared += 1;
        let theirs = parsed(fetched.object.get());
        let id = id_of(&fetched.object).map(String::from).unwrap_or_default();
        let place = ours.places.get(&(category.name, id.clone()));
        let object = place.map(|occurred| ours.objects.get(&occurred.event_id));
        let own = match object {
            None => None,
            Some(Some(Ok(object))) => Some(parsed(object.get())),
            // Neither the log nor the archive has what we were told.
            Some(_) => {
                self.report(category).unusable += 1;
                return;
            }
        };
        let elsewhere = member_within(category).map(|(_, member)| member);
        let differs = match &own {
            None => Some((Kind::Missing, Vec::new())),
            Some(own) => difference(category, own, &theirs, elsewhere),
        };
        let Some((kind, fields)) = differs else { return };
        // What says no time of its own, like a position, is as old as the event that told us of it last.
        let changed = changed_at(&theirs).or_else(|| Some(place?.created_at.timestamp()));
        // The answer's date has whole seconds, so that its age may be negative.
        let is_young = |changed| fetched.at.duration_since(changed) < self.grace;
        if !self.grace.is_zero() && changed.is_some_and(is_young) {
            self.report(category).recent += 1;
            return;
        }
        let own = own.as_ref().and_then(|own| status(category, own));
        let theirs = status(category, &theirs);
        let event_type = event::type_for(category, kind, own, theirs);
        self.add(Difference {
            entity: entity.to_string(),
            category: category.name,
            id,
            kind,
            fields,
            ours: own.map(str::to_owned),
            theirs: theirs.map(str::to_owned),
            repair: Some((event_type, fetched.clone())),
        });
    }

    fn add(&mut self, difference: Difference) {
        let mut reports = self.found.categories.iter_mut();
        if let Some(report) = reports.find(|report| report.category == difference.category) {
            *report.count(difference.kind) += 1;
        }
        self.found.differences.push(difference);
    }

    /// Finds the report on a category, which begins when it is first asked for.
    fn report(&mut self, category: &Category) -> &mut CategoryReport {
        let reports = &mut self.found.categories;
        let at = reports.iter().position(|report| report.category == category.name);
        let at = at.unwrap_or_else(|| {
            reports.push(CategoryReport {
                category: category.name,
                domain: category.domain.name(),
                ..CategoryReport::default()
            });
            reports.len() - 1
        });
        &mut reports[at]
    }
}
