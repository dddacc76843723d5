//! `events`: what the event log holds.

mod show;
mod timeline;

use clap::Subcommand;
use operator::events::{EventReport, Timeline};
use operator::{Result, Stack};

use self::timeline::TimelineArgs;
use crate::output::one_report_of;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show an event, with its object as it was delivered
    ///
    /// Example: upvest-webhooks events show 1a9eca6b-4294-4260-a20c-2a23e852f2a2
    Show {
        /// The event's id
        event_id: String,
    },
    /// List the events of an entity, oldest first
    ///
    /// Example: upvest-webhooks events timeline ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4
    Timeline(TimelineArgs),
}

one_report_of! {
    /// Holds the result of either command.
    EventsReport {
        Event(Box<EventReport>),
        Timeline(Timeline),
    }
}

impl Command {
    /// Reads the event log; gives an event or a time line.
    pub(crate) async fn run(self, stack: &Stack) -> Result<EventsReport> {
        Ok(match self {
            Self::Show { event_id } => {
                EventsReport::Event(Box::new(operator::events::show(stack, &event_id).await?))
            }
            Self::Timeline(timeline) => EventsReport::Timeline(timeline.run(stack).await?),
        })
    }
}
