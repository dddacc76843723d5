//! Finds the stack that a command works on, with the clock and the reporter beside it.

use operator::{Reporter, Result, Stack, StackFinder};
use pipeline::runtime::clock::Clock;

/// Gives a command what it works with: a stack, the clock that times are told by, and who hears how far it is.
#[derive(Debug)]
pub(crate) struct Site<'s> {
    pub(crate) stack: &'s Stack,
    pub(crate) clock: Clock,
    pub(crate) reporter: Reporter<'s>,
}

impl<'s> Site<'s> {
    /// Finds the stack that is meant.
    ///
    /// # Errors
    ///
    /// [`Error`](operator::Error) when none is named, or it cannot be looked up.
    pub(crate) async fn find(stacks: &'s StackFinder<'_>, clock: &Clock) -> Result<Self> {
        Ok(Self {
            stack: stacks.stack().await?,
            clock: clock.clone(),
            reporter: stacks.reporter(),
        })
    }
}

#[cfg(test)]
impl<'s> Site<'s> {
    /// Works on this stack at the time of a clock, and tells nobody how far it is.
    pub(crate) fn silent(stack: &'s Stack, clock: Clock) -> Self {
        Self {
            stack,
            clock,
            reporter: Reporter::silent(),
        }
    }
}
