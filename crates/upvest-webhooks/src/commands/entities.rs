//! `entities`: the current state of what events are about.

mod show;
mod verify;
#[cfg(test)]
mod verify_tests;

use clap::Subcommand;
use operator::entities::{EntityReport, Verified, show};
use operator::{Reporter, Result, Stack};
use serde::Serialize;

use self::verify::VerifyArgs;
use crate::output::Report;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show an entity: status, history, parts, and its latest object
    ///
    /// Example: upvest-webhooks entities show ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4
    Show {
        /// The entity, written TYPE#ID
        entity: String,
    },
    /// Compare entities with what their events in the log say
    Verify(VerifyArgs),
}

/// The result of either command.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum EntitiesReport {
    Shown(Box<EntityReport>),
    Verified(Verified),
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(self, stack: &Stack, reporter: Reporter<'_>) -> Result<EntitiesReport> {
        Ok(match self {
            Self::Show { entity } => EntitiesReport::Shown(Box::new(show(stack, &entity).await?)),
            Self::Verify(verify) => EntitiesReport::Verified(verify.run(stack, reporter).await?),
        })
    }
}

impl Report for EntitiesReport {
    fn text(&self) -> String {
        match self {
            Self::Shown(entity) => entity.text(),
            Self::Verified(verified) => verified.text(),
        }
    }

    fn succeeded(&self) -> bool {
        match self {
            Self::Shown(_) => true,
            Self::Verified(verified) => verified.succeeded(),
        }
    }
}
