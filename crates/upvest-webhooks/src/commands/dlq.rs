//! `dlq`: what could not be processed, sending it back, and discarding it.

mod discard;
mod list;
mod pending;
mod redrive;
mod selection;
mod show;
#[cfg(test)]
mod tests;

use clap::Subcommand;
use operator::Result;
use operator::dlq::pending;
use operator::names::warn_of_unknown_types;

use self::list::ListArgs;
use self::pending::ResendArgs;
use self::selection::MessagesArgs;
use self::show::ShowArgs;
use crate::arguments::Site;
use crate::output::{Report, told};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Count the messages of each dead-letter queue, or list them
    ///
    /// To list messages they are received and given back at once. That raises their receive counts, which has no
    /// consequence in a dead-letter queue; while one command looks, another sees less.
    ///
    /// Example: upvest-webhooks dlq list --messages --queue orders --because "timed out"
    List(ListArgs),
    /// Show a message: why it is there, what it is about, and its attributes
    ///
    /// Example: upvest-webhooks dlq show 1a9eca6b-4294-4260-a20c-2a23e852f2a2 --body
    Show(ShowArgs),
    /// Send messages back to the queue that they came from, to be processed again
    ///
    /// Mend the cause first. Each message is sent as it was, without its reason and marked as sent again, and then deleted
    /// from the dead-letter queue, those of one entity in their order. Effects that were begun are resumed. Interrupt it when you like: nothing is lost, and the same command goes
    /// on. A message that fails again meanwhile is not sent a second time by the same command.
    ///
    /// Of an entity SQS shows no more than ten messages at a time. A dry run (--dry-run) counts no more than these; what
    /// a filter leaves hides what is behind it; and the command says of which entities.
    ///
    /// Exit status: 0 when nothing failed and every ID was found, 3 when an ID was not, 1 when something failed.
    ///
    /// Example: upvest-webhooks dlq redrive --queue orders --because "timed out" --reason "bank API is back, INC-42"
    Redrive(Box<MessagesArgs>),
    /// Discard events: fold them into their entity's state, tell nobody, and delete their messages
    ///
    /// For an event whose action can never succeed, or is not to run. The event stays in the log. Its state takes the event
    /// in as the log has it; no action runs, and nothing is published. One that cannot be folded is deleted all the same,
    /// and the report says so. The audit table keeps who gave up what, and why.
    ///
    /// A message stays whose entity cannot be read: `entities rebuild` first.
    ///
    /// Exit status: 0 when everything chosen is gone, 3 when an ID was not found, 1 when something stays.
    ///
    /// Example: upvest-webhooks dlq discard 1a9eca6b-4294-4260-a20c-2a23e852f2a2 --queue orders --reason "INC-42: test order"
    Discard(Box<MessagesArgs>),
    /// List deliveries that were answered and are not settled, wherever their messages are
    ///
    /// The bytes of a delivery are put there before the second attempt at it, and once an hour from the dead-letter queue,
    /// because SQS forgets a message after 14 days. An attempt that succeeds removes them.
    ///
    /// Example: upvest-webhooks dlq pending
    Pending {
        /// List at most so many deliveries, the oldest ones
        #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
    },
    /// Send pending deliveries to the deliveries queue again
    ///
    /// For what SQS has forgotten; what is still in the dead-letter queue is sent back by `dlq redrive`. Mend the cause first.
    /// A delivery stays pending until it is handled. To send one twice changes nothing.
    ///
    /// Exit status: 0 when everything chosen was sent, 3 when an ID was not found, 1 when something was not sent.
    ///
    /// Example: upvest-webhooks dlq resend --reason "the archive may be written again, INC-42"
    Resend(Box<ResendArgs>),
}

impl Command {
    /// Runs the command that was chosen; gives its report.
    pub(crate) async fn run(self, site: Site<'_>) -> Result<Box<dyn Report>> {
        let filter = match &self {
            Self::List(list) => Some(&list.filter),
            Self::Redrive(messages) | Self::Discard(messages) => Some(&messages.filter),
            Self::Show(_) | Self::Pending { .. } | Self::Resend(_) => None,
        };
        warn_of_unknown_types(
            filter.and_then(|filter| filter.event_type.as_ref()),
            site.reporter,
        );
        match self {
            Self::List(list) => told(list.run(site).await),
            Self::Show(show) => told(show.run(site).await),
            Self::Redrive(messages) => told(redrive::run(*messages, site).await),
            Self::Discard(messages) => told(discard::run(*messages, site).await),
            Self::Pending { limit } => told(pending(site.stack, limit, site.clock.now()).await),
            Self::Resend(resend) => told(resend.run(site).await),
        }
    }
}
