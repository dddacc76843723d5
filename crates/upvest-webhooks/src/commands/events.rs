//! `events`: what the event log holds.

mod list;
mod show;
mod timeline;

use clap::Subcommand;
use operator::Result;
use operator::events::{show, timeline};
use upvest::Occurred;

use self::list::ListArgs;
use crate::arguments::Site;
use crate::output::{Report, told};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show an event, with its object as it was delivered
    ///
    /// Example: upvest-webhooks events show 1a9eca6b-4294-4260-a20c-2a23e852f2a2
    Show {
        /// The event's id, or the beginning of it, for which at most 20 MB of the log are looked through
        event_id: String,
    },
    /// List events by when they were received, oldest first
    List(Box<ListArgs>),
    /// List the events of an entity, oldest first
    ///
    /// Example: upvest-webhooks events timeline ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4
    Timeline {
        /// The entity, written TYPE#ID; a bare id or the beginning of one does where only one entity has it
        entity: String,
        /// Show at most so many events
        #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
        /// Go on after this event, as the last page said
        #[arg(long, value_name = "OCCURRED", value_parser = occurred)]
        after: Option<Occurred>,
    },
}

fn occurred(text: &str) -> Result<Occurred, &'static str> {
    Occurred::from_stored(text).map_err(|_| "expected the place of an event, as the last page printed it")
}

impl Command {
    /// Reads the event log; gives an event, a list or a time line.
    pub(crate) async fn run(self, site: Site<'_>) -> Result<Box<dyn Report>> {
        match self {
            Self::Show { event_id } => told(show(site.stack, &event_id).await),
            Self::List(list) => told(list.run(site).await),
            Self::Timeline { entity, limit, after } => {
                told(timeline(site.stack, &entity, after.as_ref(), limit).await)
            }
        }
    }
}
