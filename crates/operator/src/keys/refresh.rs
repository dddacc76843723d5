//! Fetching the keys that Upvest signs with.

use pipeline::error::ErrorChain;
use pipeline::key_refresh::{self, Changes, RefreshError};
use pipeline::sending_on::{SendOnError, Waiting};
use pipeline::stores::keys::KeysTable;
use pipeline::upvest_access::AccessError;
use serde::Serialize;
use serde_json::json;
use upvest_api::Client;
use uuid::Uuid;

use super::SENDING;
use crate::error::{Error, Result};
use crate::repair::Repair;

/// Names the operation in the audit table.
const COMMAND: &str = "keys refresh";

/// Tells what a fetch changed, or would change.
#[derive(Debug, Serialize)]
pub struct RefreshedKeys {
    /// Tells whether nothing was to be changed.
    pub dry_run: bool,
    /// Names the operation in the audit table; `None` when nothing was to be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Uuid>,
    /// Tells what became of each key that Upvest serves or served.
    pub keys: Vec<RefreshedKey>,
    /// Tells what is wrong with each entry that is no usable key.
    pub unusable: Vec<String>,
    /// Counts the deliveries that waited in quarantine for one of the keys, and were sent on.
    pub sent_on: usize,
}

/// Describes a key that Upvest serves or served.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct RefreshedKey {
    /// Names the key as Upvest and the keys table do.
    pub key_id: String,
    /// Tells how Upvest's answer compares with the keys table.
    pub result: RefreshResult,
}

/// Compares a key that Upvest serves, or served, with the keys table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RefreshResult {
    /// The table did not have the key.
    New,
    /// The key is served as the table has it.
    Known,
    /// The key was retired, and is served again.
    Returned,
    /// The key is served no longer, and its row is kept.
    Retired,
    /// Another key has the id by now, and the earlier one a row of its own.
    Changed,
    /// The key is served no longer, like all others that were, so that it was not retired.
    Spared,
    /// The table has another key under its id, which an operator imported, and keeps that.
    Conflicting,
    /// The key is not on the stack's list of pinned keys, so that it proves nothing.
    Unpinned,
}

/// Fetches the keys that Upvest serves, and has the stack trust them, as the function refresh-keys does.
///
/// The audit table says who had them fetched, before the first is written.
///
/// # Errors
///
/// [`Error`] when Upvest, the keys table or the audit table cannot be reached; no key is lost then.
pub async fn refresh(repair: &Repair<'_>, upvest: &Client) -> Result<RefreshedKeys> {
    let table = repair.stack.keys(repair.clock.clone())?;
    let fetch = async || {
        let served = upvest.verify_keys().await;
        served.map_err(|error| AccessError::from(error).into())
    };
    let unrefreshed = || Error::context::<RefreshError>("the keys were not refreshed");
    let waiting = repair.stack.waiting(repair.clock.clone())?;
    let plan = key_refresh::plan(&table, &waiting.pinned, fetch).await;
    let plan = plan.map_err(unrefreshed())?;
    if repair.options.dry_run {
        return Ok(RefreshedKeys::of(plan.into_changes(), None));
    }
    let audit = repair.audit().await?;
    let request = plan.record();
    let (mut applied, mut sent_on) = (None, None);
    let apply = async |_: &_| {
        let changes = plan.apply(&table).await;
        let (result, failure) = match &changes {
            Ok(changes) => {
                let sent = send_on(&table, &waiting).await;
                let failure = sent.as_ref().err().map(|error| ErrorChain(error).to_string());
                sent_on = Some(sent);
                (json!(changes.count()), failure)
            }
            Err(error) => (json!({}), Some(ErrorChain(error).to_string())),
        };
        applied = Some(changes);
        (result, failure)
    };
    let (operation, _) = repair.audited(&audit, COMMAND, request, apply).await?;
    let changes = applied
        .expect("the audit runs what it records")
        .map_err(unrefreshed())?;
    let mut refreshed = RefreshedKeys::of(changes, Some(operation));
    if let Some(sent_on) = sent_on {
        refreshed.sent_on = sent_on.map_err(Error::context::<SendOnError>(
            "the keys were refreshed, and not all that waited for one was sent on",
        ))?;
    }
    Ok(refreshed)
}

/// Sends on what waited for any key of the table.
async fn send_on(table: &KeysTable, waiting: &Waiting) -> std::result::Result<usize, SendOnError> {
    let rows = table.rows().await?;
    Ok(waiting.send_on(waiting.folders(&rows), SENDING).await?.sent)
}

impl RefreshedKeys {
    /// Sorts the keys by what became of them; without an operation nothing was changed.
    fn of(mut changes: Changes, operation: Option<Uuid>) -> Self {
        // A key that is served again is among the known ones as well, and told once.
        changes.known.retain(|key_id| !changes.returned.contains(key_id));
        let results = [
            (changes.new, RefreshResult::New),
            (changes.known, RefreshResult::Known),
            (changes.returned, RefreshResult::Returned),
            (changes.retired, RefreshResult::Retired),
            (changes.spared, RefreshResult::Spared),
            (changes.changed, RefreshResult::Changed),
            (changes.conflicting, RefreshResult::Conflicting),
            (changes.unpinned, RefreshResult::Unpinned),
        ];
        let keys = results.into_iter().flat_map(|(key_ids, result)| {
            let key = move |key_id| RefreshedKey { key_id, result };
            key_ids.into_iter().map(key)
        });
        Self {
            dry_run: operation.is_none(),
            operation,
            keys: keys.collect(),
            unusable: changes.unusable,
            sent_on: 0,
        }
    }
}
