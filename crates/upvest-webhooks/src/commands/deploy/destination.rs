//! Where `deploy` and `configure` work, and how an operator ends them.

use std::sync::Arc;

use aws_config::SdkConfig;
use operator::deploy::Target;
use operator::{Reporter, Result, StackFinder};
use tokio::sync::Notify;

use crate::terminal;

/// Holds what a [`Target`] refers to.
#[derive(Debug)]
pub(crate) struct Destination<'d> {
    config: SdkConfig,
    stack: String,
    reporter: Reporter<'d>,
    stop: Arc<Notify>,
}

impl<'d> Destination<'d> {
    /// Finds the stack that an operator names, which need not be there yet, and waits for their Ctrl-C.
    pub(crate) async fn find(stacks: &StackFinder<'d>) -> Result<Self> {
        let (config, stack) = stacks.destination().await?;
        Ok(Self {
            config,
            stack,
            reporter: stacks.reporter(),
            stop: terminal::stop_signal()?,
        })
    }

    /// Gives the target of a change.
    pub(crate) fn target(&self) -> Target<'_> {
        Target {
            config: &self.config,
            stack: &self.stack,
            reporter: self.reporter,
            stop: &self.stop,
        }
    }
}
