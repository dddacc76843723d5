//! `entities`: the current state of what events are about.

mod list;
mod rebuild;
#[cfg(test)]
mod rebuild_tests;
mod show;
mod verify;
#[cfg(test)]
mod verify_tests;

use clap::Subcommand;
use operator::Result;
use operator::entities::show;

use self::list::ListArgs;
use self::rebuild::RebuildArgs;
use self::verify::VerifyArgs;
use crate::arguments::Site;
use crate::output::{Report, told};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show an entity: status, history, parts, and its latest object, from the event log
    ///
    /// Example: upvest-webhooks entities show ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4
    Show {
        /// The entity, written TYPE#ID; a bare id or the beginning of one does where only one entity has it
        entity: String,
    },
    /// List entities by their user, domain, type, status or last event
    List(Box<ListArgs>),
    /// Compare entities with what their events in the log say
    Verify(VerifyArgs),
    /// Fold entities again from the event log, where they are not what their events say
    Rebuild(Box<RebuildArgs>),
}

impl Command {
    /// Runs the command that was chosen; gives its report.
    pub(crate) async fn run(self, site: Site<'_>) -> Result<Box<dyn Report>> {
        match self {
            Self::Show { entity } => told(show(site.stack, &entity).await),
            Self::List(list) => told(list.run(site).await),
            Self::Verify(verify) => told(verify.run(site).await),
            Self::Rebuild(rebuild) => told(rebuild.run(site).await),
        }
    }
}
