//! Compares entities with their events, and changes neither.

use std::fmt;

use futures_util::{StreamExt, stream};
use pipeline::stores::entities::Entities;
use serde::Serialize;
use upvest::{Domain, EntityKey};

use super::domain_of;
use super::show::unknown;
use crate::error::Result;
use crate::fold::{Comparison, Refold};
use crate::names::joined;
use crate::records::Records;
use crate::reporter::Reporter;
use crate::stack::Stack;

/// Limits how many entities are checked at the same time.
const AT_A_TIME: usize = 8;
/// Limits the findings that a report names, to bound its size; the rest is only counted.
const NAMED: usize = 1000;

/// Names the ways in which a state and its events can disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
    /// The entity has events in the log, and no state.
    Missing,
    /// The entity's state is not what its events say, or not one that the receiver writes.
    Different,
    /// The entity has a state, and no event in the log.
    WithoutEvents,
    /// The log or the archive does not have one of its events any more.
    Unreadable,
    /// The entity was folded by other rules than today's: only a rebuild makes it comparable.
    ToBeRebuilt,
}

/// Describes an entity that is not what its events say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Names the entity by its key, `TYPE#ID`.
    pub entity: String,
    /// Names the way in which the state and the events disagree.
    pub problem: Problem,
    /// Lists the attributes that differ, or the event that cannot be read.
    pub detail: Option<String>,
}

/// Tells what came of comparing entities with their events.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    /// Counts the entities whose state was compared, faultless ones included.
    pub entities: u64,
    /// Counts those that are not what their events say.
    pub found: u64,
    /// Lists the first 1,000 findings; `found` counts the rest too.
    pub findings: Vec<Finding>,
}

/// Reads the events from the log and the archive, and the states from the entities table.
struct Check {
    records: Records,
    entities: Entities,
}

/// Compares these entities with their events.
///
/// # Errors
///
/// [`Error`](crate::Error) of the kind not-found for one that has neither a state nor an event: a mistake in writing.
pub async fn verify_all(stack: &Stack, entities: Vec<EntityKey>) -> Result<Verified> {
    Ok(find_all(stack, entities).await?.named(NAMED))
}

/// Compares these entities, and names all that is found.
///
/// # Errors
///
/// As [`verify_all`].
pub(super) async fn find_all(stack: &Stack, entities: Vec<EntityKey>) -> Result<Verified> {
    let check = Check::of(stack)?;
    for entity in &entities {
        let has_event = !check.records.log.timeline(entity, None, 1).await?.is_empty();
        if !has_event && check.entities.item(entity).await?.is_none() {
            return Err(unknown(entity));
        }
    }
    let mut verified = Verified::default();
    check.compare_all(entities, &mut verified).await?;
    Ok(verified)
}

/// Compares all entities of these domains with their events: those that the log has, and those that the table has.
///
/// # Errors
///
/// [`Error`](crate::Error) when a store cannot be read.
pub async fn verify_domains(stack: &Stack, domains: &[Domain], reporter: Reporter<'_>) -> Result<Verified> {
    let check = Check::of(stack)?;
    let mut verified = check.compare_logged(domains, reporter).await?;
    check.look_for_events(domains, &mut verified).await?;
    Ok(verified.named(NAMED))
}

/// Compares all entities of these domains that have events in the log, and names all that is found.
///
/// # Errors
///
/// As [`verify_domains`].
pub(super) async fn find_in_domains(
    stack: &Stack,
    domains: &[Domain],
    reporter: Reporter<'_>,
) -> Result<Verified> {
    Check::of(stack)?.compare_logged(domains, reporter).await
}

impl Check {
    fn of(stack: &Stack) -> Result<Self> {
        Ok(Self {
            records: Records::of(stack)?,
            entities: stack.entities()?,
        })
    }

    /// Compares the entities that the log has.
    async fn compare_logged(&self, domains: &[Domain], reporter: Reporter<'_>) -> Result<Verified> {
        let work = reporter.count("entities compared");
        let mut verified = Verified::default();
        let (mut after, mut last) = (None, None);
        loop {
            let page = self.records.log.timelines(after).await?;
            let mut entities = Vec::new();
            for entry in page.entries {
                let is_of_them = domains.contains(&upvest::category::of(&entry.event_type).domain);
                // An entity's entries are nearly always together, over pages too: so it is compared once.
                if is_of_them && last.as_ref() != Some(&entry.entity) {
                    last = Some(entry.entity.clone());
                    entities.push(entry.entity);
                }
            }
            work.done(entities.len() as u64);
            self.compare_all(entities, &mut verified).await?;
            after = page.next;
            if after.is_none() {
                return Ok(verified);
            }
        }
    }

    /// Looks for the events of the entities that the table has.
    async fn look_for_events(&self, domains: &[Domain], verified: &mut Verified) -> Result<()> {
        let mut after = None;
        loop {
            let (keys, next) = self.entities.keys(after).await?;
            let looks = keys
                .into_iter()
                .filter(|entity| domains.contains(&domain_of(entity)));
            let looks = looks.map(async |entity| {
                match self.records.log.timeline(&entity, None, 1).await?.is_empty() {
                    // The index may not have them yet, and the comparison does not rely on it.
                    true => self.compare_surely(&entity).await,
                    false => Ok(None),
                }
            });
            let mut looks = stream::iter(looks).buffered(AT_A_TIME);
            while let Some(finding) = looks.next().await {
                verified.add(finding?);
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn compare_all(&self, entities: Vec<EntityKey>, verified: &mut Verified) -> Result<()> {
        let compared = entities.iter().map(|entity| self.compare_surely(entity));
        let mut compared = stream::iter(compared).buffered(AT_A_TIME);
        while let Some(finding) = compared.next().await {
            verified.entities += 1;
            verified.add(finding?);
        }
        Ok(())
    }

    /// Compares an entity, and once more where it differs: an event may be folded in meanwhile.
    async fn compare_surely(&self, entity: &EntityKey) -> Result<Option<Finding>> {
        match self.compare(entity).await? {
            None => Ok(None),
            Some(_) => self.compare(entity).await,
        }
    }

    async fn compare(&self, entity: &EntityKey) -> Result<Option<Finding>> {
        let refold = Refold::read(&self.records, &self.entities, entity.clone()).await?;
        let (problem, detail) = match refold.compare() {
            Comparison::Same { .. } => return Ok(None),
            Comparison::OtherRules { fold } => {
                (Problem::ToBeRebuilt, Some(format!("folded by rules {fold}")))
            }
            Comparison::NoState { .. } => (Problem::Missing, None),
            Comparison::NoEvents { .. } => (Problem::WithoutEvents, None),
            Comparison::UnreadableEvent { why } => (Problem::Unreadable, Some(why)),
            Comparison::UnreadableState { why } => (Problem::Different, Some(why)),
            Comparison::Differs { attributes } => {
                let names = attributes.into_iter().map(|one| one.attribute);
                (Problem::Different, Some(joined(names)))
            }
            Comparison::Behind { lacks } => (Problem::Different, Some(lacks.join(", "))),
            Comparison::Lacks { event_id } => (Problem::Different, Some(event_id)),
        };
        Ok(Some(Finding {
            entity: entity.to_string(),
            problem,
            detail,
        }))
    }
}

impl fmt::Display for Problem {
    /// Writes the name that the JSON has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl Verified {
    fn add(&mut self, finding: Option<Finding>) {
        self.found += u64::from(finding.is_some());
        self.findings.extend(finding);
    }

    /// Drops the findings beyond so many.
    fn named(mut self, most: usize) -> Self {
        self.findings.truncate(most);
        self
    }
}
