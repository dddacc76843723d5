//! `keys import`: keys of files.

use std::path::PathBuf;

use clap::Args;
use operator::Result;
use operator::keys::{ImportedKeys, KeyFile, import};

use super::sent_on::sent_on;
use crate::arguments::{RepairArgs, Site};
use crate::output::{Exit, Report, rows_of};

const EXAMPLES: &str = "\
Examples:
  All keys of a set, under their own ids:
    upvest-webhooks --stack webhooks-live keys import --jwk verify_keys.json --reason INC-42

  One key:
    upvest-webhooks --stack webhooks-live keys import --key-id 9ed77463-c18e-4794-ab5c-17423f9b801a \\
      --jwk key.jwk --reason \"new signer, INC-43\"

  A secret for smoke tests of our own:
    head -c 32 /dev/urandom > smoke.key
    upvest-webhooks --stack webhooks-live keys import --key-id smoke --hmac-secret-file smoke.key \\
      --reason \"smoke tests\"";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ImportArgs {
    /// The id that deliveries name as `keyid`; without it a JWK's own `kid`
    #[arg(long, value_name = "ID")]
    key_id: Option<String>,
    #[command(flatten)]
    file: KeyFileArgs,
    /// Put this key in the place of another that has the same id
    #[arg(long)]
    replace: bool,
    /// Why, for the audit table: a ticket, say, and nothing personal
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct KeyFileArgs {
    /// A public key as JWK, or a set of them as {"keys": [...]}
    #[arg(long, value_name = "FILE")]
    jwk: Option<PathBuf>,
    /// A shared secret of at least 16 bytes, kept in Secrets Manager; every byte of the file counts
    #[arg(long, value_name = "FILE", requires = "key_id")]
    hmac_secret_file: Option<PathBuf>,
}

impl ImportArgs {
    /// Imports the keys of the file; gives what came of each.
    pub(super) async fn run(self, site: Site<'_>) -> Result<ImportedKeys> {
        let file = match (self.file.hmac_secret_file, self.key_id) {
            (Some(path), Some(key_id)) => KeyFile::HmacSecret(path, key_id),
            (_, key_id) => {
                let jwk = self
                    .file
                    .jwk
                    .expect("the grammar wants one of the files, and an id for a secret");
                KeyFile::Jwk(jwk, key_id)
            }
        };
        let repair = RepairArgs::unasked(Some(self.reason), false).of(site);
        import(&repair, &file, self.replace).await
    }
}

impl Report for ImportedKeys {
    fn text(&self) -> String {
        let mut text = rows_of(&self.imported)
            .column("key id", |key| &key.key_id)
            .column("algorithm", |key| key.algorithm)
            .column("result", |key| key.result)
            .optional("thumbprint", |key| key.thumbprint.as_ref())
            .to_string();
        text.push_str(&sent_on(self.sent_on));
        if let Some(failure) = &self.failure {
            text.push_str(&format!("\n\nended early: {failure}"));
        }
        text
    }

    fn exit(&self) -> Exit {
        Exit::of_work(self.failure.is_none())
    }
}
