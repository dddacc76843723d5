//! Keys in files: public ones as JWK, private ones as PKCS#8, secrets as they are.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretSlice;
use serde_json::Value;
use upvest::signature::{Jwk, KeyError, Profile, SigningKey};
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// Why a file holds no key that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("cannot read key file {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not a JWK, nor a set of them ({{\"keys\": [...]}})", path.display())]
    NotJson {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("key {key_id} in {} cannot be used", path.display())]
    Unusable {
        path: PathBuf,
        key_id: String,
        source: serde_json::Error,
    },
    #[error("{} has no key {wanted}; its keys are: {found}", path.display())]
    NotInSet {
        path: PathBuf,
        wanted: String,
        found: String,
    },
    #[error("a key in {} has no kid: use --key-id", path.display())]
    Unnamed { path: PathBuf },
    #[error("{} holds no keys", path.display())]
    Empty { path: PathBuf },
    #[error("{} is not an unencrypted PKCS#8 key, in PEM (\"PRIVATE KEY\") or DER", path.display())]
    NotPkcs8 { path: PathBuf },
    #[error("the private key in {} cannot be used: ECDSA P-521 and Ed25519 keys sign deliveries", path.display())]
    PrivateKey { path: PathBuf, source: KeyError },
}

/// Reads public keys, each with an id: those of a set (`{"keys": [...]}`), or the one of a JWK. With `key_id`, only
/// that key of a set, and a JWK under that id.
///
/// # Errors
///
/// [`KeyFileError`] when the file holds no such key, or one that cannot verify deliveries.
pub(crate) fn public_keys(path: &Path, key_id: Option<&str>) -> Result<Vec<Jwk>, KeyFileError> {
    let text = read(path)?;
    let not_json = |source| KeyFileError::NotJson {
        path: path.to_owned(),
        source,
    };
    let content: Value = serde_json::from_slice(&text).map_err(not_json)?;
    let keys = match content.get("keys") {
        Some(Value::Array(members)) => choose(path, members, key_id)?,
        _ => vec![&content],
    };
    let keys = keys.into_iter().map(|key| {
        let kid = kid(key).to_owned();
        let jwk: Jwk = serde_json::from_value(key.clone()).map_err(|source| KeyFileError::Unusable {
            path: path.to_owned(),
            key_id: key_id.unwrap_or(&kid).to_owned(),
            source,
        })?;
        match key_id {
            Some(key_id) => Ok(jwk.with_key_id(key_id)),
            None if jwk.key_id().is_none() => Err(KeyFileError::Unnamed {
                path: path.to_owned(),
            }),
            None => Ok(jwk),
        }
    });
    keys.collect()
}

fn choose<'k>(
    path: &Path,
    members: &'k [Value],
    key_id: Option<&str>,
) -> Result<Vec<&'k Value>, KeyFileError> {
    if members.is_empty() {
        return Err(KeyFileError::Empty {
            path: path.to_owned(),
        });
    }
    let Some(wanted) = key_id else {
        return Ok(members.iter().collect());
    };
    match members.iter().find(|member| kid(member) == wanted) {
        Some(member) => Ok(vec![member]),
        None => Err(KeyFileError::NotInSet {
            path: path.to_owned(),
            wanted: wanted.to_owned(),
            found: members.iter().map(kid).collect::<Vec<_>>().join(", "),
        }),
    }
}

fn kid(jwk: &Value) -> &str {
    jwk.get("kid").and_then(Value::as_str).unwrap_or_default()
}

/// Reads an HMAC secret: every byte of the file, a line break at its end too.
///
/// # Errors
///
/// [`KeyFileError::Read`].
pub(crate) fn secret(path: &Path) -> Result<SecretSlice<u8>, KeyFileError> {
    let bytes = std::fs::read(path).map_err(|source| KeyFileError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(SecretSlice::from(bytes))
}

/// Reads a private key, ECDSA P-521 or Ed25519. Without `key_id` a P-521 key gets the id under which
/// `upvest-simulator` publishes it.
///
/// # Errors
///
/// [`KeyFileError`] when the file holds no such key.
pub(crate) fn private_key(
    path: &Path,
    key_id: Option<&str>,
    profile: Profile,
) -> Result<SigningKey, KeyFileError> {
    let document = pkcs8(&read(path)?).ok_or_else(|| KeyFileError::NotPkcs8 {
        path: path.to_owned(),
    })?;
    let unusable = |source| KeyFileError::PrivateKey {
        path: path.to_owned(),
        source,
    };
    let key_id = match key_id {
        Some(key_id) => key_id.to_owned(),
        None => upvest_simulator::key_from_pkcs8(&document)
            .map_err(|_| KeyFileError::Unnamed {
                path: path.to_owned(),
            })?
            .key_id()
            .to_owned(),
    };
    SigningKey::p521_from_pkcs8(&key_id, profile, &document)
        .or_else(|_| SigningKey::ed25519_from_pkcs8(&key_id, profile, &document))
        .map_err(unusable)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let bytes = std::fs::read(path).map_err(|source| KeyFileError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(Zeroizing::new(bytes))
}

/// The DER document of a file that is PEM or DER.
fn pkcs8(content: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const DER_SEQUENCE: u8 = 0x30;
    if content.first() == Some(&DER_SEQUENCE) {
        return Some(Zeroizing::new(content.to_vec()));
    }
    let text = std::str::from_utf8(content).ok()?;
    let (_, after) = text.split_once(BEGIN)?;
    let (base64, _) = after.split_once(END)?;
    let base64: Zeroizing<String> = Zeroizing::new(base64.split_ascii_whitespace().collect());
    STANDARD.decode(base64.as_bytes()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use upvest::signature::Algorithm;

    use super::*;

    struct TempFile(PathBuf);

    impl TempFile {
        fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
            let path = std::env::temp_dir().join(format!("{}-{name}", std::process::id()));
            std::fs::write(&path, content).unwrap();
            Self(path)
        }
    }

    impl Drop for TempFile {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn jwk(key_id: &str) -> Value {
        let key = SigningKey::generate_ed25519(key_id, Profile::Quoted).unwrap();
        json!(key.to_jwk().unwrap())
    }

    #[test]
    fn a_single_jwk_takes_the_given_id_or_keeps_its_own() {
        let file = TempFile::new("single.jwk", jwk("own").to_string());
        assert_eq!(public_keys(&file.0, None).unwrap()[0].key_id(), Some("own"));
        assert_eq!(
            public_keys(&file.0, Some("given")).unwrap()[0].key_id(),
            Some("given")
        );
    }

    #[test]
    fn a_key_of_a_set_is_chosen_by_its_id_and_without_one_all_are_taken() {
        let rsa = json!({"kid": "c", "kty": "RSA", "n": "AQAB", "e": "AQAB"});
        let set = TempFile::new("set.json", json!({"keys": [jwk("a"), jwk("b"), rsa]}).to_string());
        assert_eq!(public_keys(&set.0, Some("b")).unwrap()[0].key_id(), Some("b"));
        let error = public_keys(&set.0, Some("d")).unwrap_err().to_string();
        assert!(error.ends_with("has no key d; its keys are: a, b, c"), "{error}");
        let error = public_keys(&set.0, None).unwrap_err().to_string();
        assert!(error.starts_with("key c in"), "{error}");

        let set = TempFile::new("good.json", json!({"keys": [jwk("a"), jwk("b")]}).to_string());
        assert_eq!(public_keys(&set.0, None).unwrap().len(), 2);
    }

    #[test]
    fn what_is_not_a_named_public_key_is_refused() {
        let refused = |name: &str, content: &str| {
            let file = TempFile::new(name, content);
            public_keys(&file.0, None).unwrap_err()
        };
        assert!(matches!(refused("text", "-----"), KeyFileError::NotJson { .. }));
        assert!(matches!(
            refused("empty", r#"{"keys":[]}"#),
            KeyFileError::Empty { .. }
        ));
        let mut nameless = jwk("k");
        nameless.as_object_mut().unwrap().remove("kid");
        assert!(matches!(
            refused("nameless", &nameless.to_string()),
            KeyFileError::Unnamed { .. }
        ));
        let mut private = jwk("k");
        private["d"] = json!("AA");
        assert!(matches!(
            refused("private", &private.to_string()),
            KeyFileError::Unusable { .. }
        ));
        let missing = public_keys(Path::new("/nowhere"), None).unwrap_err();
        assert_eq!(missing.to_string(), "cannot read key file /nowhere");
    }

    #[test]
    fn private_keys_are_read_from_pem_and_der() {
        let key = SigningKey::generate_ed25519("k", Profile::Quoted).unwrap();
        let document = key.to_pkcs8().unwrap().unwrap();
        let pem = format!("a comment\n{BEGIN}\n{}\n{END}\n", STANDARD.encode(&document));
        for (name, content) in [("ed.pem", pem.as_bytes()), ("ed.der", &document[..])] {
            let file = TempFile::new(name, content);
            let read = private_key(&file.0, Some("k"), Profile::Quoted).unwrap();
            assert_eq!(read.to_jwk(), key.to_jwk(), "{name}");
            assert_eq!(read.algorithm(), Algorithm::Ed25519);
            let nameless = private_key(&file.0, None, Profile::Quoted).unwrap_err();
            assert!(matches!(nameless, KeyFileError::Unnamed { .. }));
        }
    }

    #[test]
    fn a_p521_key_without_an_id_gets_that_of_the_simulator() {
        let key = upvest_simulator::generate_key().unwrap();
        let file = TempFile::new("p521.der", &*key.to_pkcs8().unwrap().unwrap());
        let read = private_key(&file.0, None, Profile::UpvestV6).unwrap();
        assert_eq!(read.key_id(), key.key_id());
        let named = private_key(&file.0, Some("other"), Profile::Quoted).unwrap();
        assert_eq!((named.key_id(), named.profile()), ("other", Profile::Quoted));
    }

    #[test]
    fn an_encrypted_key_is_not_read() {
        let pem = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let file = TempFile::new("encrypted.pem", pem);
        let error = private_key(&file.0, Some("k"), Profile::UpvestV6).unwrap_err();
        assert!(matches!(error, KeyFileError::NotPkcs8 { .. }));
    }
}
