//! Folding entities again from the log, and putting the result in the place of what the table has.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pipeline::error::ErrorChain;
use pipeline::stores::audit::Operation;
use pipeline::stores::entities::{Entities, EntityError};
use serde::Serialize;
use serde_json::json;
use upvest::{Domain, EntityKey};

use super::domain_of;
use super::verify::{Finding, Problem, Verified, find_all, find_in_domains};
use crate::dlq::Waiting;
use crate::error::{Error, Result};
use crate::fold::Refold;
use crate::records::Records;
use crate::repair::{Decision, Ending, Repair};

/// Names the operation in the audit table.
const COMMAND: &str = "entities rebuild";
/// Says how often an entity is folded again when it was changed meanwhile, as by its processor.
const ATTEMPTS: usize = 5;
/// Limits the entities that a report names; the rest is only counted.
const NAMED: usize = 1000;
/// Limits those that the audit table names: an item takes 400 KB.
const RECORDED: usize = 100;

/// Tells which entities are to be rebuilt: those of them that are not what their events say.
#[derive(Debug, Clone)]
pub enum Which {
    /// Rebuilds these entities, whatever their domain.
    Entities(Vec<EntityKey>),
    /// Rebuilds all entities of these domains that have events in the log.
    Domains(Vec<Domain>),
}

/// Tells what was rebuilt, or would be.
#[derive(Debug, Default, Serialize)]
pub struct RebuildReport {
    /// Tells whether the run came to its end, and what stopped it if not.
    #[serde(flatten)]
    pub ending: Ending,
    /// Counts the entities that were compared with their events.
    pub compared: u64,
    /// Counts those that were rebuilt, or in a dry run would be.
    pub rebuilt: u64,
    /// Counts those that are not what their events say, and stay so.
    pub failed: u64,
    /// Lists what became of the first 1,000 that are not what their events say.
    pub entities: Vec<Rebuilt>,
}

/// Tells what became of an entity that is not what its events say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// Names the entity, and tells what was wrong with it.
    #[serde(flatten)]
    pub finding: Finding,
    /// Tells what was done about the entity, or in a dry run would be.
    #[serde(flatten)]
    pub result: Rebuilding,
    /// Names events that were left out, because they wait in a dead-letter queue: a redrive brings them, with their effects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// Tells what was done about an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Rebuilding {
    /// The entity would be rebuilt, were it no dry run.
    Planned,
    /// The table has the state that its events fold to.
    Rebuilt {
        /// Gives the version that it has now.
        version: u64,
    },
    /// Nothing is wrong with the entity but what waits in a dead-letter queue, or is there by now.
    AsItWas,
    /// The entity stays as it is, because its events cannot be folded or it was not written.
    Failed {
        /// Tells why, in a sentence for people.
        why: String,
    },
}

/// Rebuilds those entities that are not what their events say, once `confirm` has seen which. Nobody is told, and no action
/// runs; the effects that are kept to be resumed stay.
///
/// Events that wait in a dead-letter queue are left out, so that a redrive tells them as what they are: folded in now, they
/// would count as late. Of the others that the state lacked, their changes are kept for messages that are still to come.
///
/// # Errors
///
/// [`Error`] when nothing was changed. What ended a run early is in [`Ending::failure`].
pub async fn rebuild(
    repair: &Repair<'_>,
    which: &Which,
    confirm: impl FnOnce(&[Finding]) -> Result<bool>,
) -> Result<RebuildReport> {
    let records = Records::of(repair.stack)?;
    let waiting = Waiting::of(repair.stack, &records, &which.domains(), repair.reporter).await?;
    let found = match which {
        Which::Entities(entities) => find_all(repair.stack, entities.clone()).await?,
        Which::Domains(domains) => find_in_domains(repair.stack, domains, repair.reporter).await?,
    };
    let mut report = RebuildReport {
        ending: repair.ending(),
        compared: found.entities,
        ..RebuildReport::default()
    };
    let rebuilder = Rebuilder {
        entities: repair.stack.entities()?,
        records,
        waiting,
        now: repair.clock.now(),
    };
    match repair.decide(found.found > 0, || confirm(&found.findings))? {
        Decision::Preview => rebuilder.plan(&found, &mut report),
        Decision::Declined => report.ending.declined = true,
        Decision::GoOn => {
            let work = async |_: &Operation| {
                let ended = rebuilder.rebuild_all(repair, &found, &mut report).await;
                let entities: Vec<_> = report.entities.iter().take(RECORDED).collect();
                let (rebuilt, failed) = (report.rebuilt, report.failed);
                let result = json!({ "rebuilt": rebuilt, "failed": failed, "entities": entities });
                (result, ended)
            };
            report.ending = repair.carry_out(COMMAND, which.to_json(), work).await?;
        }
    }
    Ok(report)
}

impl Which {
    fn domains(&self) -> BTreeSet<Domain> {
        match self {
            Self::Domains(domains) => domains.iter().copied().collect(),
            Self::Entities(entities) => entities.iter().map(domain_of).collect(),
        }
    }

    fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Entities(entities) => {
                json!({ "entities": entities.iter().map(EntityKey::as_str).collect::<Vec<_>>() })
            }
            Self::Domains(domains) => {
                json!({ "domains": domains.iter().map(|domain| domain.name()).collect::<Vec<_>>() })
            }
        }
    }
}

/// Folds entities again, and writes them.
struct Rebuilder {
    entities: Entities,
    records: Records,
    waiting: Waiting,
    now: Timestamp,
}

impl Rebuilder {
    fn plan(&self, found: &Verified, report: &mut RebuildReport) {
        for finding in &found.findings {
            let result = match can_be_rebuilt(finding) {
                Ok(()) => Rebuilding::Planned,
                Err(why) => Rebuilding::Failed { why },
            };
            let left_out = self.left_out(&EntityKey::from_stored(finding.entity.clone()));
            report.add(finding, result, left_out);
        }
    }

    async fn rebuild_all(
        &self,
        repair: &Repair<'_>,
        found: &Verified,
        report: &mut RebuildReport,
    ) -> Result<()> {
        let work = repair.reporter.begin(found.found, "entities");
        let mut throttle = repair.throttle();
        for finding in &found.findings {
            throttle.due().await;
            let entity = EntityKey::from_stored(finding.entity.clone());
            let result = match can_be_rebuilt(finding) {
                Ok(()) => self.rebuild(&entity).await?,
                Err(why) => Rebuilding::Failed { why },
            };
            report.add(finding, result, self.left_out(&entity));
            work.done(1);
        }
        Ok(())
    }

    /// Rebuilds an entity as of now, whatever was found of it before.
    async fn rebuild(&self, entity: &EntityKey) -> Result<Rebuilding> {
        let failed = |why: String| Ok(Rebuilding::Failed { why });
        let left_out = self.left_out(entity);
        let left_out = left_out.iter().map(String::as_str).collect();
        for _ in 0..ATTEMPTS {
            let refold = Refold::read(&self.records, &self.entities, entity.clone()).await?;
            let projection = match refold.folded(&left_out) {
                Ok(Some(projection)) if refold.is_kept_as(&projection) => return Ok(Rebuilding::AsItWas),
                Ok(Some(projection)) => projection,
                Ok(None) => {
                    return failed("all its events wait in dead-letter queues: redrive them".to_owned());
                }
                Err(why) => return failed(why),
            };
            let unfinished = refold.unfinished(&left_out, self.now);
            let count = unfinished.len();
            let rebuilt = self
                .entities
                .rebuild(entity, refold.item(), projection, unfinished);
            match rebuilt.await {
                Ok(stored) => {
                    return Ok(Rebuilding::Rebuilt {
                        version: stored.version,
                    });
                }
                Err(EntityError::Changed(_)) => {}
                Err(EntityError::TooLarge(_)) if count > 0 => {
                    return failed(format!(
                        "its item has no room for the changes of {count} events that may be on their way: try again once \
                         its queue is empty"
                    ));
                }
                // The next one may be refused as well; all else is wrong with this entity alone.
                Err(EntityError::Aws(error)) => return Err(error.into()),
                Err(error) => return failed(ErrorChain(&error).to_string()),
            }
        }
        Err(Error::failed(format!(
            "entity {entity} is being changed all the time: its processor works on it; run the command again"
        )))
    }

    fn left_out(&self, entity: &EntityKey) -> Vec<String> {
        let events = self.waiting.events_of(entity).iter();
        let events: BTreeSet<&str> = events.map(|event| event.event_id.as_str()).collect();
        events.into_iter().map(str::to_owned).collect()
    }
}

/// Tells why a rebuild does not help an entity.
fn can_be_rebuilt(finding: &Finding) -> Result<(), String> {
    match finding.problem {
        Problem::Missing | Problem::Different | Problem::ToBeRebuilt => Ok(()),
        Problem::WithoutEvents => {
            Err("the log has no event of it: what it holds is nothing that was delivered".to_owned())
        }
        Problem::Unreadable => Err(finding
            .detail
            .clone()
            .unwrap_or_else(|| "one of its events cannot be read".to_owned())),
    }
}

impl RebuildReport {
    fn add(&mut self, finding: &Finding, result: Rebuilding, left_out: Vec<String>) {
        match result {
            Rebuilding::Failed { .. } => self.failed += 1,
            Rebuilding::Planned | Rebuilding::Rebuilt { .. } => self.rebuilt += 1,
            Rebuilding::AsItWas => {}
        }
        if self.entities.len() < NAMED {
            self.entities.push(Rebuilt {
                finding: finding.clone(),
                result,
                left_out,
            });
        }
    }
}
