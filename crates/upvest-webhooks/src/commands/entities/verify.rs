//! `entities verify`: whether the entities are what their events say.

use clap::{ArgGroup, Args};
use operator::Result;
use operator::entities::{Verified, verify_all, verify_domains};
use upvest::{Domain, EntityKey};

use crate::arguments::{Site, candidates, domain, entity};
use crate::output::{Exit, Report, facts, rows_of, unnamed};

const EXAMPLES: &str = "\
Example:
  upvest-webhooks entities verify --domain orders

What it finds:
  missing         an entity that has events in the log is not in the entities table
  different       an attribute is not what the events say
  without-events  an entity in the table has no event in the log
  unreadable      an event that the log or the archive does not have any more
  to-be-rebuilt   it was folded by other rules than those of this version, and is not compared

An entity whose events are still in a queue, or in a dead-letter queue, differs until they are processed: `dlq redrive` \
first. What is wrong then, `entities rebuild` folds again from the log.

The attributes version, fold and transitions tell how the events came, not what they say; they are not compared.

Exit status: 0 when nothing was found, 4 when something was.";

// Without a docstring: it would replace the command's description.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("what").args(["domain", "entity"]).required(true))]
pub(crate) struct VerifyArgs {
    /// All entities of these domains that have an event or a state
    #[arg(long, value_name = "DOMAIN", num_args = 1.., add = candidates::domains(), value_parser = domain)]
    domain: Vec<Domain>,
    /// Keys of the entities to verify, written TYPE#ID
    #[arg(long, value_name = "ENTITY", num_args = 1.., value_parser = entity)]
    entity: Vec<EntityKey>,
}

impl VerifyArgs {
    /// Compares entities with their events; gives those that differ.
    pub(super) async fn run(self, site: Site<'_>) -> Result<Verified> {
        if self.domain.is_empty() {
            return verify_all(site.stack, self.entity).await;
        }
        verify_domains(site.stack, &self.domain, site.reporter).await
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
        let table = rows_of(&self.findings)
            .column("entity", |finding| &finding.entity)
            .column("problem", |finding| finding.problem)
            .optional("detail", |finding| finding.detail.as_ref());
        text.push_str(&format!("\n{table}\n"));
        text.push_str(&unnamed(self.found, self.findings.len()));
        text
    }

    fn exit(&self) -> Exit {
        Exit::of_findings(self.found == 0)
    }
}
