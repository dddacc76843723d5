//! The key that triggered events are signed with: a shared secret of the stack's own, for its developers.

use pipeline::error::{AwsError, ErrorChain};
use pipeline::runtime::clock::Clock;
use pipeline::stores::keys::{ImportError, KeysTable, Material, NewKey, secret_name};
use secrecy::SecretSlice;
use serde_json::json;
use upvest::signature::{Dialect, SigningKey};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::repair::Audit;
use crate::stack::Stack;

/// Names the key: one of developers, by its beginning.
pub const KEY_ID: &str = "developer-trigger";
/// Names the operation in the audit table.
const COMMAND: &str = "trigger";
/// Says why, in the audit table: nobody is asked, because the key is made once and for all.
const REASON: &str = "a key for events that developers make up";

/// Gives the key, which the first trigger of a stack makes; the audit table says who did.
///
/// # Errors
///
/// [`Error`] when the key cannot be read or made, has no secret, or is not trusted.
pub(super) async fn ready(stack: &Stack, clock: &Clock) -> Result<SigningKey> {
    let table = stack.keys(clock.clone())?;
    let unread = || Error::context::<AwsError>(format!("key {KEY_ID} cannot be read"));
    let secret = match table.row(KEY_ID).await.map_err(unread())? {
        Some(row) if row.distrusted_at.is_some() => {
            return Err(Error::failed(format!(
                "key {KEY_ID} is distrusted: `upvest-webhooks keys trust {KEY_ID} --reason TEXT` takes that back"
            )));
        }
        Some(row) => {
            let arn = row.secret.filter(|arn| !arn.is_empty());
            let arn = arn.ok_or_else(|| {
                Error::failed(format!(
                    "key {KEY_ID} has no secret in the keys table, so that nothing can be signed with it: its row is none that \
                     trigger made; see what wrote it (upvest-webhooks keys list)"
                ))
            })?;
            let secret = stack.hmac_secrets().read(&arn).await.map_err(unread())?;
            secret.ok_or_else(|| {
                Error::failed(format!(
                    "the secret of key {KEY_ID}, {arn:?}, is empty: give it a value again, of 32 random bytes (aws secretsmanager \
                     put-secret-value)"
                ))
            })?
        }
        None => make(stack, &table, clock).await?,
    };
    SigningKey::hmac(KEY_ID, Dialect::UnquotedDigest, secret)
        .map_err(Error::context(format!("key {KEY_ID} cannot be used")))
}

async fn make(stack: &Stack, table: &KeysTable, clock: &Clock) -> Result<SecretSlice<u8>> {
    // The operating system makes version 4 UUIDs: 244 bits of two of them are random.
    let secret = SecretSlice::from([Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat());
    let secret_name = secret_name(stack.name()?, KEY_ID);
    let audit = Audit::of(stack, clock.clone()).await?;
    let request = json!({ "keys": [{ "key_id": KEY_ID, "secret": secret_name }] });
    // On record before it is trusted, as every key is.
    let operation = audit.begin(COMMAND, REASON, request).await?;
    let key = NewKey {
        key_id: KEY_ID.to_owned(),
        material: Material::Shared {
            secret: secret.clone(),
            secret_name,
        },
    };
    let imported = table.import(&key, &stack.hmac_secrets(), false).await;
    let failure = imported.as_ref().err().map(|error| ErrorChain(error).to_string());
    let result = json!({ "failure": failure });
    audit.log().end(operation.id, &result).await?;
    imported.map_err(Error::context::<ImportError>(format!(
        "key {KEY_ID} cannot be made"
    )))?;
    Ok(secret)
}
