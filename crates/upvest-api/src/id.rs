//! Ids of Upvest's resources.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The most characters of an id. Upvest's are UUIDs of 36; the rest is room, and keeps paths and errors short.
pub(crate) const MAX_ID_LENGTH: usize = 128;

/// Identifies a subscription, a report or another resource: a UUID at Upvest. Whatever can stand as one segment of a
/// path, and cannot turn it into another path, is taken.
///
/// ```
/// use upvest_api::ResourceId;
///
/// let id: ResourceId = "a8eb3540-5a84-40f9-b2bb-7f99f282fc5a".parse()?;
/// assert!("../users".parse::<ResourceId>().is_err());
/// # Ok::<(), upvest_api::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId(String);

impl ResourceId {
    /// Returns the id as Upvest writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ResourceId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=MAX_ID_LENGTH).contains(&text.len()) && text.bytes().all(known) {
            Ok(Self(text))
        } else {
            Err(Error::InvalidId(text.chars().take(MAX_ID_LENGTH).collect()))
        }
    }
}

impl FromStr for ResourceId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.to_owned().try_into()
    }
}

impl From<ResourceId> for String {
    fn from(id: ResourceId) -> Self {
        id.0
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_its_place_in_a_path() {
        for text in ["", ".", "..", "a/b", "a?b", "a%2Fb", "a b", "ä"] {
            assert!(text.parse::<ResourceId>().is_err(), "{text:?}");
        }
        let id: ResourceId = "a8eb3540-5a84-40f9-b2bb-7f99f282fc5a".parse().unwrap();
        assert_eq!(id.as_str().len(), 36);
    }
}
