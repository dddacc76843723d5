//! Says whether what is proven and yet doubtful is flagged or refused.

use std::str::FromStr;

/// Says what to do about what is proven and yet doubtful; each doubt has a parameter of its own.
///
/// `FreshnessPolicy` is about deliveries that arrived after their signature expired, or before it was made. Upvest's
/// documentation of signatures does not say whether a retry is signed anew. If it is not, refusing an expired signature
/// would refuse every retry; and duplicates have no effect anyway. `SubscriptionPolicy` is about events of a subscription
/// that is not ours. So by default both are only flagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Takes it, counts it, and marks its delivery in the archive.
    Flag,
    /// Refuses it: it goes into quarantine, and nothing of it is stored.
    Strict,
}

impl FromStr for Policy {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "flag" => Ok(Self::Flag),
            "strict" => Ok(Self::Strict),
            _ => Err("neither flag nor strict"),
        }
    }
}
