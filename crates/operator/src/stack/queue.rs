//! The queues of a stack, by the names that the template and people give them.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use upvest::Domain;

use crate::names::instead;

/// Identifies a queue of a stack, together with its dead-letter queue.
///
/// ```
/// use operator::Queue;
/// use upvest::Domain;
///
/// let queue: Queue = "corporate-actions".parse()?;
/// assert_eq!(queue, Queue::Domain(Domain::CorporateActions));
/// // The template has the same name in its own spelling, and so have the stack's outputs.
/// assert_eq!(format!("{queue}QueueUrl"), "CorporateActionsQueueUrl");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queue {
    /// The queue holds deliveries on their way to verify-and-store.
    Deliveries,
    /// The queue holds requests to fetch verification keys from Upvest, on their way to refresh-keys.
    KeyRequests,
    /// The queue holds events on their way to a domain.
    Domain(Domain),
}

impl Queue {
    /// Lists the queues that a stack may have.
    pub fn all() -> impl Iterator<Item = Self> {
        let domains = Domain::ALL.into_iter().map(Self::Domain);
        [Self::Deliveries, Self::KeyRequests].into_iter().chain(domains)
    }

    /// Gives the name that operators use: `corporate-actions`. [`Queue`] parses and serialises as it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deliveries => "deliveries",
            Self::KeyRequests => "key-requests",
            Self::Domain(domain) => domain.name(),
        }
    }
}

impl fmt::Display for Queue {
    /// Writes the name in the template: `Deliveries`, `CorporateActions`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for word in self.as_str().split('-') {
            let (first, rest) = word.split_at(1);
            write!(f, "{}{rest}", first.to_uppercase())?;
        }
        Ok(())
    }
}

impl FromStr for Queue {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::all().find(|queue| queue.as_str() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::all().map(Self::as_str).collect();
            format!("there is no queue {name}: {}", instead(name, names))
        })
    }
}

impl Serialize for Queue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_has_one_name_for_people_and_one_in_the_template() {
        for queue in Queue::all() {
            assert_eq!(queue.as_str().parse(), Ok(queue));
        }
        assert_eq!(Queue::KeyRequests.to_string(), "KeyRequests");
        assert_eq!(
            Queue::Domain(Domain::CorporateActions).to_string(),
            "CorporateActions"
        );
        assert!(
            "nonsense"
                .parse::<Queue>()
                .unwrap_err()
                .contains("there are deliveries, ")
        );
    }
}
