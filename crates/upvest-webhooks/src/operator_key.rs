//! An operator's own key: a shared secret that the stack knows, to sign deliveries that the operator makes.

use std::path::PathBuf;

use pipeline::error::AwsError;
use pipeline::runtime::clock::Clock;
use pipeline::stores::keys::{HmacSecrets, KeysTable, Material, NewKey};
use upvest::signature::{Algorithm, KeyError, SigningKey};

use crate::key_file::{self, KeyFileError};
use crate::stack::{Stack, StackError};

/// A secret in a file, and the id under which the stack knows it.
#[derive(Debug, Clone)]
pub(crate) struct OperatorKey {
    file: PathBuf,
    key_id: String,
}

/// Why deliveries cannot be signed with the key, or would only fill the quarantine.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperatorKeyError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    File(#[from] KeyFileError),
    #[error("the keys table cannot be asked for key {key_id}")]
    Store { key_id: String, source: AwsError },
    #[error(
        "the stack does not know key {key_id}, and would put into quarantine what it signs: import it with `keys import \
         --key-id {key_id} --profile quoted --hmac-secret-file FILE`"
    )]
    Unknown { key_id: String },
    #[error("key {key_id} of the stack is no shared secret")]
    NotShared { key_id: String },
    #[error("the stack knows another secret as {key_id} than the one in the file")]
    OtherSecret { key_id: String },
    #[error("key {key_id} cannot be used")]
    Key { key_id: String, source: KeyError },
}

impl From<(PathBuf, String)> for OperatorKey {
    fn from((file, key_id): (PathBuf, String)) -> Self {
        Self { file, key_id }
    }
}

impl OperatorKey {
    /// The key, to sign as the keys table says.
    ///
    /// # Errors
    ///
    /// [`OperatorKeyError`], also when the stack knows no such key: what it signs would end in quarantine.
    pub(crate) async fn signing_key(&self, stack: &Stack) -> Result<SigningKey, OperatorKeyError> {
        let key_id = || self.key_id.clone();
        let dynamodb = pipeline::runtime::aws::dynamodb(stack.config());
        let table = KeysTable::new(dynamodb, stack.keys_table()?, Clock::system());
        let secrets = HmacSecrets::new(pipeline::runtime::aws::secrets(stack.config()));
        let secret = key_file::secret(&self.file)?;
        let failed = |source| OperatorKeyError::Store {
            key_id: key_id(),
            source,
        };
        let row = table.row(&self.key_id).await.map_err(failed)?;
        let row = row.ok_or_else(|| OperatorKeyError::Unknown { key_id: key_id() })?;
        let Some(profile) = row.profile_of(Algorithm::HmacSha256) else {
            return Err(OperatorKeyError::NotShared { key_id: key_id() });
        };
        let key = NewKey {
            key_id: key_id(),
            profile,
            material: Material::Shared {
                secret: secret.clone(),
                secret_name: String::new(),
            },
        };
        if !row.is_key(&key, &secrets).await.map_err(failed)? {
            return Err(OperatorKeyError::OtherSecret { key_id: key_id() });
        }
        let unusable = |source| OperatorKeyError::Key {
            key_id: key_id(),
            source,
        };
        SigningKey::hmac(&self.key_id, profile, secret).map_err(unusable)
    }
}
