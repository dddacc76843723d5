//! Developers' keys: shared secrets, in the table like others, that report events which are made up.

/// Says what such a key's id begins with. What a key may prove follows from its id, and from nothing that a row says.
const PREFIX: &str = "developer-";

/// Tells whether a key id is one of a developer's.
#[must_use]
pub fn is_developers(key_id: &str) -> bool {
    key_id.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_developers_key_is_told_by_its_id() {
        assert!(is_developers("developer-trigger") && !is_developers("smoke"));
    }
}
