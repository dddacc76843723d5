//! The keys that deliveries are verified by: fetching Upvest's, importing others, distrusting one, listing all.

mod import;
mod proved;
mod refresh;
mod trust;

use std::time::Duration;

use jiff::Timestamp;
use pipeline::stores::keys::{KeyRow, REFUSES_FOR};
use serde::Serialize;

pub use self::import::{ImportedKey, ImportedKeys, KeyFile, import};
pub use self::proved::{Proved, ProvedDelivery};
pub use self::refresh::{RefreshResult, RefreshedKey, RefreshedKeys, refresh};
pub use self::trust::{AboutKey, DistrustedKey, TrustedKey, distrust, trust};
use crate::error::Result;
use crate::stack::Stack;

/// Bounds the time for sending on what waited: the next fetch goes on with the rest.
const SENDING: Duration = Duration::from_secs(300);
/// Allows for the time that a function takes to put into quarantine what it refused.
const MARGIN: Duration = Duration::from_secs(1);

/// Lists every key of the keys table, retired ones included.
#[derive(Debug, Serialize)]
pub struct KeyList {
    /// Gives the time at which it was looked at.
    pub at: Timestamp,
    /// Lists the rows of the keys table, sorted by id.
    pub keys: Vec<ListedKey>,
}

/// Describes a key of the table.
#[derive(Debug, Serialize)]
pub struct ListedKey {
    /// Holds what the keys table has of the key: id, algorithm, source, dates and dialects.
    #[serde(flatten)]
    pub row: KeyRow,
    /// Names the public key itself (RFC 7638); `None` for a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<String>,
}

/// Lists the keys that are, or were, trusted.
///
/// # Errors
///
/// [`Error`](crate::Error) when the keys table cannot be read.
pub async fn list(stack: &Stack, at: Timestamp) -> Result<KeyList> {
    let rows = stack.keys(stack.clock().clone())?.rows().await?;
    let listed = |row: KeyRow| ListedKey {
        thumbprint: row.thumbprint(),
        row,
    };
    let keys = rows.into_iter().map(listed).collect();
    Ok(KeyList { at, keys })
}

/// Waits until no function refuses a delivery any more by what it read of a key before that was changed: what is refused until then
/// is to lie where it is sent on from, for nobody else may do that.
async fn until_nothing_is_refused_by_memory() {
    tokio::time::sleep(REFUSES_FOR + MARGIN).await;
}
