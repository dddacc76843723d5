//! Fetching the keys that Upvest signs with.

use pipeline::key_refresh::{self, RefreshError};
use pipeline::runtime::clock::Clock;
use pipeline::upvest_api::AccessError;
use serde::Serialize;
use upvest_api::Client;

use crate::error::{Error, Result};
use crate::stack::Stack;

/// Tells what a fetch changed, or would change.
#[derive(Debug, Serialize)]
pub struct RefreshedKeys {
    /// Tells whether nothing was to be changed.
    pub dry_run: bool,
    /// Tells what became of each key that Upvest serves or served.
    pub keys: Vec<RefreshedKey>,
    /// Tells what is wrong with each entry that is no usable key.
    pub unusable: Vec<String>,
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
    /// The table has another key under its id, and keeps that.
    Conflicting,
}

/// Fetches the keys that Upvest serves, and has the stack trust them, as the function refresh-keys does.
///
/// # Errors
///
/// [`Error`] when Upvest or the keys table cannot be reached; no key is lost then.
pub async fn refresh(stack: &Stack, upvest: &Client, dry_run: bool) -> Result<RefreshedKeys> {
    let table = stack.keys(Clock::system())?;
    let fetch = async || {
        let served = upvest.verify_keys().await;
        served.map_err(|error| AccessError::from(error).into())
    };
    let changes = async {
        let plan = key_refresh::plan(&table, fetch).await?;
        match dry_run {
            true => Ok(plan.into_changes()),
            false => plan.carry_out(&table).await,
        }
    };
    let mut changes = changes
        .await
        .map_err(Error::context::<RefreshError>("the keys were not refreshed"))?;
    changes.known.retain(|key_id| !changes.returned.contains(key_id));
    let results = [
        (changes.new, RefreshResult::New),
        (changes.known, RefreshResult::Known),
        (changes.returned, RefreshResult::Returned),
        (changes.retired, RefreshResult::Retired),
        (changes.conflicting, RefreshResult::Conflicting),
    ];
    let keys = results.into_iter().flat_map(|(key_ids, result)| {
        let key = move |key_id| RefreshedKey { key_id, result };
        key_ids.into_iter().map(key)
    });
    Ok(RefreshedKeys {
        dry_run,
        keys: keys.collect(),
        unusable: changes.unusable,
    })
}
