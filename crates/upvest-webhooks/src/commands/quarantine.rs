//! `quarantine`: what could not be proven or understood, and trying again.

mod discard;
mod list;
mod reverify;
mod selection;
mod show;
#[cfg(test)]
mod tests;

use clap::Subcommand;
use operator::Result;
use operator::quarantine::{list, show};
use uuid::Uuid;

use self::discard::DiscardArgs;
use self::reverify::ReverifyArgs;
use self::selection::SelectionArgs;
use crate::arguments::{Site, ids};
use crate::output::{Report, told};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what is in quarantine, in the order of receipt
    ///
    /// A delivery is listed once for each reason. Where only some of its events are in quarantine, the others are in
    /// the event log, and the delivery is in the archive.
    ///
    /// Example: upvest-webhooks quarantine list --because bad-signature --since 2026-01-05
    List {
        #[command(flatten)]
        selection: SelectionArgs,
        /// List at most so many deliveries, the oldest ones
        #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
    },
    /// Show a delivery: why it is in quarantine, what its signature covers, and whether it would hold now
    ///
    /// Until its signature holds, all that it shows is what the sender claims.
    ///
    /// Example: upvest-webhooks quarantine show 019b76da-a87b-7def-8123-456789abcdef
    Show {
        /// Id of the delivery, as quarantine list shows it
        #[arg(value_parser = ids::quarantined)]
        delivery_id: Uuid,
        /// Print the body too, which may hold personal data
        #[arg(long)]
        body: bool,
    },
    /// Verify again, and send what holds by now on its way
    ///
    /// Mend the cause first: import a key, or deploy a version that understands an event. The signature is verified by
    /// the keys and the policy of the stack, as of the time of receipt. What holds is sent to the deliveries queue, under
    /// its delivery id, and leaves the quarantine once the stack has verified it; what still fails stays, with its reason.
    ///
    /// Without ids and filters it takes everything. Interrupt it when you like, and run it again: nothing is lost, and what
    /// was sent in the last hour is waited for, not sent again. Exit status 0: everything chosen holds and is on its way;
    /// 3: an ID was not found; 4: something still fails, or the stack has not verified it yet.
    ///
    /// Example: upvest-webhooks quarantine reverify --key-id 9ed77463-c18e-4794-ab5c-17423f9b801a --reason "INC-42"
    Reverify(Box<ReverifyArgs>),
    /// Remove deliveries from quarantine for good
    ///
    /// For what Upvest did not send: its own events that are discarded are not in the log, and do not come again. The
    /// audit table keeps the ids, the reasons and the SHA-256 of the bodies. The bucket keeps versions: the bytes
    /// stay behind a delete marker for a day, or longer where object lock says so, and can be brought back until then.
    ///
    /// Example: upvest-webhooks quarantine discard --because missing-digest --until 7d --reason "scanner, INC-7"
    Discard(Box<DiscardArgs>),
}

impl Command {
    /// Runs the command that was chosen; gives its report.
    pub(crate) async fn run(self, site: Site<'_>) -> Result<Box<dyn Report>> {
        match self {
            Self::List { selection, limit } => {
                let selection = selection.of(Vec::new());
                told(list(site.stack, &selection, limit, site.clock.now()).await)
            }
            Self::Show { delivery_id, body } => told(show(site.stack, delivery_id, body, &site.clock).await),
            Self::Reverify(reverify) => told(reverify.run(site).await),
            Self::Discard(discard) => told(discard.run(site).await),
        }
    }
}
