//! Ids of Upvest's resources.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Bounds the characters of an id. Upvest's are UUIDs of 36; the rest is room, and keeps paths and errors short.
const MAX_ID_LENGTH: usize = 128;

/// Identifies a subscription, a report or another resource: a UUID at Upvest. Whatever can stand as one segment of a
/// path, and cannot turn it into another path, is taken.
///
/// ```
/// use upvest_api::ResourceId;
///
/// let id: ResourceId = "a8eb3540-5a84-40f9-b2bb-7f99f282fc5a".parse()?;
/// assert!("../users".parse::<ResourceId>().is_err());
/// # Ok::<(), upvest_api::InvalidIdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId(String);

/// Quotes a text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id: one has 1 to {MAX_ID_LENGTH} letters, digits, \"-\" or \"_\"")]
pub struct InvalidIdError(String);

impl ResourceId {
    /// Returns the id as Upvest writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ResourceId {
    type Error = InvalidIdError;

    fn try_from(text: String) -> Result<Self, InvalidIdError> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=MAX_ID_LENGTH).contains(&text.len()) && text.bytes().all(known) {
            Ok(Self(text))
        } else {
            Err(InvalidIdError(text.chars().take(MAX_ID_LENGTH).collect()))
        }
    }
}

impl FromStr for ResourceId {
    type Err = InvalidIdError;

    fn from_str(text: &str) -> Result<Self, InvalidIdError> {
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
