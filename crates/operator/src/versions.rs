//! Compares versions, to tell which of two is the older one.

use std::cmp::Ordering;

use semver::Version;

/// Compares two versions by Semantic Versioning; `None` where one of them is none.
pub(crate) fn compare(version: &str, with: &str) -> Option<Ordering> {
    let (version, with) = (Version::parse(version).ok()?, Version::parse(with).ok()?);
    Some(version.cmp_precedence(&with))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (older, newer) in [
            ("0.9.1", "0.10.0"),
            ("0.1.0", "0.1.1"),
            ("1.0.0-rc.1", "1.0.0"),
            ("1.0.0-rc.9", "1.0.0-rc.10"),
            ("0.9.9", "1.0.0"),
        ] {
            assert_eq!(compare(older, newer), Some(Ordering::Less), "{older} {newer}");
            assert_eq!(compare(newer, older), Some(Ordering::Greater), "{older} {newer}");
        }
        assert_eq!(compare("1.2.3", "1.2.3+local"), Some(Ordering::Equal));
    }

    #[test]
    fn what_is_no_version_is_neither_older_nor_newer() {
        for other in ["", "1.2", "1.2.x", "main"] {
            assert_eq!(compare(other, "0.0.1"), None, "{other}");
            assert_eq!(compare("0.0.1", other), None, "{other}");
        }
    }
}
