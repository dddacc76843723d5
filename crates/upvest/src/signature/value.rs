//! The values of covered components.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sfv::{Dictionary, FieldType, Key, List, ListEntry, Parser};

use super::component::{Component, Kind, Reading};
use super::fields::top_level;
use super::upvest_signer::{Normalised, normalise};
use super::{DigestHeader, Origin, SignedRequest, VerifyError};

/// Chooses how values are read that on their way may not have stayed what was signed.
///
/// Nothing acts on such a value: method, path, digest and body are the same in every form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// Puts the space back that API Gateway leaves out where it joins the lines of a header by commas.
    respaced: bool,
    /// Reads values as Upvest's own signer for the v6 dialect does.
    as_upvest_proxy: bool,
    /// Gives an absent query a line, `?`, as RFC 9421 does and Upvest does not.
    marks_absent_query: bool,
}

impl Form {
    /// Reads values as they arrived, and an absent query as Upvest does.
    pub(super) const RECEIVED: Self = Self {
        respaced: false,
        as_upvest_proxy: false,
        marks_absent_query: false,
    };

    /// Lists the forms, the likely ones first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        [false, true].into_iter().flat_map(|marks_absent_query| {
            [(false, false), (false, true), (true, false), (true, true)].map(|(respaced, as_upvest_proxy)| {
                Self {
                    respaced,
                    as_upvest_proxy,
                    marks_absent_query,
                }
            })
        })
    }

    fn header<'a>(self, request: &SignedRequest<'a>, name: &str) -> Option<Cow<'a, str>> {
        let value = request.headers.combined(name)?;
        // What is checked against the body is what was received, or the check would be of something else.
        let is_digest = DigestHeader::ALL.iter().any(|digest| digest.as_str() == name);
        Some(match self.respaced && !is_digest {
            true => respaced(&value).into(),
            false => value,
        })
    }
}

/// Finds a component's value; `None` for a component that has no line in the signature base.
pub(super) fn value<'a>(
    component: &Component,
    request: &SignedRequest<'a>,
    origin: Option<&'a Origin>,
    form: Form,
) -> Result<Option<Cow<'a, str>>, VerifyError> {
    let known = || {
        origin.ok_or_else(|| VerifyError::PublicUrlUnknown {
            component: component.as_str().to_owned(),
        })
    };
    let found: Option<Cow<'a, str>> = match &component.kind {
        Kind::Method => Some(request.method.to_ascii_uppercase().into()),
        Kind::Path => Some(path(request).into()),
        Kind::Query => match query(request) {
            Some(query) => Some(format!("?{query}").into()),
            None if form.marks_absent_query => Some("?".into()),
            None => return Ok(None),
        },
        Kind::RequestTarget => Some(request_target(request).into()),
        Kind::TargetUri => Some(format!("{}{}", known()?, request_target(request)).into()),
        Kind::Scheme => Some(known()?.scheme().into()),
        Kind::Authority => Some(known()?.authority().into()),
        Kind::QueryParameter(name) => query_parameter(request, name).map(Cow::from),
        Kind::Field(name, Reading::Plain) if name == "host" => host(request, origin),
        Kind::Field(name, reading) => field(name, reading, request, form),
    };
    found.map(Some).ok_or_else(|| VerifyError::CoveredHeaderMissing {
        header: component.as_str().to_owned(),
    })
}

const fn path<'a>(request: &SignedRequest<'a>) -> &'a str {
    match request.path.is_empty() {
        // RFC 9421, section 2.2.6.
        true => "/",
        false => request.path,
    }
}

fn query<'a>(request: &SignedRequest<'a>) -> Option<&'a str> {
    request.query.filter(|query| !query.is_empty())
}

fn request_target(request: &SignedRequest<'_>) -> String {
    match query(request) {
        Some(query) => format!("{}?{query}", path(request)),
        None => path(request).to_owned(),
    }
}

/// Finds a parameter of the query as RFC 9421, section 2.2.8, encodes it; one that occurs twice names nothing.
fn query_parameter(request: &SignedRequest<'_>, name: &str) -> Option<String> {
    let encode = |text: &str| -> String {
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        // A form writes a space as `+`, and the RFC wants `%20`. A `+` of the text itself is `%2B` by now.
        encoded.replace('+', "%20")
    };
    let mut found = form_urlencoded::parse(query(request)?.as_bytes()).filter(|(key, _)| encode(key) == name);
    let (_, value) = found.next()?;
    found.next().is_none().then(|| encode(&value))
}

/// Reads `host`, which must be ours: a proxy in front of us may have put its own name there, and a delivery to somebody
/// else, sent on to us, has theirs.
fn host<'a>(request: &SignedRequest<'a>, origin: Option<&'a Origin>) -> Option<Cow<'a, str>> {
    let received = request.headers.combined("host");
    match (received, origin) {
        (Some(received), Some(origin)) if origin.is_host(&received) => Some(received),
        (_, Some(origin)) => Some(origin.authority().into()),
        (received, None) => received,
    }
}

fn field<'a>(name: &str, reading: &Reading, request: &SignedRequest<'a>, form: Form) -> Option<Cow<'a, str>> {
    match reading {
        Reading::Plain => plain(name, request, form),
        // In each form from what was received: spaces do not matter to what is serialised anew.
        Reading::Structured => structured(&request.headers.combined(name)?).map(Cow::from),
        Reading::Bytes => {
            let mut lines = request.headers.values(name).peekable();
            lines.peek()?;
            let encoded = lines.map(|line| format!(":{}:", STANDARD.encode(line)));
            Some(encoded.collect::<Vec<_>>().join(", ").into())
        }
        Reading::Member(key) => member(&request.headers.combined(name)?, key).map(Cow::from),
        Reading::DraftMember(key) => {
            let value = form.header(request, name)?;
            match form.as_upvest_proxy {
                false => draft_member(&value, key).map(|text| text.to_owned().into()),
                true => match normalise(&value)? {
                    Normalised::Members(members) => {
                        let (_, value) = members.into_iter().find(|(other, _)| other == key)?;
                        Some(value.into())
                    }
                    Normalised::Value(_) => None,
                },
            }
        }
    }
}

fn plain<'a>(name: &str, request: &SignedRequest<'a>, form: Form) -> Option<Cow<'a, str>> {
    match form.header(request, name) {
        // Gateways drop this header; the body's digest, which is always covered, vouches for the number.
        None if name == "content-length" => Some(request.body.len().to_string().into()),
        // `content-digest` needs no exception: that signer would list its members.
        Some(value) if form.as_upvest_proxy && name != DigestHeader::Digest.as_str() => {
            match normalise(&value) {
                Some(Normalised::Value(value)) => Some(value.into()),
                // That signer lists members of such a header and not its name: somebody else named it.
                Some(Normalised::Members(_)) | None => Some(value),
            }
        }
        value => value,
    }
}

/// Serialises a header anew. Which type it has is not said anywhere; a list is tried before a dictionary, because what
/// parses as both is written in the same way unless a key repeats.
fn structured(value: &str) -> Option<String> {
    Parser::new(value)
        .parse::<List>()
        .ok()
        .and_then(|list| list.serialize())
        .or_else(|| Parser::new(value).parse::<Dictionary>().ok()?.serialize())
}

/// Serialises one member of a dictionary anew.
fn member(value: &str, key: &str) -> Option<String> {
    let mut members = Parser::new(value).parse::<Dictionary>().ok()?;
    // As a list of its own, which is written as its only entry is: the library writes no entry alone.
    let entry: ListEntry = members.shift_remove(&Key::from_string(key.to_owned()).ok()?)?;
    List::from([entry]).serialize()
}

/// Finds the value of a member, as written, in a dictionary `key=value, key="quoted", key=(list)`; of equal keys the
/// last one counts, as in RFC 9651.
fn draft_member<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    top_level(header)
        .filter_map(|member| member.split_once('='))
        .filter_map(|(own, value)| (own == key).then_some(value))
        .last()
}

/// Writes a space after each comma that stands in no string and has none.
fn respaced(value: &str) -> String {
    top_level_commas(value).join(", ")
}

fn top_level_commas(value: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let split = value.split(|character| {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            ',' => return !quoted,
            _ => {}
        }
        false
    });
    let mut elements: Vec<&str> = split.collect();
    for element in elements.iter_mut().skip(1) {
        *element = element.strip_prefix(' ').unwrap_or(element);
    }
    elements
}
