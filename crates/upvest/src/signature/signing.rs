//! Keys that sign: for the simulator, smoke tests, replays and requests to the API.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::base::BaseSource;
use super::component::Component;
use super::digest;
use super::value::Form;
use super::verifying::{checked_key_id, checked_secret};
use super::{
    Algorithm, Dialect, Jwk, KeyError, SignError, SignatureHeaders, SignatureOptions, SignedRequest,
    VerifyingKey,
};

/// A key that signs: id, dialect, algorithm and private key or shared secret.
pub struct SigningKey {
    key_id: String,
    dialect: Dialect,
    material: Material,
}

enum Material {
    EcdsaP521(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Hmac(SecretSlice<u8>),
}

impl SigningKey {
    /// Generates an ECDSA P-521 key from the operating system's randomness.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`], or [`KeyError::Unavailable`] when the library cannot generate one.
    pub fn generate_p521(key_id: impl AsRef<str>, dialect: Dialect) -> Result<Self, KeyError> {
        let pair =
            EcdsaKeyPair::generate(&ECDSA_P521_SHA512_ASN1_SIGNING).map_err(|_| KeyError::Unavailable)?;
        Self::new(key_id, dialect, Material::EcdsaP521(pair))
    }

    /// Generates an Ed25519 key from the operating system's randomness.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`], or [`KeyError::Unavailable`] when the library cannot generate one.
    pub fn generate_ed25519(key_id: impl AsRef<str>, dialect: Dialect) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Unavailable)?;
        Self::new(key_id, dialect, Material::Ed25519(pair))
    }

    /// Creates an ECDSA P-521 key from its private scalar, big-endian, up to 66 bytes.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`], or [`KeyError::InvalidPrivateKey`] for a scalar out of range.
    pub fn p521_from_scalar(
        key_id: impl AsRef<str>,
        dialect: Dialect,
        scalar: &[u8],
    ) -> Result<Self, KeyError> {
        let der = scalar_to_der(scalar).ok_or(KeyError::InvalidPrivateKey)?;
        Self::p521_from_sec1(key_id, dialect, &der)
    }

    /// Creates an ECDSA P-521 key from its unencrypted PKCS#8 document, in DER.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`], or [`KeyError::InvalidPrivateKey`] for another kind of document.
    pub fn p521_from_pkcs8(key_id: impl AsRef<str>, dialect: Dialect, der: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P521_SHA512_ASN1_SIGNING, der)
            .map_err(|_| KeyError::InvalidPrivateKey)?;
        Self::new(key_id, dialect, Material::EcdsaP521(pair))
    }

    /// Creates an ECDSA P-521 key from its SEC1 document (RFC 5915, `EC PRIVATE KEY` in PEM), in DER.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`], or [`KeyError::InvalidPrivateKey`] for another kind of document.
    pub fn p521_from_sec1(key_id: impl AsRef<str>, dialect: Dialect, der: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P521_SHA512_ASN1_SIGNING, der)
            .map_err(|_| KeyError::InvalidPrivateKey)?;
        Self::new(key_id, dialect, Material::EcdsaP521(pair))
    }

    /// Creates an Ed25519 key from its unencrypted PKCS#8 document (version 1 or 2), in DER.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`], or [`KeyError::InvalidPrivateKey`] for another kind of document.
    pub fn ed25519_from_pkcs8(
        key_id: impl AsRef<str>,
        dialect: Dialect,
        der: &[u8],
    ) -> Result<Self, KeyError> {
        let pair =
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| KeyError::InvalidPrivateKey)?;
        Self::new(key_id, dialect, Material::Ed25519(pair))
    }

    /// Creates an Ed25519 key from its 32-byte seed.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`], or [`KeyError::InvalidPrivateKey`] for a seed of another length.
    pub fn ed25519_from_seed(
        key_id: impl AsRef<str>,
        dialect: Dialect,
        seed: &[u8],
    ) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::InvalidPrivateKey)?;
        Self::new(key_id, dialect, Material::Ed25519(pair))
    }

    /// Creates an HMAC-SHA-256 key, for deliveries that we sign ourselves.
    ///
    /// # Errors
    /// Returns [`KeyError::InvalidKeyId`] or [`KeyError::SecretTooShort`].
    pub fn hmac(
        key_id: impl AsRef<str>,
        dialect: Dialect,
        secret: SecretSlice<u8>,
    ) -> Result<Self, KeyError> {
        Self::new(key_id, dialect, Material::Hmac(checked_secret(secret)?))
    }

    fn new(key_id: impl AsRef<str>, dialect: Dialect, material: Material) -> Result<Self, KeyError> {
        Ok(Self {
            key_id: checked_key_id(key_id.as_ref())?,
            dialect,
            material,
        })
    }

    /// Returns the id that signatures carry in their `keyid` parameter.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Returns the dialect in which the key's owner chose to sign.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the algorithm in which the key signs.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::EcdsaP521(_) => Algorithm::EcdsaP521Sha512,
            Material::Ed25519(_) => Algorithm::Ed25519,
            Material::Hmac(_) => Algorithm::HmacSha256,
        }
    }

    /// Returns the public key; `None` for HMAC, which has none.
    #[must_use]
    pub fn to_jwk(&self) -> Option<Jwk> {
        let raw = match &self.material {
            Material::EcdsaP521(pair) => pair.public_key().as_ref(),
            Material::Ed25519(pair) => pair.public_key().as_ref(),
            Material::Hmac(_) => return None,
        };
        Jwk::from_raw(Some(self.key_id.clone()), self.algorithm(), raw).ok()
    }

    /// Exports the private key as PKCS#8 in DER; `None` for HMAC, whose secret the caller has.
    ///
    /// # Errors
    /// Returns [`KeyError::Unavailable`] when the library cannot export it.
    pub fn to_pkcs8(&self) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
        let document = match &self.material {
            Material::EcdsaP521(pair) => pair.to_pkcs8v1(),
            Material::Ed25519(pair) => pair.to_pkcs8v1(),
            Material::Hmac(_) => return Ok(None),
        };
        let document = document.map_err(|_| KeyError::Unavailable)?;
        Ok(Some(Zeroizing::new(document.as_ref().to_vec())))
    }

    /// Returns the key that verifies what this one signs.
    ///
    /// # Errors
    /// Returns [`KeyError::Unavailable`] when the library rejects its own public key.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyError> {
        match &self.material {
            Material::Hmac(secret) => VerifyingKey::hmac(&self.key_id, secret.clone()),
            _ => VerifyingKey::from_jwk(&self.to_jwk().ok_or(KeyError::Unavailable)?),
        }
    }

    /// Signs a request: computes the digest of its body and the three headers to send with it.
    ///
    /// The digest header is covered only if `options` lists it; a receiver with this crate's policy asks for it.
    ///
    /// # Errors
    /// Returns [`SignError`] when a component is not in the request or an option cannot be written as a parameter.
    pub fn sign(
        &self,
        request: &SignedRequest<'_>,
        options: &SignatureOptions,
    ) -> Result<SignatureHeaders, SignError> {
        let digest_name = self.dialect.digest_header();
        let digest = digest::header_value(self.dialect.digest(), options.digest, request.body);
        let mut headers = request.headers.clone();
        headers.set(digest_name, digest.as_str());
        let components = options
            .components
            .iter()
            .map(|text| Component::parse(text))
            .collect::<Result<Vec<_>, _>>()
            .map_err(SignError::Component)?;
        let parameters = options.parameters(&components, self)?;
        let source = BaseSource {
            request: &SignedRequest {
                headers: &headers,
                ..*request
            },
            origin: options.sent_to.as_ref(),
            components: &components,
            parameters: &parameters,
        };
        let base = source
            .write(self.dialect.names(), Form::RECEIVED)
            .map_err(SignError::Component)?;
        let signature = STANDARD.encode(self.sign_base(&base)?);
        Ok(SignatureHeaders {
            digest_name,
            digest,
            signature_input: format!("{}={parameters}", options.label),
            signature: format!("{}=:{signature}:", options.label),
        })
    }

    /// Signs a text as it stands, for callers that write the signature base themselves.
    ///
    /// # Errors
    /// Returns [`SignError::Unavailable`] when the library cannot sign.
    pub fn sign_base(&self, base: &str) -> Result<Vec<u8>, SignError> {
        Ok(match &self.material {
            Material::EcdsaP521(pair) => {
                let signature = pair.sign(&SystemRandom::new(), base.as_bytes());
                signature.map_err(|_| SignError::Unavailable)?.as_ref().to_vec()
            }
            Material::Ed25519(pair) => pair
                .try_sign(base.as_bytes())
                .map_err(|_| SignError::Unavailable)?
                .as_ref()
                .to_vec(),
            Material::Hmac(secret) => Hmac::<Sha256>::new_from_slice(secret.expose_secret())
                .map_err(|_| SignError::Unavailable)?
                .chain_update(base)
                .finalize()
                .into_bytes()
                .to_vec(),
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SigningKey")
            .field("key_id", &self.key_id)
            .field("dialect", &self.dialect)
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

/// Wraps a scalar as an RFC 5915 `ECPrivateKey` without its optional parts; the library derives the public key.
fn scalar_to_der(scalar: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const SCALAR_BYTES: usize = 66;
    const PREFIX: [u8; 7] = [0x30, 0x47, 0x02, 0x01, 0x01, 0x04, 0x42];
    let padding = SCALAR_BYTES.checked_sub(scalar.len())?;
    let mut der = Zeroizing::new(Vec::with_capacity(PREFIX.len() + SCALAR_BYTES));
    der.extend_from_slice(&PREFIX);
    der.resize(PREFIX.len() + padding, 0);
    der.extend_from_slice(scalar);
    Some(der)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use jiff::Timestamp;
    use proptest::prelude::*;
    use proptest::sample::{Index, select, subsequence};

    use super::*;
    use crate::signature::{DigestAlgorithm, Freshness, Headers, UnverifiedDelivery, VerifyError};

    static KEYS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| {
        Dialect::ALL
            .into_iter()
            .flat_map(|dialect| {
                [
                    SigningKey::generate_p521("p521", dialect).unwrap(),
                    SigningKey::generate_ed25519("ed25519", dialect).unwrap(),
                    SigningKey::hmac("hmac", dialect, vec![7; 32].into()).unwrap(),
                ]
            })
            .collect()
    });

    const OPTIONAL: [&str; 6] = [
        "@query",
        "accept",
        "content-type",
        "content-length",
        "user-agent",
        "x-several",
    ];
    const BODY: &[u8] = br#"{"payload":[]}"#;

    fn headers() -> Headers {
        Headers::from_iter([
            ("Accept", "*/*"),
            ("Content-Type", "application/json"),
            ("X-Several", "1"),
            ("User-Agent", "a (b; c) \"d\""),
            ("x-several", " 2 "),
        ])
    }

    fn request<'a>(headers: &'a Headers, body: &'a [u8]) -> SignedRequest<'a> {
        SignedRequest {
            method: "POST",
            path: "/webhooks/upvest",
            query: Some("a=b"),
            headers,
            body,
        }
    }

    fn covered() -> impl Strategy<Value = Vec<String>> {
        let all: Vec<&str> = ["@method", "@path", "<digest>"]
            .into_iter()
            .chain(OPTIONAL)
            .collect();
        (
            subsequence(OPTIONAL.to_vec(), 0..=OPTIONAL.len()),
            Just(all).prop_shuffle(),
        )
            .prop_map(|(extra, order)| {
                let wanted = |name: &&str| !OPTIONAL.contains(name) || extra.contains(name);
                order.into_iter().filter(wanted).map(str::to_owned).collect()
            })
    }

    /// Signs the sample request and returns its headers with the signature among them.
    fn signed(key: &SigningKey, components: &[String], edit: impl Fn(&mut SignatureOptions)) -> Headers {
        let digest = key.dialect().digest_header();
        let mut options =
            SignatureOptions::new(components.iter().map(|name| name.replace("<digest>", digest)));
        edit(&mut options);
        let mut headers = headers();
        key.sign(&request(&headers, BODY), &options)
            .unwrap()
            .apply_to(&mut headers);
        headers
    }

    fn verify(key: &SigningKey, headers: &Headers, body: &[u8]) -> Result<Freshness, VerifyError> {
        let verifying = key.verifying_key().unwrap();
        let delivery = UnverifiedDelivery::parse(request(headers, body))?;
        let verified = delivery.verify([&verifying], Timestamp::from_second(1_000).unwrap())?;
        assert_eq!((verified.body(), verified.dialect()), (body, key.dialect()));
        Ok(verified.freshness())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn what_a_key_signs_it_verifies_whatever_the_order_of_components(
            components in covered(),
            label in "[a-z*][a-z0-9_.*-]{0,8}",
            nonce in proptest::option::of("[ -~]{0,20}"),
            with_algorithm in any::<bool>(),
            digest in select(vec![DigestAlgorithm::Sha256, DigestAlgorithm::Sha512]),
        ) {
            for key in KEYS.iter() {
                let headers = signed(key, &components, |options| {
                    options.label.clone_from(&label);
                    options.nonce.clone_from(&nonce);
                    options.with_algorithm = with_algorithm;
                    options.digest = digest;
                });
                prop_assert_eq!(verify(key, &headers, BODY), Ok(Freshness::Fresh));
            }
        }

        #[test]
        fn a_changed_body_never_verifies(components in covered(), at in any::<Index>(), to in any::<u8>()) {
            let mut body = BODY.to_vec();
            let at = at.index(body.len());
            prop_assume!(body[at] != to);
            body[at] = to;
            for key in KEYS.iter() {
                let headers = signed(key, &components, |_| {});
                prop_assert_eq!(verify(key, &headers, &body), Err(VerifyError::DigestMismatch));
            }
        }

        #[test]
        fn a_changed_header_verifies_only_if_the_signed_text_is_the_same(
            components in covered(),
            key in 0..12_usize,
            header in select(vec!["digest", "content-digest", "signature-input", "signature", "accept"]),
            at in any::<Index>(),
            insert in "[ -~é]{0,3}",
            delete in 0..3_usize,
        ) {
            let key = &KEYS[key];
            let original = signed(key, &components, |_| {});
            let mut characters: Vec<char> = original.get_combined(header).unwrap_or_default().chars().collect();
            let start = at.index(characters.len() + 1);
            let end = (start + delete).min(characters.len());
            characters.splice(start..end, insert.chars());
            let mut changed = original.clone();
            changed.set(header, characters.into_iter().collect::<String>());
            let verifying = key.verifying_key().unwrap();
            let base = |headers: &Headers| {
                let verified = UnverifiedDelivery::parse(request(headers, BODY))?.verify([&verifying], Timestamp::UNIX_EPOCH)?;
                Ok::<_, VerifyError>(verified.signature_base().to_owned())
            };
            if let Ok(text) = base(&changed) {
                prop_assert_eq!(Ok(text), base(&original));
            }
        }
    }

    #[test]
    fn a_private_key_survives_its_export() {
        for key in KEYS.iter().filter(|key| key.algorithm() != Algorithm::HmacSha256) {
            let der = key.to_pkcs8().unwrap().unwrap();
            let import = match key.algorithm() {
                Algorithm::Ed25519 => SigningKey::ed25519_from_pkcs8,
                _ => SigningKey::p521_from_pkcs8,
            };
            let imported = import(key.key_id(), key.dialect(), &der).unwrap();
            assert_eq!(imported.to_jwk(), key.to_jwk());
        }
    }

    #[test]
    fn scalars_out_of_range_are_refused() {
        for scalar in [&[0; 66][..], &[0xff; 66], &[1; 67], &[]] {
            let result = SigningKey::p521_from_scalar("k", Dialect::QuotedContentDigest, scalar);
            assert_eq!(result.unwrap_err(), KeyError::InvalidPrivateKey, "{scalar:?}");
        }
    }

    #[test]
    fn a_signature_that_could_not_be_parsed_is_not_made() {
        let headers = headers();
        let sign = |edit: fn(&mut SignatureOptions)| {
            let mut options = SignatureOptions::new(["@method"]);
            edit(&mut options);
            KEYS[2].sign(&request(&headers, b""), &options).unwrap_err()
        };
        assert_eq!(
            sign(|options| options.label = "Sig".into()),
            SignError::InvalidLabel { label: "Sig".into() }
        );
        assert_eq!(
            sign(|options| options.nonce = Some("é".into())),
            SignError::InvalidNonce
        );
        let missing = VerifyError::CoveredHeaderMissing {
            header: "none".into(),
        };
        assert_eq!(
            sign(|options| options.components.push("none".into())),
            SignError::Component(missing)
        );
        let unknown = VerifyError::UnknownDerivedComponent {
            component: "@status".into(),
        };
        assert_eq!(
            sign(|options| options.components.push("@status".into())),
            SignError::Component(unknown)
        );
    }
}
