//! The headers of a request, as far as signatures care.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Lists headers in their order, with lower-case names; a name may occur several times.
///
/// Serialises as an array of `[name, value]` pairs, so that order and repetition survive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(String, String)>")]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Creates a list without headers, to which [`push`](Self::push) adds.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Lists the headers that Upvest sends with the body of a delivery, before those of the signature.
    #[must_use]
    pub fn of_delivery(body: &[u8]) -> Self {
        Self::from_iter([
            ("content-type", "application/json".to_owned()),
            ("content-length", body.len().to_string()),
            ("accept", "*/*".to_owned()),
        ])
    }

    /// Appends a header; the name is lower-cased, the value kept as it is.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_ascii_lowercase(), value.into()));
    }

    /// Replaces all headers of that name by one, at the end of the list.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.push(name, value);
    }

    /// Removes all headers of that name, written in whatever case.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
    }

    /// Iterates over the names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the values of a header (`name` in lower case), each trimmed and joined with `", "`, as RFC 9421
    /// section 2.1 asks; `None` without such a header.
    #[must_use]
    pub fn combined(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut values = self.values(name);
        let first = values.next()?;
        let mut combined = Cow::Borrowed(first);
        for value in values {
            let text = combined.to_mut();
            text.push_str(", ");
            text.push_str(value);
        }
        Some(combined)
    }

    /// Returns how long [`combined`](Self::combined) would be, without building it.
    pub(super) fn combined_len(&self, name: &str) -> usize {
        self.values(name)
            .map(|value| value.len() + 2)
            .sum::<usize>()
            .saturating_sub(2)
    }

    /// Iterates over the values of a header (`name` in lower case), one for each line, trimmed.
    pub(super) fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(own, _)| own == name)
            // Not `trim`: a no-break space is no white space of HTTP, and so part of what was signed.
            .map(|(_, value)| value.trim_matches([' ', '\t', '\r', '\n']))
    }
}

impl<N: AsRef<str>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let mut list = Self::new();
        list.extend(headers);
        list
    }
}

impl<N: AsRef<str>, V: Into<String>> Extend<(N, V)> for Headers {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, headers: I) {
        for (name, value) in headers {
            self.push(name.as_ref(), value);
        }
    }
}

impl From<Vec<(String, String)>> for Headers {
    fn from(headers: Vec<(String, String)>) -> Self {
        headers.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_values_are_trimmed_and_joined_in_order() {
        let headers = Headers::from_iter([
            ("Accept", " a\t"),
            ("x", "1"),
            ("ACCEPT", "b , c "),
            ("nbsp", "\u{a0}d\u{2003}"),
        ]);
        assert_eq!(headers.combined("accept").as_deref(), Some("a, b , c"));
        // White space of HTTP is space and tab (RFC 9110, section 5.6.3); a signer leaves all else where it is.
        assert_eq!(headers.combined("nbsp").as_deref(), Some("\u{a0}d\u{2003}"));
        assert_eq!(headers.combined_len("accept"), "a, b , c".len());
        assert_eq!(
            (headers.combined("none"), headers.combined_len("none")),
            (None, 0)
        );
    }

    #[test]
    fn order_and_repetition_survive_serialisation() {
        let headers = Headers::from_iter([("b", "1"), ("a", "2"), ("B", "3")]);
        let json = serde_json::to_string(&headers).unwrap();
        assert_eq!(json, r#"[["b","1"],["a","2"],["b","3"]]"#);
        assert_eq!(
            serde_json::from_str::<Headers>(r#"[["B","1"],["a","2"],["b","3"]]"#).unwrap(),
            headers
        );
    }

    #[test]
    fn setting_a_header_replaces_all_of_its_name() {
        let mut headers = Headers::from_iter([("b", "1"), ("a", "2"), ("b", "3")]);
        headers.set("B", "4");
        assert_eq!(headers, Headers::from_iter([("a", "2"), ("b", "4")]));
    }
}
