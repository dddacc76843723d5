//! Private keys as they are handed out: PKCS#8 in PEM, encrypted or not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkcs8::{EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef};
use secrecy::{ExposeSecret, SecretString};
use upvest::signature::{Dialect, SigningKey};
use zeroize::Zeroizing;

use crate::credentials::CredentialsError;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const PLAIN: &str = "PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// Reads the key with which requests are signed.
pub(crate) fn read(
    key_id: &str,
    pem: &SecretString,
    passphrase: Option<&SecretString>,
) -> Result<SigningKey, CredentialsError> {
    let (label, document) = decode(pem.expose_secret())?;
    match label {
        PLAIN => from_pkcs8(key_id, &document),
        ENCRYPTED => {
            let passphrase = passphrase.ok_or(CredentialsError::PassphraseMissing)?;
            let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_slice())
                .map_err(|_| CredentialsError::DamagedPem)?;
            let plain = encrypted
                .decrypt(passphrase.expose_secret())
                .map_err(|_| CredentialsError::NotDecrypted)?;
            from_pkcs8(key_id, plain.as_bytes())
        }
        // A label that is quoted is short, whatever the document holds.
        label => Err(CredentialsError::WrongPemLabel(label.chars().take(40).collect())),
    }
}

fn from_pkcs8(key_id: &str, document: &[u8]) -> Result<SigningKey, CredentialsError> {
    let info = PrivateKeyInfoRef::try_from(document).map_err(|_| CredentialsError::DamagedPem)?;
    let key = match info.algorithm.oid {
        EC => SigningKey::p521_from_pkcs8(key_id, Dialect::QuotedContentDigest, document),
        ED25519 => SigningKey::ed25519_from_pkcs8(key_id, Dialect::QuotedContentDigest, document),
        other => return Err(CredentialsError::WrongAlgorithm(other.to_string())),
    };
    key.map_err(CredentialsError::UnusableKey)
}

/// Returns the label and the document of the first PEM block. Line breaks may be any white space, because a secret's
/// editor often changes them; so the strict PEM libraries cannot read it.
fn decode(text: &str) -> Result<(&str, Zeroizing<Vec<u8>>), CredentialsError> {
    let (_, after) = text.split_once("-----BEGIN ").ok_or(CredentialsError::NotPem)?;
    let (label, after) = after.split_once("-----").ok_or(CredentialsError::NotPem)?;
    let (body, end) = after
        .split_once("-----END ")
        .ok_or(CredentialsError::DamagedPem)?;
    if !end.starts_with(label) {
        return Err(CredentialsError::DamagedPem);
    }
    if !matches!(label, PLAIN | ENCRYPTED) {
        return Ok((label, Zeroizing::default()));
    }
    let mut base64 = Zeroizing::new(String::with_capacity(body.len()));
    base64.extend(body.split_ascii_whitespace());
    let document = STANDARD.decode(base64.as_bytes());
    Ok((
        label,
        Zeroizing::new(document.map_err(|_| CredentialsError::DamagedPem)?),
    ))
}

#[cfg(test)]
mod tests {
    use upvest::signature::Algorithm;

    use super::*;

    const P521: &str = include_str!("../tests/keys/p521.pem");
    const P521_ENCRYPTED: &str = include_str!("../tests/keys/p521.encrypted.pem");
    const ED25519_PEM: &str = include_str!("../tests/keys/ed25519.pem");
    const ED25519_SCRYPT: &str = include_str!("../tests/keys/ed25519.scrypt.pem");
    const P256: &str = include_str!("../tests/keys/p256.pem");

    fn key(pem: &str, passphrase: Option<&str>) -> Result<SigningKey, CredentialsError> {
        let passphrase = passphrase.map(SecretString::from);
        read("k", &pem.into(), passphrase.as_ref())
    }

    #[test]
    fn an_encrypted_key_is_the_same_key_as_its_plain_form() {
        for (plain, encrypted, algorithm) in [
            (P521, P521_ENCRYPTED, Algorithm::EcdsaP521Sha512),
            (ED25519_PEM, ED25519_SCRYPT, Algorithm::Ed25519),
        ] {
            let (plain, decrypted) = (key(plain, None), key(encrypted, Some("correct-horse")));
            let (plain, decrypted) = (plain.unwrap(), decrypted.unwrap());
            assert_eq!(plain.algorithm(), algorithm);
            assert_eq!(plain.dialect(), Dialect::QuotedContentDigest);
            assert_eq!(plain.to_jwk(), decrypted.to_jwk());
        }
    }

    #[test]
    fn line_breaks_that_became_spaces_do_no_harm() {
        let flat = P521.replace('\n', " ");
        assert_eq!(
            key(&flat, None).unwrap().to_jwk(),
            key(P521, None).unwrap().to_jwk()
        );
    }

    #[test]
    fn a_missing_or_wrong_passphrase_is_told_apart() {
        let missing = key(P521_ENCRYPTED, None).unwrap_err();
        assert!(
            missing.to_string().contains("private_key_passphrase"),
            "{missing}"
        );
        let wrong = key(P521_ENCRYPTED, Some("battery")).unwrap_err();
        assert!(matches!(wrong, CredentialsError::NotDecrypted), "{wrong}");
        assert!(!wrong.to_string().contains("battery"));
    }

    #[test]
    fn what_is_no_usable_key_is_refused_with_what_to_do() {
        let sec1 = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
        let message = key(sec1, None).unwrap_err().to_string();
        assert!(message.contains("openssl pkcs8 -topk8"), "{message}");
        assert!(matches!(key(P256, None), Err(CredentialsError::UnusableKey(_))));
        assert!(matches!(key("hello", None), Err(CredentialsError::NotPem)));
        let damaged = P521.replace("MIH", "AAA");
        assert!(matches!(key(&damaged, None), Err(CredentialsError::DamagedPem)));
        let x25519 = "-----BEGIN PRIVATE KEY-----\n\
                      MC4CAQAwBQYDK2VuBCIEIFBPY+8PkUJN1L/tX5Cq3ZVaeRsS5ZLGrQ8rjxIWsVdZ\n\
                      -----END PRIVATE KEY-----";
        let message = key(x25519, None).unwrap_err().to_string();
        assert!(message.contains("1.3.101.110"), "{message}");
    }
}
