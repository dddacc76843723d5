//! Running the command that was given.

use clap::CommandFactory;
use operator::{Part, Result, StackFinder};
use pipeline::runtime::clock::Clock;

use super::{Cli, Command};
use crate::arguments::Site;
use crate::commands::{explain, send, shell, tail};
use crate::exit::Exit;
use crate::output::{Answer, Page};

impl Command {
    /// Tells whether the command may be about a stack.
    pub(super) fn takes_stack(&self) -> bool {
        !matches!(self, Self::Context(_) | Self::Completions { .. } | Self::Man(_))
    }

    /// Runs the command on the stack that it is about, if it is about one; gives what is to be printed.
    pub(super) async fn run(self, stacks: &StackFinder<'_>, clock: &Clock, page: Page) -> Result<Answer> {
        let site = || Site::find(stacks, clock);
        match self {
            Self::Webhooks(webhooks) => Answer::of(&webhooks.run(stacks).await?, page),
            Self::Keys(command) => Answer::of(&command.run(stacks, clock).await?, page),
            Self::Send(arguments) => sent(*arguments, stacks, page).await,
            Self::Trigger(arguments) => Answer::of(&arguments.run(stacks, clock).await?, page),
            Self::Events(command) => Answer::of(&command.run(site().await?).await?, page),
            Self::Explain(arguments) => explained(arguments, stacks, clock, page).await,
            Self::Tail(arguments) => watched(arguments, stacks, page).await,
            Self::Listen(arguments) => Ok(Answer::printed(arguments.run(site().await?, page).await?)),
            Self::Entities(command) => Answer::of(&command.run(site().await?).await?, page),
            Self::Archive(command) => Answer::of(&command.run(site().await?).await?, page),
            Self::Replay(arguments) => Answer::of(&arguments.run(site().await?).await?, page),
            Self::Quarantine(command) => Answer::of(&command.run(site().await?).await?, page),
            Self::Dlq(command) => Answer::of(&command.run(site().await?).await?, page),
            Self::Drain(arguments) => Answer::of(&arguments.run(site().await?).await?, page),
            Self::Restore(arguments) => Answer::of(&arguments.run(site().await?).await?, page),
            Self::Audit(command) => Answer::of(&command.run(stacks.stack().await?).await?, page),
            Self::Policy(arguments) => Answer::of(&arguments.run(site().await?).await?, page),
            Self::Deploy(arguments) => Answer::of(&Box::pin(arguments.run(stacks)).await?, page),
            Self::Configure(arguments) => Answer::of(&Box::pin(arguments.run(stacks)).await?, page),
            Self::Doctor(arguments) => Answer::of(&arguments.run(stacks).await?, page),
            Self::Reconcile(arguments) => Answer::of(&Box::pin(arguments.run(stacks)).await?, page),
            Self::Spec(command) => Answer::of(&command.run()?, page),
            Self::Cost(arguments) => Answer::of(&arguments.run(stacks.region())?, page),
            Self::Context(command) => Answer::of(&command.run(stacks)?, page),
            Self::Completions { shell } => Ok(Answer::verbatim(shell::completions(shell))),
            Self::Man(manual) => Answer::of(&manual.run(Cli::command())?, page),
        }
    }
}

/// Posts signed deliveries to a URL, or to the stack's.
async fn sent(arguments: send::Arguments, stacks: &StackFinder<'_>, page: Page) -> Result<Answer> {
    let url = match arguments.url() {
        Some(url) => url.to_owned(),
        None => stacks.stack().await?.part(Part::WebhookUrl)?,
    };
    Answer::of(&arguments.run(&url, stacks.reporter()).await?, page)
}

/// Explains a state or an event: in short, or each step.
async fn explained(
    arguments: explain::Arguments,
    stacks: &StackFinder<'_>,
    clock: &Clock,
    page: Page,
) -> Result<Answer> {
    let is_brief = !arguments.verbose;
    let explanation = arguments.run(stacks.stack().await?, clock).await?;
    match is_brief {
        true => Answer::of(&explain::Brief(explanation), page),
        false => Answer::of(&explanation, page),
    }
}

/// Shows deliveries as they come, until somebody ends it.
async fn watched(arguments: tail::Arguments, stacks: &StackFinder<'_>, page: Page) -> Result<Answer> {
    let (stack, reporter) = (stacks.stack().await?, stacks.reporter());
    arguments.run(stack, page.is_json, reporter).await?;
    Ok(Answer::printed(Exit::Done))
}
