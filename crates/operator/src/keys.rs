//! The keys that deliveries are verified by: fetching Upvest's, importing others, listing all.

mod import;
mod refresh;

use std::time::Duration;

use pipeline::runtime::clock::Clock;
use pipeline::stores::keys::KeyRow;
use serde::Serialize;

pub use self::import::{ImportedKey, ImportedKeys, KeyFile, import};
pub use self::refresh::{RefreshResult, RefreshedKey, RefreshedKeys, refresh};
use crate::error::Result;
use crate::stack::Stack;

/// Bounds the time for sending on what waited: the next fetch goes on with the rest.
const SENDING: Duration = Duration::from_secs(300);

/// Lists every key of the keys table, retired ones included.
#[derive(Debug, Serialize)]
pub struct KeyList {
    /// Lists the rows of the keys table, sorted by id.
    pub keys: Vec<KeyRow>,
}

/// Lists the keys that are, or were, trusted.
///
/// # Errors
///
/// [`Error`](crate::Error) when the keys table cannot be read.
pub async fn list(stack: &Stack) -> Result<KeyList> {
    let keys = stack.keys(Clock::system())?.rows().await?;
    Ok(KeyList { keys })
}
