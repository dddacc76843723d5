//! Bringing the keys table up to date with the keys that Upvest serves.
//!
//! Whatever Upvest serves, no key is ever overwritten or deleted: deliveries that it signed must be verifiable for good.

mod error;
mod table;

use std::collections::BTreeMap;

use upvest::signature::Jwk;
use upvest_api::VerifyKeys;

pub use self::error::RefreshError;
pub use self::table::KeysTable;
pub(crate) use self::table::SOURCE;
use self::table::{Imported, Stored};
use crate::error::ErrorChain;

/// What a fetch found, by key ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// What is wrong with each served entry that is no usable key.
    pub unusable: Vec<String>,
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
            ("unusable", self.unusable.len()),
        ]
        .into()
    }
}

/// What a fetch is to change in the table, which has not been changed yet.
#[derive(Debug)]
pub struct Plan {
    changes: Changes,
    add: Vec<(String, Jwk)>,
    seen: Vec<(String, Stored)>,
}

/// Fetches the keys, and compares them with the table's.
///
/// The table is read before the fetch: a key that somebody adds meanwhile is then not taken for one that is served no
/// longer.
///
/// # Errors
///
/// [`RefreshError`] when the table or Upvest cannot be reached, or Upvest serves no usable key.
pub async fn plan(
    table: &KeysTable,
    fetch: impl AsyncFnOnce() -> Result<VerifyKeys, RefreshError>,
) -> Result<Plan, RefreshError> {
    let stored = table.all().await?;
    let served = fetch().await?;
    for key in &served.unusable {
        tracing::warn!(error = %ErrorChain(key), "Upvest serves a key that cannot be used");
    }
    if served.usable.is_empty() {
        return Err(RefreshError::NoUsableKeys {
            entries: served.unusable.len(),
        });
    }
    Ok(Plan::of(stored, served))
}

/// Fetches the keys, and brings the table up to date.
///
/// # Errors
///
/// As [`plan()`]; the table loses nothing.
pub async fn refresh(
    table: &KeysTable,
    fetch: impl AsyncFnOnce() -> Result<VerifyKeys, RefreshError>,
) -> Result<Changes, RefreshError> {
    plan(table, fetch).await?.carry_out(table).await
}

impl Plan {
    fn of(mut stored: BTreeMap<String, Stored>, served: VerifyKeys) -> Self {
        let mut plan = Self {
            changes: Changes::default(),
            add: Vec::new(),
            seen: Vec::new(),
        };
        for jwk in served.usable {
            // Usable keys have an id.
            let Some(key_id) = jwk.key_id().map(str::to_owned) else {
                continue;
            };
            let known = stored.remove(&key_id);
            plan.take_in(key_id, jwk, known);
        }
        // A key in a form that cannot be used today is served all the same.
        for key_id in served.unusable.iter().filter_map(|key| key.key_id.as_deref()) {
            stored.remove(key_id);
        }
        let unusable = served.unusable.iter();
        plan.changes.unusable = unusable.map(|key| ErrorChain(key).to_string()).collect();
        let gone = stored
            .into_iter()
            .filter(|(_, key)| key.is_ours() && !key.retired);
        plan.changes.retired = gone.map(|(key_id, _)| key_id).collect();
        plan
    }

    fn take_in(&mut self, key_id: String, jwk: Jwk, known: Option<Stored>) {
        let Some(known) = known else {
            self.changes.new.push(key_id.clone());
            self.add.push((key_id, jwk));
            return;
        };
        if !known.is_key(&jwk) {
            self.changes.conflicting.push(key_id);
            return;
        }
        self.changes.known.push(key_id.clone());
        if known.is_ours() {
            if known.retired {
                self.changes.returned.push(key_id.clone());
            }
            self.seen.push((key_id, known));
        }
    }

    /// What would change.
    #[must_use]
    pub fn into_changes(self) -> Changes {
        self.changes
    }

    /// Changes the table, and tells what changed.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] when the table cannot be written; it loses nothing.
    pub async fn carry_out(self, table: &KeysTable) -> Result<Changes, RefreshError> {
        let mut changes = self.changes;
        changes.new.clear();
        for (key_id, jwk) in self.add {
            // Whoever was faster wrote the same key, or another one, which the next fetch tells.
            if table.import(&key_id, &jwk).await? == Imported::New {
                changes.new.push(key_id);
            }
        }
        for (key_id, known) in self.seen {
            table.note_seen(&key_id, &known).await?;
        }
        for key_id in std::mem::take(&mut changes.retired) {
            if table.retire(&key_id).await? {
                changes.retired.push(key_id);
            }
        }
        Ok(changes)
    }
}
