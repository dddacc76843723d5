//! What the parts of a release were built of. It is noted beside them when they are built (`tools/note-build.sh`), because the
//! repository may be another one when they are packaged.

use std::collections::BTreeSet;
use std::path::PathBuf;

use operator::{Error, Result};
use serde::Deserialize;

use crate::{Parts, dist};

/// Names the file beside what was built.
pub(crate) const FILE: &str = "built.json";

/// Holds what a part was built of.
#[derive(Debug, Deserialize)]
struct Built {
    version: String,
    /// Is nothing where changes were not committed, or outside git.
    commit: Option<String>,
}

/// Tells the commit that a release is of: that of the repository and of all parts, if each is of one.
///
/// # Errors
///
/// [`Error`] when a part is of another version or commit, or does not say what it is of. Programs of the development build need
/// not say it, and make a release of no commit.
pub(crate) fn commit(parts: &Parts, version: &str) -> Result<Option<String>> {
    let mut folders: Vec<PathBuf> = parts.functions.iter().map(|(_, folder)| folder.clone()).collect();
    if let Some(command_lines) = &parts.cli {
        folders.extend(dist::entries(command_lines)?);
    }
    let mut commits = BTreeSet::from([parts.commit.clone()]);
    for folder in folders {
        let file = folder.join(FILE);
        if parts.is_fast && !file.exists() {
            commits.insert(None);
            continue;
        }
        let noted = std::fs::read(&file).map_err(Error::context(format!(
            "{} does not say what was built in it: build it by make release",
            folder.display()
        )))?;
        let built: Built = serde_json::from_slice(&noted)
            .map_err(Error::context(format!("cannot read {}", file.display())))?;
        if built.version != version {
            return Err(Error::failed(format!(
                "{} is of version {}, and not of {version}: build it again, or remove it",
                folder.display(),
                built.version
            )));
        }
        let is_known = built.commit.is_none() || commits.contains(&built.commit);
        if !is_known && commits.iter().any(Option::is_some) {
            return Err(Error::failed(format!(
                "{} is of commit {}, and the repository or another part is not: build it again, or remove it",
                folder.display(),
                built.commit.as_deref().unwrap_or_default()
            )));
        }
        commits.insert(built.commit);
    }
    // One that is of no commit makes a release of none.
    // `None` comes before every commit in the set.
    Ok(commits.into_iter().next().flatten())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Notes what a function and a command line were built of, and tells what a release of them is of.
    fn release_of(repository: Option<&str>, noted: [&str; 2]) -> Result<Option<String>> {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        let parts = Parts {
            repository: PathBuf::new(),
            dist: PathBuf::new(),
            functions: vec![("arm64".to_owned(), folder.join("functions"))],
            cli: Some(folder.join("cli")),
            sbom: None,
            commit: repository.map(str::to_owned),
            tag: None,
            is_fast: false,
            is_unreleased: false,
        };
        for (place, noted) in ["functions", "cli/aarch64-apple-darwin"].iter().zip(noted) {
            fs::create_dir_all(folder.join(place)).unwrap();
            fs::write(folder.join(place).join(FILE), noted).unwrap();
        }
        commit(&parts, "0.2.0")
    }

    const A: &str = r#"{"version":"0.2.0","commit":"a"}"#;
    const NONE: &str = r#"{"version":"0.2.0","commit":null}"#;

    #[test]
    fn a_release_is_of_the_commit_that_all_its_parts_are_of() {
        let of = |repository, noted| release_of(repository, noted).unwrap();
        assert_eq!(of(Some("a"), [A, A]).as_deref(), Some("a"));
        assert_eq!(of(Some("a"), [A, NONE]), None);
        assert_eq!(of(None, [A, A]), None);
    }

    #[test]
    fn what_is_left_of_another_version_or_commit_is_in_no_release() {
        let other = |noted: &str| {
            let error = release_of(Some("a"), [A, noted]).unwrap_err().to_string();
            assert!(error.contains("cli/aarch64-apple-darwin is of"), "{error}");
            error
        };
        assert!(other(r#"{"version":"0.1.0","commit":"a"}"#).contains("of version 0.1.0"));
        assert!(other(r#"{"version":"0.2.0","commit":"b"}"#).contains("of commit b"));
        // Beside changes that are not committed, too.
        let mixed = release_of(None, [A, r#"{"version":"0.2.0","commit":"b"}"#]);
        assert!(mixed.unwrap_err().to_string().contains("of commit b"));
    }

    #[test]
    fn what_does_not_say_what_it_is_of_is_in_no_release() {
        let error = release_of(Some("a"), [A, "later"]).unwrap_err();
        assert!(error.to_string().contains("cannot read"), "{error}");
    }
}
