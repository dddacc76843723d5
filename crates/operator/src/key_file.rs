//! Keys in files: public ones as JWK, private ones as PKCS#8 or SEC1, secrets as they are.

use std::path::Path;

use secrecy::{SecretSlice, SecretString};
use serde_json::Value;
use upvest::signature::{Dialect, Jwk, SigningKey};
use upvest_api::CredentialsError;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::secret_file;

/// Reads public keys, each with an id: those of a set (`{"keys": [...]}`), or the one of a JWK. With `key_id`, only
/// that key of a set, and a JWK under that id.
///
/// # Errors
///
/// [`Error`] when the file holds no such key, or one that cannot verify deliveries.
pub fn public_keys(path: &Path, key_id: Option<&str>) -> Result<Vec<Jwk>> {
    let shown = path.display();
    let text = std::fs::read(path).map_err(Error::context(format!("cannot read key file {shown}")))?;
    let content: Value = serde_json::from_slice(&text).map_err(Error::context(format!(
        "{shown} is not a JWK, nor a set of them ({{\"keys\": [...]}})"
    )))?;
    let keys = match content.get("keys") {
        Some(Value::Array(members)) => choose(path, members, key_id)?,
        _ => vec![&content],
    };
    let keys = keys.into_iter().map(|key| {
        let kid = kid(key).to_owned();
        let jwk: Jwk = serde_json::from_value(key.clone()).map_err(Error::context(format!(
            "key {} in {shown} cannot be used",
            key_id.unwrap_or(&kid)
        )))?;
        match key_id {
            Some(key_id) => Ok(jwk.with_key_id(key_id)),
            None if jwk.key_id().is_none() => Err(unnamed(path)),
            None => Ok(jwk),
        }
    });
    keys.collect()
}

fn choose<'k>(path: &Path, members: &'k [Value], key_id: Option<&str>) -> Result<Vec<&'k Value>> {
    let shown = path.display();
    if members.is_empty() {
        return Err(Error::failed(format!(
            "{shown} holds no keys: name a file with a JWK, or with a set that has some"
        )));
    }
    let Some(wanted) = key_id else {
        return Ok(members.iter().collect());
    };
    match members.iter().find(|member| kid(member) == wanted) {
        Some(member) => Ok(vec![member]),
        None => Err(Error::not_found(format!(
            "{shown} has no key {wanted}; its keys are: {}",
            members.iter().map(kid).collect::<Vec<_>>().join(", ")
        ))),
    }
}

fn unnamed(path: &Path) -> Error {
    Error::usage(format!("a key in {} has no kid: use --key-id", path.display()))
}

fn kid(jwk: &Value) -> &str {
    jwk.get("kid").and_then(Value::as_str).unwrap_or_default()
}

/// Reads an HMAC secret: every byte of the file, a line break at its end too.
///
/// # Errors
///
/// [`Error`] when the file cannot be read, or others can read it too.
pub fn secret(path: &Path) -> Result<SecretSlice<u8>> {
    let mut bytes = secret_file::read("key file", path)?;
    Ok(SecretSlice::from(std::mem::take(&mut *bytes)))
}

/// Reads a private key, ECDSA P-521 or Ed25519, in every form in which the client of Upvest's API takes one, and PKCS#8 in
/// DER. An encrypted one takes the file of its passphrase, whose last line break does not count. Without `key_id` a P-521 key
/// gets the id under which `upvest-simulator` publishes it.
///
/// # Errors
///
/// [`Error`] when the file holds no such key, or others can read it or that of the passphrase too.
pub fn private_key(
    path: &Path,
    passphrase: Option<&Path>,
    key_id: Option<&str>,
    dialect: Dialect,
) -> Result<SigningKey> {
    let shown = path.display();
    let document = document(path, passphrase)?;
    let Some(key_id) = key_id else {
        return SigningKey::p521_under_own_id(dialect, &document).map_err(|_| unnamed(path));
    };
    SigningKey::p521_from_pkcs8(key_id, dialect, &document)
        .or_else(|_| SigningKey::ed25519_from_pkcs8(key_id, dialect, &document))
        .map_err(Error::context(format!(
            "the private key in {shown} cannot be used: ECDSA P-521 and Ed25519 keys sign deliveries"
        )))
}

/// Reads the key as PKCS#8 in DER, whatever the file has it in.
fn document(path: &Path, passphrase: Option<&Path>) -> Result<Zeroizing<Vec<u8>>> {
    const DER_SEQUENCE: u8 = 0x30;
    let content = secret_file::read("key file", path)?;
    // A key in DER begins with a SEQUENCE; all other forms are text.
    if content.first() == Some(&DER_SEQUENCE) {
        return Ok(content);
    }
    let shown = path.display();
    let unreadable = format!("{shown} holds no private key");
    let text = std::str::from_utf8(&content).map_err(|_| Error::failed(unreadable.clone()))?;
    let passphrase = passphrase.map(secret_text).transpose()?;
    let key = upvest_api::read_private_key("unnamed", &SecretString::from(text), passphrase.as_ref());
    let key = key.map_err(|error| match error {
        CredentialsError::PassphraseMissing => Error::usage(format!(
            "the private key in {shown} is encrypted: name the file of its passphrase with --passphrase-file"
        )),
        error => Error::context(unreadable.clone())(error),
    })?;
    let document = key.to_pkcs8().map_err(Error::context(unreadable.clone()))?;
    document.ok_or_else(|| Error::failed(unreadable))
}

fn secret_text(path: &Path) -> Result<SecretString> {
    let content = secret_file::read("file of the passphrase", path)?;
    let text = std::str::from_utf8(&content).map_err(|_| {
        let shown = path.display();
        Error::failed(format!(
            "the passphrase in {shown} is no text: write it in UTF-8, and nothing else into the file"
        ))
    })?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;
    use tempfile::NamedTempFile;
    use upvest::signature::Algorithm;

    use super::*;

    /// Writes a file that only its owner can read, as the library makes them.
    fn file_with(content: impl AsRef<[u8]>) -> NamedTempFile {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    fn jwk(key_id: &str) -> Value {
        let key = SigningKey::generate_ed25519(key_id, Dialect::QuotedContentDigest).unwrap();
        json!(key.to_jwk().unwrap())
    }

    #[test]
    fn a_single_jwk_takes_the_given_id_or_keeps_its_own() {
        let file = file_with(jwk("own").to_string());
        assert_eq!(public_keys(file.path(), None).unwrap()[0].key_id(), Some("own"));
        assert_eq!(
            public_keys(file.path(), Some("given")).unwrap()[0].key_id(),
            Some("given")
        );
    }

    #[test]
    fn a_key_of_a_set_is_chosen_by_its_id_and_without_one_all_are_taken() {
        let rsa = json!({"kid": "c", "kty": "RSA", "n": "AQAB", "e": "AQAB"});
        let set = file_with(json!({"keys": [jwk("a"), jwk("b"), rsa]}).to_string());
        assert_eq!(public_keys(set.path(), Some("b")).unwrap()[0].key_id(), Some("b"));
        let error = public_keys(set.path(), Some("d")).unwrap_err().to_string();
        assert!(error.ends_with("has no key d; its keys are: a, b, c"), "{error}");
        let error = public_keys(set.path(), None).unwrap_err().to_string();
        assert!(error.starts_with("key c in"), "{error}");

        let set = file_with(json!({"keys": [jwk("a"), jwk("b")]}).to_string());
        assert_eq!(public_keys(set.path(), None).unwrap().len(), 2);
    }

    #[test]
    fn what_is_not_a_named_public_key_is_refused() {
        let assert_refused = |content: &str, why: &str| {
            let file = file_with(content);
            let error = public_keys(file.path(), None).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        };
        assert_refused("-----", "is not a JWK, nor a set of them");
        assert_refused(r#"{"keys":[]}"#, "holds no keys");
        let mut nameless = jwk("k");
        nameless.as_object_mut().unwrap().remove("kid");
        assert_refused(&nameless.to_string(), "has no kid");
        let mut private = jwk("k");
        private["d"] = json!("AA");
        assert_refused(&private.to_string(), "cannot be used");
        let missing = public_keys(Path::new("/nowhere"), None).unwrap_err();
        assert_eq!(missing.to_string(), "cannot read key file /nowhere");
    }

    #[test]
    fn private_keys_are_read_from_pem_and_der() {
        let key = SigningKey::generate_ed25519("k", Dialect::QuotedContentDigest).unwrap();
        let document = key.to_pkcs8().unwrap().unwrap();
        let pem = format!(
            "a comment\n-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(&document)
        );
        for (name, content) in [("ed.pem", pem.as_bytes()), ("ed.der", &document[..])] {
            let file = file_with(content);
            let read = private_key(file.path(), None, Some("k"), Dialect::QuotedContentDigest).unwrap();
            assert_eq!(read.to_jwk(), key.to_jwk(), "{name}");
            assert_eq!(read.algorithm(), Algorithm::Ed25519);
            let nameless = private_key(file.path(), None, None, Dialect::QuotedContentDigest).unwrap_err();
            assert_eq!(nameless.kind(), crate::ErrorKind::Usage);
        }
    }

    #[test]
    fn a_p521_key_without_an_id_gets_that_of_the_simulator() {
        let key = upvest_simulator::generate_key().unwrap();
        let file = file_with(&*key.to_pkcs8().unwrap().unwrap());
        let read = private_key(file.path(), None, None, Dialect::UnquotedDigest).unwrap();
        assert_eq!(read.key_id(), key.key_id());
        let named = private_key(file.path(), None, Some("other"), Dialect::QuotedContentDigest).unwrap();
        assert_eq!(
            (named.key_id(), named.dialect()),
            ("other", Dialect::QuotedContentDigest)
        );
    }

    #[test]
    fn keys_are_read_as_upvests_guide_has_them_made() {
        const PLAIN: &str = include_str!("../../upvest-api/tests/keys/p521.sec1.pem");
        const ENCRYPTED: &str = include_str!("../../upvest-api/tests/keys/p521.sec1.aes256.pem");
        let file = file_with(PLAIN);
        let plain = private_key(file.path(), None, Some("k"), Dialect::UnquotedDigest).unwrap();
        assert_eq!(plain.dialect(), Dialect::UnquotedDigest);
        let file = file_with(ENCRYPTED);
        let passphrase = file_with("correct-horse\n");
        let read = |passphrase| private_key(file.path(), passphrase, Some("k"), Dialect::UnquotedDigest);
        assert_eq!(read(Some(passphrase.path())).unwrap().to_jwk(), plain.to_jwk());
        let error = read(None).unwrap_err();
        assert!(
            error.kind() == crate::ErrorKind::Usage && error.to_string().contains("--passphrase-file"),
            "{error}"
        );
        let wrong = file_with("other");
        assert!(
            read(Some(wrong.path()))
                .unwrap_err()
                .to_string()
                .ends_with("holds no private key")
        );
    }

    #[test]
    fn what_is_no_private_key_is_refused() {
        for (name, content) in [
            ("text.pem", &b"key"[..]),
            ("noise.pem", b"\xff\xfe"),
            ("noise.der", b"\x30\x01"),
        ] {
            let file = file_with(content);
            assert!(
                private_key(file.path(), None, Some("k"), Dialect::UnquotedDigest).is_err(),
                "{name}"
            );
        }
    }
}
