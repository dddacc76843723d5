//! How a repair is done: its reason, its rate, and who is asked.

use std::io;

use clap::Args;
use operator::repair::RepairOptions;
use operator::{Error, Repair, Result};

use super::Site;
use crate::terminal;

/// Says how a repair is done: as a dry run or not, after a question or not, why, and how fast.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Repair")]
pub(crate) struct RepairArgs {
    /// Why, for the audit table: a ticket, say, and nothing personal
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    pub(crate) reason: Option<String>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask; needed where there is no terminal
    #[arg(long)]
    pub(crate) yes: bool,
    /// Send back at most so many messages, events or deliveries a second
    #[arg(long, value_name = "PER_SECOND", default_value_t = 50.0, value_parser = rate)]
    pub(crate) rate: f64,
}

/// Reads how much may be done a second.
pub(crate) fn rate(text: &str) -> Result<f64, &'static str> {
    // Never 0: `Throttle` divides by it.
    let rate = text.parse().ok().filter(|rate| (0.01..=10_000.0).contains(rate));
    rate.ok_or("expected a number from 0.01 to 10000")
}

/// Takes an answer, which nobody gave where there is no terminal.
pub(super) fn answered(answer: io::Result<Option<bool>>) -> Result<bool> {
    let answer = answer.map_err(Error::context("the answer cannot be read"))?;
    answer.ok_or_else(nobody_to_ask)
}

/// Says that there is nobody to ask.
fn nobody_to_ask() -> Error {
    Error::usage("nobody can be asked, without a terminal: use --yes, or --dry-run to see what would be done")
}

/// Refuses to begin what asks later, where nobody can be asked; `is_answered` says that no question will be put.
pub(super) fn refuse_unless_answerable(is_answered: bool) -> Result<()> {
    match is_answered || terminal::is_attended() {
        true => Ok(()),
        false => Err(nobody_to_ask()),
    }
}

impl RepairArgs {
    /// Says how a repair is done that puts no question, and sends nothing back that a rate could hold.
    pub(crate) fn unasked(reason: Option<String>, dry_run: bool) -> Self {
        Self {
            reason,
            dry_run,
            yes: true,
            rate: 1.0,
        }
    }

    /// Sets a repair of a stack up. The grammar sees to it that there is a reason unless nothing is done.
    pub(crate) fn of<'s>(&self, site: Site<'s>) -> Repair<'s> {
        Repair {
            stack: site.stack,
            options: RepairOptions {
                reason: self.reason.clone().unwrap_or_default(),
                dry_run: self.dry_run,
                per_second: self.rate,
            },
            clock: site.clock,
            reporter: site.reporter,
        }
    }

    /// Asks whether to go on, unless that was said already.
    ///
    /// # Errors
    ///
    /// [`Error`] of the kind usage without a terminal.
    pub(crate) fn confirm(&self, question: &str) -> Result<bool> {
        match self.yes {
            true => Ok(true),
            false => answered(terminal::ask(question)),
        }
    }

    /// Makes sure that somebody can be asked later, where much is read before the question.
    ///
    /// # Errors
    ///
    /// [`Error`] of the kind usage without a terminal.
    pub(crate) fn must_be_answerable(&self) -> Result<()> {
        refuse_unless_answerable(self.yes || self.dry_run)
    }
}
