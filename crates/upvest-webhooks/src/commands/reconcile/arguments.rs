//! What to compare, and how to repair.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use jiff::SignedDuration;
use pipeline::runtime::clock::Clock;
use upvest::{Domain, EntityKey};

use super::ReconcileError;
use super::repair::Repair;
use crate::arguments::UpvestArgs;
use crate::operation::{Audit, OperationArgs};
use crate::stack::Stack;
use operator::operator_key::OperatorKey;
use operator::send::Target;

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

Exit status: 0 when nothing differs, or all that differed was told; 1 otherwise.";

// Without a docstring: it would replace the command's description.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    group = ArgGroup::new("what").args(["domains", "entities"]).required(true)
)]
pub(crate) struct Arguments {
    /// Compare all entities of these domains: users, accounts, payments, orders, holdings, ledger, reports ...
    #[arg(value_name = "DOMAIN")]
    pub(super) domains: Vec<Domain>,
    /// Compare this entity alone, written TYPE#ID; may be given several times
    #[arg(long = "entity", value_name = "ENTITY")]
    entities: Vec<String>,
    /// Leave alone what changed at Upvest in the last so many minutes: its events may be on their way
    ///
    /// Positions, cash balances and returns say no time: they are left alone when the stack had an event of them so lately.
    #[arg(long, value_name = "MINUTES", default_value_t = 10)]
    grace: u32,
    #[command(flatten)]
    pub(super) upvest: UpvestArgs,
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

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate| (0.01..=10_000.0).contains(rate));
    rate.ok_or("expected a number from 0.01 to 10000")
}

impl Arguments {
    /// Whether events are to be told.
    pub(super) fn repairs(&self) -> bool {
        self.repair.repair && !self.repair.dry_run
    }

    pub(super) fn rate(&self) -> f64 {
        self.repair.rate
    }

    pub(super) fn grace(&self) -> SignedDuration {
        SignedDuration::from_mins(self.grace.into())
    }

    pub(super) fn entities(&self) -> impl Iterator<Item = EntityKey> {
        self.entities.iter().cloned().map(EntityKey::from_stored)
    }

    /// What the audit table is told.
    pub(super) fn operation(&self) -> OperationArgs {
        OperationArgs {
            reason: self.repair.reason.clone(),
            dry_run: self.repair.dry_run,
            yes: self.repair.yes,
            rate: self.repair.rate,
        }
    }

    /// What the grammar cannot say.
    pub(super) fn check(&self) -> Result<(), ReconcileError> {
        match self.repairs() {
            true if self.repair.reason.is_none() => Err(ReconcileError::NoReason),
            true if self.repair.key_file.is_none() => Err(ReconcileError::NoKey),
            _ => Ok(()),
        }
    }

    /// Makes sure that events can be told: the key, where they go, who tells them, and that somebody can be asked.
    pub(super) async fn prepare(&self, stack: &Stack) -> Result<Repair, ReconcileError> {
        let named = self.repair.key_file.clone().zip(self.repair.key_id.clone());
        let key = named.map(OperatorKey::from).ok_or(ReconcileError::NoKey)?;
        let key = key.signing_key(stack).await?;
        self.operation().must_be_answerable()?;
        Ok(Repair {
            target: Target::new(&stack.webhook_url()?, false)?,
            key,
            audit: Audit::of(stack, Clock::system()).await?,
        })
    }
}
