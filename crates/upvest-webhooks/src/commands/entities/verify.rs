//! `entities verify`: whether the entities are what their events say.

use clap::{ArgGroup, Args};
use futures_util::{StreamExt, stream};
use pipeline::error::ErrorChain;
use pipeline::stores::entities::{Entities, EntityItem, Stored};
use pipeline::stores::events::LOAD_BATCH;
use serde::Serialize;
use upvest::category::CATEGORIES;
use upvest::projection::Projection;
use upvest::{Domain, EntityKey, Event};

use super::EntitiesError;
use crate::logged::Logged;
use crate::operation::counter;
use crate::output::{self, Report, facts};
use crate::stack::Stack;

/// How many entities are checked at the same time.
const AT_A_TIME: usize = 8;
/// How many entries of a time line are read at a time.
const ENTRIES: i32 = 100;
/// How many findings are named; the rest is counted.
const NAMED: usize = 1000;

const EXAMPLES: &str = "\
Example:
  upvest-webhooks entities verify --domain orders

What it finds:
  missing         an entity that has events in the log is not in the entities table
  different       an attribute is not what the events say
  without-events  an entity in the table has no event in the log
  unreadable      an event that the log or the archive does not have any more

An entity whose events are still in a queue, or in a dead-letter queue, differs until they are processed.

`replay --entity` brings back what is missing or behind. Where the table holds what no event says, that does not help: \
delete the item, and then replay the entity.

The attributes version, last_change, applied and unfinished tell how the events came, not what they say; they are not \
compared.

Exit status: 0 when nothing was found, else 1.";

// Without a docstring: it would replace the command's description.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("what").args(["domain", "entity"]).required(true))]
pub(crate) struct Verify {
    /// All entities of these domains
    #[arg(long, value_name = "DOMAIN", num_args = 1..)]
    domain: Vec<Domain>,
    /// These entities, written TYPE#ID
    #[arg(long, value_name = "ENTITY", num_args = 1..)]
    entity: Vec<String>,
}

/// What can be wrong with an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Problem {
    Missing,
    Different,
    WithoutEvents,
    Unreadable,
}

/// An entity that is not what its events say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) entity: String,
    pub(super) problem: Problem,
    /// The attributes that differ, or the event that cannot be read.
    pub(super) detail: Option<String>,
}

/// The result of the command.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verified {
    /// How many entities were compared.
    entities: u64,
    /// How many of them are not what their events say.
    found: u64,
    findings: Vec<Finding>,
}

struct Check {
    logged: Logged,
    entities: Entities,
}

impl Verify {
    /// Runs the command.
    pub(super) async fn run(self, stack: &Stack) -> Result<Verified, EntitiesError> {
        let client = aws_sdk_dynamodb::Client::new(stack.config());
        let check = Check {
            logged: Logged::of(stack)?,
            entities: Entities::new(client, stack.entities_table()?),
        };
        let mut verified = Verified::default();
        if self.domain.is_empty() {
            let named: Vec<EntityKey> = self.entity.into_iter().map(EntityKey::from_stored).collect();
            for entity in &named {
                check.must_be_known(entity).await?;
            }
            check.compare_all(named, &mut verified).await?;
        } else {
            check.compare_logged(&self.domain, &mut verified).await?;
            check.look_for_events(&self.domain, &mut verified).await?;
        }
        Ok(verified)
    }
}

impl Check {
    /// Makes sure that an entity is no mistake in writing: that it has an event, or an item.
    async fn must_be_known(&self, entity: &EntityKey) -> Result<(), EntitiesError> {
        let has_event = !self.logged.log.timeline(entity, None, 1).await?.is_empty();
        if has_event || self.entities.item(entity).await?.is_some() {
            return Ok(());
        }
        Err(EntitiesError::None(entity.clone()))
    }

    /// Compares the entities that the log has.
    async fn compare_logged(&self, domains: &[Domain], verified: &mut Verified) -> Result<(), EntitiesError> {
        let progress = counter("entities compared");
        let (mut after, mut last) = (None, None);
        loop {
            let page = self.logged.log.timelines(after).await?;
            let mut entities = Vec::new();
            for entry in page.entries {
                let is_of_them = domains.contains(&upvest::category::of(&entry.event_type).domain);
                if is_of_them && last.as_ref() != Some(&entry.entity) {
                    last = Some(entry.entity.clone());
                    entities.push(entry.entity);
                }
            }
            progress.inc(entities.len() as u64);
            self.compare_all(entities, verified).await?;
            after = page.next;
            if after.is_none() {
                progress.finish_and_clear();
                return Ok(());
            }
        }
    }

    /// Looks for the events of the entities that the table has.
    async fn look_for_events(
        &self,
        domains: &[Domain],
        verified: &mut Verified,
    ) -> Result<(), EntitiesError> {
        let mut after = None;
        loop {
            let (keys, next) = self.entities.keys(after).await?;
            let keys = keys.into_iter().filter(|entity| is_of(entity, domains));
            let looks = keys.map(async |entity| {
                let events = self.logged.log.timeline(&entity, None, 1).await?;
                Ok::<_, EntitiesError>(events.is_empty().then_some(entity))
            });
            let mut looks = stream::iter(looks).buffered(AT_A_TIME);
            while let Some(without_events) = looks.next().await {
                verified.add(without_events?.map(|entity| Finding {
                    entity: entity.to_string(),
                    problem: Problem::WithoutEvents,
                    detail: None,
                }));
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn compare_all(
        &self,
        entities: Vec<EntityKey>,
        verified: &mut Verified,
    ) -> Result<(), EntitiesError> {
        let compared = entities.iter().map(|entity| self.compare_surely(entity));
        let mut compared = stream::iter(compared).buffered(AT_A_TIME);
        while let Some(finding) = compared.next().await {
            verified.entities += 1;
            verified.add(finding?);
        }
        Ok(())
    }

    /// An event may be folded in while its entity is compared, so what differs is looked at twice.
    async fn compare_surely(&self, entity: &EntityKey) -> Result<Option<Finding>, EntitiesError> {
        match self.compare(entity).await? {
            None => Ok(None),
            Some(_) => self.compare(entity).await,
        }
    }

    async fn compare(&self, entity: &EntityKey) -> Result<Option<Finding>, EntitiesError> {
        let finding = |problem, detail: Option<String>| {
            Ok(Some(Finding {
                entity: entity.to_string(),
                problem,
                detail,
            }))
        };
        let projection = match self.fold(entity).await? {
            Ok(projection) => projection,
            Err(detail) => return finding(Problem::Unreadable, Some(detail)),
        };
        match (projection, self.entities.item(entity).await?) {
            // All its events belong to other entities by now, and its item was deleted: as it should be.
            (None, None) => Ok(None),
            (None, Some(_)) => finding(Problem::WithoutEvents, None),
            (Some(_), None) => finding(Problem::Missing, None),
            (Some(projection), Some(item)) => match differences(entity, projection, &item) {
                Ok(names) if names.is_empty() => Ok(None),
                Ok(names) => finding(Problem::Different, Some(names.join(", "))),
                Err(detail) => finding(Problem::Different, Some(detail)),
            },
        }
    }

    /// What the events of an entity say, or which of them cannot be read.
    async fn fold(&self, entity: &EntityKey) -> Result<Result<Option<Projection>, String>, EntitiesError> {
        let (mut state, mut after) = (None, None);
        loop {
            let entries = self.logged.log.timeline(entity, after.as_ref(), ENTRIES).await?;
            let Some(last) = entries.last() else {
                return Ok(Ok(state));
            };
            after = Some(last.occurred.clone());
            let ids: Vec<&str> = entries.iter().map(|entry| entry.occurred.event_id()).collect();
            for ids in ids.chunks(LOAD_BATCH) {
                let mut events = self.logged.log.load(ids).await?;
                for id in ids {
                    let json = match events.remove(*id) {
                        Some(event) => self.logged.json(&event).await?,
                        None => Err("it is not in the log any more".to_owned()),
                    };
                    let event = json.as_deref().map_err(Clone::clone);
                    match event.and_then(|json| Event::parse(json).map_err(|error| error.to_string())) {
                        // What belonged here before its category was known belongs to another entity now.
                        Ok(event) if event.entity_key().as_ref() != Ok(entity) => {}
                        Ok(event) => state = Some(Projection::fold(state, &event).0),
                        Err(reason) => return Ok(Err(format!("event {id}: {reason}"))),
                    }
                }
            }
        }
    }
}

/// The names of the attributes that are not as they would be written.
fn differences(entity: &EntityKey, projection: Projection, item: &EntityItem) -> Result<Vec<String>, String> {
    let stored = item
        .read(entity)
        .map_err(|error| ErrorChain(&error).to_string())?;
    let expected = Stored { projection, ..stored }.to_item(entity);
    let expected = expected.map_err(|error| ErrorChain(&error).to_string())?;
    let differences = item.differences(&expected).into_iter();
    Ok(differences.map(|difference| difference.attribute).collect())
}

/// Whether a domain of these has entities of this type.
fn is_of(entity: &EntityKey, domains: &[Domain]) -> bool {
    let mut rows = CATEGORIES.iter().filter(|row| row.entity == entity.entity_type());
    let domain = rows.next().map_or(Domain::Unrecognised, |row| row.domain);
    domains.contains(&domain)
}

impl Problem {
    fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Different => "different",
            Self::WithoutEvents => "without-events",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Verified {
    fn add(&mut self, finding: Option<Finding>) {
        self.found += u64::from(finding.is_some());
        if self.findings.len() < NAMED {
            self.findings.extend(finding);
        }
    }

    #[cfg(test)]
    pub(super) fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl Report for Verified {
    fn text(&self) -> String {
        let mut text = facts([
            ("entities", Some(self.entities.to_string())),
            ("not as their events say", Some(self.found.to_string())),
        ]);
        if self.succeeded() {
            return text;
        }
        let mut table = output::table(["entity", "problem", "detail"]);
        for finding in &self.findings {
            let detail = finding.detail.as_deref().unwrap_or_default();
            table.add_row([&finding.entity, finding.problem.name(), detail]);
        }
        text.push_str(&format!("\n{table}\n"));
        let unnamed = self.found - self.findings.len() as u64;
        if unnamed > 0 {
            text.push_str(&format!("and {unnamed} more\n"));
        }
        text
    }

    fn succeeded(&self) -> bool {
        self.found == 0
    }
}
