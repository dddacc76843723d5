//! The canary's key: a secret of the stack, which verify-and-store knows too.

use pipeline::error::AwsError;
use pipeline::stores::keys::{CANARY_DIALECT, HmacSecrets, canary_key_id};
use upvest::signature::SigningKey;

/// Reads the canary's key from its secret.
#[derive(Debug)]
pub struct CanaryKey {
    secrets: HmacSecrets,
    secret: String,
}

/// Says why the key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The secret cannot be reached: Secrets Manager failed, or refused.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The secret is empty or too short.
    #[error("the canary's secret holds no key")]
    Secret(#[source] Option<upvest::signature::KeyError>),
}

impl CanaryKey {
    /// Uses the key whose secret has the ARN `secret`.
    #[must_use]
    pub fn new(secrets: aws_sdk_secretsmanager::Client, secret: String) -> Self {
        Self {
            secrets: HmacSecrets::new(secrets),
            secret,
        }
    }

    /// Reads the key.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub(crate) async fn ready(&self) -> Result<SigningKey, KeyError> {
        let key_id = canary_key_id(&self.secret);
        let secret = self.secrets.read(&self.secret).await?;
        let secret = secret.ok_or(KeyError::Secret(None))?;
        SigningKey::hmac(&key_id, CANARY_DIALECT, secret).map_err(|error| KeyError::Secret(Some(error)))
    }
}
