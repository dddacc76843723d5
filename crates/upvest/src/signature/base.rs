//! The signature base: the text that is signed.

use std::borrow::Cow;

use super::tokens::{is_key, is_tchar};
use super::{Profile, SignedRequest, VerifyError};

/// Names the derived components of the dialect. Upvest documents no others.
const DERIVED: [&str; 3] = ["@method", "@path", "@query"];

/// Describes a covered component: its text as listed, and what that text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Component {
    text: String,
    /// Says where the header's name ends when a dictionary key follows (`name:key`).
    colon: Option<usize>,
}

impl Component {
    /// Checks a component's name, without its quotes.
    pub(super) fn parse(text: &str) -> Result<Self, VerifyError> {
        if text.starts_with('@') {
            return match DERIVED.contains(&text) {
                true => Ok(Self {
                    text: text.to_owned(),
                    colon: None,
                }),
                false => Err(VerifyError::UnknownDerivedComponent {
                    component: text.to_owned(),
                }),
            };
        }
        let colon = text.find(':');
        let name = &text[..colon.unwrap_or(text.len())];
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| is_tchar(byte) && !byte.is_ascii_uppercase())
        {
            return Err(VerifyError::MalformedSignatureInput);
        }
        if colon.is_some_and(|at| !is_key(&text[at + 1..])) {
            return Err(VerifyError::UnsupportedComponentParameter {
                component: text.to_owned(),
            });
        }
        Ok(Self {
            text: text.to_owned(),
            colon,
        })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    fn value<'a>(
        &self,
        request: &SignedRequest<'a>,
        profile: Profile,
    ) -> Result<Option<Cow<'a, str>>, VerifyError> {
        Ok(match self.as_str() {
            "@method" => Some(request.method.to_ascii_uppercase().into()),
            "@path" if request.path.is_empty() => Some("/".into()),
            "@path" => Some(request.path.into()),
            "@query" => request
                .query
                .filter(|query| !query.is_empty())
                .map(|query| format!("?{query}").into()),
            _ => Some(self.header_value(request, profile)?),
        })
    }

    fn header_value<'a>(
        &self,
        request: &SignedRequest<'a>,
        profile: Profile,
    ) -> Result<Cow<'a, str>, VerifyError> {
        let missing = || VerifyError::CoveredHeaderMissing {
            header: self.text.clone(),
        };
        match (self.colon, profile) {
            (None, _) => match request.headers.get_combined(&self.text) {
                // Gateways drop this header; the body's digest, which is always covered, vouches for the number.
                None if self.text == "content-length" => Ok(request.body.len().to_string().into()),
                value => value.ok_or_else(missing),
            },
            (Some(colon), Profile::UpvestV6) => {
                let header = request
                    .headers
                    .get_combined(&self.text[..colon])
                    .ok_or_else(missing)?;
                dictionary_member(&header, &self.text[colon + 1..])
                    .map(|value| value.to_owned().into())
                    .ok_or_else(missing)
            }
            (Some(_), Profile::Quoted) => Err(VerifyError::UnsupportedComponentParameter {
                component: self.text.clone(),
            }),
        }
    }
}

/// Writes the signature base. `parameters` is the text of the signature's parameters as received or as sent.
///
/// A covered `@query` without a query has no line: so do Upvest's own signers.
pub(super) fn signature_base(
    request: &SignedRequest<'_>,
    profile: Profile,
    components: &[Component],
    parameters: &str,
) -> Result<String, VerifyError> {
    let quote = match profile {
        Profile::UpvestV6 => "",
        Profile::Quoted => "\"",
    };
    let mut base = String::with_capacity(64 * components.len() + parameters.len());
    for component in components {
        let Some(value) = component.value(request, profile)? else {
            continue;
        };
        if value.contains(['\r', '\n']) {
            return Err(VerifyError::LineBreakInComponent {
                component: component.text.clone(),
            });
        }
        for part in [quote, component.as_str(), quote, ": ", &value, "\n"] {
            base.push_str(part);
        }
    }
    for part in [quote, "@signature-params", quote, ": ", parameters] {
        base.push_str(part);
    }
    Ok(base)
}

/// Finds the value of a member, as written, in a dictionary header `key=value, key="quoted", key=(list)`.
fn dictionary_member<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    top_level_members(header)
        .into_iter()
        .filter_map(|member| member.split_once('='))
        .find_map(|(own, value)| (own == key).then_some(value))
}

fn top_level_members(header: &str) -> Vec<&str> {
    let (mut quoted, mut escaped, mut depth) = (false, false, 0_usize);
    header
        .split(|character| {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = quoted,
                '"' => quoted = !quoted,
                '(' if !quoted => depth += 1,
                ')' if !quoted => depth = depth.saturating_sub(1),
                ',' => return !quoted && depth == 0,
                _ => {}
            }
            false
        })
        .map(str::trim)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Headers;

    fn components(names: &[&str]) -> Vec<Component> {
        names.iter().map(|name| Component::parse(name).unwrap()).collect()
    }

    fn base(profile: Profile, request: &SignedRequest<'_>, names: &[&str]) -> Result<String, VerifyError> {
        signature_base(request, profile, &components(names), "(...);keyid=\"k\"")
    }

    #[test]
    fn the_profiles_differ_in_the_quotes_around_names() {
        let headers = Headers::from_iter([("Accept", " a "), ("accept", "b")]);
        let query = Some("a=b");
        let request = SignedRequest {
            method: "post",
            path: "",
            query,
            headers: &headers,
            body: b"four",
        };
        let names = ["accept", "@query", "@method", "content-length", "@path"];
        assert_eq!(
            base(Profile::UpvestV6, &request, &names).unwrap(),
            "accept: a, b\n@query: ?a=b\n@method: POST\ncontent-length: 4\n@path: /\n\
             @signature-params: (...);keyid=\"k\""
        );
        assert_eq!(
            base(Profile::Quoted, &request, &names).unwrap(),
            "\"accept\": a, b\n\"@query\": ?a=b\n\"@method\": POST\n\"content-length\": 4\n\"@path\": /\n\
             \"@signature-params\": (...);keyid=\"k\""
        );
    }

    #[test]
    fn a_received_content_length_is_taken_as_it_is() {
        let headers = Headers::from_iter([("content-length", "9")]);
        let request = SignedRequest {
            method: "POST",
            path: "/",
            query: Some(""),
            headers: &headers,
            body: b"four",
        };
        for profile in Profile::ALL {
            let base = base(profile, &request, &["content-length", "@query"]).unwrap();
            assert!(base.contains(": 9\n") && !base.contains("@query"), "{base}");
        }
    }

    #[test]
    fn members_of_dictionaries_belong_to_the_v6_profile() {
        let headers = Headers::from_iter([("x-dict", r#"a=1, b="x, c=2", d=(1, 2)"#), ("x-dict", "c=3")]);
        let request = SignedRequest {
            method: "POST",
            path: "/",
            query: None,
            headers: &headers,
            body: b"",
        };
        let names = ["x-dict:a", "x-dict:b", "x-dict:c", "x-dict:d"];
        let expected = "x-dict:a: 1\nx-dict:b: \"x, c=2\"\nx-dict:c: 3\nx-dict:d: (1, 2)\n";
        assert!(
            base(Profile::UpvestV6, &request, &names)
                .unwrap()
                .starts_with(expected)
        );
        assert_eq!(
            base(Profile::UpvestV6, &request, &["x-dict:e"]),
            Err(VerifyError::CoveredHeaderMissing {
                header: "x-dict:e".to_owned()
            })
        );
        assert_eq!(
            base(Profile::Quoted, &request, &["x-dict:a"]),
            Err(VerifyError::UnsupportedComponentParameter {
                component: "x-dict:a".to_owned()
            })
        );
    }

    #[test]
    fn names_that_are_not_lower_case_header_names_are_malformed() {
        for name in ["", "Digest", "a b", "a\"", "é", ":a"] {
            assert_eq!(
                Component::parse(name),
                Err(VerifyError::MalformedSignatureInput),
                "{name}"
            );
        }
    }

    #[test]
    fn a_line_break_in_a_value_is_refused() {
        let headers = Headers::from_iter([("accept", "a\n@path: /b")]);
        let request = SignedRequest {
            method: "POST",
            path: "/\r",
            query: None,
            headers: &headers,
            body: b"",
        };
        for name in ["accept", "@path"] {
            assert_eq!(
                base(Profile::UpvestV6, &request, &[name]),
                Err(VerifyError::LineBreakInComponent {
                    component: name.to_owned()
                })
            );
        }
    }
}
