//! `reconcile`: our projections beside what Upvest's API says, and events for what no event told.

#[cfg(test)]
mod tests;
mod text;

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use jiff::SignedDuration;
use operator::operator_key::OperatorKey;
use operator::reconcile::{Reconciliation, Scope, compare, repair};
use operator::{Error, Result, StackFinder};
use pipeline::runtime::clock::Clock;
use upvest::{Domain, EntityKey};

use crate::arguments::{RepairArgs, Site, UpvestArgs, candidates, domain, entity, rate};

const EXAMPLES: &str = "\
Examples:
  Compare all orders and payments with Upvest:
    upvest-webhooks --stack webhooks-live reconcile orders payments

  One order, at once:
    upvest-webhooks --stack webhooks-live reconcile --entity ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4

  Tell the stack what it missed of the orders, after a question:
    upvest-webhooks --stack webhooks-live reconcile orders --repair --reason \"subscription was disabled\" \\
      --key-file smoke.key --key-id smoke

What it finds:
  missing   Upvest has it, and the stack does not
  stale     Upvest has a newer version
  diverged  both have one version, or one without a time, with other content
  extra     the stack has it, and Upvest does not; sought among what can be read by its id
  recent    it differs, and changed so short a time ago that its event may be on the way (--grace)

Events that Upvest still has to deliver come by themselves, and actions would run for them and for the repair: repair \
what is lost for good.

The API client needs the scope of what is read, like orders:read, which a refusal names. Upvest's API does not give out \
everything that it sends events of; the report says of what, and why.

Exit status: 0 when nothing differs, or all that differed was told; 4 when something still differs; 1 when not all could
be compared.";

// Without a docstring: it would replace the command's description.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    group = ArgGroup::new("what").args(["domains", "entities"]).required(true)
)]
pub(crate) struct Arguments {
    /// Compare all entities of these domains: users, accounts, payments, orders, holdings, ledger, reports ...
    #[arg(value_name = "DOMAIN", add = candidates::domains(), value_parser = domain)]
    domains: Vec<Domain>,
    /// Compare this entity alone, written TYPE#ID; may be given several times
    #[arg(long = "entity", value_name = "ENTITY", value_parser = entity)]
    entities: Vec<EntityKey>,
    /// Leave alone what changed at Upvest in the last so many minutes: its events may be on their way
    ///
    /// Positions, cash balances and returns say no time: they are left alone when the stack had an event of them so lately.
    #[arg(long, value_name = "MINUTES", default_value_t = 10)]
    grace: u32,
    #[command(flatten)]
    upvest: UpvestArgs,
    #[command(flatten)]
    repair: RepairArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Repair")]
struct RepairArguments {
    /// Tell the stack what is missing, stale or diverged, by events that say what Upvest's API says
    #[arg(long)]
    repair: bool,
    /// Sign these events with this shared secret, which the stack knows (`keys import --hmac-secret-file`)
    #[arg(long, value_name = "FILE", requires = "key_id")]
    key_file: Option<PathBuf>,
    /// The id under which the stack knows the secret
    #[arg(long, value_name = "ID", requires = "key_file")]
    key_id: Option<String>,
    /// Why, for the audit table: a ticket, say, and nothing personal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Show what would be told, and tell nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask; needed where there is no terminal
    #[arg(long)]
    yes: bool,
    /// Make at most so many requests to Upvest, and tell so many events, a second
    #[arg(long, value_name = "PER_SECOND", default_value_t = 50.0, value_parser = rate)]
    rate: f64,
}

impl Arguments {
    /// Compares, and repairs if that is asked for.
    pub(crate) async fn run(self, stacks: &StackFinder<'_>, clock: &Clock) -> Result<Reconciliation> {
        let (key, how) = (self.repair.key()?, self.repair.how());
        if key.is_some() {
            how.must_be_answerable()?;
        }
        let stack = stacks.stack().await?;
        let client = self.upvest.client(stacks).await?;
        let scope = Scope {
            domains: self.domains,
            entities: self.entities,
            grace: SignedDuration::from_mins(self.grace.into()),
        };
        let Some(key) = key else {
            return compare(stack, &client, &scope, how.rate).await;
        };
        let key = key.signing_key(stack).await?;
        let frame = how.of(Site::find(stacks, clock).await?);
        repair(&frame, &client, &scope, key, |events| {
            how.confirm(&format!("Tell the stack {events} events in Upvest's place?"))
        })
        .await
    }
}

impl RepairArguments {
    /// Gives the key that events are signed with, if any are to be told. The grammar cannot say that it is needed then.
    fn key(&self) -> Result<Option<OperatorKey>> {
        // A dry run is the comparison itself: it posts nothing, and takes no key.
        if !self.repair || self.dry_run {
            return Ok(None);
        }
        if self.reason.is_none() {
            return Err(Error::usage(
                "--repair needs --reason, for the audit table; --dry-run shows what would be told",
            ));
        }
        let named = self.key_file.clone().zip(self.key_id.clone());
        named.map(|named| Some(named.into())).ok_or_else(|| {
            Error::usage(
                "--repair needs --key-file and --key-id: a key that was imported with `keys import --hmac-secret-file`",
            )
        })
    }

    /// Says how to repair, in the form of the other repairs.
    fn how(self) -> RepairArgs {
        RepairArgs {
            reason: self.reason,
            dry_run: self.dry_run,
            yes: self.yes,
            rate: self.rate,
        }
    }
}
