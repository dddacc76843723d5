//! Ids of Upvest's resources.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const MAX_LENGTH: usize = 128;

/// The id of a subscription or a report: a UUID at Upvest. Whatever can stand as one segment of a path, and cannot
/// turn it into another path, is taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId(String);

/// A text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id: one has 1 to {MAX_LENGTH} letters, digits, \"-\" or \"_\"")]
pub struct InvalidId(String);

impl ResourceId {
    /// Returns the id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ResourceId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(known) {
            Ok(Self(text))
        } else {
            Err(InvalidId(text.chars().take(MAX_LENGTH).collect()))
        }
    }
}

impl FromStr for ResourceId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
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
