//! Running the command that was given.

use clap::CommandFactory;
use operator::send::Summary;
use operator::{Output, Result, StackFinder};
use pipeline::runtime::clock::Clock;

use super::{Cli, Command};
use crate::arguments::Site;
use crate::commands::{explain, send, shell, tail};
use crate::output::{Answer, Exit, Page, Report, told};

impl Command {
    /// Tells whether the command may be about a stack.
    pub(super) fn takes_stack(&self) -> bool {
        !matches!(self, Self::Context(_) | Self::Completions { .. } | Self::Man(_))
    }

    /// Runs the command on the stack that it is about, if it is about one; gives what is to be printed.
    pub(super) async fn run(self, stacks: &StackFinder<'_>, clock: &Clock, page: Page) -> Result<Answer> {
        let site = || Site::find(stacks, clock);
        let report = match self {
            Self::Webhooks(webhooks) => webhooks.run(stacks).await?,
            Self::Keys(command) => command.run(stacks, clock).await?,
            Self::Send(arguments) => told(sent(*arguments, stacks, clock).await)?,
            Self::Trigger(arguments) => arguments.run(stacks, clock).await?,
            Self::Events(command) => command.run(site().await?).await?,
            Self::Explain(arguments) => explained(arguments, stacks, clock).await?,
            Self::Tail(arguments) => return watched(arguments, stacks, page).await,
            Self::Listen(arguments) => return Ok(Answer::printed(arguments.run(site().await?, page).await?)),
            Self::Entities(command) => command.run(site().await?).await?,
            Self::Archive(command) => command.run(site().await?).await?,
            Self::Replay(arguments) => told(arguments.run(site().await?).await)?,
            Self::Quarantine(command) => command.run(site().await?).await?,
            Self::Dlq(command) => command.run(site().await?).await?,
            Self::Drain(arguments) => arguments.run(site().await?).await?,
            Self::Restore(arguments) => told(arguments.run(site().await?).await)?,
            Self::Audit(command) => command.run(site().await?).await?,
            Self::Policy(arguments) => told(arguments.run(site().await?).await)?,
            Self::Deploy(arguments) => told(Box::pin(arguments.run(stacks)).await)?,
            Self::Configure(arguments) => Box::pin(arguments.run(stacks)).await?,
            Self::Doctor(arguments) => told(arguments.run(stacks).await)?,
            Self::Reconcile(arguments) => told(Box::pin(arguments.run(stacks, clock)).await)?,
            Self::Spec(command) => told(command.run())?,
            Self::Cost(arguments) => told(arguments.run(stacks.choice().region.as_deref()))?,
            Self::Context(command) => command.run(stacks)?,
            Self::Completions { shell } => return Ok(Answer::verbatim(shell::completions(shell))),
            Self::Man(manual) => told(manual.run(Cli::command()))?,
        };
        Answer::of(report.as_ref(), page)
    }
}

/// Posts signed deliveries to a URL, or to the stack's.
async fn sent(arguments: send::Arguments, stacks: &StackFinder<'_>, clock: &Clock) -> Result<Summary> {
    let url = match arguments.url() {
        Some(url) => url.to_owned(),
        None => stacks.stack().await?.output(Output::WebhookUrl)?,
    };
    arguments.run(&url, clock, stacks.reporter()).await
}

/// Explains a state or an event: in short, or each step.
async fn explained(
    arguments: explain::Arguments,
    stacks: &StackFinder<'_>,
    clock: &Clock,
) -> Result<Box<dyn Report>> {
    let is_whole = arguments.verbose;
    let explanation = arguments.run(stacks.stack().await?, clock).await;
    match is_whole {
        true => told(explanation),
        false => told(explanation.map(explain::Brief)),
    }
}

/// Shows deliveries as they come, until somebody ends it.
async fn watched(arguments: tail::Arguments, stacks: &StackFinder<'_>, page: Page) -> Result<Answer> {
    let (stack, reporter) = (stacks.stack().await?, stacks.reporter());
    arguments.run(stack, page.is_json, reporter).await?;
    Ok(Answer::printed(Exit::Done))
}
