//! Runs the command line that the process was given.

use std::process::ExitCode;

use clap::Parser;
use upvest_webhooks::{Cli, complain, exit_code};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Cli::parse().run().await {
        Ok(answer) => answer.print(),
        Err(error) => Err(error),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let hint = error.hint().map(|hint| hint.to_string());
            complain(&error, hint.as_deref());
            ExitCode::from(exit_code(&error))
        }
    }
}
