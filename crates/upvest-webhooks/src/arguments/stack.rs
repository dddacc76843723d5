//! Takes the options that say which stack to work on, and with whose credentials.

use std::path::PathBuf;

use clap::Args;
use operator::StackChoice;

use super::candidates;

/// Says which stack to work on, and with whose credentials.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct StackArgs {
    /// Work on this CloudFormation stack, whose outputs are read
    #[arg(long, value_name = "NAME", global = true, conflicts_with = "local", add = candidates::stacks())]
    pub(crate) stack: Option<String>,
    /// Work on the stack that runs on this machine, as described in FILE [default: .local/stack.json]
    ///
    /// Where nothing else names a stack, the file is used if it is there.
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        num_args = 0..=1,
        default_missing_value = operator::stack::LOCAL_STACK_FILE
    )]
    pub(crate) local: Option<PathBuf>,
    /// Work with what this context says: stack, region, profile and environment, unless an option says otherwise
    ///
    /// `upvest-webhooks context set NAME --stack STACK` makes one.
    #[arg(long, value_name = "NAME", global = true, add = candidates::contexts())]
    pub(crate) context: Option<String>,
    /// The stack's AWS region, unless the AWS configuration says it
    #[arg(long, global = true)]
    pub(crate) region: Option<String>,
    /// Profile of the AWS configuration whose credentials to use
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) profile: Option<String>,
}

impl From<StackArgs> for StackChoice {
    fn from(args: StackArgs) -> Self {
        Self {
            stack: args.stack,
            local: args.local,
            region: args.region,
            aws_profile: args.profile,
            environment: None,
        }
    }
}
