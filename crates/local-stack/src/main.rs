//! Runs the receiver on this machine.

mod run;

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use local_stack::Options;

/// The receiver on this machine, without an AWS account.
#[derive(Debug, Parser)]
#[command(name = "local-stack", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Deploys the receiver to an emulator and keeps it running until Ctrl-C.
    Run {
        /// Ends after the report, with a failure if anything is not as expected.
        #[arg(long, env = "ONCE", value_parser = clap::builder::BoolishValueParser::new())]
        once: bool,
        /// Has the emulator enforce the functions' IAM policies.
        #[arg(long, env = "AUTH", value_parser = clap::builder::BoolishValueParser::new())]
        auth: bool,
        /// Folder for everything that the stack writes, relative to the repository.
        #[arg(long, value_name = "FOLDER", default_value = ".local")]
        directory: PathBuf,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Command::Run {
        once,
        auth,
        directory,
    } = Arguments::parse().command;
    let options = Options {
        auth,
        directory,
        ..Options::default()
    };
    match run::run(options, once).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report_error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Prints an error with its causes.
fn report_error(error: &dyn Error) {
    let mut text = format!("error: {error}\n");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!("  because: {cause}\n"));
        source = cause.source();
    }
    let _ = io::stderr().write_all(text.as_bytes());
}
