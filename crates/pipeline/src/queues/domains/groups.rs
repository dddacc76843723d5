//! Which message group an event is dispatched in: that of its entity, so that events of one entity stay in order and those
//! of others need not wait for them.

use sha2::{Digest, Sha256};

/// Bounds a group id as SQS does, in characters (`SendMessage`, "`MessageGroupId`").
const MAX_GROUP_LENGTH: usize = 128;

/// Names the message group of an entity: its key, or the key's hash where SQS would not take it.
pub(super) fn group_id(entity: &str) -> String {
    let taken = entity.len() <= MAX_GROUP_LENGTH && entity.bytes().all(|byte| byte.is_ascii_graphic());
    if taken {
        entity.to_owned()
    } else {
        hex::encode(Sha256::digest(entity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_id_is_what_sqs_takes() {
        assert_eq!(group_id("POSITION#a#b"), "POSITION#a#b");
        assert_eq!(group_id(&"x".repeat(129)).len(), 64);
    }
}
