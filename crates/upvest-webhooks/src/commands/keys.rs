//! `keys`: what deliveries are verified by.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pipeline::error::AwsError;
use pipeline::key_refresh::{self, Changes, RefreshError};
use pipeline::runtime::clock::Clock;
use pipeline::stores::keys::{
    HmacSecrets, ImportError, Imported, KeyRow, KeysTable, Material, NewKey, secret_name,
};
use pipeline::upvest_api::AccessError;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::signature::{KeyError, Profile, VerifyingKey};
use upvest_api::Hint;

use crate::arguments::UpvestArgs;
use crate::output::{self, Report};
use crate::stack::{Stack, StackError, StackFinder};
use operator::{ErrorKind, key_file};

const REFRESH_EXAMPLES: &str = "\
Examples:
  With the credentials of the stack's own secret:
    upvest-webhooks --stack webhooks-live keys refresh

  See what it would do, with credentials from a file:
    upvest-webhooks --stack webhooks-live keys refresh --upvest-credentials upvest.json --dry-run";

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
    /// Fetch the keys that Upvest signs with, and trust them
    ///
    /// What the function refresh-keys does on its schedule, now: adds the keys that are new and notes those that are
    /// served no longer. No key is overwritten or deleted. It fails when an id belongs to another key of the table.
    Refresh(Box<Refresh>),
    /// Trust deliveries that are signed with a key
    ///
    /// Importing the same key again notes that it was seen; another key under a known id is refused without
    /// --replace. The functions remember a key for five minutes, and for 15 seconds that an id is unknown.
    Import(Import),
    /// List the keys that are, or were, trusted
    List,
}

#[derive(Debug, Args)]
#[command(after_help = REFRESH_EXAMPLES)]
pub(crate) struct Refresh {
    #[command(flatten)]
    pub(crate) upvest: UpvestArgs,
    /// Show what would change, and change nothing
    #[arg(long, help_heading = "Options")]
    pub(crate) dry_run: bool,
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
    #[error("key {key_id} cannot verify deliveries")]
    Key { key_id: String, source: KeyError },
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error("the keys were not refreshed")]
    Refresh(#[from] RefreshError),
    #[error("the JWK of key {key_id} in the keys table is not JSON")]
    Stored {
        key_id: String,
        source: serde_json::Error,
    },
}

impl KeysError {
    /// Whether another command line would have helped.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Stack(error) => error.is_usage(),
            _ => false,
        }
    }

    /// What probably made Upvest refuse, and what to do.
    pub(crate) fn hint(&self) -> Option<Hint> {
        match self {
            Self::Stack(error) => error.hint(),
            Self::Refresh(RefreshError::Access(AccessError::Upvest(error))) => error.hint(),
            _ => None,
        }
    }
}

/// The result of any of the commands.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum KeysReport {
    Refreshed(Refreshed),
    Imported { imported: Vec<ImportedKey> },
    Listed { keys: Vec<ListedKey> },
}

/// What a fetch changed, or would change.
#[derive(Debug, Serialize)]
pub(crate) struct Refreshed {
    dry_run: bool,
    keys: Vec<RefreshedKey>,
    /// What is wrong with each entry that is no usable key.
    unusable: Vec<String>,
}

/// A key that Upvest serves or served.
#[derive(Debug, Serialize)]
pub(crate) struct RefreshedKey {
    key_id: String,
    result: RefreshResult,
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum RefreshResult {
    New,
    Known,
    Returned,
    Retired,
    Conflicting,
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
    /// What alone it may sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    only: Option<String>,
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(self, stacks: &StackFinder<'_>) -> Result<KeysReport, KeysError> {
        let stack = stacks.stack().await?;
        let dynamodb = pipeline::runtime::aws::dynamodb(stack.config());
        let table = KeysTable::new(dynamodb, stack.keys_table()?, Clock::system());
        match self {
            Self::Refresh(refresh) => refresh.run(stacks, &table).await.map(KeysReport::Refreshed),
            Self::Import(import) => import.run(stack, &table).await,
            Self::List => {
                let keys = table
                    .rows()
                    .await?
                    .into_iter()
                    .map(ListedKey::of)
                    .collect::<Result<_, _>>()?;
                Ok(KeysReport::Listed { keys })
            }
        }
    }
}

impl Refresh {
    async fn run(&self, stacks: &StackFinder<'_>, table: &KeysTable) -> Result<Refreshed, KeysError> {
        let client = self.upvest.client(stacks).await?;
        let fetch = async || {
            client
                .verify_keys()
                .await
                .map_err(|error| AccessError::from(error).into())
        };
        let plan = key_refresh::plan(table, fetch).await?;
        let changes = match self.dry_run {
            true => plan.into_changes(),
            false => plan.carry_out(table).await?,
        };
        Ok(Refreshed::of(changes, self.dry_run))
    }
}

impl Refreshed {
    fn of(changes: Changes, dry_run: bool) -> Self {
        let Changes {
            new,
            mut known,
            returned,
            retired,
            conflicting,
            unusable,
        } = changes;
        known.retain(|key_id| !returned.contains(key_id));
        let results = [
            (new, RefreshResult::New),
            (known, RefreshResult::Known),
            (returned, RefreshResult::Returned),
            (retired, RefreshResult::Retired),
            (conflicting, RefreshResult::Conflicting),
        ];
        let keys = results.into_iter().flat_map(|(key_ids, result)| {
            let key = move |key_id| RefreshedKey { key_id, result };
            key_ids.into_iter().map(key)
        });
        Self {
            dry_run,
            keys: keys.collect(),
            unusable,
        }
    }

    fn text(&self) -> String {
        let mut table = output::table(["key id", "result"]);
        for key in &self.keys {
            table.add_row([key.key_id.as_str(), key.result.explain()]);
        }
        let mut text = format!("{table}\n");
        for unusable in &self.unusable {
            text.push_str(&format!("\n{unusable}"));
        }
        if self.dry_run {
            text.push_str("\ndry run: nothing was changed");
        }
        text
    }
}

impl RefreshResult {
    fn explain(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Known => "known",
            Self::Returned => "returned: served again",
            Self::Retired => "retired: served no longer, and kept",
            Self::Conflicting => "conflicting: the table has another key under this id, which was kept",
        }
    }
}

impl Import {
    async fn run(self, stack: &Stack, table: &KeysTable) -> Result<KeysReport, KeysError> {
        let secrets = HmacSecrets::new(pipeline::runtime::aws::secrets(stack.config()));
        let mut imported = Vec::new();
        // All keys are read and checked before the first is written.
        for key in self.keys(stack)? {
            let result = match table.import(&key, &secrets, self.replace).await? {
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
            let keys = key_file::public_keys(&path, self.key_id.as_deref())
                .map_err(|error| error.of_kind(ErrorKind::Failed))?
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
    fn of(row: KeyRow) -> Result<Self, KeysError> {
        let jwk = row.jwk.map(RawValue::from_string).transpose();
        Ok(Self {
            jwk: jwk.map_err(|source| KeysError::Stored {
                key_id: row.key_id.clone(),
                source,
            })?,
            key_id: row.key_id,
            profile: row.profile,
            algorithm: row.algorithm,
            source: row.source,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            retired_at: row.retired_at,
            secret: row.secret,
            only: row.only,
        })
    }

    fn source_and_limit(&self) -> String {
        let source = self.source.clone().unwrap_or_default();
        match &self.only {
            Some(only) => format!("{source} (signs {only} events only)"),
            None => source,
        }
    }
}

impl Report for KeysReport {
    fn text(&self) -> String {
        match self {
            Self::Refreshed(refreshed) => refreshed.text(),
            Self::Imported { imported } => {
                let mut table = output::table(["key id", "profile", "algorithm", "result"]);
                for key in imported {
                    table.add_row([key.key_id.as_str(), key.profile, key.algorithm, key.result]);
                }
                table.to_string()
            }
            Self::Listed { keys } if keys.is_empty() => {
                "no keys; fetch Upvest's with `upvest-webhooks keys refresh`, or import some with `keys import`".to_owned()
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
                        key.source_and_limit(),
                        cell(&key.first_seen),
                        cell(&key.last_seen),
                        cell(&key.retired_at),
                    ]);
                }
                table.to_string()
            }
        }
    }

    fn succeeded(&self) -> bool {
        match self {
            Self::Refreshed(refreshed) => {
                let conflicts = |key: &RefreshedKey| key.result == RefreshResult::Conflicting;
                !refreshed.keys.iter().any(conflicts)
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;

    use webhook_tests::deployment::ConnectedDeployment;

    use super::*;

    #[test]
    fn a_listed_key_shows_whence_it_is_when_it_was_seen_and_its_jwk_as_json() {
        let text = |text: &str| Some(text.to_owned());
        let row = KeyRow {
            key_id: "k".to_owned(),
            profile: text("upvest-v6"),
            source: text("upvest"),
            first_seen: text("2026-01-05T09:30:00Z"),
            retired_at: text("2026-02-05T09:30:00Z"),
            jwk: text(r#"{"kty":"OKP"}"#),
            ..KeyRow::default()
        };
        let report = KeysReport::Listed {
            keys: vec![ListedKey::of(row).unwrap()],
        };
        for shown in ["upvest", "2026-01-05T09:30:00Z", "2026-02-05T09:30:00Z"] {
            assert!(report.text().contains(shown), "{shown}");
        }
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            r#"{"keys":[{"key_id":"k","profile":"upvest-v6","algorithm":null,"source":"upvest","first_seen":"2026-01-05T09:30:00Z","last_seen":null,"retired_at":"2026-02-05T09:30:00Z","jwk":{"kty":"OKP"}}]}"#
        );
    }

    #[test]
    fn a_limited_key_is_listed_with_its_limit() {
        let row = KeyRow {
            key_id: "canary-1".to_owned(),
            source: Some("canary".to_owned()),
            only: Some("synthetic".to_owned()),
            ..KeyRow::default()
        };
        let report = KeysReport::Listed {
            keys: vec![ListedKey::of(row).unwrap()],
        };
        assert!(report.text().contains("canary (signs synthetic events only)"));
        assert!(
            serde_json::to_string(&report)
                .unwrap()
                .contains(r#""only":"synthetic""#)
        );
    }

    fn refresh(dry_run: bool) -> Command {
        Command::Refresh(Box::new(Refresh {
            upvest: UpvestArgs::default(),
            dry_run,
        }))
    }

    fn results(report: &KeysReport) -> Vec<(&str, RefreshResult)> {
        let KeysReport::Refreshed(refreshed) = report else {
            panic!("{report:?}");
        };
        let keys = refreshed.keys.iter();
        keys.map(|key| (key.key_id.as_str(), key.result)).collect()
    }

    #[tokio::test]
    async fn the_keys_of_upvest_are_new_once_and_known_from_then_on() {
        let world = ConnectedDeployment::new().await;
        let key_id = world.simulator.state().key_id;
        let first = refresh(false).run(&world.stacks).await.unwrap();
        assert_eq!(results(&first), [(key_id.as_str(), RefreshResult::New)]);
        let second = refresh(false).run(&world.stacks).await.unwrap();
        assert_eq!(results(&second), [(key_id.as_str(), RefreshResult::Known)]);
        assert!(first.succeeded() && second.succeeded());
        let listed = Command::List.run(&world.stacks).await.unwrap();
        assert!(listed.text().contains(&key_id), "{}", listed.text());
        world.assert_no_secret_in(&format!("{} {first:?} {listed:?}", first.text()));
    }

    #[tokio::test]
    async fn a_dry_run_of_a_refresh_writes_nothing() {
        let world = ConnectedDeployment::new().await;
        let report = refresh(true).run(&world.stacks).await.unwrap();
        assert_eq!(results(&report)[0].1, RefreshResult::New);
        assert!(
            report.text().ends_with("nothing was changed"),
            "{}",
            report.text()
        );
        assert!(world.receiver.aws.items("keys").is_empty());
    }

    #[tokio::test]
    async fn another_key_under_a_served_id_is_kept_and_told() {
        let world = ConnectedDeployment::new().await;
        let key_id = world.simulator.state().key_id;
        let put = world.receiver.aws.dynamodb().put_item().table_name("keys");
        let put = put
            .item("key_id", AttributeValue::S(key_id.clone()))
            .item("source", AttributeValue::S("import".to_owned()));
        put.send().await.unwrap();
        let report = refresh(false).run(&world.stacks).await.unwrap();
        assert_eq!(results(&report), [(key_id.as_str(), RefreshResult::Conflicting)]);
        assert!(!report.succeeded());
        assert!(world.receiver.aws.items("keys")[0].get("jwk").is_none());
    }

    #[tokio::test]
    async fn a_refused_fetch_says_what_to_do() {
        let world = ConnectedDeployment::new().await;
        world.refuse("/auth/verify_keys", 403);
        let error = refresh(false).run(&world.stacks).await.unwrap_err();
        let hint = error.hint().unwrap().to_string();
        assert!(hint.contains("webhooks:read"), "{hint}");
    }
}
