//! Importing keys from files.

use std::path::PathBuf;

use pipeline::error::ErrorChain;
use pipeline::sending_on::{SendOnError, Waiting};
use pipeline::stores::keys::{Imported, KeysTable, Material, NewKey, PinnedKeys, secret_name};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Value, json};
use upvest::signature::{KeyError, VerifyingKey};
use uuid::Uuid;

use super::{SENDING, until_nothing_is_refused_by_memory};
use crate::error::{Error, ErrorKind, Result};
use crate::key_file;
use crate::repair::Repair;
use crate::reporter::Reporter;
use crate::stack::Stack;

/// Names the operation in the audit table.
const COMMAND: &str = "keys import";
/// Names a file to import, and how its bytes are to be read.
#[derive(Debug, Clone)]
pub enum KeyFile {
    /// The file holds a public key as JWK, or a set of them: all under their own ids, or one under this id.
    Jwk(PathBuf, Option<String>),
    /// The file holds a shared secret, for a key of this id. Every byte of the file counts.
    HmacSecret(PathBuf, String),
}

/// Tells what an import did with each key of its file.
#[derive(Debug, Serialize)]
pub struct ImportedKeys {
    /// Names the operation in the audit table.
    pub operation: Uuid,
    /// Lists the keys that are trusted now, in the order of the file.
    pub imported: Vec<ImportedKey>,
    /// Counts the deliveries that waited in quarantine for one of the keys, and were sent on.
    pub sent_on: usize,
    /// Explains what ended it early; what was imported before that stays. `None` when nothing did.
    pub failure: Option<String>,
}

/// Describes a key that the stack trusts after the import.
#[derive(Debug, Serialize)]
pub struct ImportedKey {
    /// Names the key as deliveries name it in their signature.
    pub key_id: String,
    /// Names its algorithm, as the keys table does.
    pub algorithm: &'static str,
    /// Names the public key itself (RFC 7638); `None` for a secret.
    pub thumbprint: Option<String>,
    /// Says what came of it: `new`, `known already` or `replaced another key`.
    pub result: &'static str,
}

/// Has a stack trust the keys of a file. With `replace` a key takes the place of another that has its id.
///
/// All keys are read and checked, and the audit table names them, before the first is written.
///
/// # Errors
///
/// [`Error`] when nothing was imported: a key cannot verify deliveries, its id belongs to another key and `replace` is
/// not set, or the audit table does not take the record. What ended an import later is in [`ImportedKeys::failure`].
pub async fn import(repair: &Repair<'_>, file: &KeyFile, replace: bool) -> Result<ImportedKeys> {
    let stack = repair.stack;
    let (table, secrets) = (stack.keys(repair.clock.clone())?, stack.hmac_secrets());
    let keys = read(stack, file, repair.reporter)?;
    refuse_unpinned(&stack.pinned_keys()?, &keys)?;
    let audit = repair.audit().await?;
    let request = json!({ "keys": keys.iter().map(record).collect::<Vec<_>>(), "replace": replace });
    let waiting = stack.waiting(repair.clock.clone())?;
    let (mut imported, mut refused, mut sent_on) = (Vec::<ImportedKey>::new(), None, 0);
    let add = async |_: &_| {
        for key in &keys {
            match table.import(key, &secrets, replace).await {
                Ok(result) => imported.push(ImportedKey {
                    key_id: key.key_id.clone(),
                    algorithm: key.algorithm().as_str(),
                    thumbprint: key.thumbprint(),
                    result: result_name(result),
                }),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        if imported
            .iter()
            .any(|key| key.result == result_name(Imported::Replaced))
        {
            until_nothing_is_refused_by_memory().await;
        }
        let mut failure = refused.as_ref().map(|error| ErrorChain(error).to_string());
        // Also where one was refused: what waits for those that are trusted by now is to go on.
        match send_on(&table, &waiting, &imported).await {
            Ok(sent) => sent_on = sent,
            Err(error) => failure = failure.or(Some(ErrorChain(&error).to_string())),
        }
        (
            json!({ "imported": imported, "sent_on": sent_on, "failure": failure }),
            failure,
        )
    };
    let (operation, failure) = repair.audited(&audit, COMMAND, request, add).await?;
    match refused {
        Some(error) if imported.is_empty() => Err(error.into()),
        _ => Ok(ImportedKeys {
            operation,
            imported,
            sent_on,
            failure,
        }),
    }
}

/// Sends on what waited for the keys that were imported.
async fn send_on(
    table: &KeysTable,
    waiting: &Waiting,
    imported: &[ImportedKey],
) -> std::result::Result<usize, SendOnError> {
    let mut rows = Vec::new();
    for key in imported {
        rows.extend(table.row(&key.key_id).await?);
    }
    Ok(waiting.send_on(waiting.folders(&rows), SENDING).await?.sent)
}

/// Refuses keys that would prove nothing, because they are not on the stack's list.
fn refuse_unpinned(pinned: &PinnedKeys, keys: &[NewKey]) -> Result<()> {
    for key in keys {
        let Some(thumbprint) = key.thumbprint().filter(|thumbprint| !pinned.allow(thumbprint)) else {
            continue;
        };
        return Err(Error::usage(format!(
            "key {} ({thumbprint}) is not one of the stack's PinnedKeys, so that it would prove nothing: add the thumbprint to \
             that parameter first",
            key.key_id
        )));
    }
    Ok(())
}

/// Reads the keys of a file, and makes sure that each can verify deliveries.
fn read(stack: &Stack, file: &KeyFile, reporter: Reporter<'_>) -> Result<Vec<NewKey>> {
    match file {
        KeyFile::Jwk(path, key_id) => key_file::public_keys(path, key_id.as_deref())
            .map_err(|error| error.of_kind(ErrorKind::Failed))?
            .into_iter()
            .map(|jwk| {
                let key_id = jwk.key_id().expect("a key without an id is refused").to_owned();
                VerifyingKey::from_jwk(&jwk).map_err(unusable(&key_id))?;
                let material = Material::Public(jwk);
                Ok(NewKey { key_id, material })
            })
            .collect(),
        KeyFile::HmacSecret(path, key_id) => {
            let secret = key_file::secret(path)?;
            if secret.expose_secret().ends_with(b"\n") {
                reporter.note("the secret ends with a line break, which is a part of it");
            }
            VerifyingKey::hmac(key_id, secret.clone()).map_err(unusable(key_id))?;
            let secret_name = secret_name(stack.name()?, key_id);
            Ok(vec![NewKey {
                key_id: key_id.clone(),
                material: Material::Shared { secret, secret_name },
            }])
        }
    }
}

/// Describes a key for the audit table: a public one whole, of a secret no more than where it is kept.
fn record(key: &NewKey) -> Value {
    let algorithm = key.algorithm().as_str();
    match &key.material {
        Material::Public(jwk) => {
            let thumbprint = jwk.thumbprint();
            json!({ "key_id": key.key_id, "algorithm": algorithm, "thumbprint": thumbprint, "jwk": jwk })
        }
        Material::Shared { secret_name, .. } => {
            json!({ "key_id": key.key_id, "algorithm": algorithm, "secret": secret_name })
        }
    }
}

const fn result_name(result: Imported) -> &'static str {
    match result {
        Imported::New => "new",
        Imported::Known => "known already",
        Imported::Replaced => "replaced another key",
    }
}

fn unusable(key_id: &str) -> impl FnOnce(KeyError) -> Error {
    Error::context(format!("key {key_id} cannot verify deliveries"))
}
