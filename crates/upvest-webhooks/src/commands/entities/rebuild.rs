//! `entities rebuild`: folding entities again from the event log.

use clap::{ArgGroup, Args};
use operator::Result;
use operator::entities::{Finding, RebuildReport, Rebuilding, Rebuilt, Which, rebuild};
use upvest::{Domain, EntityKey};

use crate::arguments::{RepairArgs, Site, candidates, domain, entity};
use crate::output::{Exit, Report, facts, joined, repair_text, rows_of};

const EXAMPLES: &str = "\
Examples:
  upvest-webhooks entities rebuild ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4 --reason \"INC-42: item edited by hand\"
  upvest-webhooks entities rebuild --domain orders --dry-run

For an item that somebody edited or deleted by hand, and for all items once a new version folds by other rules. What \
`entities verify` finds nothing wrong with stays as it is.

Nobody is told, and no action runs: what was told is not told again, and effects that are still to come stay to come. So \
events that wait in a dead-letter queue are left out: a redrive brings them, with their effects. Processors may work on the \
entities meanwhile.

Exit status: 0 when everything that was found is rebuilt, 1 when something is not.";

// Without a docstring: it would replace the command's description.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("what").args(["domain", "entities"]).required(true))]
pub(crate) struct RebuildArgs {
    /// Keys of the entities to rebuild, written TYPE#ID
    #[arg(value_name = "ENTITY", value_parser = entity)]
    entities: Vec<EntityKey>,
    /// All entities of these domains that have events in the log
    #[arg(long, value_name = "DOMAIN", num_args = 1.., add = candidates::domains(), value_parser = domain)]
    domain: Vec<Domain>,
    #[command(flatten)]
    repair: RepairArgs,
}

impl RebuildArgs {
    /// Rebuilds what is not what its events say, after a question that names it.
    pub(super) async fn run(self, site: Site<'_>) -> Result<RebuildReport> {
        self.repair.must_be_answerable()?;
        let which = match self.domain.is_empty() {
            true => Which::Entities(self.entities),
            false => Which::Domains(self.domain),
        };
        let repair = self.repair.of(site);
        rebuild(&repair, &which, |found| self.repair.confirm(&question(found))).await
    }
}

fn question(found: &[Finding]) -> String {
    let name = |finding: &Finding| format!("{} ({})", finding.entity, finding.problem);
    let mut named: Vec<String> = found.iter().take(5).map(name).collect();
    if found.len() > named.len() {
        named.push(format!("and {} more", found.len() - named.len()));
    }
    let named = joined(named);
    format!("These are folded again from the event log: {named}. Go on?")
}

impl Report for RebuildReport {
    fn text(&self) -> String {
        repair_text(&self.ending, "rebuilt", || {
            let rebuilt = match self.ending.dry_run {
                true => "would be rebuilt",
                false => "rebuilt",
            };
            let mut text = facts([
                ("compared", Some(self.compared.to_string())),
                (rebuilt, Some(self.rebuilt.to_string())),
                ("not rebuilt", Some(self.failed.to_string())),
            ]);
            let table = rows_of(&self.entities)
                .column("entity", |entity| &entity.finding.entity)
                .column("problem", |entity| entity.finding.problem)
                .column("result", result_text);
            text.push_str(&table.below(""));
            let left_out = self.entities.iter().flat_map(|entity| &entity.left_out);
            let left_out = joined(left_out);
            if !left_out.is_empty() {
                text.push_str(&format!(
                    "\nleft out, because they wait in a dead-letter queue: {left_out}\n  \
                     hint: `upvest-webhooks dlq redrive` brings them, with their effects\n"
                ));
            }
            text
        })
    }

    fn exit(&self) -> Exit {
        Exit::of_work(self.ending.is_good() && self.failed == 0)
    }
}

fn result_text(entity: &Rebuilt) -> String {
    match &entity.result {
        Rebuilding::Planned => "would be rebuilt".to_owned(),
        Rebuilding::Rebuilt { version } => format!("rebuilt, version {version}"),
        Rebuilding::AsItWas => "as it was: nothing is wrong but what waits".to_owned(),
        Rebuilding::Failed { why } => format!("not rebuilt: {why}"),
    }
}
