//! Distrusting a key that others may have, and trusting it again.

use jiff::Timestamp;
use pipeline::sending_on::Folder;
use pipeline::stores::archive::{BAD_SIGNATURE, KEY_DISTRUSTED};
use pipeline::stores::keys::{KeyRow, KeysTable};
use serde::Serialize;
use serde_json::json;

use super::proved::{Proved, proved};
use super::{SENDING, until_nothing_is_refused_by_memory};
use crate::error::{Error, Result};
use crate::repair::{Decision, Ending, Repair};

/// Names the operations in the audit table.
const DISTRUST: &str = "keys distrust";
const TRUST: &str = "keys trust";

/// Tells since when a key proves nothing, and what it had proved of that time.
#[derive(Debug, Serialize)]
pub struct DistrustedKey {
    /// Says whether it was a dry run, was declined, or failed half way.
    #[serde(flatten)]
    pub ending: Ending,
    /// Names the key, and who wrote its row.
    #[serde(flatten)]
    pub key: AboutKey,
    /// Tells from when on the key proves nothing, by the time of receipt.
    pub since: Timestamp,
    /// Lists what it had proved that was received from then on.
    #[serde(flatten)]
    pub proved: Proved,
    /// Names the rows of keys that had its id before and may prove what was received from then on: each is distrusted under the
    /// id of its row, `<key id>!<thumbprint>`.
    pub earlier_keys: Vec<String>,
}

/// Tells that a key proves again what it signs.
#[derive(Debug, Serialize)]
pub struct TrustedKey {
    /// Says whether it was a dry run, was declined, or failed half way.
    #[serde(flatten)]
    pub ending: Ending,
    /// Names the key, and who wrote its row.
    #[serde(flatten)]
    pub key: AboutKey,
    /// Tells since when it was distrusted; `None` where it was not.
    pub was_distrusted_since: Option<String>,
    /// Counts the deliveries that lay in quarantine because of that, and were sent on.
    pub sent_on: usize,
}

/// Describes a key as a person compares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AboutKey {
    /// Names the key as deliveries name it.
    pub key_id: String,
    /// Names the public key itself (RFC 7638); `None` for a secret.
    pub thumbprint: Option<String>,
    /// Says who wrote its row, `upvest` or `import`; `None` where it does not say.
    pub source: Option<String>,
}

impl AboutKey {
    fn of(row: &KeyRow) -> Self {
        Self {
            key_id: row.key_id.clone(),
            thumbprint: row.thumbprint(),
            source: row.source.clone(),
        }
    }
}

/// Has a key prove nothing that was received from `since` on, whatever Upvest serves, once `confirm` has seen which key, and lists
/// what it had proved of that time. Where the key was distrusted from an earlier time on, that time stays.
///
/// The row is written before the archive is read, which may take long.
///
/// # Errors
///
/// [`Error`] when nothing was changed. What went wrong after that is in [`Ending::failure`].
pub async fn distrust(
    repair: &Repair<'_>,
    key_id: &str,
    since: Timestamp,
    confirm: impl FnOnce(&AboutKey, Timestamp) -> Result<bool>,
) -> Result<DistrustedKey> {
    let table = repair.stack.keys(repair.clock.clone())?;
    let row = known(&table, key_id).await?;
    // The earlier time stays: what the key signed between the two would prove again
    // (`an_earlier_distrust_is_not_made_later`).
    let since = row.distrusted_since().map_or(since, |known| known.min(since));
    let earlier = table.earlier_rows(&row).await?.into_iter();
    let earlier = earlier.filter(|row| row.may_prove_since(since));
    let mut report = DistrustedKey {
        ending: repair.ending(),
        key: AboutKey::of(&row),
        since,
        proved: Proved::default(),
        earlier_keys: earlier.map(|row| row.key_id).collect(),
    };
    let has_work = row.distrusted_since() != Some(since);
    match repair.decide(has_work, || confirm(&report.key, since))? {
        Decision::Declined => report.ending.declined = true,
        Decision::Preview => report.proved = proved(repair, &row, since).await?,
        Decision::GoOn => {
            let mut request = json!(report.key);
            request["since"] = json!(since);
            let change = async |_: &_| {
                let ended = async {
                    // Only if the row is the one that was shown: see `a_distrust_during_a_fetch`.
                    written(table.distrust(&row, since).await?)?;
                    let proved = proved(repair, &row, since).await;
                    let unlisted = "the key is not trusted any longer, and what it proved cannot be listed";
                    report.proved = proved.map_err(Error::context::<Error>(unlisted))?;
                    Ok(())
                };
                let ended = ended.await;
                (json!({ "deliveries": report.proved.deliveries.len() }), ended)
            };
            report.ending = repair.carry_out(DISTRUST, request, change).await?;
        }
    }
    Ok(report)
}

/// Has a distrusted key prove again what it signs, once `confirm` has seen which key, and sends on what lies in quarantine because
/// it did not.
///
/// # Errors
///
/// [`Error`] when nothing was changed. What went wrong after that is in [`Ending::failure`].
pub async fn trust(
    repair: &Repair<'_>,
    key_id: &str,
    confirm: impl FnOnce(&AboutKey) -> Result<bool>,
) -> Result<TrustedKey> {
    let table = repair.stack.keys(repair.clock.clone())?;
    let row = known(&table, key_id).await?;
    let mut report = TrustedKey {
        ending: repair.ending(),
        key: AboutKey::of(&row),
        was_distrusted_since: row.distrusted_at.clone(),
        sent_on: 0,
    };
    let waiting = repair.stack.waiting(repair.clock.clone())?;
    let folders = folders(&row);
    // What was refused may lie there still, where an earlier call ended after it had changed the row.
    let mut has_work = row.distrusted_at.is_some();
    for folder in &folders {
        has_work = has_work || waiting.has(folder).await?;
    }
    match repair.decide(has_work, || confirm(&report.key))? {
        Decision::Preview => {}
        Decision::Declined => report.ending.declined = true,
        Decision::GoOn => {
            let mut request = json!(report.key);
            request["distrusted_at"] = json!(row.distrusted_at);
            let change = async |_: &_| {
                let ended = async {
                    if row.distrusted_at.is_some() {
                        written(table.trust(&row).await?)?;
                        until_nothing_is_refused_by_memory().await;
                    }
                    report.sent_on = waiting.send_on(folders, SENDING).await?.sent;
                    Ok(())
                };
                let ended = ended.await;
                (json!({ "sent_on": report.sent_on }), ended)
            };
            report.ending = repair.carry_out(TRUST, request, change).await?;
        }
    }
    Ok(report)
}

/// Lists the folders in which lies what a key signed while it was not trusted. Once another key has its id, deliveries are tried with
/// that one, and do not hold.
fn folders(row: &KeyRow) -> Vec<Folder> {
    let reasons: &[&'static str] = match row.is_earlier() {
        true => &[KEY_DISTRUSTED, BAD_SIGNATURE],
        false => &[KEY_DISTRUSTED],
    };
    reasons
        .iter()
        .map(|reason| Folder::of(reason, row.named()))
        .collect()
}

async fn known(table: &KeysTable, key_id: &str) -> Result<KeyRow> {
    let row = table.row(key_id).await?;
    row.ok_or_else(|| {
        Error::not_found(format!(
            "no key {key_id} in the keys table; `keys list` has them all"
        ))
    })
}

fn written(is_written: bool) -> Result<()> {
    match is_written {
        true => Ok(()),
        false => Err(Error::failed(
            "the key was changed by somebody else at the same time: try again",
        )),
    }
}
