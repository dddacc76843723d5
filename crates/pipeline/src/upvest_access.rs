//! Access to Upvest's API, with credentials that are kept in a secret.

use std::time::Duration;

use aws_config::SdkConfig;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use upvest_api::{Client, Credentials, CredentialsError, Options};

use crate::error::{AwsError, ErrorChain};
use crate::runtime::clock::Clock;
use crate::runtime::config::{ConfigError, Lookup};

/// Limits how long credentials are used without reading the secret again: five minutes.
const KEPT_FOR: Duration = Duration::from_secs(300);
/// Gives the HTTP status by which Upvest refuses credentials.
const UNAUTHORIZED: u16 = 401;

/// Makes clients of Upvest's API from the secret that holds the credentials, a document of
/// [`Credentials`]. A client is kept for five minutes, and replaced at once when Upvest refuses its credentials: they
/// may have been rotated.
#[derive(Debug)]
pub struct UpvestAccess {
    secrets: aws_sdk_secretsmanager::Client,
    secret: String,
    clock: Clock,
    options: Options,
    // Held across the read: of several calls at a time, one reads and the others wait for it.
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    client: Client,
    until: Timestamp,
}

/// Says why Upvest's API could not be called. No text holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// Secrets Manager does not give the secret with Upvest's credentials: it is missing, or the role may not read it.
    #[error("the secret with Upvest's credentials cannot be read")]
    Secret(#[from] AwsError),
    /// The secret has no value, or one that is no text.
    #[error("the secret with Upvest's credentials holds no text")]
    NoText,
    /// The secret is no credentials document.
    #[error("the secret with Upvest's credentials cannot be used")]
    Credentials(#[from] CredentialsError),
    /// The call failed, or the client cannot be built.
    #[error(transparent)]
    Upvest(#[from] upvest_api::Error),
}

impl AccessError {
    /// Tells the error with all its sources, and what to do about it.
    #[must_use]
    pub fn explain(&self) -> String {
        let chain = ErrorChain(self);
        match self {
            Self::Upvest(error) => match error.hint() {
                Some(hint) => format!("{chain} ({hint})"),
                None => chain.to_string(),
            },
            _ => chain.to_string(),
        }
    }

    fn is_refusal(&self) -> bool {
        matches!(self, Self::Upvest(error) if error.status() == Some(UNAUTHORIZED))
    }
}

impl UpvestAccess {
    /// Uses the credentials of the secret of this name or ARN.
    #[must_use]
    pub fn new(
        secrets: aws_sdk_secretsmanager::Client,
        secret: String,
        clock: Clock,
        options: Options,
    ) -> Self {
        Self {
            secrets,
            secret,
            clock,
            options,
            held: Mutex::default(),
        }
    }

    /// Uses the credentials of the secret that the variable `UPVEST_SECRET` names.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where there is no such variable.
    pub fn from_config(
        aws: &SdkConfig,
        lookup: &Lookup<'_>,
        clock: Clock,
        options: Options,
    ) -> Result<Self, ConfigError> {
        let secrets = crate::runtime::aws::secrets(aws);
        Ok(Self::new(
            secrets,
            lookup.required("UPVEST_SECRET")?,
            clock,
            options,
        ))
    }

    /// Calls the API. When Upvest refuses credentials that were kept from an earlier call, the secret is read again, and
    /// the call repeated once.
    ///
    /// # Errors
    ///
    /// [`AccessError`] when there are no credentials, or the call fails.
    pub async fn call<T>(
        &self,
        call: impl AsyncFn(&Client) -> Result<T, upvest_api::Error>,
    ) -> Result<T, AccessError> {
        let (client, kept) = self.client().await?;
        // Boxed here and below, because these futures within those of a handler are too deep for the compiler.
        let result = Box::pin(call(&client)).await.map_err(AccessError::from);
        match result {
            Err(error) if error.is_refusal() => {
                self.forget().await;
                // Credentials that were read a moment ago are not stale: to read them again would give the same.
                if !kept {
                    return Err(error);
                }
                tracing::warn!("Upvest refused the credentials, which are read again");
                let (client, _) = self.client().await?;
                let again = Box::pin(call(&client)).await.map_err(AccessError::from);
                if again.as_ref().is_err_and(AccessError::is_refusal) {
                    self.forget().await;
                }
                again
            }
            result => result,
        }
    }

    async fn forget(&self) {
        *self.held.lock().await = None;
    }

    /// Gives the client, and whether it was kept from before.
    async fn client(&self) -> Result<(Client, bool), AccessError> {
        let mut held = self.held.lock().await;
        let now = self.clock.now();
        if let Some(held) = held.as_ref().filter(|held| held.until > now) {
            return Ok((held.client.clone(), true));
        }
        let document = Box::pin(read_secret(&self.secrets, &self.secret)).await?;
        let credentials = Credentials::from_json(document.expose_secret())?;
        let client = Client::with_options(credentials, self.options.clone())?;
        *held = Some(Held {
            client: client.clone(),
            until: now + KEPT_FOR,
        });
        Ok((client, false))
    }
}

/// Reads the document of credentials from the secret of this name or ARN.
///
/// # Errors
///
/// [`AccessError::Secret`] or [`AccessError::NoText`].
pub async fn read_secret(
    secrets: &aws_sdk_secretsmanager::Client,
    secret: &str,
) -> Result<SecretString, AccessError> {
    let value = secrets.get_secret_value().secret_id(secret).send().await;
    let value = value.map_err(AwsError::of("GetSecretValue of Upvest's credentials"))?;
    let text = match (value.secret_string, value.secret_binary) {
        (Some(text), _) => Some(text),
        (None, binary) => binary.and_then(|binary| String::from_utf8(binary.into_inner()).ok()),
    };
    text.map(SecretString::from).ok_or(AccessError::NoText)
}
