//! The encryption of OpenSSL's traditional PEM blocks (RFC 1421): what `openssl ec -aes256` writes.
//!
//! It names the cipher and the initialisation vector in headers, and makes the key of the passphrase by MD5. That is
//! weak, and what Upvest's guide to client keys ends in.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use md5::{Digest, Md5};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

const IV_BYTES: usize = 16;
/// Says how many bytes of the initialisation vector are the salt of the key.
const SALT_BYTES: usize = 8;

/// Says how a block is encrypted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Encryption {
    cipher: &'static Algorithm,
    key_bytes: usize,
    iv: [u8; IV_BYTES],
}

/// Says that the headers of a block name a cipher that is not supported, or are damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnknownEncryption;

impl Encryption {
    /// Reads the headers of a block off the words of its body; what is left of these are the lines of base64. `None`
    /// for a block without headers, which is not encrypted.
    pub(super) fn read_from<'w>(
        words: &mut std::iter::Peekable<impl Iterator<Item = &'w str>>,
    ) -> Result<Option<Self>, UnknownEncryption> {
        if words.next_if_eq(&"Proc-Type:").is_none() {
            return Ok(None);
        }
        let expected = ["4,ENCRYPTED", "DEK-Info:"];
        if !expected.iter().all(|word| words.next_if_eq(word).is_some()) {
            return Err(UnknownEncryption);
        }
        let (cipher, iv) = words
            .next()
            .and_then(|info| info.split_once(','))
            .ok_or(UnknownEncryption)?;
        let (cipher, key_bytes) = match cipher {
            "AES-128-CBC" => (&AES_128, 16),
            "AES-192-CBC" => (&AES_192, 24),
            "AES-256-CBC" => (&AES_256, 32),
            _ => return Err(UnknownEncryption),
        };
        let iv = bytes_of(iv).ok_or(UnknownEncryption)?;
        Ok(Some(Self {
            cipher,
            key_bytes,
            iv,
        }))
    }

    /// Decrypts a document; `None` where the passphrase is another one. What comes out need not be a key: one wrong
    /// passphrase in some 256 ends in a valid padding.
    pub(super) fn decrypt(
        &self,
        mut document: Zeroizing<Vec<u8>>,
        passphrase: &SecretString,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let key = self.key(passphrase);
        let key = UnboundCipherKey::new(self.cipher, &key).ok()?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
        let context = DecryptionContext::Iv128(FixedLength::from(self.iv));
        let length = key.decrypt(&mut document, context).ok()?.len();
        document.truncate(length);
        Some(document)
    }

    /// Makes the key of a passphrase as OpenSSL's `EVP_BytesToKey` does: each block is the MD5 of the one before, the
    /// passphrase and the salt.
    fn key(&self, passphrase: &SecretString) -> Zeroizing<Vec<u8>> {
        // Room for the last block, so that no half of the key stays behind in memory.
        let mut key = Zeroizing::new(Vec::with_capacity(self.key_bytes + Md5::output_size()));
        while key.len() < self.key_bytes {
            let last = key.len().saturating_sub(Md5::output_size());
            let mut block = Md5::new_with_prefix(&key[last..]);
            block.update(passphrase.expose_secret());
            block.update(&self.iv[..SALT_BYTES]);
            key.extend_from_slice(&block.finalize());
        }
        key.truncate(self.key_bytes);
        key
    }
}

/// Reads the initialisation vector of a block: 16 bytes in hexadecimal.
fn bytes_of(hex: &str) -> Option<[u8; IV_BYTES]> {
    if hex.len() != 2 * IV_BYTES || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some(u128::from_str_radix(hex, 16).ok()?.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<(usize, Vec<&str>)>, UnknownEncryption> {
        let mut words = text.split_ascii_whitespace().peekable();
        let found = Encryption::read_from(&mut words)?;
        Ok(found.map(|found| (found.key_bytes, words.collect())))
    }

    #[test]
    fn headers_are_read_and_the_rest_is_left() {
        let iv = "5FD67B73A844DB3CC293D2732B3E7DC5";
        for (cipher, bytes) in [("128", 16), ("192", 24), ("256", 32)] {
            let text = format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-{cipher}-CBC,{iv}\n\nAAAA\nBBBB");
            assert_eq!(read(&text), Ok(Some((bytes, vec!["AAAA", "BBBB"]))));
        }
        assert_eq!(read("AAAA"), Ok(None));
        for headers in [
            "Proc-Type: 4,CLEAR",
            "Proc-Type: 4,ENCRYPTED AAAA",
            "Proc-Type: 4,ENCRYPTED DEK-Info: DES-EDE3-CBC,45F8C6E51BE272BF",
            "Proc-Type: 4,ENCRYPTED DEK-Info: AES-256-CBC",
            "Proc-Type: 4,ENCRYPTED DEK-Info: AES-256-CBC,5FD6",
            "Proc-Type: 4,ENCRYPTED DEK-Info: AES-256-CBC,+FD67B73A844DB3CC293D2732B3E7DC5",
        ] {
            assert_eq!(read(headers), Err(UnknownEncryption), "{headers}");
        }
    }
}
