//! A vector as it is written.

use jiff::Timestamp;
use serde::Serialize;
use upvest::signature::{Algorithm, Dialect, Headers, Jwk};

/// Holds one file of `events/vectors`; `docs/signatures.md` describes the members.
#[derive(Serialize)]
pub(crate) struct Vector {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    #[serde(skip)]
    pub(crate) dialect: Dialect,
    /// Lists the keys that the receiver knows.
    pub(crate) keys: Vec<Key>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: Headers,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body_base64: Option<String>,
    pub(crate) received_at: String,
    pub(crate) strict_freshness: bool,
    pub(crate) expected: Expected,
    #[serde(skip)]
    pub(crate) base: String,
}

#[derive(Serialize)]
pub(crate) struct Key {
    pub(crate) key_id: String,
    pub(crate) algorithm: Algorithm,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jwk: Option<Jwk>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hmac_secret_base64: Option<String>,
    /// Says what alone the key may sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) only: Option<&'static str>,
    /// Tells from when on the key proves nothing, because its owner does not use it any longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retired_at: Option<&'static str>,
    /// Tells from when on the key proves nothing, because others may have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) distrusted_at: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Expected {
    Verified {
        verified: bool,
        dialect: Dialect,
        freshness: &'static str,
        signature_base: String,
    },
    Rejected {
        rejection: &'static str,
    },
}

impl Vector {
    pub(crate) fn accepted(self, freshness: &'static str) -> Self {
        let signature_base = self.base.clone();
        Self {
            expected: Expected::Verified {
                verified: true,
                dialect: self.dialect,
                freshness,
                signature_base,
            },
            ..self
        }
    }

    pub(crate) fn rejected(self, reason: &'static str) -> Self {
        Self {
            expected: Expected::Rejected { rejection: reason },
            ..self
        }
    }

    /// Changes the vector after it was signed.
    pub(crate) fn tampered(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }

    pub(crate) fn set_body(&mut self, body: &str) {
        self.body = Some(body.to_owned());
    }

    pub(crate) fn edit_header(&mut self, name: &str, edit: impl FnOnce(&str) -> String) {
        let value = edit(&self.headers.combined(name).unwrap_or_default());
        self.headers.set(name, value);
    }
}

pub(crate) fn time(second: i64) -> String {
    Timestamp::from_second(second).unwrap_or_default().to_string()
}
