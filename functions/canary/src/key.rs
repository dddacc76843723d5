//! The canary's key: a secret of the stack, made known to the receiver by the canary itself.

use pipeline::error::AwsError;
use pipeline::runtime::clock::Clock;
use pipeline::stores::keys::{CANARY_DIALECT, HmacSecrets, KeysTable, canary_key_id};
use upvest::signature::SigningKey;

/// Reads the canary's key from its secret, and registers it in the keys table.
#[derive(Debug)]
pub struct CanaryKey {
    secrets: HmacSecrets,
    secret: String,
    table: KeysTable,
}

/// Says why the key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The secret or the keys table cannot be reached.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The secret is empty or too short.
    #[error("the canary's secret holds no key")]
    Secret(#[source] Option<upvest::signature::KeyError>),
    /// Under the key's id the table has something that is not this key, or not limited to synthetic events.
    #[error(
        "key {key_id} in the keys table is not the canary's, or not limited to synthetic events: delete that item"
    )]
    Changed {
        /// Gives the id of the item to delete: the next run writes it as it is to be.
        key_id: String,
    },
}

impl CanaryKey {
    /// Uses the key whose secret has the ARN `secret`, to be registered in the keys table `table`.
    #[must_use]
    pub fn new(
        secrets: aws_sdk_secretsmanager::Client,
        secret: String,
        dynamodb: aws_sdk_dynamodb::Client,
        table: String,
        clock: Clock,
    ) -> Self {
        Self {
            secrets: HmacSecrets::new(secrets),
            secret,
            table: KeysTable::new(dynamodb, table, clock),
        }
    }

    /// Reads the key, and makes it known in the keys table.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub(crate) async fn ready(&self) -> Result<SigningKey, KeyError> {
        let key_id = canary_key_id(&self.secret);
        let secret = self
            .secrets
            .read(&self.secret)
            .await?
            .ok_or(KeyError::Secret(None))?;
        let key = SigningKey::hmac(&key_id, CANARY_DIALECT, secret)
            .map_err(|error| KeyError::Secret(Some(error)))?;
        match self.table.register_canary(&self.secret).await? {
            true => Ok(key),
            false => Err(KeyError::Changed { key_id }),
        }
    }
}
