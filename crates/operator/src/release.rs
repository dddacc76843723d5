//! The folder of a release: what is in it, and whether it still is what was released.
//!
//! `make release` writes it (`tools/release`), and `deploy` reads it. Nothing here asks AWS, and nothing unpacks an archive.
//! Checksums show what was changed by accident, or by whoever cannot change the list of them too; who made a release is shown
//! by its attestation (docs/releases.md).

use std::collections::BTreeMap;
use std::io::ErrorKind as IoKind;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Names the file that says what a release is made of, in its folder.
pub const RELEASE_FILE: &str = "release.json";
/// Names the file with the checksums of all others, [`RELEASE_FILE`] included, as `sha256sum --check` reads them.
pub const CHECKSUMS_FILE: &str = "SHA256SUMS";
/// Begins the place of every release in a bucket.
const PLACE: &str = "upvest-webhooks";
/// Says how much of a release's checksum its place has, in hex digits.
const CHECKSUM_IN_PLACE: usize = 12;

/// Says what a release is made of. It is [`RELEASE_FILE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Gives the version of everything in it.
    pub version: String,
    /// Names the commit that it was built from, in 40 hex digits; `None` outside git, and where something was not committed.
    pub commit: Option<String>,
    /// Lists the values of the parameter `Architecture` that it has functions for.
    pub architectures: Vec<String>,
    /// Gives the path of the template to deploy, which is among the files.
    pub template: String,
    /// Maps the path of every file in the folder, with slashes, to its SHA-256 in hex.
    pub files: BTreeMap<String, String>,
    /// Gives the SHA-256 of the document that it was read from, in hex; it is in no document.
    #[serde(skip)]
    pub checksum: String,
}

impl Release {
    /// Reads the release in a folder, and checks that each of its files is what was released.
    ///
    /// Files that are not of the release may lie beside them, such as a file of parameters.
    ///
    /// # Errors
    ///
    /// [`Error`] when the folder holds no release, or a file of it is missing or differs; it names them.
    pub fn read(folder: &Path) -> Result<Self> {
        let shown = folder.display();
        let document = std::fs::read(folder.join(RELEASE_FILE)).map_err(|error| match error.kind() {
            IoKind::NotFound => Error::not_found(format!(
                "{shown} holds no release: {RELEASE_FILE} is not in it (make release makes one)"
            )),
            _ => Error::context(format!("cannot read {RELEASE_FILE} in {shown}"))(error),
        })?;
        let release = Self::parse(&document)?;
        release.check_files(folder)?;
        Ok(release)
    }

    /// Reads what a release is made of from the content of its [`RELEASE_FILE`], without looking at the files.
    ///
    /// # Errors
    ///
    /// [`Error`] when it is not such a document, or names something that no release has.
    pub fn parse(document: &[u8]) -> Result<Self> {
        let mut release: Self = serde_json::from_slice(document).map_err(Error::context(format!(
            "{RELEASE_FILE} is not the document of a release"
        )))?;
        release.checksum = checksum(document);
        // Before a file is opened, which may lie elsewhere: see `a_release_names_no_file_outside`.
        let wrong = if !is_version(&release.version) {
            format!("has no version but {:?}", release.version)
        } else if !release.files.contains_key(&release.template) {
            format!("names the template {:?}, and no such file", release.template)
        } else if let Some(path) = release.files.keys().find(|path| !is_inside(path)) {
            format!("names a file outside its folder: {path:?}")
        } else {
            return Ok(release);
        };
        Err(Error::failed(format!("{RELEASE_FILE} {wrong}")))
    }

    /// Writes the document that [`RELEASE_FILE`] holds: the same bytes for the same release.
    ///
    /// # Errors
    ///
    /// [`Error`] when it cannot be written as JSON, which is a mistake in this program.
    pub fn document(&self) -> Result<Vec<u8>> {
        let mut document = serde_json::to_vec_pretty(self)?;
        document.push(b'\n');
        Ok(document)
    }

    /// Names the prefix under which the files lie in a bucket. Another release has another one, so that CloudFormation sees
    /// that the code is new.
    pub fn prefix(&self) -> String {
        let checksum = self.checksum.get(..CHECKSUM_IN_PLACE).unwrap_or(&self.checksum);
        format!("{PLACE}/{}-{checksum}", self.version)
    }

    /// Tells whether it has functions for a value of the parameter `Architecture`.
    pub fn has_architecture(&self, architecture: &str) -> bool {
        self.architectures.iter().any(|built| built == architecture)
    }

    fn check_files(&self, folder: &Path) -> Result<()> {
        let shown = folder.display();
        let mut wrong = Vec::new();
        for (path, expected) in &self.files {
            match std::fs::read(folder.join(path)) {
                Ok(content) if checksum(&content) == *expected => {}
                Ok(_) => wrong.push(format!("{path} was changed")),
                Err(error) if error.kind() == IoKind::NotFound => wrong.push(format!("{path} is missing")),
                Err(error) => return Err(Error::context(format!("cannot read {path} in {shown}"))(error)),
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Error::failed(format!(
            "{shown} is not the release that {RELEASE_FILE} describes: {}; take the release anew from where it came",
            wrong.join(", ")
        )))
    }
}

/// Names the path of a function's code in the folder of a release.
pub fn function_path(architecture: &str, binary: &str) -> String {
    format!("functions/{architecture}/{binary}.zip")
}

/// Computes the SHA-256 of some content, in hex.
pub fn checksum(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

/// Tells whether a text can be a version: it is a part of keys in S3 and of URLs.
fn is_version(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || matches!(character, '.' | '-'))
}

/// Tells whether a path stays in the folder that it is joined to.
fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains('\\')
        && Path::new(path)
            .components()
            .all(|component| matches!(component, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::error::ErrorKind;

    fn release(files: &[(&str, &str)]) -> Release {
        Release {
            version: "1.2.3".to_owned(),
            commit: None,
            architectures: vec!["arm64".to_owned()],
            template: "template.yaml".to_owned(),
            files: files
                .iter()
                .map(|(path, content)| ((*path).to_owned(), checksum(content.as_bytes())))
                .collect(),
            checksum: String::new(),
        }
    }

    fn written(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::write(
            folder.path().join(RELEASE_FILE),
            release(files).document().unwrap(),
        )
        .unwrap();
        folder
    }

    const FILES: [(&str, &str); 2] = [
        ("template.yaml", "Resources: {}"),
        ("functions/arm64/ingest.zip", "code"),
    ];

    #[test]
    fn a_release_is_read_as_it_was_written_and_has_a_place_of_its_own() {
        let folder = written(&FILES);
        let read = Release::read(folder.path()).unwrap();
        let document = fs::read(folder.path().join(RELEASE_FILE)).unwrap();
        assert_eq!(
            read.prefix(),
            format!("upvest-webhooks/1.2.3-{}", &checksum(&document)[..12])
        );
        assert_eq!(
            Release {
                checksum: String::new(),
                ..read.clone()
            },
            release(&FILES)
        );
        assert!(read.has_architecture("arm64") && !read.has_architecture("x86_64"));
    }

    #[test]
    fn every_file_that_was_changed_or_is_missing_is_named() {
        let folder = written(&FILES);
        fs::write(folder.path().join("template.yaml"), "Resources: {Mine: {}}").unwrap();
        fs::remove_file(folder.path().join("functions/arm64/ingest.zip")).unwrap();
        let error = Release::read(folder.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        let told = error.to_string();
        assert!(
            told.contains("template.yaml was changed") && told.contains("ingest.zip is missing"),
            "{told}"
        );
    }

    #[test]
    fn what_lies_beside_the_files_of_a_release_does_not_matter() {
        let folder = written(&FILES);
        fs::write(folder.path().join("my-parameters.json"), "{}").unwrap();
        Release::read(folder.path()).unwrap();
    }

    #[test]
    fn a_folder_without_a_release_is_not_found() {
        let error = Release::read(Path::new("/nowhere")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_release_names_no_file_outside_its_folder() {
        for path in [
            "../secret",
            "/etc/passwd",
            "functions/../../secret",
            "..\\secret",
            "",
        ] {
            let document = release(&[FILES[0], (path, "")]).document().unwrap();
            let error = Release::parse(&document).unwrap_err().to_string();
            assert!(error.contains("outside its folder"), "{path}: {error}");
        }
    }

    #[test]
    fn a_release_without_its_template_or_a_version_is_refused() {
        let document = release(&FILES[1..]).document().unwrap();
        assert!(Release::parse(&document).is_err());
        for version in ["", "v1", "1.0/../2", "1.0+build"] {
            let other = Release {
                version: version.to_owned(),
                ..release(&FILES)
            };
            assert!(Release::parse(&other.document().unwrap()).is_err(), "{version}");
        }
    }
}
