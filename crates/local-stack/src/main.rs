//! Runs the receiver on this machine.

mod run;

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand};
use local_stack::{Options, Ports};

use run::Then;

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
    Run(Run),
}

#[derive(Debug, Args)]
struct Run {
    /// Ends after the report, with a failure if anything is not as expected.
    #[arg(long, env = "ONCE", value_parser = BoolishValueParser::new(), conflicts_with = "watch")]
    once: bool,
    /// Follows functions/ and crates/: what changes there is built, and the running functions get it without a deployment.
    #[arg(long)]
    watch: bool,
    /// Folder of a release to run, relative to the repository, in place of the template and the functions that are there.
    #[arg(long, env = "RELEASE", value_name = "FOLDER", conflicts_with = "watch")]
    release: Option<PathBuf>,
    /// Has the emulator enforce the functions' IAM policies.
    #[arg(long, env = "AUTH", value_parser = BoolishValueParser::new())]
    auth: bool,
    /// Port for calls of AWS's API; by default any that is free, like the other two.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    aws_port: Option<u16>,
    /// Port that takes deliveries.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    webhook_port: Option<u16>,
    /// Port for the simulated Upvest: its API, and the control of the simulator.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    upvest_port: Option<u16>,
    /// Folder for everything that the stack writes, relative to the repository.
    #[arg(long, value_name = "FOLDER", default_value = ".local")]
    directory: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Command::Run(arguments) = Arguments::parse().command;
    let options = Options {
        auth: arguments.auth,
        directory: arguments.directory,
        release: arguments.release,
        ports: Ports {
            aws: arguments.aws_port,
            webhook: arguments.webhook_port,
        },
        ..Options::default()
    };
    let then = match (arguments.once, arguments.watch) {
        (true, _) => Then::End,
        (false, true) => Then::Watch,
        (false, false) => Then::StayUp,
    };
    match run::run(options, arguments.upvest_port, then).await {
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn ports_are_those_of_the_options_and_none_is_zero() {
        let line = "local-stack run --watch --aws-port 4566 --webhook-port 4567 --upvest-port 4568";
        let Command::Run(run) = Arguments::parse_from(line.split(' ')).command;
        assert_eq!(
            (run.aws_port, run.webhook_port, run.upvest_port),
            (Some(4566), Some(4567), Some(4568))
        );
        assert!(run.watch && !run.once);
        // What follows the sources is not the release.
        let line = "local-stack run --release dist --watch";
        assert!(Arguments::try_parse_from(line.split(' ')).is_err());
        let line = "local-stack run --aws-port 0";
        assert!(Arguments::try_parse_from(line.split(' ')).is_err());
    }
}
