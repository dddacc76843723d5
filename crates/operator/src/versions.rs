//! Compares versions, to tell which of two is the older one.

/// Tells whether a version is older than another, by their numbers: `0.9.1` is older than `0.10.0`. What is behind a hyphen comes
/// before the version itself, as in `1.0.0-rc.1`.
pub(crate) fn is_older(version: &str, than: &str) -> bool {
    parts(version) < parts(than)
}

fn parts(version: &str) -> (Vec<u64>, bool, &str) {
    let (numbers, before) = version.split_once('-').unwrap_or((version, ""));
    let numbers = numbers
        .split('.')
        .map(|number| number.parse().unwrap_or_default());
    (numbers.collect(), before.is_empty(), before)
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
            ("0.9.9", "1.0.0"),
        ] {
            assert!(is_older(older, newer), "{older} {newer}");
            assert!(!is_older(newer, older), "{older} {newer}");
        }
        assert!(!is_older("1.2.3", "1.2.3"));
    }
}
