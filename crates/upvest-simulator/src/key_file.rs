//! A private key in a file, so that restarts keep it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::NamedTempFile;
use upvest::signature::{Dialect, KeyError, SigningKey};
use zeroize::Zeroizing;

use crate::keys::generate_key;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// Says why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file exists and cannot be read.
    #[error("cannot read key file {}", path.display())]
    Read {
        /// Names the file with the private key.
        path: PathBuf,
        /// Tells what was wrong with it.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written or replaced.
    #[error("cannot write key file {}", path.display())]
    Write {
        /// Names the file with the private key.
        path: PathBuf,
        /// Tells what was wrong with it.
        #[source]
        source: io::Error,
    },
    /// It is not a PKCS#8 document in PEM.
    #[error("key file {} is not a PEM block \"PRIVATE KEY\"", path.display())]
    NotPem {
        /// Names the file with the private key.
        path: PathBuf,
    },
    /// Its key is not a P-521 key, or cannot be exported.
    #[error("key file {} has an unusable key", path.display())]
    Key {
        /// Names the file with the private key.
        path: PathBuf,
        /// Tells what was wrong with it.
        #[source]
        source: KeyError,
    },
}

/// Loads the P-521 key of a PKCS#8 file in PEM; without such a file, generates a key and writes it.
///
/// # Errors
/// [`KeyFileError`] when the file exists and cannot be used, or cannot be written.
pub fn load_or_create(path: &Path) -> Result<SigningKey, KeyFileError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = generate_key().map_err(|source| key_error(path, source))?;
            save(path, &key)?;
            return Ok(key);
        }
        Err(source) => {
            return Err(KeyFileError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    let document = decode(&text).ok_or_else(|| KeyFileError::NotPem {
        path: path.to_owned(),
    })?;
    SigningKey::p521_under_own_id(Dialect::UnquotedDigest, &document)
        .map_err(|source| key_error(path, source))
}

/// Writes a key, in place of the one that the file holds.
///
/// # Errors
/// [`KeyFileError`] when the key cannot be exported or the file not be written.
pub fn save(path: &Path, key: &SigningKey) -> Result<(), KeyFileError> {
    let document = key.to_pkcs8().map_err(|source| key_error(path, source))?;
    let document = document.ok_or_else(|| key_error(path, KeyError::InvalidPrivateKey))?;
    replace(path, encode(&document).as_bytes()).map_err(|source| KeyFileError::Write {
        path: path.to_owned(),
        source,
    })
}

fn key_error(path: &Path, source: KeyError) -> KeyFileError {
    KeyFileError::Key {
        path: path.to_owned(),
        source,
    }
}

/// Writes a PKCS#8 document as PEM, 64 characters a line as RFC 7468 asks.
pub(crate) fn encode(document: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(document));
    let mut text = Zeroizing::new(format!("{BEGIN}\n"));
    for (index, character) in base64.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push('\n');
    text.push_str(END);
    text.push('\n');
    text
}

/// Reads the PKCS#8 document of a PEM block; `None` for any other text.
pub(crate) fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let base64 = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let base64: Zeroizing<String> = Zeroizing::new(base64.split_ascii_whitespace().collect());
    STANDARD.decode(base64.as_bytes()).ok().map(Zeroizing::new)
}

/// Writes a new file beside the old one and renames it, so that a crash leaves one of the two whole.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Its owner's alone from the start, and one that a crash left behind lends its permissions to no other.
    let mut beside = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    beside.write_all(contents)?;
    beside.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_created_once_and_gives_the_same_key_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let created = load_or_create(&path).unwrap();
        let loaded = load_or_create(&path).unwrap();
        assert_eq!(created.to_jwk(), loaded.to_jwk());
        let replacement = generate_key().unwrap();
        save(&path, &replacement).unwrap();
        assert_eq!(load_or_create(&path).unwrap().key_id(), replacement.key_id());
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        load_or_create(&path).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        std::fs::write(&path, "shopping list").unwrap();
        assert!(matches!(load_or_create(&path), Err(KeyFileError::NotPem { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "shopping list");
    }
}
