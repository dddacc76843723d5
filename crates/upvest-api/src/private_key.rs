//! Private keys as they are handed out: in PEM, as PKCS#8 or, from Upvest's own guide, SEC1, encrypted or not.

mod traditional;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkcs8::{EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef};
use secrecy::{ExposeSecret, SecretString};
use upvest::signature::{Dialect, SigningKey};
use zeroize::Zeroizing;

use self::traditional::{Encryption, UnknownEncryption};
use crate::credentials::CredentialsError;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const PLAIN: &str = "PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";
const PARAMETERS: &str = "EC PARAMETERS";

/// Reads the private key with which requests are signed: P-521 or Ed25519 in PEM, as PKCS#8 or SEC1, encrypted or not.
///
/// # Errors
///
/// [`CredentialsError`] says what is wrong with it, in the words of a credentials document.
pub fn read(
    key_id: &str,
    pem: &SecretString,
    passphrase: Option<&SecretString>,
) -> Result<SigningKey, CredentialsError> {
    let block = Block::first_of(pem.expose_secret())?;
    let wanted = || passphrase.ok_or(CredentialsError::PassphraseMissing);
    match (block.label, block.encryption) {
        (PLAIN, None) => from_pkcs8(key_id, &block.document),
        (ENCRYPTED, None) => {
            let passphrase = wanted()?;
            let encrypted = EncryptedPrivateKeyInfoRef::try_from(block.document.as_slice())
                .map_err(|_| CredentialsError::DamagedPem)?;
            let plain = encrypted
                .decrypt(passphrase.expose_secret())
                .map_err(|_| CredentialsError::NotDecrypted)?;
            from_pkcs8(key_id, plain.as_bytes())
        }
        (SEC1, None) => from_sec1(key_id, &block.document),
        (SEC1, Some(encryption)) => {
            let plain = encryption.decrypt(block.document, wanted()?);
            // Noise with a valid padding is no key.
            let plain = plain.filter(|plain| is_sec1(plain));
            from_sec1(key_id, &plain.ok_or(CredentialsError::NotDecrypted)?)
        }
        _ => Err(CredentialsError::DamagedPem),
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

fn from_sec1(key_id: &str, document: &[u8]) -> Result<SigningKey, CredentialsError> {
    if !is_sec1(document) {
        return Err(CredentialsError::DamagedPem);
    }
    let key = SigningKey::p521_from_sec1(key_id, Dialect::QuotedContentDigest, document);
    key.map_err(CredentialsError::UnusableKey)
}

/// Tells whether a document is a SEC1 key (RFC 5915), of whatever curve: a sequence that fills it, and begins with the
/// integer 1.
fn is_sec1(document: &[u8]) -> bool {
    // Two forms of the length are enough: with its public key, one on P-521 has 223 bytes.
    let content = match document {
        [0x30, length @ 0..=0x7F, content @ ..] if content.len() == usize::from(*length) => content,
        [0x30, 0x81, length, content @ ..] if content.len() == usize::from(*length) => content,
        _ => return false,
    };
    content.starts_with(&[0x02, 0x01, 0x01])
}

/// Holds a PEM block: its label, how it is encrypted, and what it encodes.
struct Block<'t> {
    label: &'t str,
    /// Says how the document is encrypted by the block itself; what PKCS#8 encrypts has `None` here.
    encryption: Option<Encryption>,
    document: Zeroizing<Vec<u8>>,
}

impl<'t> Block<'t> {
    /// Reads the first block, but for the parameters that `openssl ecparam` writes in front of a key. Line breaks may be
    /// any white space, because a secret's editor often changes them; so the strict PEM libraries cannot read it.
    fn first_of(text: &'t str) -> Result<Self, CredentialsError> {
        let (_, after) = text.split_once("-----BEGIN ").ok_or(CredentialsError::NotPem)?;
        let (label, after) = after.split_once("-----").ok_or(CredentialsError::NotPem)?;
        let (body, end) = after
            .split_once("-----END ")
            .ok_or(CredentialsError::DamagedPem)?;
        if !end.starts_with(label) {
            return Err(CredentialsError::DamagedPem);
        }
        match label {
            PARAMETERS => Self::first_of(end),
            PLAIN | ENCRYPTED | SEC1 => Self::read(label, body),
            // A label that is quoted is short, whatever the document holds.
            label => Err(CredentialsError::WrongPemLabel(label.chars().take(40).collect())),
        }
    }

    fn read(label: &'t str, body: &str) -> Result<Self, CredentialsError> {
        let mut words = body.split_ascii_whitespace().peekable();
        let encryption =
            Encryption::read_from(&mut words).map_err(|UnknownEncryption| CredentialsError::NotDecrypted)?;
        // Room for all of it at once: a text that grows leaves copies of the key behind in memory.
        let mut base64 = Zeroizing::new(String::with_capacity(body.len()));
        base64.extend(words);
        let document = STANDARD.decode(base64.as_bytes());
        Ok(Self {
            label,
            encryption,
            document: Zeroizing::new(document.map_err(|_| CredentialsError::DamagedPem)?),
        })
    }
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
    const P521_SEC1: &str = include_str!("../tests/keys/p521.sec1.pem");
    const P521_SEC1_AES256: &str = include_str!("../tests/keys/p521.sec1.aes256.pem");
    const P521_SEC1_AES128: &str = include_str!("../tests/keys/p521.sec1.aes128.pem");
    const P256_SEC1: &str = include_str!("../tests/keys/p256.sec1.pem");

    fn key(pem: &str, passphrase: Option<&str>) -> Result<SigningKey, CredentialsError> {
        let passphrase = passphrase.map(SecretString::from);
        read("k", &pem.into(), passphrase.as_ref())
    }

    #[test]
    fn an_encrypted_key_is_the_same_key_as_its_plain_form() {
        for (plain, encrypted, algorithm) in [
            (P521, P521_ENCRYPTED, Algorithm::EcdsaP521Sha512),
            (P521_SEC1, P521_SEC1_AES256, Algorithm::EcdsaP521Sha512),
            (P521_SEC1, P521_SEC1_AES128, Algorithm::EcdsaP521Sha512),
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
    fn a_sec1_key_is_the_same_key_as_its_pkcs8_form() {
        let of = |pem| key(pem, None).unwrap().to_jwk();
        assert_eq!(of(P521_SEC1), of(P521));
    }

    #[test]
    fn line_breaks_that_became_spaces_do_no_harm() {
        for (pem, passphrase) in [
            (P521, None),
            (P521_SEC1, None),
            (P521_SEC1_AES256, Some("correct-horse")),
        ] {
            let flat = pem.replace('\n', " ");
            assert_eq!(
                key(&flat, passphrase).unwrap().to_jwk(),
                key(P521, None).unwrap().to_jwk()
            );
        }
    }

    #[test]
    fn a_missing_or_wrong_passphrase_is_told_apart() {
        for pem in [P521_ENCRYPTED, P521_SEC1_AES256] {
            let missing = key(pem, None).unwrap_err();
            assert!(
                missing.to_string().contains("private_key_passphrase"),
                "{missing}"
            );
            // Some of them end in a valid padding.
            for number in 0..if pem == P521_ENCRYPTED { 1 } else { 1_000 } {
                let wrong = key(pem, Some(&format!("battery{number}"))).unwrap_err();
                assert!(matches!(wrong, CredentialsError::NotDecrypted), "{wrong}");
                assert!(!wrong.to_string().contains("battery"));
            }
        }
        let other = P521_SEC1_AES256.replace("AES-256-CBC", "DES-EDE3-CBC");
        let message = key(&other, Some("correct-horse")).unwrap_err().to_string();
        assert!(message.contains("openssl pkcs8 -topk8"), "{message}");
    }

    #[test]
    fn what_is_no_usable_key_is_refused_with_what_to_do() {
        let rsa = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        let message = key(rsa, None).unwrap_err().to_string();
        assert!(message.contains("\"RSA PRIVATE KEY\""), "{message}");
        for pem in [P256, P256_SEC1] {
            assert!(matches!(key(pem, None), Err(CredentialsError::UnusableKey(_))));
        }
        let parameters = P521_SEC1.split_once("-----BEGIN EC PRIVATE").unwrap().0;
        assert!(matches!(key(parameters, None), Err(CredentialsError::NotPem)));
        let damaged = P521_SEC1.replace("MIHc", "MIHb");
        assert!(matches!(key(&damaged, None), Err(CredentialsError::DamagedPem)));
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
