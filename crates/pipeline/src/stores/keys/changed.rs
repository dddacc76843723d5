//! Keys that were changed under their id: the earlier one keeps a row, so that what it signed can be proven for good.
//!
//! | `key_id` | Row |
//! |---|---|
//! | `<key id>` | the key that has the id now; `earlier` lists the thumbprints of those that had it before |
//! | `<key id>!<thumbprint>` | a key that had the id before, retired when it was changed |

use upvest::signature::Jwk;

use super::{KeyRow, KeysTable, PUT};
use crate::error::AwsError;
use crate::stores::item::{condition_held, text};

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
    /// Puts a key into the place of the public key that has its id, which keeps a row as an earlier one. What an operator said of
    /// either, the distrust, goes with it. `false` when somebody else changed the row since it was read.
    ///
    /// The earlier key is written first: whatever dies in between, no key is lost, and the next change writes it again.
    pub(super) async fn change(&self, known: &KeyRow, new: KeyRow) -> Result<bool, AwsError> {
        let (Some(thumbprint), Some(own)) = (known.thumbprint(), new.thumbprint()) else {
            // Nothing was ever proven by what is no key.
            return self.replace(known, &new).await;
        };
        let now = self.clock.now().to_string();
        let distrust_of = async |id: String| Ok(self.row(&id).await?.and_then(|row| row.distrusted_at));
        let earlier_row = earlier_id(&known.key_id, &thumbprint);
        let distrusted_at = match &known.distrusted_at {
            Some(at) => Some(at.clone()),
            None => distrust_of(earlier_row.clone()).await?,
        };
        let earlier = KeyRow {
            key_id: earlier_row,
            retired_at: known.retired_at.clone().or(Some(now)),
            distrusted_at,
            earlier: Vec::new(),
            ..known.clone()
        };
        self.put_row(&earlier).await?;
        let others = known
            .earlier
            .iter()
            .filter(|other| **other != own && **other != thumbprint);
        let new = KeyRow {
            earlier: std::iter::once(thumbprint.clone())
                .chain(others.cloned())
                .collect(),
            // One that comes back is the key that it was.
            distrusted_at: distrust_of(earlier_id(&known.key_id, &own)).await?,
            ..new
        };
        self.replace(known, &new).await
    }

    /// Puts a key that Upvest serves into the place of another one of its id that a fetch wrote.
    pub(crate) async fn change_fetched(&self, known: &KeyRow, jwk: &Jwk) -> Result<bool, AwsError> {
        let new = KeyRow::fetched(&known.key_id, jwk, self.clock.now());
        self.change(known, new).await
    }

    /// Writes a row in the place of another one, if that is as it was read.
    async fn replace(&self, known: &KeyRow, new: &KeyRow) -> Result<bool, AwsError> {
        let put = self.client.put_item().table_name(&self.name);
        let put = put.set_item(Some(new.to_item()));
        let put = match &known.jwk {
            Some(jwk) => put
                .condition_expression("jwk = :known")
                .expression_attribute_values(":known", text(jwk)),
            None => put.condition_expression("attribute_exists(key_id) AND attribute_not_exists(jwk)"),
        };
        condition_held(put.send().await, PUT)
    }

    async fn put_row(&self, row: &KeyRow) -> Result<(), AwsError> {
        let put = self.client.put_item().table_name(&self.name);
        let put = put.set_item(Some(row.to_item())).send().await;
        put.map(drop).map_err(AwsError::of(PUT))
    }
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
