//! Reading JSON as leniently as an event log needs: what nobody asks for may be anything that is JSON.
//!
//! A lone surrogate in a name, a number beyond a double or a member given twice somewhere in an object must not keep an
//! event out of its entity. So the members of an object are found first, and each is read only when it is asked for.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Holds the members of a JSON object in their order, none of them read yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, [u8]>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Finds the members of a JSON object; `None` when the text is none.
    pub(crate) fn parse(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// Lists the members: name and value, a name twice where it is given twice. A lone surrogate in a name is three
    /// bytes, as if it were a character.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&[u8], &'a RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), *value))
    }

    /// Finds the member of this name: the last one, as most readers of JSON do.
    pub(crate) fn member(&self, name: &str) -> Option<&'a RawValue> {
        let named = |(found, _): &&(Cow<'a, [u8]>, _)| found.as_ref() == name.as_bytes();
        self.0.iter().rev().find(named).map(|(_, value)| *value)
    }

    /// Finds the only member of this name.
    ///
    /// # Errors
    ///
    /// [`TwiceError`] when there are several: readers would not agree on which counts.
    pub(crate) fn only(&self, name: &str) -> Result<Option<&'a RawValue>, TwiceError> {
        let mut all = self.members().filter(|(found, _)| *found == name.as_bytes());
        match (all.next(), all.next()) {
            (_, Some(_)) => Err(TwiceError),
            (first, None) => Ok(first.map(|(_, value)| value)),
        }
    }

    /// Finds the value at a path like `instrument.uuid`.
    pub(crate) fn at(&self, path: &str) -> Option<&'a RawValue> {
        match path.split_once('.') {
            None => self.member(path),
            Some((name, rest)) => Self::parse(self.member(name)?.get())?.at(rest),
        }
    }

    /// Reads the text at a path; `None` also for one that is empty.
    pub(crate) fn text(&self, path: &str) -> Option<Cow<'a, str>> {
        self.at(path).and_then(text).filter(|text| !text.is_empty())
    }

    /// Reads the figure at a path.
    pub(crate) fn figure(&self, path: &str) -> Option<Cow<'a, str>> {
        self.at(path).and_then(figure)
    }

    /// Lists the elements of the array at a path; none where there is no array.
    pub(crate) fn items(&self, path: &str) -> Vec<&'a RawValue> {
        self.at(path)
            .and_then(|array| serde_json::from_str(array.get()).ok())
            .unwrap_or_default()
    }
}

/// Says that an object has a member twice that must be there once.
#[derive(Debug)]
pub(crate) struct TwiceError;

/// Reads a text; `None` when the value is none, or has a lone surrogate and so is no text that could be kept.
pub(crate) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    match serde_json::from_str::<Bytes<'_>>(value.get()).ok()?.0 {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// Reads a figure as it is written: a text, or a number, whose digits no double ever saw.
pub(crate) fn figure(value: &RawValue) -> Option<Cow<'_, str>> {
    match value.get().as_bytes().first()? {
        b'"' => text(value),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(value.get())),
        _ => None,
    }
}

/// Reads the digits of an integer, as written: a double would make one id of two.
pub(crate) fn integer(value: &RawValue) -> Option<&str> {
    let digits = value.get().strip_prefix('-').unwrap_or(value.get());
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| value.get())
}

/// Tells whether a value is `null`.
pub(crate) fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// Holds the bytes of a JSON string, lone surrogates and all.
struct Bytes<'a>(Cow<'a, [u8]>);

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As bytes: read as text, serde_json refuses a lone surrogate.
        deserializer.deserialize_bytes(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Bytes(Cow::Borrowed(bytes)))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(Bytes(Cow::Owned(bytes.to_vec())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<Bytes<'de>, &'de RawValue>()? {
            members.push((name.0, value));
        }
        Ok(Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_asks_for_may_be_anything_that_is_json() {
        let json = r#"{"\ud800":"\udfff","n":1e999999,"a":{"b":"x","b":"y"},"s":"\ud83d\ude00","list":[1,"two"],"e":""}"#;
        let object = Object::parse(json).unwrap();
        assert_eq!(object.text("a.b").unwrap(), "y", "the last of two counts");
        assert_eq!(object.text("s").unwrap(), "\u{1f600}");
        assert_eq!(
            (object.text("e"), object.text("n"), object.text("a.c")),
            (None, None, None)
        );
        assert_eq!(object.items("list").len(), 2);
        assert!(object.items("s").is_empty());
        assert_eq!(object.members().next().unwrap().0, [0xed, 0xa0, 0x80]);
        assert!(
            object
                .members()
                .next()
                .is_some_and(|(_, value)| text(value).is_none())
        );
    }

    #[test]
    fn a_member_that_must_be_there_once_is_not_guessed() {
        let object = Object::parse(r#"{"a":1,"b":2,"a":3}"#).unwrap();
        assert!(object.only("a").is_err());
        assert_eq!(object.only("b").unwrap().unwrap().get(), "2");
        assert!(object.only("c").unwrap().is_none());
        assert!(Object::parse("[]").is_none());
    }

    #[test]
    fn an_integer_keeps_its_digits() {
        let read = |json: &'static str| integer(serde_json::from_str(json).unwrap());
        assert_eq!(read("100000000000000000001"), Some("100000000000000000001"));
        assert_eq!(read("-7"), Some("-7"));
        for other in ["1.0", "1e5", "\"1\"", "true", "null"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
