//! Asks before something is changed by what is no repair, unless the options answer already.

use clap::Args;
use operator::Result;

use super::repair::{answered, refuse_unless_answerable};
use crate::terminal;

/// Says whether to do it, after a question or not.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConsentArgs {
    /// Show what would change, and change nothing
    #[arg(long, alias = "no-execute")]
    pub(crate) dry_run: bool,
    /// Do not ask; needed where there is no terminal
    #[arg(long)]
    pub(crate) yes: bool,
}

impl ConsentArgs {
    /// Asks whether to go on, unless that was said already. `shown` says first what it is about, to whoever is asked, and to the
    /// log of whoever is not.
    ///
    /// # Errors
    ///
    /// [`Error`](operator::Error) of the kind usage without a terminal.
    pub(crate) async fn confirm(&self, shown: impl FnOnce(), question: String) -> Result<bool> {
        shown();
        match self.yes {
            true => Ok(true),
            false => answered(terminal::ask_meanwhile(question).await),
        }
    }

    /// Makes sure that somebody can be asked later, where much is done before the question.
    ///
    /// # Errors
    ///
    /// [`Error`](operator::Error) of the kind usage without a terminal.
    pub(crate) fn must_be_answerable(&self) -> Result<()> {
        refuse_unless_answerable(self.yes || self.dry_run)
    }
}
