//! Signatures that are out of their time.

use std::str::FromStr;

/// What to do about a delivery that arrived after its signature expired, or before it was made.
///
/// Whether Upvest signs its retries anew is not known (contract section 2.6). If it does not, refusing an expired
/// signature would refuse every retry, so by default it is only flagged; repeats have no effect anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreshnessPolicy {
    /// Take it and count it.
    Flag,
    /// Put it into quarantine.
    Strict,
}

impl FromStr for FreshnessPolicy {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "flag" => Ok(Self::Flag),
            "strict" => Ok(Self::Strict),
            _ => Err("neither flag nor strict"),
        }
    }
}
