//! Covered components: what `signature-input` lists, and what that names.

use sfv::{BareItem, ItemSerializer};

use super::fields::{Item, Parameters, is_key, parse_item};
use super::{DigestHeader, Names, VerifyError};

/// Holds a covered component: its identifier as it is written, and what it names.
#[derive(Debug, Clone)]
pub(super) struct Component {
    pub(super) kind: Kind,
    /// Holds the identifier without quotes around the name: `accept`, `x-list;key="a"`.
    text: String,
    name_len: usize,
    /// Holds the parameters sorted: two components that differ in the order of them alone are the same.
    parameters: Vec<String>,
}

/// Tells what part of the request a component names, so where its value is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Method,
    Path,
    Query,
    RequestTarget,
    TargetUri,
    Scheme,
    Authority,
    /// Covers one parameter of the query, named as it is encoded there.
    QueryParameter(String),
    Field(String, Reading),
}

/// Tells how a header's value becomes that of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// The value is covered as it stands.
    Plain,
    /// The value is serialised anew as a structured field: `;sf`.
    Structured,
    /// Each line is covered as a byte sequence: `;bs`.
    Bytes,
    /// One member of a dictionary is covered, serialised anew: `;key="..."`.
    Member(String),
    /// One member is covered as it is written, in the notation of earlier drafts: `name:key`.
    DraftMember(String),
}

impl Component {
    /// Reads a component from an element of the list in `signature-input`.
    pub(super) fn of(item: &Item) -> Result<Self, VerifyError> {
        let name = item
            .value
            .as_string()
            .ok_or(VerifyError::MalformedSignatureInput)?
            .as_str();
        let parameters = serialised(&item.parameters);
        let text = format!("{name}{}", parameters.concat());
        let kind = match name.strip_prefix('@') {
            Some(derived) => derived_kind(derived, &item.parameters, &text)?,
            None => field_kind(name, &item.parameters, &text)?,
        };
        let mut sorted = parameters;
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| key(&pair[0]) == key(&pair[1])) {
            return Err(VerifyError::DuplicateParameter);
        }
        Ok(Self {
            kind,
            text,
            name_len: name.len(),
            parameters: sorted,
        })
    }

    /// Reads a component from what a signer asks for: a name, or an item in quotes with its parameters.
    pub(super) fn parse(text: &str) -> Result<Self, VerifyError> {
        let quoted = match text.starts_with('"') {
            true => text.to_owned(),
            false => format!("\"{text}\""),
        };
        let item = parse_item(&quoted).ok_or(VerifyError::MalformedSignatureInput)?;
        Self::of(&item)
    }

    /// Returns the identifier without quotes around the name.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Writes the identifier as it stands in the signature base.
    pub(super) fn push_to(&self, base: &mut String, names: Names) {
        let (name, parameters) = self.text.split_at(self.name_len);
        let quote = match names {
            Names::Unquoted => "",
            Names::Quoted => "\"",
        };
        for part in [quote, name, quote, parameters] {
            base.push_str(part);
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.text[..self.name_len] == other.text[..other.name_len] && self.parameters == other.parameters
    }

    /// Says whether the component ties the signature to the path that was called.
    pub(super) const fn has_path(&self) -> bool {
        matches!(self.kind, Kind::Path | Kind::RequestTarget | Kind::TargetUri)
    }

    /// Says whether the component ties the signature to a digest that is checked.
    pub(super) fn has_digest(&self, header: DigestHeader) -> bool {
        match &self.kind {
            Kind::Field(name, reading) if name == header.as_str() => match reading {
                Reading::Plain | Reading::Structured | Reading::Bytes => true,
                Reading::Member(key) | Reading::DraftMember(key) => {
                    // One member counts only where it is checked against the body, and no member of `digest`,
                    // which is no structured field (RFC 3230).
                    header == DigestHeader::ContentDigest && matches!(key.as_str(), "sha-256" | "sha-512")
                }
            },
            _ => false,
        }
    }
}

fn derived_kind(name: &str, parameters: &Parameters, text: &str) -> Result<Kind, VerifyError> {
    let unsupported = || unsupported(text);
    let kind = match name {
        "method" => Kind::Method,
        "path" => Kind::Path,
        "query" => Kind::Query,
        "request-target" => Kind::RequestTarget,
        "target-uri" => Kind::TargetUri,
        "scheme" => Kind::Scheme,
        "authority" => Kind::Authority,
        "query-param" => {
            return match parameters.as_slice() {
                [(key, BareItem::String(name))] if key.as_str() == "name" => {
                    Ok(Kind::QueryParameter(name.as_str().to_owned()))
                }
                _ => Err(unsupported()),
            };
        }
        _ => {
            return Err(VerifyError::UnknownDerivedComponent {
                component: text.to_owned(),
            });
        }
    };
    match parameters.is_empty() {
        true => Ok(kind),
        false => Err(unsupported()),
    }
}

fn field_kind(name: &str, parameters: &Parameters, text: &str) -> Result<Kind, VerifyError> {
    let (field, draft_key) = match name.split_once(':') {
        Some((field, key)) => (field, Some(key)),
        None => (name, None),
    };
    // Names are in lower case (RFC 9421, section 2.1), and headers are kept so: others would find none.
    let valid = |byte: u8| is_tchar(byte) && !byte.is_ascii_uppercase();
    if field.is_empty() || !field.bytes().all(valid) {
        return Err(VerifyError::MalformedSignatureInput);
    }
    let reading = match draft_key {
        Some(key) if parameters.is_empty() && is_draft_key(key) => Reading::DraftMember(key.to_owned()),
        Some(_) => return Err(unsupported(text)),
        None => reading(parameters).ok_or_else(|| unsupported(text))?,
    };
    Ok(Kind::Field(field.to_owned(), reading))
}

/// Finds how a field is read; `None` for parameters that contradict each other, for `;req` and `;tr`, which name other
/// messages than this request, and for those that nobody knows.
fn reading(parameters: &Parameters) -> Option<Reading> {
    let mut reading = Reading::Plain;
    for (key, value) in parameters {
        reading = match (key.as_str(), value, reading) {
            ("sf", BareItem::Boolean(true), Reading::Plain) => Reading::Structured,
            // A member is serialised anew in any case.
            ("sf", BareItem::Boolean(true), member @ Reading::Member(_)) => member,
            ("bs", BareItem::Boolean(true), Reading::Plain) => Reading::Bytes,
            ("key", BareItem::String(key), Reading::Plain | Reading::Structured) => {
                Reading::Member(key.as_str().to_owned())
            }
            // A repeated parameter has its own reason, given by the caller.
            ("sf", _, Reading::Structured) | ("bs", _, Reading::Bytes) => return Some(Reading::Plain),
            _ => return None,
        };
    }
    Some(reading)
}

fn unsupported(text: &str) -> VerifyError {
    VerifyError::UnsupportedComponentParameter {
        component: text.to_owned(),
    }
}

/// Writes each parameter as RFC 9651 serialises it, with its semicolon.
fn serialised(parameters: &Parameters) -> Vec<String> {
    parameters
        .iter()
        .map(|(key, value)| {
            let with_item = ItemSerializer::new()
                .bare_item(true)
                .parameter(key, value)
                .finish();
            // The library writes parameters behind an item alone, so that one is put there and cut off.
            with_item.trim_start_matches("?1").to_owned()
        })
        .collect()
}

fn key(parameter: &str) -> &str {
    parameter.split('=').next().unwrap_or(parameter)
}

/// Says whether a text may follow the colon of `name:key`. Upvest's signer also numbers inner lists: `name:0`.
fn is_draft_key(text: &str) -> bool {
    is_key(text) || (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Says whether a byte may be part of a header name (RFC 9110, `tchar`).
const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsupported_parameter(component: &str) -> VerifyError {
        unsupported(component)
    }

    #[test]
    fn names_that_are_not_lower_case_header_names_are_malformed() {
        for name in ["\"\"", "Digest", "a b", "\"a\\\"\"", "é", ":a", "a(", "1;x"] {
            assert_eq!(
                Component::parse(name).unwrap_err(),
                VerifyError::MalformedSignatureInput,
                "{name}"
            );
        }
    }

    #[test]
    fn what_belongs_to_other_messages_or_to_nobody_is_not_supported() {
        for (written, shown) in [
            (r#""accept";req"#, "accept;req"),
            (r#""accept";tr"#, "accept;tr"),
            (r#""accept";x=1"#, "accept;x=1"),
            (r#""accept";sf=?0"#, "accept;sf=?0"),
            (r#""accept";sf;bs"#, "accept;sf;bs"),
            (r#""accept";bs;key="a""#, r#"accept;bs;key="a""#),
            (r#""accept";key=a"#, "accept;key=a"),
            (r#""@method";req"#, "@method;req"),
            (r#""@query-param""#, "@query-param"),
            (r#""@query-param";name=a"#, "@query-param;name=a"),
            (r#""x:a";sf"#, "x:a;sf"),
            ("x:A", "x:A"),
            ("x:", "x:"),
        ] {
            assert_eq!(
                Component::parse(written).unwrap_err(),
                unsupported_parameter(shown)
            );
        }
    }

    #[test]
    fn components_of_responses_and_of_no_rfc_are_unknown() {
        for name in ["@status", "@signature-params", "@", "@Method"] {
            let component = name.to_owned();
            assert_eq!(
                Component::parse(name).unwrap_err(),
                VerifyError::UnknownDerivedComponent { component }
            );
        }
    }

    #[test]
    fn a_repeated_parameter_has_its_own_reason() {
        for text in [r#""accept";sf;sf"#, r#""accept";bs;bs"#] {
            assert_eq!(
                Component::parse(text).unwrap_err(),
                VerifyError::DuplicateParameter
            );
        }
    }

    #[test]
    fn components_that_differ_in_the_order_of_parameters_are_the_same() {
        let [a, b, c] = [r#""x";sf;key="a""#, r#""x";key="a";sf"#, r#""x";key="b";sf"#]
            .map(|text| Component::parse(text).unwrap());
        assert!(a.is_same(&b) && !a.is_same(&c));
    }
}
