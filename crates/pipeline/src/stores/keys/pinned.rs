//! A list of keys outside the table, which whoever may write the table cannot change.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::KeyRow;

/// Is the length of a thumbprint: 32 bytes in base64url, without padding (RFC 7638, section 3).
const THUMBPRINT_CHARACTERS: usize = 43;

/// Lists the public keys that alone may prove deliveries, by their thumbprints (RFC 7638): the parameter `PinnedKeys`. An empty list
/// leaves it to the table.
///
/// ```
/// use pipeline::stores::keys::PinnedKeys;
///
/// let pinned: PinnedKeys = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".parse()?;
/// assert!(pinned.allow("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
/// assert!(!pinned.allow("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
/// assert!(PinnedKeys::default().allow("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
/// # Ok::<(), pipeline::stores::keys::PinnedKeysError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PinnedKeys(BTreeSet<String>);

/// Says that a text is no list of thumbprints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no thumbprint of a key (RFC 7638): `upvest-webhooks keys list` shows those of the keys table"
)]
pub struct PinnedKeysError(String);

impl FromStr for PinnedKeys {
    type Err = PinnedKeysError;

    fn from_str(list: &str) -> Result<Self, PinnedKeysError> {
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(thumbprint).collect::<Result<_, _>>().map(Self)
    }
}

fn thumbprint(text: &str) -> Result<String, PinnedKeysError> {
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match text.len() == THUMBPRINT_CHARACTERS && text.bytes().all(is_base64url) {
        true => Ok(text.to_owned()),
        false => Err(PinnedKeysError(text.to_owned())),
    }
}

impl PinnedKeys {
    /// Tells whether the public key with this thumbprint may prove deliveries.
    #[must_use]
    pub fn allow(&self, thumbprint: &str) -> bool {
        self.0.is_empty() || self.0.contains(thumbprint)
    }

    /// Tells whether the key of a row may prove deliveries. Shared secrets are our own, and are not listed.
    #[must_use]
    pub fn allow_row(&self, row: &KeyRow) -> bool {
        row.thumbprint().is_none_or(|thumbprint| self.allow(&thumbprint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    const OTHER: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";

    #[test]
    fn a_list_allows_what_it_names_and_an_empty_one_everything() {
        let pinned: PinnedKeys = format!("{ONE}, {OTHER}").parse().unwrap();
        assert!(pinned.allow(ONE) && pinned.allow(OTHER) && !pinned.allow(""));
        assert!(!ONE.parse::<PinnedKeys>().unwrap().allow(OTHER));
        assert_eq!("".parse(), Ok(PinnedKeys::default()));
    }

    #[test]
    fn what_is_no_thumbprint_is_no_empty_list() {
        for list in [
            "upvest-1",
            &ONE[1..],
            &format!("{ONE}="),
            &ONE.replace('_', "/"),
            "*",
        ] {
            assert!(list.parse::<PinnedKeys>().is_err(), "{list}");
        }
    }
}
