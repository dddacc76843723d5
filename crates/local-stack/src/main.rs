//! Runs the receiver on this machine.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc;

use clap::{Parser, Subcommand};
use local_stack::{LocalStack, LocalStackError, Options};

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
        /// Ends after the report.
        #[arg(long, env = "ONCE", value_parser = clap::builder::BoolishValueParser::new())]
        once: bool,
        /// Enforces the functions' IAM policies.
        #[arg(long, env = "AUTH", value_parser = clap::builder::BoolishValueParser::new())]
        auth: bool,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Command::Run { once, auth } = Arguments::parse().command;
    match run(once, auth).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report_error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(once: bool, auth: bool) -> Result<(), LocalStackError> {
    // Ctrl-C before the handler is set ends this process, and the emulator with it.
    let stack = LocalStack::start(Options {
        auth,
        ..Options::default()
    })
    .await?;
    describe(&stack);
    if !once {
        wait_for_interrupt();
    }
    stack.stop();
    Ok(())
}

/// Returns when Ctrl-C is pressed.
fn wait_for_interrupt() {
    let (stop, stopped) = mpsc::channel();
    let handler = ctrlc::set_handler(move || {
        let _ = stop.send(());
    });
    if handler.is_ok() {
        // Fails only without a sender, and the handler keeps it.
        let _ = stopped.recv();
    }
}

/// Prints how to reach the stack.
fn describe(stack: &LocalStack) {
    let connection = stack.connection();
    let mut text = format!(
        "\nThe receiver runs. AWS API calls are answered at {}\n\n",
        connection.endpoint_url
    );
    for (name, value) in stack.outputs() {
        text.push_str(&format!("  {name:32} {value}\n"));
    }
    text.push_str("\nstack.json in ");
    text.push_str(&stack.directory().display().to_string());
    text.push_str(" tells tools the same. Ctrl-C stops it.\n");
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Prints an error with its causes.
fn report_error(error: &LocalStackError) {
    let mut text = format!("error: {error}\n");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!("  because: {cause}\n"));
        source = cause.source();
    }
    let _ = io::stderr().write_all(text.as_bytes());
}
