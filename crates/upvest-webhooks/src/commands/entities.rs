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
use operator::entities::{EntityList, EntityReport, RebuildReport, Verified, show};

use self::list::ListArgs;
use self::rebuild::RebuildArgs;
use self::verify::VerifyArgs;
use crate::arguments::Site;
use crate::output::one_report_of;

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

one_report_of! {
    /// Holds the result of any of the commands.
    EntitiesReport {
        Shown(Box<EntityReport>),
        Listed(EntityList),
        Verified(Verified),
        Rebuilt(RebuildReport),
    }
}

impl Command {
    /// Runs the command that was chosen; gives its report.
    pub(crate) async fn run(self, site: Site<'_>) -> Result<EntitiesReport> {
        Ok(match self {
            Self::Show { entity } => EntitiesReport::Shown(Box::new(show(site.stack, &entity).await?)),
            Self::List(list) => EntitiesReport::Listed(list.run(site).await?),
            Self::Verify(verify) => EntitiesReport::Verified(verify.run(site).await?),
            Self::Rebuild(rebuild) => EntitiesReport::Rebuilt(rebuild.run(site).await?),
        })
    }
}
