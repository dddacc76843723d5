//! The header values that Upvest's own signer for the v6 dialect writes into a signature base.
//!
//! The rules are those of `upvestco/httpsignature-proxy` 1.3.8 (`service/signer/material`), as they behave and not as
//! they were meant. That program signs requests to the API, but it shows how Upvest reads draft 06, and its deliverer
//! may share the code. Such a value is tried beside the one that was received; the signature decides.

/// Holds what the signer makes of a header's value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Normalised {
    /// The header stays one component, with this value.
    Value(String),
    /// The header becomes one component for each of these, `name:key` with its value.
    Members(Vec<(String, String)>),
}

/// Normalises a header's value; `None` where the signer fails and so signs nothing.
pub(super) fn normalise(value: &str) -> Option<Normalised> {
    let bytes = value.as_bytes();
    Some(match kind(bytes) {
        // Only the first element of a list that begins like a token is signed.
        Kind::Value => Normalised::Value(list(bytes)?.into_iter().next().unwrap_or_default()),
        Kind::List => Normalised::Value(list(bytes)?.join(", ")),
        Kind::InnerList => {
            let items = list(inner_list(bytes)?)?;
            let prefix = |count: usize| (count.to_string(), format!("({})", items[..count].join(", ")));
            Normalised::Members((0..=items.len()).map(prefix).collect())
        }
        Kind::Dictionary => Normalised::Members(dictionary(bytes)?),
    })
}

enum Kind {
    Value,
    List,
    InnerList,
    Dictionary,
}

fn kind(text: &[u8]) -> Kind {
    match text.first() {
        Some(b'(') => return Kind::InnerList,
        Some(b'"') => return Kind::List,
        _ => {}
    }
    // The first character counts as part of a key, whatever it is.
    match text.iter().skip(1).find(|byte| !is_key_byte(**byte)) {
        Some(b'=') => Kind::Dictionary,
        Some(b',') => Kind::List,
        _ => Kind::Value,
    }
}

/// Splits at each `", "`; a closing quote ends an element too, and takes the character behind it along.
fn list(text: &[u8]) -> Option<Vec<String>> {
    let (mut elements, mut element) = (Vec::new(), Vec::new());
    let (mut quoted, mut at) = (false, 0);
    while let Some(byte) = text.get(at) {
        if quoted {
            element.push(*byte);
            if *byte == b'"' {
                quoted = false;
                elements.push(to_text(&std::mem::take(&mut element))?);
                at += if ends_element(text, at + 1) { 2 } else { 1 };
            } else if *byte == b'\\' {
                at += 1;
                element.push(*text.get(at)?);
            }
        } else if *byte == b'"' {
            quoted = true;
            element.push(*byte);
        } else if ends_element(text, at) {
            elements.push(to_text(&std::mem::take(&mut element))?);
            // One less, for the step at the end of the loop.
            at = after_spaces(text, at + 1) - 1;
        } else {
            element.push(value_byte(*byte)?);
        }
        at += 1;
    }
    if !element.is_empty() {
        elements.push((!quoted).then(|| to_text(&element))??);
    }
    Some(elements)
}

/// Reads `key=value` up to each `", "`; of equal keys the last one counts.
fn dictionary(text: &[u8]) -> Option<Vec<(String, String)>> {
    let mut members: Vec<(String, String)> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let key = &text[at..at + text[at..].iter().position(|byte| !is_key_byte(*byte))?];
        at += key.len();
        if text[at] != b'=' {
            return None;
        }
        let rest = text.get(at + 1..)?;
        let value = match rest.first()? {
            b'"' => quoted(rest)?,
            b'(' => &rest[..inner_list(rest)?.len() + 2],
            _ => {
                &rest[..(0..rest.len())
                    .find(|at| ends_element(rest, *at))
                    .unwrap_or(rest.len())]
            }
        };
        at += 1 + value.len();
        if value.first() != Some(&b'"') && value.first() != Some(&b'(') {
            value.iter().try_for_each(|byte| value_byte(*byte).map(drop))?;
        }
        let (key, value) = (to_text(key)?, to_text(value)?);
        members.retain(|(other, _)| *other != key);
        members.push((key, value));
        at = if ends_element(text, at) {
            after_spaces(text, at + 1)
        } else {
            at + 1
        };
    }
    Some(members)
}

/// Returns the quoted string at the beginning of a text, quotes included.
fn quoted(text: &[u8]) -> Option<&[u8]> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(&text[..=at]),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Returns what stands between the parentheses at the beginning of a text.
fn inner_list(text: &[u8]) -> Option<&[u8]> {
    let (mut quoted, mut at) = (false, 1);
    loop {
        match text.get(at)? {
            b')' if !quoted => return Some(&text[1..at]),
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += 1,
            _ => {}
        }
        at += 1;
    }
}

fn to_text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn value_byte(byte: u8) -> Option<u8> {
    matches!(byte, b' '..=0x7f).then_some(byte)
}

fn is_key_byte(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b'.' | b'*' | b'a'..=b'z' | b'0'..=b'9')
}

fn ends_element(text: &[u8], at: usize) -> bool {
    text.get(at..at + 2) == Some(b", ")
}

fn after_spaces(text: &[u8], start: usize) -> usize {
    (start..text.len())
        .find(|at| text[*at] != b' ')
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> Option<String> {
        match normalise(text)? {
            Normalised::Value(value) => Some(value),
            Normalised::Members(_) => None,
        }
    }

    fn members(text: &str) -> Option<Vec<(String, String)>> {
        match normalise(text)? {
            Normalised::Value(_) => None,
            Normalised::Members(members) => Some(members),
        }
    }

    fn pairs(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn of_a_list_that_begins_with_more_than_a_token_the_first_element_is_signed() {
        for (text, signed) in [
            ("application/json, application/problem+json", "application/json"),
            ("Upvest/1.0 (webhooks, prod)", "Upvest/1.0 (webhooks"),
            ("text/html;q=\"a, b\";x, b", "text/html;q=\"a, b\""),
            ("application/json", "application/json"),
            ("*/*", "*/*"),
            ("", ""),
        ] {
            assert_eq!(value(text).as_deref(), Some(signed), "{text}");
        }
    }

    #[test]
    fn spaces_between_the_elements_of_a_list_collapse_to_one() {
        for (text, signed) in [
            ("gzip,   deflate, br", "gzip, deflate, br"),
            ("gzip,deflate", "gzip,deflate"),
            ("\"a\", \"b\"", "\"a\", \"b\""),
            ("\"a\";x", "\"a\", x"),
        ] {
            assert_eq!(value(text).as_deref(), Some(signed), "{text}");
        }
    }

    #[test]
    fn a_member_of_a_dictionary_ends_only_at_a_comma_and_a_space() {
        for (text, expected) in [
            (
                "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
                pairs(&[("congo", "t61rcWkgMzE,rojo=00f067aa0ba902b7")]),
            ),
            ("a=1, a=2", pairs(&[("a", "2")])),
            (
                "a=1,  b=(1 2), c=\"x, y\"",
                pairs(&[("a", "1"), ("b", "(1 2)"), ("c", "\"x, y\"")]),
            ),
            ("a=\"1\";q=2", pairs(&[("a", "\"1\""), ("q", "2")])),
        ] {
            assert_eq!(members(text), expected, "{text}");
        }
    }

    #[test]
    fn an_inner_list_is_signed_prefix_by_prefix() {
        let expected = pairs(&[("0", "()"), ("1", "(a)"), ("2", "(a, b)")]);
        assert_eq!(members("(a, b)"), expected);
        assert_eq!(members("(\"a)\")"), pairs(&[("0", "()"), ("1", "(\"a)\")")]));
    }

    #[test]
    fn what_the_signer_cannot_read_it_does_not_sign() {
        for text in ["a=", "a=1, B=2", "a=\"x", "(a", "\"x", "a=ü", "a=(1", "a=1, b"] {
            assert_eq!(normalise(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_value_makes_it_panic(text in "[ -~]{0,24}|[a=\"(), \\\\ü]{0,24}") {
            normalise(&text);
        }
    }
}
