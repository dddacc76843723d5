//! The API client at Upvest: where its credentials are, and calls in its name.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use pipeline::upvest_api::{AccessError, read_secret};
use secrecy::{ExposeSecret, SecretString};
use upvest_api::{BuildError, Client, Credentials, CredentialsError, Environment, Hint};

use crate::stack::{StackError, StackFinder};

/// In whose name Upvest is called.
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
    pub(crate) upvest_secret: Option<String>,
    /// File with these credentials, the same JSON document as in the secret
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) upvest_credentials: Option<PathBuf>,
    /// Environment of Upvest that is meant; credentials that name the other one are refused
    #[arg(long = "profile", value_name = "ENVIRONMENT", global = true)]
    pub(crate) profile: Option<UpvestProfile>,
}

/// An environment of Upvest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UpvestProfile {
    Sandbox,
    Live,
}

/// Why Upvest was not called, or refused. No text holds a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpvestError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(
        "no credentials for Upvest are named: use --upvest-secret or --upvest-credentials, or a stack that was \
         deployed with the parameter UpvestSecret"
    )]
    NoCredentials,
    #[error("cannot read credentials file {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the credentials in {} cannot be used", path.display())]
    File { path: PathBuf, source: CredentialsError },
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl From<BuildError> for UpvestError {
    fn from(error: BuildError) -> Self {
        Self::Access(error.into())
    }
}

impl From<upvest_api::Error> for UpvestError {
    fn from(error: upvest_api::Error) -> Self {
        Self::Access(error.into())
    }
}

impl UpvestError {
    /// Whether another command line would have helped.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Stack(error) => error.is_usage(),
            Self::NoCredentials => true,
            _ => false,
        }
    }

    /// What probably made Upvest refuse, and what to do.
    pub(crate) fn hint(&self) -> Option<Hint> {
        match self {
            Self::Access(AccessError::Upvest(error)) => error.hint(),
            _ => None,
        }
    }
}

impl UpvestArgs {
    /// A client with the credentials that the command line names, or else the environment, or else the stack.
    ///
    /// # Errors
    ///
    /// [`UpvestError`] when there are none, or they are for another environment than the one that is meant.
    pub(crate) async fn client(&self, stacks: &StackFinder<'_>) -> Result<Client, UpvestError> {
        if let Some(secret) = &self.upvest_secret {
            return self.client_of_secret(stacks, secret).await;
        }
        let file = self.upvest_credentials.clone();
        let file = file.or_else(|| {
            stacks
                .variables()
                .optional("UPVEST_CREDENTIALS")
                .map(PathBuf::from)
        });
        if let Some(path) = file {
            return self.client_of_file(&path);
        }
        let stack = match stacks.stack().await {
            Err(StackError::NothingNamed) => return Err(UpvestError::NoCredentials),
            stack => stack?,
        };
        let secret = stack.upvest_secret().ok_or(UpvestError::NoCredentials)?;
        self.client_of_secret(stacks, secret).await
    }

    async fn client_of_secret(&self, stacks: &StackFinder<'_>, secret: &str) -> Result<Client, UpvestError> {
        let secrets = aws_sdk_secretsmanager::Client::new(&stacks.aws().await?);
        let document = read_secret(&secrets, secret).await?;
        let credentials = self.credentials(&document).map_err(AccessError::from)?;
        Ok(Client::new(credentials)?)
    }

    fn client_of_file(&self, path: &Path) -> Result<Client, UpvestError> {
        let document = std::fs::read_to_string(path).map_err(|source| UpvestError::Read {
            path: path.to_owned(),
            source,
        })?;
        let credentials = self
            .credentials(&document.into())
            .map_err(|source| UpvestError::File {
                path: path.to_owned(),
                source,
            })?;
        Ok(Client::new(credentials)?)
    }

    fn credentials(&self, document: &SecretString) -> Result<Credentials, CredentialsError> {
        let document = document.expose_secret();
        match self.profile {
            Some(UpvestProfile::Sandbox) => Credentials::from_json_for(document, Environment::Sandbox),
            Some(UpvestProfile::Live) => Credentials::from_json_for(document, Environment::Live),
            None => Credentials::from_json(document),
        }
    }
}
