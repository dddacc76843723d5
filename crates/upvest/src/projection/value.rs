//! Computed values, and the figures that stood in their way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::json::Object;
use crate::packing::{Packer, PackingError, Unpacker};

/// Holds a value that was computed from a projection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Derived {
    /// Answers a question, such as whether cash is available.
    Flag(bool),
    /// Writes one value as text, such as an exact decimal.
    Text(String),
    /// Lists several texts, such as the names of figures that cannot be read.
    Texts(Vec<String>),
}

/// Say which kind of value follows, where values are packed.
const NO: usize = 0;
const YES: usize = 1;
const TEXT: usize = 2;
/// Is added to the number of texts that follow.
const TEXTS: usize = 3;

impl Derived {
    pub(super) fn pack(&self, packer: &mut Packer) {
        match self {
            Self::Flag(false) => packer.count(NO),
            Self::Flag(true) => packer.count(YES),
            Self::Text(text) => {
                packer.count(TEXT);
                packer.text(text);
            }
            Self::Texts(texts) => {
                packer.count(TEXTS + texts.len());
                texts.iter().for_each(|text| packer.text(text));
            }
        }
    }

    pub(super) fn unpack(unpacker: &mut Unpacker<'_>) -> Result<Self, PackingError> {
        Ok(match unpacker.count()? {
            NO => Self::Flag(false),
            YES => Self::Flag(true),
            TEXT => Self::Text(unpacker.text()?),
            kind => Self::Texts((TEXTS..kind).map(|_| unpacker.text()).collect::<Result<_, _>>()?),
        })
    }
}

/// Says that a figure is no decimal, and where in the state it is.
#[derive(Debug)]
pub(super) struct UnreadableError(pub(super) String);

/// Collects computed values by name, and the names of those that cannot be read.
#[derive(Default)]
pub(super) struct Values {
    pub(super) values: BTreeMap<String, Derived>,
    pub(super) unreadable: Vec<String>,
}

impl Values {
    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.values.insert(name.to_owned(), Derived::Flag(value));
    }

    /// Adds the text at `path` of an object under its own name, unless it is absent or empty.
    pub(super) fn text_of(&mut self, object: &Object<'_>, path: &str) {
        if let Some(text) = object.text(path) {
            self.values
                .insert(path.to_owned(), Derived::Text(text.into_owned()));
        }
    }

    /// Adds a figure, or notes why there is none.
    pub(super) fn figure(&mut self, name: &str, figure: Result<Decimal, UnreadableError>) {
        match figure {
            Ok(figure) => {
                self.values
                    .insert(name.to_owned(), Derived::Text(figure.to_string()));
            }
            Err(UnreadableError(place)) if self.unreadable.contains(&place) => {}
            Err(UnreadableError(place)) => self.unreadable.push(place),
        }
    }
}

/// Reads a decimal that stands at `place` of the state.
pub(super) fn decimal(text: Option<&str>, place: &str) -> Result<Decimal, UnreadableError> {
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| UnreadableError(place.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_plain_json() {
        let values = [
            Derived::Flag(true),
            Derived::Text("1.50".to_owned()),
            Derived::Texts(vec!["a".to_owned()]),
        ];
        let json = serde_json::to_string(&values).unwrap();
        assert_eq!(json, r#"[true,"1.50",["a"]]"#);
        assert_eq!(serde_json::from_str::<Vec<Derived>>(&json).unwrap(), values);
    }
}
