//! Describes who may call the simulator's API: as Upvest knows a client, and as a client knows itself.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use upvest::signature::{Dialect, Jwk, KeyError, SigningKey};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::key_file;

/// Describes an API client as Upvest knows it: what it was given, and the public key that it handed over.
#[derive(Clone)]
pub struct ApiClient {
    /// Gives the id that Upvest gave it, a UUID.
    pub client_id: String,
    /// Holds the secret that Upvest gave it.
    pub client_secret: String,
    /// Gives the id that Upvest gave to its key.
    pub key_id: String,
    /// Holds the public half of its key.
    pub public_key: Jwk,
}

/// Describes an API client as it knows itself: with its private key. Its JSON document is what a client of the API reads:
/// `client_id`, `client_secret`, `key_id`, `private_key` (PKCS#8 in PEM) and `base_url`.
pub struct ApiCredentials {
    client_id: String,
    client_secret: String,
    key: SigningKey,
}

/// Says why a credentials file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiCredentialsError {
    /// The file exists and cannot be read.
    #[error("cannot read credentials file {}", path.display())]
    Read {
        /// Names the file with the credentials.
        path: PathBuf,
        /// Tells what the operating system answered.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written or replaced.
    #[error("cannot write credentials file {}", path.display())]
    Write {
        /// Names the file with the credentials.
        path: PathBuf,
        /// Tells what the operating system answered.
        #[source]
        source: io::Error,
    },
    /// It is not the JSON document of [`ApiCredentials`]; the reason is not told, because it may quote a secret.
    #[error("{} is not a JSON object with client_id, client_secret, key_id and private_key", path.display())]
    Malformed {
        /// Names the file with the credentials.
        path: PathBuf,
    },
    /// Its private key is not an unencrypted P-521 or Ed25519 key, or cannot be exported.
    #[error("the private key of the credentials cannot be used")]
    Key(#[from] KeyError),
}

#[derive(Serialize, Deserialize)]
struct Document {
    client_id: String,
    client_secret: String,
    key_id: String,
    private_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_url: Option<String>,
}

impl ApiCredentials {
    /// Generates a client with a P-521 key.
    ///
    /// # Errors
    /// [`KeyError::Unavailable`] when the cryptographic library cannot generate a key.
    pub fn generate() -> Result<Self, KeyError> {
        let key_id = Uuid::new_v4().to_string();
        Ok(Self {
            client_id: Uuid::new_v4().to_string(),
            client_secret: format!("simulated-{}", Uuid::new_v4().simple()),
            key: SigningKey::generate_p521(key_id, Dialect::QuotedContentDigest)?,
        })
    }

    /// Returns what Upvest knows of the client: its id and secret, and the public half of its key.
    ///
    /// # Errors
    /// [`KeyError::Unavailable`] for a key without a public half.
    pub fn client(&self) -> Result<ApiClient, KeyError> {
        Ok(ApiClient {
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            key_id: self.key.key_id().to_owned(),
            public_key: self.key.to_jwk().ok_or(KeyError::Unavailable)?,
        })
    }

    /// Writes the JSON document for an API at `base_url`.
    ///
    /// # Errors
    /// [`KeyError::Unavailable`] when the key cannot be exported.
    pub fn to_json(&self, base_url: &str) -> Result<String, KeyError> {
        let document = self.key.to_pkcs8()?.ok_or(KeyError::Unavailable)?;
        let document = Document {
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            key_id: self.key.key_id().to_owned(),
            private_key: key_file::encode(&document).to_string(),
            base_url: Some(base_url.to_owned()),
        };
        serde_json::to_string_pretty(&document).map_err(|_| KeyError::Unavailable)
    }

    /// Reads the document of a file; generates a client when there is no file.
    ///
    /// # Errors
    /// [`ApiCredentialsError`] when the file exists and cannot be used.
    pub fn load_or_generate(path: &Path) -> Result<Self, ApiCredentialsError> {
        let text = match std::fs::read(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::generate()?),
            Err(source) => {
                return Err(ApiCredentialsError::Read {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        let malformed = || ApiCredentialsError::Malformed {
            path: path.to_owned(),
        };
        let document: Document = serde_json::from_slice(&text).map_err(|_| malformed())?;
        let key = key_file::decode(&document.private_key).ok_or_else(malformed)?;
        let key_id = &document.key_id;
        let key = SigningKey::p521_from_pkcs8(key_id, Dialect::QuotedContentDigest, &key)
            .or_else(|_| SigningKey::ed25519_from_pkcs8(key_id, Dialect::QuotedContentDigest, &key))?;
        Ok(Self {
            client_id: document.client_id,
            client_secret: document.client_secret,
            key,
        })
    }

    /// Writes the document for an API at `base_url` to a file that only its owner can read.
    ///
    /// # Errors
    /// [`ApiCredentialsError`] when the key cannot be exported or the file not be written.
    pub fn save(&self, path: &Path, base_url: &str) -> Result<(), ApiCredentialsError> {
        let document = Zeroizing::new(self.to_json(base_url)?);
        key_file::replace(path, document.as_bytes()).map_err(|source| ApiCredentialsError::Write {
            path: path.to_owned(),
            source,
        })
    }
}

impl fmt::Debug for ApiClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ApiClient")
            .field("client_id", &self.client_id)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ApiCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ApiCredentials")
            .field("client_id", &self.client_id)
            .field("key_id", &self.key.key_id())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credentials_file_gives_the_same_client_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.json");
        let generated = ApiCredentials::load_or_generate(&path).unwrap();
        generated.save(&path, "http://127.0.0.1:8090").unwrap();
        let loaded = ApiCredentials::load_or_generate(&path).unwrap();
        let (before, after) = (generated.client().unwrap(), loaded.client().unwrap());
        assert_eq!(before.client_id, after.client_id);
        assert_eq!(before.client_secret, after.client_secret);
        assert_eq!(
            (before.key_id, before.public_key),
            (after.key_id, after.public_key)
        );
    }

    #[test]
    fn a_file_that_is_no_credentials_document_is_refused_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.json");
        std::fs::write(&path, r#"{"client_secret": 73313731}"#).unwrap();
        let error = ApiCredentials::load_or_generate(&path).unwrap_err();
        assert!(matches!(error, ApiCredentialsError::Malformed { .. }));
        assert!(!format!("{error} {error:?}").contains("73313731"));
    }

    #[test]
    fn debug_shows_no_secret() {
        let credentials = ApiCredentials::generate().unwrap();
        let client = credentials.client().unwrap();
        let shown = format!("{credentials:?} {client:?}");
        assert!(shown.contains(&client.client_id) && !shown.contains(&client.client_secret));
    }
}
