//! The API client at Upvest: where its credentials are, and calls in its name.

use std::path::{Path, PathBuf};

use pipeline::runtime::aws;
use pipeline::upvest_access::read_secret;
use secrecy::{ExposeSecret, SecretString};
use upvest_api::{Client, Credentials, CredentialsError, Environment};

use crate::error::{Error, Result};
use crate::secret_file;
use crate::stack::StackFinder;

const NO_CREDENTIALS: &str = "no credentials for Upvest are named: use --upvest-secret or --upvest-credentials, or a stack that was \
    deployed with the parameter UpvestSecret";

/// Says in whose name Upvest is called.
#[derive(Debug, Clone, Default)]
pub struct UpvestAccount {
    /// Names the secret with the credentials, by name or ARN.
    pub secret: Option<String>,
    /// Names the file with the credentials, which is read when no secret is named.
    pub file: Option<PathBuf>,
    /// Names the environment that is meant, or else the choice of the stack does; credentials that name the other one are
    /// refused.
    pub environment: Option<Environment>,
}

impl UpvestAccount {
    /// Makes a client with the credentials that are named here, or else in the environment, or else by the stack.
    ///
    /// # Errors
    ///
    /// [`Error`] when there are none, or they are for another environment than the one that is meant. No text holds a
    /// secret.
    pub async fn client(&self, stacks: &StackFinder<'_>) -> Result<Client> {
        // What the command line names wins over the environment, and that over the stack.
        if let Some(secret) = &self.secret {
            return self.client_of_secret(stacks, secret).await;
        }
        let named = || {
            stacks
                .variables()
                .optional("UPVEST_CREDENTIALS")
                .map(PathBuf::from)
        };
        if let Some(path) = self.file.clone().or_else(named) {
            return self.client_of_file(stacks, &path);
        }
        let secret = stacks.if_named().await?.and_then(|stack| stack.upvest_secret());
        let secret = secret.ok_or_else(|| Error::usage(NO_CREDENTIALS))?;
        self.client_of_secret(stacks, secret).await
    }

    async fn client_of_secret(&self, stacks: &StackFinder<'_>, secret: &str) -> Result<Client> {
        let secrets = aws::secrets(&stacks.aws().await?);
        let document = read_secret(&secrets, secret).await?;
        let credentials = self
            .credentials(stacks, &document)
            .map_err(pipeline::upvest_access::AccessError::from)?;
        Ok(Client::new(credentials)?)
    }

    fn client_of_file(&self, stacks: &StackFinder<'_>, path: &Path) -> Result<Client> {
        let shown = path.display();
        let document = secret_file::read("credentials file", path)?;
        let document = std::str::from_utf8(&document).map_err(|_| {
            Error::failed(format!(
                "the credentials in {shown} are no text: they are a JSON document in UTF-8, the same as in the secret"
            ))
        })?;
        let credentials = self
            .credentials(stacks, &SecretString::from(document))
            .map_err(Error::context(format!(
                "the credentials in {shown} cannot be used"
            )))?;
        Ok(Client::new(credentials)?)
    }

    fn credentials(
        &self,
        stacks: &StackFinder<'_>,
        document: &SecretString,
    ) -> Result<Credentials, CredentialsError> {
        match self.environment.or(stacks.choice().environment) {
            Some(environment) => Credentials::from_json_for(document.expose_secret(), environment),
            None => Credentials::from_json(document.expose_secret()),
        }
    }
}
