//! `archive`: whether the signed deliveries are all there, and say what the log says.

mod delivery;
mod report;
#[cfg(test)]
mod tests;
mod verify;

use clap::{Args, Subcommand};
use pipeline::error::AwsError;
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::ReadError;
use pipeline::stores::events::LogError;
use pipeline::stores::keys::{Keys, KeysError};

use crate::logged::Logged;
use crate::stack::{Stack, StackError};
use operator::times::{When, period};
pub(crate) use report::VerifyReport;
use verify::Verification;

const EXAMPLES: &str = "\
Example: the deliveries of a day
  upvest-webhooks archive verify --since 2026-01-05 --until 2026-01-06

What it finds:
  missing       an event of an archived delivery is not in the log
  extra         an event in the log whose bytes the archive does not have
  changed       an event that the log has otherwise than it was delivered
  unverifiable  a delivery whose signature does not hold, or whose key is not known
  bad-object    an object that is no delivery, or another one than its key says

A delivery of the last minutes may be in the archive before its events are in the log. The whole log is read, whatever \
the range, because it has no index by time.

The signatures of deliveries of your own are checked where you may read their secret; the others are counted.

Exit status: 0 when nothing was found, else 1.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify archived deliveries once more, and compare them with the event log both ways
    ///
    /// Each signature is checked with the key that it names, be it retired, as of the time of receipt. Nothing is asked of
    /// Upvest.
    Verify(Verify),
}

// Without a docstring: it would replace the command's description.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// Deliveries received since then: a time, a day (UTC), or an age like 36h
    #[arg(long, value_name = "TIME")]
    since: When,
    /// Deliveries received before then [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
}

/// Why the check could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Archive(#[from] ReadError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl ArchiveError {
    /// Whether another command line would have helped.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Stack(error) => error.is_usage(),
            _ => false,
        }
    }
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(self, stack: &Stack) -> Result<VerifyReport, ArchiveError> {
        let Self::Verify(Verify { since, until }) = self;
        let clock = Clock::system();
        let received = period(since, until, clock.now())?;
        let dynamodb = aws_sdk_dynamodb::Client::new(stack.config());
        let secrets = aws_sdk_secretsmanager::Client::new(stack.config());
        let verification = Verification {
            logged: Logged::of(stack)?,
            keys: Keys::new(dynamodb, secrets, stack.keys_table()?, clock),
            received,
        };
        verification.run().await
    }
}
