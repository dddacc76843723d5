//! `audit list`: the operations, newest first.

use clap::Args;
use operator::Result;
use operator::audit::{COMMANDS, Operations, list};
use operator::names::instead;
use operator::times::When;

use super::show::ended;
use crate::arguments::{Site, candidates};
use crate::output::{Report, rest, rows_of};
use crate::times::local;

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only operations of this command, such as `dlq redrive`
    #[arg(long, value_name = "COMMAND", add = candidates::recorded_commands(), value_parser = command)]
    pub(super) command: Option<String>,
    /// Only operations of operators whose ARN has this in it, such as the name of a session; functions are there by their names
    #[arg(long, value_name = "TEXT")]
    pub(super) operator: Option<String>,
    /// Only operations that began since then: a time, a day (UTC), or an age like 36h
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<When>,
    /// List at most so many operations, the newest ones
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) limit: u16,
}

/// Reads the name of a command that leaves a record.
fn command(text: &str) -> Result<String, String> {
    match COMMANDS.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "no command {text} is on record: {}",
            instead(text, COMMANDS)
        )),
    }
}

impl ListArgs {
    /// Lists the operations that match, newest first.
    pub(super) async fn run(self, site: Site<'_>) -> Result<Operations> {
        let since = self.since.map(|since| since.instant(site.clock.now()));
        let (command, operator) = (self.command.as_deref(), self.operator.as_deref());
        list(site.stack, command, operator, since, self.limit).await
    }
}

impl Report for Operations {
    fn text(&self) -> String {
        if self.operations.is_empty() {
            return format!("no operations{}", self.selection);
        }
        let table = rows_of(&self.operations)
            .column("began", |operation| local(operation.began_at))
            .column("ended", ended)
            .column("command", |operation| &operation.command)
            .column("operator", |operation| &operation.operator)
            .column("reason", |operation| &operation.reason)
            .column("id", |operation| operation.id);
        format!("{table}{}", rest(self.more))
    }
}
