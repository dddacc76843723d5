//! In whose name Upvest is called.

use std::path::PathBuf;

use clap::Args;
use operator::upvest_account::UpvestAccount;
use operator::{Result, StackFinder};
use upvest_api::{Client, Environment};

use super::environment;

/// Says in whose name Upvest is called.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Upvest")]
pub(crate) struct UpvestArgs {
    /// Secret with the credentials of the Upvest API client; without it, the stack's own
    #[arg(
        long,
        value_name = "NAME_OR_ARN",
        global = true,
        conflicts_with = "upvest_credentials"
    )]
    upvest_secret: Option<String>,
    /// File with these credentials, the same JSON document as in the secret
    #[arg(long, value_name = "FILE", global = true)]
    upvest_credentials: Option<PathBuf>,
    /// Environment of Upvest that is meant, unless the context says it; credentials that name the other one are refused
    #[arg(long, value_name = "ENVIRONMENT", global = true, value_parser = environment())]
    environment: Option<Environment>,
}

impl UpvestArgs {
    /// Gives the account that is meant.
    pub(crate) fn account(&self) -> UpvestAccount {
        UpvestAccount {
            secret: self.upvest_secret.clone(),
            file: self.upvest_credentials.clone(),
            environment: self.environment,
        }
    }

    /// Makes a client of that account.
    pub(crate) async fn client(&self, stacks: &StackFinder<'_>) -> Result<Client> {
        self.account().client(stacks).await
    }
}
