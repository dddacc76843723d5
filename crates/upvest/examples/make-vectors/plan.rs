//! A vector before it is signed.

use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256, Sha512};
use upvest::signature::{Algorithm, Dialect, Headers, SigningKey};

use crate::vector::{Expected, Key, Vector, time};

/// Test keys. The scalar is that of the synthetic vector; nothing but tests may ever trust them.
const SCALAR_TEXT: &str = "synthetic upvest webhook test key";
const SEED_TEXT: &str = "synthetic upvest webhook test seed";
const SECRET: &[u8] = b"synthetic upvest webhook test secret";

pub(crate) const CREATED: i64 = 1_633_529_659;
pub(crate) const EXPIRES: i64 = CREATED + 60;
const BODY: &str = r#"{"payload":[{"created_at":"2021-10-06T14:14:19.12Z","id":"5b9e8f0a-6a3c-4b7e-9d58-2f0f3c1f7a11","object":{"id":"ad45b27f-c0e7-4cfb-b48c-a83670dbdfbd","name":"Sparplan für später","status":"ACTIVE"},"type":"ACCOUNT.ACTIVATED","webhook_id":"0e225118-168c-4d4d-84d9-c36096163162"}]}"#;

/// Says what to sign; every part can be changed before it is signed.
pub(crate) struct Plan {
    name: &'static str,
    description: &'static str,
    pub(crate) dialect: Dialect,
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: &'static str,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    pub(crate) label: &'static str,
    /// Lists the components as they are written, quotes included.
    pub(crate) components: Vec<String>,
    /// Holds what follows the list of components.
    pub(crate) parameters: String,
    /// Holds what stands between two components.
    pub(crate) separator: &'static str,
    pub(crate) digest: Option<String>,
    /// Maps components that are not simply a header to their values.
    pub(crate) values: Vec<(String, String)>,
    /// Tells whether an ECDSA signature is r and s in fixed length rather than ASN.1.
    pub(crate) fixed_length: bool,
}

impl Plan {
    pub(crate) fn new(
        name: &'static str,
        description: &'static str,
        dialect: Dialect,
        algorithm: Algorithm,
    ) -> Self {
        let body = BODY.as_bytes().to_vec();
        let key_id = match algorithm {
            Algorithm::EcdsaP521Sha512 => "00000000-0000-4000-8000-000000000001",
            Algorithm::Ed25519 => "00000000-0000-4000-8000-000000000002",
            Algorithm::HmacSha256 => "00000000-0000-4000-8000-000000000003",
        };
        let length = body.len().to_string();
        let headers = Headers::from_iter([
            ("content-type", "application/json"),
            ("content-length", &length),
            ("accept", "*/*"),
        ]);
        Self {
            name,
            description,
            dialect,
            algorithm,
            key_id,
            path: "/webhooks/upvest".to_owned(),
            query: None,
            headers,
            label: "sig1",
            components: list(&[
                "content-type",
                "@path",
                dialect.digest_header(),
                "content-length",
                "@method",
            ]),
            parameters: format!(
                r#";keyid="{key_id}";created={CREATED};expires={EXPIRES};nonce="o085M4cMgpbicuOL""#
            ),
            separator: " ",
            digest: Some(digest(dialect, &body)),
            body,
            values: Vec::new(),
            fixed_length: false,
        }
    }

    pub(crate) fn with(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }

    pub(crate) fn set_body(&mut self, body: &[u8]) {
        self.body = body.to_vec();
        self.digest = Some(digest(self.dialect, body));
        self.headers.set("content-length", body.len().to_string());
    }

    pub(crate) fn sign(mut self) -> Result<Vector, Box<dyn Error>> {
        let key = self.key()?;
        if let Some(digest) = &self.digest {
            self.headers.push(self.dialect.digest_header(), digest.as_str());
        }
        let parameters = format!("({}){}", self.components.join(self.separator), self.parameters);
        let base = self.base(&parameters);
        let mut signature = key.sign_base(&base)?;
        if self.fixed_length {
            signature = der_to_fixed(&signature).ok_or("not an ECDSA signature")?;
        }
        let signature = STANDARD.encode(signature);
        self.headers
            .push("signature-input", format!("{}={parameters}", self.label));
        self.headers
            .push("signature", format!("{}=:{signature}:", self.label));
        Ok(self.into_vector(&key, base))
    }

    fn key(&self) -> Result<SigningKey, Box<dyn Error>> {
        Ok(match self.algorithm {
            Algorithm::EcdsaP521Sha512 => {
                SigningKey::p521_from_scalar(self.key_id, self.dialect, &Sha512::digest(SCALAR_TEXT))?
            }
            Algorithm::Ed25519 => {
                SigningKey::ed25519_from_seed(self.key_id, self.dialect, &Sha256::digest(SEED_TEXT))?
            }
            Algorithm::HmacSha256 => SigningKey::hmac(self.key_id, self.dialect, SECRET.to_vec().into())?,
        })
    }

    fn base(&self, parameters: &str) -> String {
        let quotes = matches!(self.dialect, Dialect::QuotedDigest | Dialect::QuotedContentDigest);
        let name = |item: &str| {
            if quotes {
                item.to_owned()
            } else {
                item.replace('"', "")
            }
        };
        let mut lines = Vec::new();
        for item in &self.components {
            if let Some(value) = self.value(&item.replace('"', "")) {
                lines.push(format!("{}: {value}", name(item)));
            }
        }
        lines.push(format!("{}: {parameters}", name("\"@signature-params\"")));
        lines.join("\n")
    }

    fn value(&self, component: &str) -> Option<String> {
        if let Some((_, value)) = self.values.iter().find(|(name, _)| name == component) {
            return Some(value.clone());
        }
        match component {
            "@method" => Some("POST".to_owned()),
            "@path" => Some(self.path.clone()),
            "@query" => self.query.as_ref().map(|query| format!("?{query}")),
            header => Some(self.headers.combined(header).unwrap_or_default().into_owned()),
        }
    }

    fn into_vector(self, key: &SigningKey, base: String) -> Vector {
        let secret = (self.algorithm == Algorithm::HmacSha256).then(|| STANDARD.encode(SECRET));
        let key_id = self.key_id.to_owned();
        let key = Key {
            key_id,
            algorithm: self.algorithm,
            jwk: key.to_jwk(),
            hmac_secret_base64: secret,
            only: None,
            retired_at: None,
            distrusted_at: None,
        };
        let (body, body_base64) = match String::from_utf8(self.body) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
        };
        Vector {
            name: self.name,
            description: self.description,
            dialect: self.dialect,
            keys: vec![key],
            method: "POST".to_owned(),
            path: self.path,
            query: self.query,
            headers: self.headers,
            body,
            body_base64,
            received_at: time(CREATED + 1),
            strict_freshness: false,
            expected: Expected::Rejected { rejection: "" },
            base,
        }
    }
}

/// Quotes the names of components.
pub(crate) fn list(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("\"{name}\"")).collect()
}

pub(crate) fn digest(dialect: Dialect, body: &[u8]) -> String {
    match dialect {
        Dialect::UnquotedDigest | Dialect::QuotedDigest => {
            format!("SHA-256={}", STANDARD.encode(Sha256::digest(body)))
        }
        Dialect::UnquotedContentDigest | Dialect::QuotedContentDigest => {
            format!("sha-512=:{}:", STANDARD.encode(Sha512::digest(body)))
        }
    }
}

/// Reads r and s from `SEQUENCE { INTEGER, INTEGER }` of P-521, whose length needs two bytes.
fn der_to_fixed(der: &[u8]) -> Option<Vec<u8>> {
    const HALF: usize = 66;
    let integer = |at: usize| {
        let end = at + 2 + usize::from(*der.get(at + 1)?);
        let bytes: Vec<u8> = der
            .get(at + 2..end)?
            .iter()
            .copied()
            .skip_while(|byte| *byte == 0)
            .collect();
        let mut padded = vec![0; HALF.checked_sub(bytes.len())?];
        padded.extend(bytes);
        Some((padded, end))
    };
    let (r, end) = integer(3)?;
    let (s, _) = integer(end)?;
    Some([r, s].concat())
}
