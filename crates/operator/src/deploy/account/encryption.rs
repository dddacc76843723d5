//! The key that what the stack keeps is encrypted with: another one takes nothing from what was written before.

use super::super::present::Present;
use crate::error::{Error, Result};

/// Names the parameter with the key.
const KEY: &str = "KmsKeyArn";
/// Names the parameter with the keys of before, with commas between them.
const FORMER_KEYS: &str = "FormerKmsKeyArns";
/// Bounds the number of these, as the pattern of the parameter does.
const FORMER_KEYS_AT_MOST: usize = 5;

/// Refuses another key, or none, where the functions could not decrypt any more what lies under the key that the stack has, or
/// under one that it had before. `value` gives what a parameter is going to be.
///
/// # Errors
///
/// [`Error`] of the kind usage with what to set.
pub(super) fn check(present: &Present, value: impl Fn(&str) -> Option<String>) -> Result<()> {
    let before = present.parameter(KEY).unwrap_or_default();
    let after = value(KEY).unwrap_or_default();
    // Without a key of its own, a stack's data is under AWS's keys, which take no permission of a role.
    if before.is_empty() || after == before {
        return Ok(());
    }
    let former = present.parameter(FORMER_KEYS).unwrap_or_default().split(',');
    let former = former.filter(|key| !key.is_empty() && *key != before);
    // One that becomes the key again is decrypted by as that.
    let needed: Vec<&str> = former.chain([before]).filter(|key| *key != after).collect();
    let named = value(FORMER_KEYS).unwrap_or_default();
    let named: Vec<&str> = named.split(',').collect();
    if needed.iter().all(|key| named.contains(key)) {
        return Ok(());
    }
    if needed.len() > FORMER_KEYS_AT_MOST {
        return Err(Error::usage(format!(
            "{KEY} cannot become another one yet: the functions would have to decrypt by {} keys of before, and {FORMER_KEYS} takes \
             {FORMER_KEYS_AT_MOST}: take one out first, under which nothing lies any more that is to be settled (docs/platform.md, \
             Another key, or none)",
            needed.len()
        )));
    }
    let after = match after.is_empty() {
        true => "empty",
        false => after.as_str(),
    };
    let needed = needed.join(",");
    Err(Error::usage(format!(
        "{KEY} is to be {after}, and what was answered with 200 lies under {needed}, by which no function could decrypt it any \
         more: add --set {FORMER_KEYS}={needed}, and take a key out of it once nothing lies under it that is to be settled \
         (docs/platform.md, Another key, or none)"
    )))
}
