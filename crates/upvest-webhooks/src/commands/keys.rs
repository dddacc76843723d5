//! `keys`: what deliveries are verified by.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pipeline::clock::Clock;
use pipeline::error::AwsError;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::signature::{KeyError, Profile, VerifyingKey};

use crate::key_file::{self, KeyFileError};
use crate::key_store::{self, Imported, Item, KeyStore, Material, NewKey, StoreError, secret_name};
use crate::output::{self, Report};
use crate::stack::{Stack, StackError};

const IMPORT_EXAMPLES: &str = "\
Examples:
  All keys of a set, under their own ids:
    upvest-webhooks --stack webhooks-live keys import --profile upvest-v6 --jwk verify_keys.json

  One key:
    upvest-webhooks --stack webhooks-live keys import --key-id 9ed77463-c18e-4794-ab5c-17423f9b801a \\
      --profile upvest-v6 --jwk key.jwk

  A secret for smoke tests of our own:
    head -c 32 /dev/urandom > smoke.key
    upvest-webhooks --stack webhooks-live keys import --key-id smoke --profile quoted --hmac-secret-file smoke.key";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Trust deliveries that are signed with a key
    ///
    /// Importing the same key again notes that it was seen; another key under a known id is refused without
    /// --replace. The functions remember a key for five minutes, and for 15 seconds that an id is unknown.
    Import(Import),
    /// List the keys that are, or were, trusted
    List,
}

#[derive(Debug, Args)]
#[command(after_help = IMPORT_EXAMPLES)]
pub(crate) struct Import {
    /// The id that deliveries name as `keyid`; without it a JWK's own `kid`
    #[arg(long, value_name = "ID")]
    key_id: Option<String>,
    /// How the key's owner signs: upvest-v6 (Upvest) or quoted (draft 15 and RFC 9421)
    #[arg(long)]
    profile: Profile,
    #[command(flatten)]
    file: KeyFile,
    /// Put this key in the place of another that has the same id
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct KeyFile {
    /// A public key as JWK, or a set of them as {"keys": [...]}
    #[arg(long, value_name = "FILE")]
    jwk: Option<PathBuf>,
    /// A shared secret of at least 16 bytes, kept in Secrets Manager; every byte of the file counts
    #[arg(long, value_name = "FILE", requires = "key_id")]
    hmac_secret_file: Option<PathBuf>,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    File(#[from] KeyFileError),
    #[error("key {key_id} cannot verify deliveries")]
    Key { key_id: String, source: KeyError },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error("the JWK of key {key_id} in the keys table is not JSON")]
    Stored {
        key_id: String,
        source: serde_json::Error,
    },
}

/// The result of either command.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum KeysReport {
    Imported { imported: Vec<ImportedKey> },
    Listed { keys: Vec<ListedKey> },
}

/// A key that was imported.
#[derive(Debug, Serialize)]
pub(crate) struct ImportedKey {
    key_id: String,
    profile: &'static str,
    algorithm: &'static str,
    result: &'static str,
}

/// A key of the table.
#[derive(Debug, Serialize)]
pub(crate) struct ListedKey {
    key_id: String,
    profile: Option<String>,
    algorithm: Option<String>,
    source: Option<String>,
    first_seen: Option<String>,
    last_seen: Option<String>,
    retired_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwk: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(self, stack: &Stack) -> Result<KeysReport, KeysError> {
        let store = KeyStore {
            dynamodb: aws_sdk_dynamodb::Client::new(stack.config()),
            secrets: aws_sdk_secretsmanager::Client::new(stack.config()),
            table: stack.keys_table()?,
            clock: Clock::system(),
        };
        match self {
            Self::Import(import) => import.run(stack, &store).await,
            Self::List => {
                let keys = store
                    .list()
                    .await?
                    .iter()
                    .map(ListedKey::of)
                    .collect::<Result<_, _>>()?;
                Ok(KeysReport::Listed { keys })
            }
        }
    }
}

impl Import {
    async fn run(self, stack: &Stack, store: &KeyStore) -> Result<KeysReport, KeysError> {
        let mut imported = Vec::new();
        // All keys are read and checked before the first is written.
        for key in self.keys(stack)? {
            let result = match store.import(&key, self.replace).await? {
                Imported::New => "new",
                Imported::Known => "known already",
                Imported::Replaced => "replaced another key",
            };
            imported.push(ImportedKey {
                profile: key.profile.as_str(),
                algorithm: key.algorithm().as_str(),
                key_id: key.key_id,
                result,
            });
        }
        Ok(KeysReport::Imported { imported })
    }

    fn keys(&self, stack: &Stack) -> Result<Vec<NewKey>, KeysError> {
        let unusable = |key_id: &str, source| KeysError::Key {
            key_id: key_id.to_owned(),
            source,
        };
        let (Some(path), Some(key_id)) = (&self.file.hmac_secret_file, &self.key_id) else {
            let path = self.file.jwk.clone().unwrap_or_default();
            let keys = key_file::public_keys(&path, self.key_id.as_deref())?
                .into_iter()
                .map(|jwk| {
                    let key_id = jwk.key_id().unwrap_or_default().to_owned();
                    VerifyingKey::from_jwk(self.profile, &jwk).map_err(|source| unusable(&key_id, source))?;
                    Ok(NewKey {
                        key_id,
                        profile: self.profile,
                        material: Material::Public(jwk),
                    })
                });
            return keys.collect();
        };
        let secret = key_file::secret(path)?;
        if secret.expose_secret().ends_with(b"\n") {
            output::note("the secret ends with a line break, which is a part of it");
        }
        VerifyingKey::hmac(key_id, self.profile, secret.clone())
            .map_err(|source| unusable(key_id, source))?;
        Ok(vec![NewKey {
            key_id: key_id.clone(),
            profile: self.profile,
            material: Material::Shared {
                secret,
                secret_name: secret_name(stack.name()?, key_id),
            },
        }])
    }
}

impl ListedKey {
    fn of(item: &Item) -> Result<Self, KeysError> {
        let text = |name| key_store::text(item, name).map(str::to_owned);
        let key_id = text("key_id").unwrap_or_default();
        let jwk = text("jwk").map(RawValue::from_string).transpose();
        Ok(Self {
            jwk: jwk.map_err(|source| KeysError::Stored {
                key_id: key_id.clone(),
                source,
            })?,
            key_id,
            profile: text("profile"),
            algorithm: text("algorithm"),
            source: text("source"),
            first_seen: text("first_seen"),
            last_seen: text("last_seen"),
            retired_at: text("retired_at"),
            secret: text("secret"),
        })
    }
}

impl Report for KeysReport {
    fn text(&self) -> String {
        match self {
            Self::Imported { imported } => {
                let mut table = output::table(["key id", "profile", "algorithm", "result"]);
                for key in imported {
                    table.add_row([key.key_id.as_str(), key.profile, key.algorithm, key.result]);
                }
                table.to_string()
            }
            Self::Listed { keys } if keys.is_empty() => {
                "no keys; import some with `upvest-webhooks keys import`".to_owned()
            }
            Self::Listed { keys } => {
                let header = [
                    "key id",
                    "profile",
                    "algorithm",
                    "source",
                    "first seen",
                    "last seen",
                    "retired",
                ];
                let mut table = output::table(header);
                for key in keys {
                    let cell = |value: &Option<String>| value.clone().unwrap_or_default();
                    table.add_row([
                        key.key_id.clone(),
                        cell(&key.profile),
                        cell(&key.algorithm),
                        cell(&key.source),
                        cell(&key.first_seen),
                        cell(&key.last_seen),
                        cell(&key.retired_at),
                    ]);
                }
                table.to_string()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;

    #[test]
    fn a_listed_key_shows_when_it_was_seen_and_its_jwk_as_json() {
        let attributes = [
            ("key_id", "k"),
            ("profile", "upvest-v6"),
            ("first_seen", "2026-01-05T09:30:00Z"),
            ("jwk", r#"{"kty":"OKP"}"#),
        ];
        let item: HashMap<_, _> = attributes
            .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())))
            .into();
        let report = KeysReport::Listed {
            keys: vec![ListedKey::of(&item).unwrap()],
        };
        assert!(report.text().contains("2026-01-05T09:30:00Z"));
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            r#"{"keys":[{"key_id":"k","profile":"upvest-v6","algorithm":null,"source":null,"first_seen":"2026-01-05T09:30:00Z","last_seen":null,"retired_at":null,"jwk":{"kty":"OKP"}}]}"#
        );
    }
}
