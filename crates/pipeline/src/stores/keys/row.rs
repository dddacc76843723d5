//! A row of the keys table: its attributes, read and written.

mod new_rows;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use upvest::signature::{Algorithm, Dialect, Jwk};

use super::attributes;
use super::changed::{is_reserved, named};
use super::proved::Use;
use crate::stores::item::{Item, text, text_of};

/// Marks, as `source`, keys that were fetched from Upvest.
const FETCHED: &str = "upvest";
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
    /// Lists the thumbprints (RFC 7638) of the keys that had its id before, the last one first: each has a row of its own, whose
    /// id is [`earlier_id`](super::earlier_id).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<String>,
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

/// Names an attribute that cannot be used.
pub(super) type Unusable = &'static str;

impl KeyRow {
    /// Tells whether a fetch from Upvest wrote it. The other rows belong to the operator, and no fetch changes them.
    #[must_use]
    pub fn is_fetched(&self) -> bool {
        self.source.as_deref() == Some(FETCHED)
    }

    /// Tells whether another key has its id by now.
    #[must_use]
    pub fn is_earlier(&self) -> bool {
        is_reserved(&self.key_id)
    }

    /// Gives the id that deliveries name as `keyid`; that of an earlier key is now another one's.
    #[must_use]
    pub fn named(&self) -> &str {
        named(&self.key_id)
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

    /// Gives the time at which Upvest last served it, or an operator imported it again; `None` too for what is no time.
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
        parsed(self.algorithm.as_deref(), attributes::ALGORITHM)
    }

    /// Reads `jwk`, or names it as unusable.
    pub(super) fn parsed_jwk(&self) -> Result<Jwk, Unusable> {
        let jwk = self.jwk.as_deref().ok_or(attributes::JWK)?;
        let jwk: Jwk = serde_json::from_str(jwk).map_err(|_| attributes::JWK)?;
        Ok(jwk.with_key_id(self.named()))
    }

    /// Reads `only`, or names it as unusable: a limit that this version does not know is not taken for none.
    pub(super) fn limit(&self) -> Result<Limit, Unusable> {
        match self.only.as_deref() {
            None => Ok(Limit::None),
            Some(SYNTHETIC) => Ok(Limit::SyntheticEvents),
            Some(_) => Err(attributes::ONLY),
        }
    }

    /// Reads an item of the table.
    pub(super) fn from_item(item: &Item) -> Self {
        let own = |name| text_of(item, name).map(str::to_owned);
        Self {
            key_id: own(attributes::KEY_ID).expect("the table's key is a text, and read with every item"),
            algorithm: own(attributes::ALGORITHM),
            source: own(attributes::SOURCE),
            first_seen: own(attributes::FIRST_SEEN),
            last_seen: own(attributes::LAST_SEEN),
            retired_at: own(attributes::RETIRED_AT),
            distrusted_at: own(attributes::DISTRUSTED_AT),
            last_proved: own(attributes::LAST_PROVED),
            dialects: texts_of(item, attributes::DIALECTS),
            earlier: texts_of(item, attributes::EARLIER),
            jwk: own(attributes::JWK),
            secret: own(attributes::SECRET),
            // A limit of another kind must not disappear: it would be taken for none.
            only: item
                .get(attributes::ONLY)
                .map(|only| only.as_s().cloned().unwrap_or_default()),
        }
    }

    /// Writes the item that keeps it, as whoever puts a row there by hand does too.
    #[must_use]
    pub fn to_item(&self) -> HashMap<String, AttributeValue> {
        let attributes = [
            (attributes::KEY_ID, Some(&self.key_id)),
            (attributes::ALGORITHM, self.algorithm.as_ref()),
            (attributes::SOURCE, self.source.as_ref()),
            (attributes::FIRST_SEEN, self.first_seen.as_ref()),
            (attributes::LAST_SEEN, self.last_seen.as_ref()),
            (attributes::RETIRED_AT, self.retired_at.as_ref()),
            (attributes::DISTRUSTED_AT, self.distrusted_at.as_ref()),
            (attributes::LAST_PROVED, self.last_proved.as_ref()),
            (attributes::JWK, self.jwk.as_ref()),
            (attributes::SECRET, self.secret.as_ref()),
            (attributes::ONLY, self.only.as_ref()),
        ];
        let lists = [
            (attributes::DIALECTS, &self.dialects),
            (attributes::EARLIER, &self.earlier),
        ];
        let lists = lists.into_iter().filter(|(_, values)| !values.is_empty());
        attributes
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), text(value?))))
            .chain(lists.map(|(name, values)| (name.to_owned(), texts(values))))
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

pub(super) fn parsed<T: std::str::FromStr>(text: Option<&str>, attribute: Unusable) -> Result<T, Unusable> {
    text.and_then(|text| text.parse().ok()).ok_or(attribute)
}
