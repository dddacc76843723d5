//! Keys that were changed under their id: the earlier one keeps a row, so that what it signed can be proven for good.
//!
//! | `key_id` | Row |
//! |---|---|
//! | `<key id>` | the key that has the id now; `earlier` lists the thumbprints of those that had it before |
//! | `<key id>!<thumbprint>` | a key that had the id before, retired when it was changed |

use jiff::Timestamp;
use upvest::signature::Jwk;

use super::{KeyRow, KeysTable, PUT, attributes};
use crate::error::AwsError;
use crate::stores::item::{Item, condition_held, text};

/// Separates the id of an earlier key from its thumbprint. No key of a delivery or of a key set may have it in its id.
const SEPARATOR: char = '!';

/// Makes the id of the row of a key that had `key_id` before.
#[must_use]
pub fn earlier_id(key_id: &str, thumbprint: &str) -> String {
    format!("{key_id}{SEPARATOR}{thumbprint}")
}

/// Tells whether an id is one of an earlier key, which nobody may give a key or name in a delivery.
#[must_use]
pub fn is_reserved(key_id: &str) -> bool {
    key_id.contains(SEPARATOR)
}

/// Gives the id that deliveries by the key of a row name.
pub(super) fn named(key_id: &str) -> &str {
    key_id.split_once(SEPARATOR).map_or(key_id, |(named, _)| named)
}

impl KeysTable {
    /// Reads the rows of the keys that had the id of `row` before, as of now, the last one first; those that are gone
    /// are left out.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be read.
    pub async fn earlier_rows(&self, row: &KeyRow) -> Result<Vec<KeyRow>, AwsError> {
        let mut rows = Vec::new();
        for thumbprint in &row.earlier {
            rows.extend(self.row(&earlier_id(&row.key_id, thumbprint)).await?);
        }
        Ok(rows)
    }

    /// Puts a key into the place of the one that has its id, which keeps a row as an earlier one, if it is public. What an operator
    /// said of either, the distrust, goes with it. `false` when somebody else changed the row since it was read.
    ///
    /// The earlier key is written first: whatever dies in between, no key is lost, and the next change writes it again.
    pub(super) async fn change(&self, known: &KeyRow, new: KeyRow) -> Result<bool, AwsError> {
        let (thumbprint, own) = (known.thumbprint(), new.thumbprint());
        if thumbprint.is_some() && !self.keep_as_earlier(known).await? {
            return Ok(false);
        }
        // One that comes back is the key that it was.
        let returned = match &own {
            Some(own) => self.row(&earlier_id(&known.key_id, own)).await?,
            None => None,
        };
        let mut earlier: Vec<String> = thumbprint
            .into_iter()
            .chain(known.earlier.iter().cloned())
            .collect();
        earlier.retain(|other| Some(other) != own.as_ref());
        let new = KeyRow {
            earlier,
            distrusted_at: returned.and_then(|row| row.distrusted_at),
            ..new
        };
        self.replace(known, &new).await
    }

    /// Writes the row of a key that another one is about to take the id of. `false` when somebody else changed the key meanwhile, or
    /// said something of it.
    ///
    /// The order of the reads is what makes that sure: whoever changed the key before the second is seen by it, and whoever does
    /// after the second writes the row that was read first.
    async fn keep_as_earlier(&self, known: &KeyRow) -> Result<bool, AwsError> {
        let Some(key_id) = known.thumbprint().map(|own| earlier_id(&known.key_id, &own)) else {
            return Ok(true);
        };
        let before = self.row(&key_id).await?;
        let is_as_read = |now: KeyRow| now.jwk == known.jwk && now.distrusted_at == known.distrusted_at;
        if !self.row(&known.key_id).await?.is_some_and(is_as_read) {
            return Ok(false);
        }
        let earlier = as_earlier(known, key_id, before.as_ref(), self.clock.now());
        match &before {
            None => self.add(&earlier).await,
            Some(before) => self.replace(before, &earlier).await,
        }
    }

    /// Puts a key that Upvest serves into the place of another one of its id that a fetch wrote.
    pub(crate) async fn change_fetched(&self, known: &KeyRow, jwk: &Jwk) -> Result<bool, AwsError> {
        let new = KeyRow::fetched(&known.key_id, jwk, self.clock.now());
        self.change(known, new).await
    }

    /// Writes a row in the place of another one, if that is as it was read.
    async fn replace(&self, known: &KeyRow, new: &KeyRow) -> Result<bool, AwsError> {
        let (condition, values) = unchanged(known);
        let put = self.client.put_item().table_name(&self.name);
        let put = put
            .set_item(Some(new.to_item()))
            .condition_expression(condition)
            .set_expression_attribute_values(values);
        condition_held(put.send().await, PUT)
    }
}

/// Describes a key as one that had its id before, over the row that it may have as such.
fn as_earlier(known: &KeyRow, key_id: String, before: Option<&KeyRow>, now: Timestamp) -> KeyRow {
    // Written by an attempt of this change, and not before the key came back: what an operator said of it since counts, too.
    let is_of_this_change = |before: &&KeyRow| {
        let retired = before.validity().ok().and_then(|times| times.retired_at);
        retired.is_none_or(|at| known.first_seen_at().is_none_or(|since| since <= at))
    };
    let rows = std::iter::once(known).chain(before.filter(is_of_this_change));
    let distrusted = rows.filter(|row| row.distrusted_at.is_some());
    KeyRow {
        key_id,
        retired_at: known.retired_at.clone().or_else(|| Some(now.to_string())),
        distrusted_at: distrusted
            .min_by_key(|row| row.distrusted_since())
            .and_then(|row| row.distrusted_at.clone()),
        earlier: Vec::new(),
        ..known.clone()
    }
}

/// Writes the condition that a row is the key that was read, and that nobody said anything else of its trust since.
pub(super) fn unchanged(row: &KeyRow) -> (String, Option<Item>) {
    let attributes = [
        (attributes::JWK, &row.jwk),
        (attributes::DISTRUSTED_AT, &row.distrusted_at),
    ];
    let (mut condition, mut values) = ("attribute_exists(key_id)".to_owned(), Item::new());
    for (name, value) in attributes {
        match value {
            Some(value) => {
                condition.push_str(&format!(" AND {name} = :known_{name}"));
                values.insert(format!(":known_{name}"), text(value));
            }
            None => condition.push_str(&format!(" AND attribute_not_exists({name})")),
        }
    }
    (condition, Some(values).filter(|values| !values.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_of_an_earlier_key_is_told_by_its_id_and_tells_the_id_that_deliveries_name() {
        let id = earlier_id("upvest-1", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(id, "upvest-1!kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert!(is_reserved(&id) && !is_reserved("upvest-1"));
        assert_eq!((named(&id), named("upvest-1")), ("upvest-1", "upvest-1"));
    }
}
