//! The operator's command line of the Upvest webhook receiver.
//!
//! It manages the subscriptions at Upvest, fetches and imports verification keys, delivers signed events by hand or as
//! load, and shows what the receiver stored. It reads and writes a stack's tables with the operator's own AWS credentials; no function depends on it.

mod arguments;
mod cli;
mod commands;
#[cfg(test)]
mod documented;
mod output;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod staging;
mod terminal;
mod times;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match cli::Cli::parse().run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let hint = error.hint().map(|hint| hint.to_string());
            output::complain(&error, hint.as_deref());
            ExitCode::from(cli::exit_code(&error))
        }
    }
}
