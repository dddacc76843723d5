//! Bringing the keys table up to date with the keys that Upvest serves.
//!
//! Whatever Upvest serves, no key is ever overwritten or deleted: deliveries that it signed must be verifiable for good.

mod error;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use upvest::signature::Jwk;
use upvest_api::VerifyKeys;

pub use self::error::RefreshError;
use crate::error::{AwsError, ErrorChain};
use crate::stores::keys::{KeyRow, KeysTable, PinnedKeys, is_reserved};

/// Lists what a fetch found, by key ids. Every served key with an id is in `new`, `known`, `changed` or `conflicting`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Lists keys that the table did not have.
    pub new: Vec<String>,
    /// Lists keys that are served as the table has them.
    pub known: Vec<String>,
    /// Lists those among the known keys that were retired, and are served again.
    pub returned: Vec<String>,
    /// Lists keys that an earlier fetch wrote, and that Upvest does not serve. They stay in the table, and still
    /// verify.
    pub retired: Vec<String>,
    /// Lists keys that Upvest does not serve, and that this fetch did not retire: they are all that the table has as served.
    /// Where that is no fault of Upvest's, the next fetch retires them.
    pub spared: Vec<String>,
    /// Lists ids under which Upvest serves another key than before. The earlier one stays in the table, under an id of its own.
    pub changed: Vec<String>,
    /// Lists keys whose id belongs to another key that an operator imported, which is kept: an operator has to look.
    pub conflicting: Vec<String>,
    /// Lists keys that Upvest serves, and that are not on the list of pinned keys: they are in the table, and prove nothing.
    pub unpinned: Vec<String>,
    /// Says what is wrong with each served entry that is no usable key.
    pub unusable: Vec<String>,
}

impl Changes {
    /// Counts the keys in each list, by its name, for logs and answers.
    #[must_use]
    pub fn count(&self) -> BTreeMap<&'static str, usize> {
        [
            ("new", self.new.len()),
            ("known", self.known.len()),
            ("returned", self.returned.len()),
            ("retired", self.retired.len()),
            ("spared", self.spared.len()),
            ("changed", self.changed.len()),
            ("conflicting", self.conflicting.len()),
            ("unpinned", self.unpinned.len()),
            ("unusable", self.unusable.len()),
        ]
        .into()
    }
}

/// Says what a fetch is to change in the table, which has not been changed yet.
#[derive(Debug)]
pub struct Plan {
    changes: Changes,
    add: Vec<(String, Jwk)>,
    change: Vec<(KeyRow, Jwk)>,
    served: Vec<KeyRow>,
    gone: Vec<KeyRow>,
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
    pinned: &PinnedKeys,
    fetch: impl AsyncFnOnce() -> Result<VerifyKeys, RefreshError>,
) -> Result<Plan, RefreshError> {
    let rows = table.rows().await?;
    let served = fetch().await?;
    for key in &served.unusable {
        tracing::warn!(error = %ErrorChain(key), "Upvest serves a key that cannot be used");
    }
    // An empty answer is a fault of Upvest's more likely than the end of all its keys.
    if served.usable.is_empty() {
        return Err(RefreshError::NoUsableKeys {
            entries: served.unusable.len(),
        });
    }
    Ok(Plan::of(rows, served, pinned))
}

impl Plan {
    fn of(rows: Vec<KeyRow>, served: VerifyKeys, pinned: &PinnedKeys) -> Self {
        let mut rows: BTreeMap<String, KeyRow> =
            rows.into_iter().map(|row| (row.key_id.clone(), row)).collect();
        let mut plan = Self {
            changes: Changes::default(),
            add: Vec::new(),
            change: Vec::new(),
            served: Vec::new(),
            gone: Vec::new(),
        };
        let unusable = served.unusable.iter();
        plan.changes.unusable = unusable.map(|key| ErrorChain(key).to_string()).collect();
        for jwk in served.usable {
            let key_id = jwk
                .key_id()
                .expect("the client tells keys without an id as unusable");
            if is_reserved(key_id) {
                let why = format!("the id {key_id} has a `!`, which marks keys that were changed");
                plan.changes.unusable.push(why);
                continue;
            }
            if !pinned.allow(&jwk.thumbprint()) {
                plan.changes.unpinned.push(key_id.to_owned());
            }
            match rows.remove(key_id) {
                Some(row) => plan.compare(row, &jwk, pinned),
                None => {
                    plan.changes.new.push(key_id.to_owned());
                    plan.add.push((key_id.to_owned(), jwk));
                }
            }
        }
        // Imported keys were never Upvest's to serve.
        let is_in_use = |row: &KeyRow| row.is_fetched() && !row.is_retired();
        // A key in a form that cannot be used today is served all the same.
        let mut stays = plan.served.iter().any(is_in_use);
        for key_id in served.unusable.iter().filter_map(|key| key.key_id.as_deref()) {
            stays |= rows.remove(key_id).is_some_and(|row| is_in_use(&row));
        }
        let gone: Vec<KeyRow> = rows.into_values().filter(is_in_use).collect();
        let ids = gone.iter().map(|row| row.key_id.clone()).collect();
        // An answer with none of the keys may come from elsewhere. Where it does not, the keys that it brought are in use by
        // the next fetch, which retires these.
        if stays {
            plan.changes.retired = ids;
            plan.gone = gone;
        } else {
            plan.changes.spared = ids;
        }
        plan
    }

    /// Compares a served key with the row that the table has under its id.
    fn compare(&mut self, row: KeyRow, jwk: &Jwk, pinned: &PinnedKeys) {
        // A key that proves something gives its place to none that would prove nothing.
        let may_change = row.is_fetched() && (pinned.allow(&jwk.thumbprint()) || !pinned.allow_row(&row));
        match (row.is_public_key(jwk), may_change) {
            (true, _) => {}
            (false, true) => {
                self.changes.changed.push(row.key_id.clone());
                self.change.push((row, jwk.clone()));
                return;
            }
            (false, false) => {
                self.changes.conflicting.push(row.key_id);
                return;
            }
        }
        self.changes.known.push(row.key_id.clone());
        // An imported row is the operator's: a fetch does not touch it.
        if row.is_fetched() {
            if row.is_retired() {
                self.changes.returned.push(row.key_id.clone());
            }
            self.served.push(row);
        }
    }

    /// Tells whether carrying it out changes which keys are trusted.
    #[must_use]
    pub fn changes_trust(&self) -> bool {
        let changes = [
            &self.changes.new,
            &self.changes.changed,
            &self.changes.returned,
            &self.changes.retired,
        ];
        changes.iter().any(|keys| !keys.is_empty())
    }

    /// Describes what it changes, for the audit table: each key with what becomes of it, and with its thumbprint where it is
    /// new under its id.
    #[must_use]
    pub fn record(&self) -> Value {
        let new = self
            .add
            .iter()
            .map(|(key_id, jwk)| (key_id.as_str(), "new", Some(jwk)));
        let changed = self.change.iter();
        let changed = changed.map(|(row, jwk)| (row.key_id.as_str(), "changed", Some(jwk)));
        let returned = self
            .changes
            .returned
            .iter()
            .map(|key_id| (key_id.as_str(), "returned", None));
        let retired = self
            .changes
            .retired
            .iter()
            .map(|key_id| (key_id.as_str(), "retired", None));
        let keys = new.chain(changed).chain(returned).chain(retired);
        let keys = keys.map(|(key_id, result, jwk)| match jwk.map(Jwk::thumbprint) {
            Some(thumbprint) => json!({ "key_id": key_id, "result": result, "thumbprint": thumbprint }),
            None => json!({ "key_id": key_id, "result": result }),
        });
        json!({ "keys": keys.collect::<Vec<_>>() })
    }

    /// Gives up the plan and tells what it would have changed: a dry run.
    #[must_use]
    pub fn into_changes(self) -> Changes {
        self.changes
    }

    /// Changes the table, and tells what changed.
    ///
    /// # Errors
    ///
    /// The first [`RefreshError`] of a row that could not be written, after all others were; the table loses nothing.
    pub async fn apply(self, table: &KeysTable) -> Result<Changes, RefreshError> {
        let mut changes = self.changes;
        changes.new.clear();
        // One row that cannot be written keeps no other one from it.
        let mut failed: Option<AwsError> = None;
        for (key_id, jwk) in self.add {
            // Whoever was faster wrote the same key, or another one, which the next fetch tells.
            if written(table.add_fetched(&key_id, &jwk).await, &mut failed) {
                changes.new.push(key_id);
            }
        }
        changes.changed.clear();
        for (row, jwk) in self.change {
            if written(table.change_fetched(&row, &jwk).await, &mut failed) {
                changes.changed.push(row.key_id);
            }
        }
        for row in &self.served {
            written(table.note_served(row).await.map(|()| true), &mut failed);
        }
        changes.retired.clear();
        for row in self.gone {
            if written(table.retire(&row).await, &mut failed) {
                changes.retired.push(row.key_id);
            }
        }
        match failed {
            None => Ok(changes),
            Some(error) => Err(error.into()),
        }
    }
}

/// Tells whether a row was written, and notes the first failure.
fn written(result: Result<bool, AwsError>, failed: &mut Option<AwsError>) -> bool {
    result.unwrap_or_else(|error| {
        failed.get_or_insert(error);
        false
    })
}
