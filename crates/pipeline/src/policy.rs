//! Says whether what is doubtful is flagged or refused.

use std::str::FromStr;

/// Says what to do about what is doubtful; each doubt has a parameter of its own.
///
/// `FreshnessPolicy` is about deliveries that arrived after their signature expired, or before it was made. Upvest's
/// documentation of signatures does not say whether a retry is signed anew. If it is not, refusing an expired signature
/// would refuse every retry; and duplicates have no effect anyway. `SubscriptionPolicy` is about events of a subscription
/// that is not ours, and `SourceAddressPolicy` about requests from an address that is not listed: Upvest's change, and what
/// is refused blocks all that would come after it. So by default each is only flagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Takes it and counts it. What is in the archive of it is marked.
    Flag,
    /// Refuses it: what is proven goes into quarantine, and nothing of it is stored; a request is answered 403.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_names_no_policy_is_refused() {
        assert_eq!("flag".parse(), Ok(Policy::Flag));
        assert_eq!("strict".parse(), Ok(Policy::Strict));
        for word in ["", "reject", "Strict", "maybe"] {
            assert!(word.parse::<Policy>().is_err(), "{word}");
        }
    }
}
