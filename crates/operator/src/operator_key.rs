//! An operator's own key: a shared secret that the stack knows, to sign deliveries that the operator makes.

use std::path::PathBuf;

use pipeline::error::AwsError;
use pipeline::stores::keys::{Material, NewKey};
use upvest::signature::{Algorithm, Dialect, SigningKey};

use crate::error::{Error, Result};
use crate::key_file;
use crate::stack::Stack;

/// Refers to a secret in a file, and the id under which the stack knows it.
#[derive(Debug, Clone)]
pub struct OperatorKey {
    file: PathBuf,
    key_id: String,
}

impl From<(PathBuf, String)> for OperatorKey {
    fn from((file, key_id): (PathBuf, String)) -> Self {
        Self { file, key_id }
    }
}

impl OperatorKey {
    /// Reads the key, to sign as RFC 9421 describes: every receiver recognises that.
    ///
    /// # Errors
    ///
    /// [`Error`], also when the stack knows no such key: what it signs would end in quarantine.
    pub async fn signing_key(&self, stack: &Stack) -> Result<SigningKey> {
        let key_id = &self.key_id;
        let (table, secrets) = (stack.keys(stack.clock().clone())?, stack.hmac_secrets());
        let secret = key_file::secret(&self.file)?;
        let unasked =
            || Error::context::<AwsError>(format!("the keys table cannot be asked for key {key_id}"));
        let row = table.row(key_id).await.map_err(unasked())?.ok_or_else(|| {
            Error::not_found(format!(
                "the stack does not know key {key_id}, and would put into quarantine what it signs: import it with \
                 `keys import --key-id {key_id} --hmac-secret-file FILE --reason TEXT`"
            ))
        })?;
        if !row.has_algorithm(Algorithm::HmacSha256) {
            return Err(Error::failed(format!(
                "key {key_id} of the stack is no shared secret: name the id of one that is (`upvest-webhooks keys list`)"
            )));
        }
        // It is only compared with the row, so that the secret needs no name.
        let key = NewKey {
            key_id: key_id.clone(),
            material: Material::Shared {
                secret: secret.clone(),
                secret_name: String::new(),
            },
        };
        if !row.is_key(&key, &secrets).await.map_err(unasked())? {
            return Err(Error::failed(format!(
                "the stack knows another secret as {key_id} than the one in the file: name the file that was imported as it, or \
                 import this one under an id of its own"
            )));
        }
        SigningKey::hmac(key_id, Dialect::QuotedContentDigest, secret)
            .map_err(Error::context(format!("key {key_id} cannot be used")))
    }
}
