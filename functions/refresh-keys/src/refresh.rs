//! What a fetch changes in the keys table.

use std::collections::BTreeMap;

use pipeline::metric;
use upvest::signature::Jwk;
use upvest_api::VerifyKeys;

use crate::error::RefreshError;
use crate::table::{Imported, KeysTable, Stored};

/// What a fetch found, by key ids.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Keys that the table did not have.
    pub new: Vec<String>,
    /// Keys that are served as the table has them.
    pub known: Vec<String>,
    /// Those among them that were retired.
    pub returned: Vec<String>,
    /// Keys that are served no longer.
    pub retired: Vec<String>,
    /// Keys whose id belongs to another key of the table.
    pub conflicting: Vec<String>,
}

impl Changes {
    /// How many keys are in each list, by its name.
    #[must_use]
    pub fn count(&self) -> BTreeMap<&'static str, usize> {
        [
            ("new", self.new.len()),
            ("known", self.known.len()),
            ("returned", self.returned.len()),
            ("retired", self.retired.len()),
            ("conflicting", self.conflicting.len()),
        ]
        .into()
    }

    /// Logs and counts the changes.
    pub(crate) fn report(&self) {
        metric::keys_refreshed();
        metric::keys_changed("new", self.new.len());
        metric::keys_changed("returned", self.returned.len());
        metric::keys_changed("retired", self.retired.len());
        metric::keys_conflicting(self.conflicting.len());
        if !self.conflicting.is_empty() {
            tracing::error!(
                keys = ?self.conflicting,
                "Upvest serves other keys under these ids than the table has; the table's were kept"
            );
        }
        tracing::info!(
            keys.new = ?self.new,
            keys.returned = ?self.returned,
            keys.retired = ?self.retired,
            keys.known = self.known.len(),
            "refreshed the verification keys"
        );
    }
}

/// Fetches the keys, and brings the table up to date.
///
/// The table is read before the fetch: a key that an invocation beside this one adds meanwhile is then not taken for
/// one that is served no longer.
///
/// # Errors
///
/// [`RefreshError`] when the table or Upvest cannot be reached, or Upvest serves no usable key; the table loses nothing.
pub async fn refresh(
    table: &KeysTable,
    fetch: impl AsyncFnOnce() -> Result<VerifyKeys, RefreshError>,
) -> Result<Changes, RefreshError> {
    let mut stored = table.all().await?;
    let served = fetch().await?;
    for key in &served.unusable {
        tracing::warn!(error = %pipeline::error::ErrorChain(key), "Upvest serves a key that cannot be used");
    }
    if served.usable.is_empty() {
        return Err(RefreshError::NoUsableKeys {
            entries: served.unusable.len(),
        });
    }
    let mut changes = Changes::default();
    for jwk in &served.usable {
        // Usable keys have an id.
        let Some(key_id) = jwk.key_id() else { continue };
        let known = stored.remove(key_id);
        take_in(table, &mut changes, key_id, jwk, known).await?;
    }
    // A key in a form that cannot be used today is served all the same.
    for key_id in served.unusable.iter().filter_map(|key| key.key_id.as_deref()) {
        stored.remove(key_id);
    }
    for (key_id, key) in stored {
        if key.is_ours() && !key.retired && table.retire(&key_id).await? {
            changes.retired.push(key_id);
        }
    }
    Ok(changes)
}

async fn take_in(
    table: &KeysTable,
    changes: &mut Changes,
    key_id: &str,
    jwk: &Jwk,
    known: Option<Stored>,
) -> Result<(), RefreshError> {
    let id = || key_id.to_owned();
    let Some(known) = known else {
        // Whoever was faster wrote the same key, or another one, which the next fetch tells.
        if table.import(key_id, jwk).await? == Imported::New {
            changes.new.push(id());
        }
        return Ok(());
    };
    if !known.is_key(jwk) {
        changes.conflicting.push(id());
        return Ok(());
    }
    changes.known.push(id());
    if known.is_ours() {
        table.note_seen(key_id, &known).await?;
        if known.retired {
            changes.returned.push(id());
        }
    }
    Ok(())
}
