//! What the changelog says of a version: the text of its release.

use operator::{Error, Result};

/// Names the section of what no version has yet.
pub(crate) const UNRELEASED: &str = "Unreleased";

/// Gives what the changelog says of a version, without its heading.
///
/// # Errors
///
/// [`Error`] when there is no such section, or nothing is in it.
pub fn section(changelog: &str, version: &str) -> Result<String> {
    let mut lines = changelog
        .lines()
        .skip_while(|line| heading(line) != Some(version))
        .skip(1)
        .take_while(|line| heading(line).is_none())
        .peekable();
    if lines.peek().is_none() {
        return Err(Error::usage(format!(
            "CHANGELOG.md has no section {version}: write it (## {version}), or package what is unreleased (--unreleased, \
             UNRELEASED=1 for make release)"
        )));
    }
    let text = lines.collect::<Vec<_>>().join("\n");
    match text.trim() {
        "" => Err(Error::usage(format!(
            "the section {version} of CHANGELOG.md says nothing"
        ))),
        text => Ok(text.to_owned() + "\n"),
    }
}

/// Names what a line begins the section of: `## 0.2.0`, `## [0.2.0] - 2026-12-01`.
fn heading(line: &str) -> Option<&str> {
    let name = line.strip_prefix("## ")?.split_whitespace().next()?;
    Some(name.trim_start_matches('[').trim_end_matches(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\n## Unreleased\n\n## [0.2.0] - 2026-12-01\n\n### Added\n\n- A thing.\n\n\
                             ## 0.1.0\n\n- The first.\n";

    #[test]
    fn a_version_has_what_stands_below_its_heading() {
        assert_eq!(section(CHANGELOG, "0.2.0").unwrap(), "### Added\n\n- A thing.\n");
        assert_eq!(section(CHANGELOG, "0.1.0").unwrap(), "- The first.\n");
    }

    #[test]
    fn a_version_that_the_changelog_does_not_know_or_says_nothing_of_is_refused() {
        for version in ["0.3.0", "0.2", "Unreleased"] {
            assert_eq!(
                section(CHANGELOG, version).unwrap_err().kind(),
                operator::ErrorKind::Usage,
                "{version}"
            );
        }
    }
}
