//! A row of the keys table: its attributes, read and written.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use upvest::signature::{Algorithm, Dialect, Jwk};

use super::proved::Use;
use crate::stores::item::{Item, text, text_of};

/// Marks, as `source`, keys that were fetched from Upvest.
const FETCHED: &str = "upvest";
/// Marks, as `source`, keys that an operator imported.
const IMPORTED: &str = "import";
/// Gives the one value of `only`: a key that signs synthetic events and nothing else.
const SYNTHETIC: &str = "synthetic";

/// Describes a key as the keys table has it.
///
/// Rows that somebody else wrote are honoured, so all but the id may be missing, and texts are kept as they are. What a
/// row is worth for verifying is decided by [`Keys`](super::Keys).
///
/// Serialised, its JWK is the JSON that the text is; what is no JSON stays a text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct KeyRow {
    /// Gives the id that deliveries name as `keyid`: the table's key.
    pub key_id: String,
    /// Names its algorithm, as [`Algorithm`] writes it.
    pub algorithm: Option<String>,
    /// Says who wrote the row: `upvest` (a fetch) or `import` (an operator).
    pub source: Option<String>,
    /// Tells when it was written (RFC 3339).
    pub first_seen: Option<String>,
    /// Tells when Upvest served it last, or an operator imported it again (RFC 3339).
    pub last_seen: Option<String>,
    /// Tells when a fetch found that Upvest does not serve it any longer (RFC 3339).
    pub retired_at: Option<String>,
    /// Tells since when an operator does not trust it (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distrusted_at: Option<String>,
    /// Tells when it last proved a delivery, to the hour (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_proved: Option<String>,
    /// Lists the dialects in which it proved deliveries, as [`Dialect`] writes them, the last one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dialects: Vec<String>,
    /// Holds the public key as a JWK, in JSON.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_json")]
    pub jwk: Option<String>,
    /// Gives the ARN of the secret that holds an HMAC key; `None` for a public key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Names the events that it may sign, where these are not all; an empty text for a value that is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
}

/// Says which events a key of the table may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    None,
    SyntheticEvents,
}

/// Tells since when a key is not to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Withdrawn {
    pub(super) retired_at: Option<Timestamp>,
    pub(super) distrusted_at: Option<Timestamp>,
}

/// Names an attribute that cannot be used.
pub(super) type Unusable = &'static str;

impl KeyRow {
    /// Describes a public key that Upvest serves.
    pub(super) fn fetched(key_id: &str, jwk: &Jwk, now: Timestamp) -> Self {
        Self {
            jwk: Some(json(jwk)),
            ..Self::new(key_id, jwk.algorithm(), FETCHED, now)
        }
    }

    /// Describes a public key that an operator imports.
    pub(super) fn imported_public(key_id: &str, jwk: &Jwk, now: Timestamp) -> Self {
        Self {
            jwk: Some(json(jwk)),
            ..Self::new(key_id, jwk.algorithm(), IMPORTED, now)
        }
    }

    /// Describes an HMAC key that an operator imports, by the ARN of its secret.
    pub(super) fn imported_hmac(key_id: &str, arn: String, now: Timestamp) -> Self {
        Self {
            secret: Some(arn),
            ..Self::new(key_id, Algorithm::HmacSha256, IMPORTED, now)
        }
    }

    fn new(key_id: &str, algorithm: Algorithm, source: &str, now: Timestamp) -> Self {
        Self {
            key_id: key_id.to_owned(),
            algorithm: Some(algorithm.to_string()),
            source: Some(source.to_owned()),
            first_seen: Some(now.to_string()),
            last_seen: Some(now.to_string()),
            ..Self::default()
        }
    }

    /// Tells whether a fetch from Upvest wrote it. The other rows belong to the operator, and no fetch changes them.
    #[must_use]
    pub fn is_fetched(&self) -> bool {
        self.source.as_deref() == Some(FETCHED)
    }

    /// Tells whether Upvest has stopped serving it.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.retired_at.is_some()
    }

    /// Tells since when an operator does not trust it; `None` too for what is no time, by which it proves nothing at all.
    #[must_use]
    pub fn distrusted_since(&self) -> Option<Timestamp> {
        self.distrusted_at.as_ref()?.parse().ok()
    }

    /// Names the public key itself, whatever its id, by its [thumbprint](Jwk::thumbprint); `None` for a secret.
    #[must_use]
    pub fn thumbprint(&self) -> Option<String> {
        Some(self.parsed_jwk().ok()?.thumbprint())
    }

    /// Gives the time since which the table has this very key under its id.
    #[must_use]
    pub fn first_seen_at(&self) -> Option<Timestamp> {
        self.first_seen.as_ref()?.parse().ok()
    }

    /// Gives the time at which it was last seen.
    #[must_use]
    pub fn last_seen_at(&self) -> Option<Timestamp> {
        self.last_seen.as_ref()?.parse().ok()
    }

    /// Tells whether it is this public key, however its JSON is written.
    #[must_use]
    pub fn is_public_key(&self, jwk: &Jwk) -> bool {
        let stored = self.jwk.as_deref().map(serde_json::from_str::<Jwk>);
        stored.is_some_and(|stored| {
            stored
                .is_ok_and(|stored| stored.with_key_id(&self.key_id) == jwk.clone().with_key_id(&self.key_id))
        })
    }

    /// Tells whether it signs with this algorithm.
    #[must_use]
    pub fn has_algorithm(&self, algorithm: Algorithm) -> bool {
        self.algorithm.as_deref() == Some(algorithm.as_str())
    }

    /// Gives what is known of its use.
    pub(super) fn used(&self) -> Use {
        Use {
            last_proved: self.last_proved.as_ref().and_then(|at| at.parse().ok()),
            dialects: self.known_dialects(),
        }
    }

    /// Gives the dialects that this version knows among those in which it proved deliveries, the last one first.
    #[must_use]
    pub fn known_dialects(&self) -> Vec<Dialect> {
        self.dialects
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect()
    }

    /// Reads `algorithm`, or names it as unusable.
    pub(super) fn parsed_algorithm(&self) -> Result<Algorithm, Unusable> {
        parsed(self.algorithm.as_deref(), "algorithm")
    }

    /// Reads `jwk`, or names it as unusable.
    pub(super) fn parsed_jwk(&self) -> Result<Jwk, Unusable> {
        let jwk = self.jwk.as_deref().ok_or("jwk")?;
        let jwk: Jwk = serde_json::from_str(jwk).map_err(|_| "jwk")?;
        Ok(jwk.with_key_id(&self.key_id))
    }

    /// Reads `only`, or names it as unusable: a limit that this version does not know is not taken for none.
    pub(super) fn limit(&self) -> Result<Limit, Unusable> {
        match self.only.as_deref() {
            None => Ok(Limit::None),
            Some(SYNTHETIC) => Ok(Limit::SyntheticEvents),
            Some(_) => Err("only"),
        }
    }

    /// Reads since when the key is not to be used, by its owner's word and by the operator's, or names what is no time: it
    /// is not taken for never.
    pub(super) fn withdrawn(&self) -> Result<Withdrawn, Unusable> {
        let time = |text: Option<&str>, attribute| text.map(|text| parsed(Some(text), attribute)).transpose();
        Ok(Withdrawn {
            retired_at: time(self.retired_at.as_deref(), "retired_at")?,
            distrusted_at: time(self.distrusted_at.as_deref(), "distrusted_at")?,
        })
    }

    /// Reads an item of the table.
    pub(super) fn from_item(item: &Item) -> Self {
        let own = |name| text_of(item, name).map(str::to_owned);
        Self {
            key_id: own("key_id").unwrap_or_default(),
            algorithm: own("algorithm"),
            source: own("source"),
            first_seen: own("first_seen"),
            last_seen: own("last_seen"),
            retired_at: own("retired_at"),
            distrusted_at: own("distrusted_at"),
            last_proved: own("last_proved"),
            dialects: texts_of(item, "dialects"),
            jwk: own("jwk"),
            secret: own("secret"),
            // A limit of another kind must not disappear: it would be taken for none.
            only: item
                .get("only")
                .map(|only| only.as_s().cloned().unwrap_or_default()),
        }
    }

    /// Writes the item that keeps it.
    pub(super) fn to_item(&self) -> Item {
        let attributes = [
            ("key_id", Some(&self.key_id)),
            ("algorithm", self.algorithm.as_ref()),
            ("source", self.source.as_ref()),
            ("first_seen", self.first_seen.as_ref()),
            ("last_seen", self.last_seen.as_ref()),
            ("retired_at", self.retired_at.as_ref()),
            ("distrusted_at", self.distrusted_at.as_ref()),
            ("last_proved", self.last_proved.as_ref()),
            ("jwk", self.jwk.as_ref()),
            ("secret", self.secret.as_ref()),
            ("only", self.only.as_ref()),
        ];
        let dialects = (!self.dialects.is_empty()).then(|| ("dialects".to_owned(), texts(&self.dialects)));
        attributes
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), text(value?))))
            .chain(dialects)
            .collect()
    }
}

fn as_json<S: Serializer>(jwk: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let parsed = jwk.as_deref().map(serde_json::from_str::<&RawValue>);
    match parsed {
        Some(Ok(json)) => json.serialize(serializer),
        Some(Err(_)) | None => jwk.serialize(serializer),
    }
}

/// Reads a list or a set of texts; what is none is left out.
fn texts_of(item: &Item, name: &str) -> Vec<String> {
    match item.get(name) {
        Some(AttributeValue::L(values)) => values
            .iter()
            .filter_map(|value| value.as_s().ok().cloned())
            .collect(),
        Some(AttributeValue::Ss(values)) => values.clone(),
        _ => Vec::new(),
    }
}

/// Writes a list of texts as DynamoDB has lists: in order, and possibly empty.
pub(super) fn texts(values: &[String]) -> AttributeValue {
    AttributeValue::L(values.iter().map(|value| text(value.as_str())).collect())
}

fn parsed<T: std::str::FromStr>(text: Option<&str>, attribute: Unusable) -> Result<T, Unusable> {
    text.and_then(|text| text.parse().ok()).ok_or(attribute)
}

fn json(jwk: &Jwk) -> String {
    serde_json::to_string(jwk).expect("a JWK holds texts alone, which JSON can always write")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    #[test]
    fn a_row_comes_back_as_it_was_written() {
        let now = "2026-01-05T09:30:00Z".parse().unwrap();
        let jwk: Jwk = serde_json::from_str(ED25519).unwrap();
        for row in [
            KeyRow::fetched("k", &jwk, now),
            KeyRow::imported_public("k", &jwk, now),
            KeyRow::imported_hmac("k", "arn:secret".to_owned(), now),
            KeyRow {
                dialects: vec!["quoted-digest".to_owned(), "unquoted-digest".to_owned()],
                last_proved: Some("2026-01-05T09:30:00Z".to_owned()),
                retired_at: Some("2026-01-06T09:30:00Z".to_owned()),
                distrusted_at: Some("2026-01-07T09:30:00Z".to_owned()),
                only: Some(SYNTHETIC.to_owned()),
                ..KeyRow::imported_hmac("k", "arn:secret".to_owned(), now)
            },
        ] {
            assert_eq!(KeyRow::from_item(&row.to_item()), row);
        }
    }

    #[test]
    fn a_public_key_is_the_same_under_any_spelling() {
        let row = KeyRow {
            key_id: "k".to_owned(),
            jwk: Some(ED25519.replace(',', " , ")),
            ..KeyRow::default()
        };
        let jwk: Jwk = serde_json::from_str(ED25519).unwrap();
        assert!(row.is_public_key(&jwk) && row.is_public_key(&jwk.with_key_id("k")));
        assert!(!KeyRow::default().is_public_key(&serde_json::from_str(ED25519).unwrap()));
    }

    #[test]
    fn a_time_of_withdrawal_that_is_none_is_not_taken_for_never() {
        let row = |retired_at: &str| KeyRow {
            retired_at: Some(retired_at.to_owned()),
            ..KeyRow::default()
        };
        assert!(row("2026-01-06T09:30:00Z").withdrawn().is_ok());
        assert_eq!(row("yesterday").withdrawn(), Err("retired_at"));
    }

    #[test]
    fn a_limit_that_is_unknown_or_no_text_is_not_taken_for_none() {
        let limit = |only: AttributeValue| {
            let item = Item::from([("only".to_owned(), only)]);
            KeyRow::from_item(&item).limit()
        };
        assert_eq!(limit(text(SYNTHETIC)), Ok(Limit::SyntheticEvents));
        assert_eq!(limit(text("orders")), Err("only"));
        assert_eq!(limit(AttributeValue::Bool(true)), Err("only"));
        assert_eq!(KeyRow::default().limit(), Ok(Limit::None));
    }
}
