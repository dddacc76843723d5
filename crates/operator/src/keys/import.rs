//! Importing keys from files.

use std::path::PathBuf;

use pipeline::runtime::clock::Clock;
use pipeline::stores::keys::{Imported, Material, NewKey, secret_name};
use secrecy::ExposeSecret;
use serde::Serialize;
use upvest::signature::{KeyError, VerifyingKey};

use crate::error::{Error, ErrorKind, Result};
use crate::key_file;
use crate::reporter::Reporter;
use crate::stack::Stack;

/// Names a file to import, and how its bytes are to be read.
#[derive(Debug, Clone)]
pub enum KeyFile {
    /// A public key as JWK, or a set of them: all under their own ids, or one under this id.
    Jwk(PathBuf, Option<String>),
    /// A shared secret, under this id. Every byte of the file counts.
    HmacSecret(PathBuf, String),
}

/// Tells what an import did with each key of its file.
#[derive(Debug, Serialize)]
pub struct ImportedKeys {
    /// The keys, in the order of the file.
    pub imported: Vec<ImportedKey>,
}

/// Describes a key that the stack trusts after the import.
#[derive(Debug, Serialize)]
pub struct ImportedKey {
    /// Names the key as deliveries name it in their signature.
    pub key_id: String,
    /// Its algorithm.
    pub algorithm: &'static str,
    /// `new`, `known already` or `replaced another key`.
    pub result: &'static str,
}

/// Has a stack trust the keys of a file. With `replace` a key takes the place of another that has its id.
///
/// All keys are read and checked before the first is written.
///
/// # Errors
///
/// [`Error`] when a key cannot verify deliveries, or its id belongs to another key and `replace` is not set.
pub async fn import(
    stack: &Stack,
    file: &KeyFile,
    replace: bool,
    reporter: Reporter<'_>,
) -> Result<ImportedKeys> {
    let (table, secrets) = (stack.keys(Clock::system())?, stack.hmac_secrets());
    let keys = match file {
        KeyFile::Jwk(path, key_id) => key_file::public_keys(path, key_id.as_deref())
            .map_err(|error| error.of_kind(ErrorKind::Failed))?
            .into_iter()
            .map(|jwk| {
                let key_id = jwk.key_id().unwrap_or_default().to_owned();
                VerifyingKey::from_jwk(&jwk).map_err(unusable(&key_id))?;
                let material = Material::Public(jwk);
                Ok(NewKey { key_id, material })
            })
            .collect::<Result<_>>()?,
        KeyFile::HmacSecret(path, key_id) => {
            let secret = key_file::secret(path)?;
            if secret.expose_secret().ends_with(b"\n") {
                reporter.note("the secret ends with a line break, which is a part of it");
            }
            VerifyingKey::hmac(key_id, secret.clone()).map_err(unusable(key_id))?;
            let secret_name = secret_name(stack.name()?, key_id);
            vec![NewKey {
                key_id: key_id.clone(),
                material: Material::Shared { secret, secret_name },
            }]
        }
    };
    let mut imported = Vec::new();
    for key in keys {
        let result = match table.import(&key, &secrets, replace).await? {
            Imported::New => "new",
            Imported::Known => "known already",
            Imported::Replaced => "replaced another key",
        };
        imported.push(ImportedKey {
            algorithm: key.algorithm().as_str(),
            key_id: key.key_id,
            result,
        });
    }
    Ok(ImportedKeys { imported })
}

fn unusable(key_id: &str) -> impl FnOnce(KeyError) -> Error {
    Error::context(format!("key {key_id} cannot verify deliveries"))
}
