//! The tags of a stack: those that are given are added to those that it has.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::Tag;

use super::changes::ParameterChange;

/// Begins the names of tags that AWS gives by itself, and takes from nobody.
const OF_AWS: &str = "aws:";

/// Makes the tags of a request, which CloudFormation takes for all that the stack is to have; nothing where none is given, so
/// that it keeps those that it has.
pub(super) fn request(
    present: &BTreeMap<String, String>,
    given: &BTreeMap<String, String>,
) -> Option<Vec<Tag>> {
    if given.is_empty() {
        return None;
    }
    let kept = present
        .iter()
        .filter(|(name, _)| !name.starts_with(OF_AWS) && !given.contains_key(*name));
    let tags = kept.chain(given);
    Some(
        tags.map(|(name, value)| Tag::builder().key(name).value(value).build())
            .collect(),
    )
}

/// Lists the tags that get another value than they have.
pub(super) fn changes(
    present: &BTreeMap<String, String>,
    given: &BTreeMap<String, String>,
) -> Vec<ParameterChange> {
    let changed = given
        .iter()
        .filter(|(name, value)| present.get(*name) != Some(*value));
    changed
        .map(|(name, value)| ParameterChange {
            name: name.clone(),
            before: present.get(name).cloned(),
            after: value.clone(),
        })
        .collect()
}
