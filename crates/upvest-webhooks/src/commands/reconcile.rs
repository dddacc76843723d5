//! `reconcile`: our projections beside what Upvest's API says, and events for what no event told.

mod arguments;
mod compare;
mod event;
mod examination;
mod repair;
mod report;
#[cfg(test)]
mod tests;
mod walk;

use pipeline::error::AwsError;

pub(crate) use self::arguments::Arguments;
use self::examination::Examination;
pub(crate) use self::report::ReconcileReport;
use crate::stack::{StackError, StackFinder};
use upvest::EntityKey;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Upvest(#[from] upvest_api::Error),
    #[error("--repair needs --reason, for the audit table; --dry-run shows what would be told")]
    NoReason,
    #[error(
        "--repair needs --key-file and --key-id: a key that was imported with `keys import --hmac-secret-file`"
    )]
    NoKey,
    #[error("{entity} cannot be compared: {why}")]
    Entity { entity: EntityKey, why: &'static str },
    #[error("the entities table cannot be read")]
    Entities(#[from] pipeline::stores::entities::EntityError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ReconcileError {
    /// Whether another command line would have helped.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Stack(error) => error.is_usage(),
            Self::NoReason | Self::NoKey | Self::Entity { .. } => true,
            _ => false,
        }
    }

    /// What probably made Upvest refuse, and what to do.
    pub(crate) fn hint(&self) -> Option<upvest_api::Hint> {
        match self {
            Self::Upvest(error) => error.hint(),
            Self::Stack(error) => error.hint(),
            _ => None,
        }
    }
}

impl Arguments {
    /// Compares, and repairs if that is asked for.
    pub(crate) async fn run(self, stacks: &StackFinder<'_>) -> Result<ReconcileReport, ReconcileError> {
        self.check()?;
        let stack = stacks.stack().await?;
        let client = self.upvest.client(stacks).await?;
        // Before all the reading, which takes a while: what is missing for the repair should not show after it.
        let repair = match self.repairs() {
            true => Some(self.prepare(stack).await?),
            false => None,
        };
        let mut examination = Examination::new(stack, &client, &self)?;
        examination.run(&self).await?;
        let mut report = ReconcileReport::of(examination, &self);
        let told = report.repairable();
        let Some(repair) = repair.filter(|_| told > 0) else {
            return Ok(report);
        };
        let question = format!("Tell the stack {told} events in Upvest's place?");
        if !self.operation().confirm(&question)? {
            return Ok(report);
        }
        repair.run(&self, &mut report).await?;
        Ok(report)
    }
}
