//! Runs the command line that the process was given.

use std::process::ExitCode;

use clap::Parser;
use upvest_webhooks::{Cli, complain, completes, misused};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // Before anything else: it is to be quick, and a shell shows whatever is printed.
    if completes() {
        return ExitCode::SUCCESS;
    }
    // Not `parse`, which ends with text of its own: with `--json` an error is one line of JSON.
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error, std::env::args_os()).into(),
    };
    let as_json = cli.prints_json();
    let ended = match cli.run().await {
        Ok(answer) => answer.print(),
        Err(error) => Err(error),
    };
    let exit = ended.unwrap_or_else(|error| complain(&error, as_json));
    exit.into()
}
