//! What a signature says about itself, and the policy that holds whatever its key may be.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::base::Component;
use super::tokens::{Member, Value};
use super::{CLOCK_SKEW_SECONDS, MAX_KEY_ID_BYTES, VerifyError};

/// Holds what a signature says about itself, before anybody knows whether it is true.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) label: String,
    /// The text after `label=`, to the byte: it is the value of `@signature-params`.
    pub(super) parameters: String,
    pub(super) components: Vec<Component>,
    pub(super) key_id: String,
    pub(super) algorithm: Option<String>,
    pub(super) created: Option<Timestamp>,
    pub(super) expires: Option<Timestamp>,
}

/// Tells whether a delivery was received within the time its signature allows, give or take
/// [`CLOCK_SKEW_SECONDS`](super::CLOCK_SKEW_SECONDS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It was received within its time, or its signature sets no limit.
    Fresh,
    /// The delivery was received after `expires`, as a retry that is not signed anew would be.
    Expired,
    /// It was received before `created`, so one of the two clocks is wrong.
    NotYetValid,
}

impl Freshness {
    /// Returns the name used in logs and records, in kebab case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
        }
    }
}

impl fmt::Display for Freshness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Claims {
    pub(super) fn of(member: &Member<'_>) -> Result<Self, VerifyError> {
        let mut components: Vec<Component> = Vec::with_capacity(member.components.len());
        for listed in &member.components {
            if listed.has_parameters {
                return Err(VerifyError::UnsupportedComponentParameter {
                    component: listed.name.to_owned(),
                });
            }
            let component = Component::parse(listed.name)?;
            if components.contains(&component) {
                return Err(VerifyError::DuplicateComponent {
                    component: listed.name.to_owned(),
                });
            }
            components.push(component);
        }
        let parameters = &member.parameters;
        if parameters
            .iter()
            .enumerate()
            .any(|(at, (key, _))| parameters[..at].iter().any(|(other, _)| other == key))
        {
            return Err(VerifyError::DuplicateParameter);
        }
        let claims = Self {
            label: member.label.to_owned(),
            parameters: member.text.to_owned(),
            components,
            key_id: string_parameter(member, "keyid")?.unwrap_or_default(),
            algorithm: string_parameter(member, "alg")?,
            created: time_parameter(member, "created")?,
            expires: time_parameter(member, "expires")?,
        };
        claims.check_policy()
    }

    fn check_policy(self) -> Result<Self, VerifyError> {
        // An empty id is what an absent one was parsed as, and no key can have it.
        match self.key_id.len() {
            0 => return Err(VerifyError::MissingKeyId),
            1..=MAX_KEY_ID_BYTES => {}
            _ => return Err(VerifyError::MalformedSignatureInput),
        }
        match ["@method", "@path"]
            .into_iter()
            .find(|component| !self.covers(component))
        {
            Some(component) => Err(VerifyError::ComponentNotCovered { component }),
            None => Ok(self),
        }
    }

    pub(super) fn covers(&self, name: &str) -> bool {
        self.components.iter().any(|component| component.as_str() == name)
    }

    pub(super) fn freshness(&self, received_at: Timestamp) -> Freshness {
        // Distances rather than sums: a time at the end of the calendar plus the skew would overflow.
        let skew = SignedDuration::from_secs(CLOCK_SKEW_SECONDS);
        if self
            .created
            .is_some_and(|created| created.duration_since(received_at) > skew)
        {
            Freshness::NotYetValid
        } else if self
            .expires
            .is_some_and(|expires| received_at.duration_since(expires) > skew)
        {
            Freshness::Expired
        } else {
            Freshness::Fresh
        }
    }
}

fn string_parameter(member: &Member<'_>, name: &str) -> Result<Option<String>, VerifyError> {
    match parameter(member, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(unescape(text))),
        Some(_) => Err(VerifyError::MalformedSignatureInput),
    }
}

fn time_parameter(member: &Member<'_>, name: &str) -> Result<Option<Timestamp>, VerifyError> {
    match parameter(member, name) {
        None => Ok(None),
        Some(Value::Integer(second)) => Timestamp::from_second(second)
            .map(Some)
            .map_err(|_| VerifyError::MalformedSignatureInput),
        Some(_) => Err(VerifyError::MalformedSignatureInput),
    }
}

fn parameter<'t>(member: &Member<'t>, name: &str) -> Option<Value<'t>> {
    member
        .parameters
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| *value)
}

fn unescape(text: &str) -> String {
    let mut characters = text.chars();
    let mut plain = String::with_capacity(text.len());
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::tokens::parse_signature_input;

    fn claims(input: &str) -> Result<Claims, VerifyError> {
        Claims::of(&parse_signature_input(input).unwrap()[0])
    }

    #[test]
    fn freshness_allows_for_the_skew_of_clocks_and_no_more() {
        let claims = claims(r#"sig1=("@method" "@path");keyid="k";created=1000;expires=1005"#).unwrap();
        let at = |second| claims.freshness(Timestamp::from_second(second).unwrap());
        assert_eq!(at(1000 - CLOCK_SKEW_SECONDS - 1), Freshness::NotYetValid);
        assert_eq!(at(1000 - CLOCK_SKEW_SECONDS), Freshness::Fresh);
        assert_eq!(at(1005 + CLOCK_SKEW_SECONDS), Freshness::Fresh);
        assert_eq!(at(1005 + CLOCK_SKEW_SECONDS + 1), Freshness::Expired);
    }

    #[test]
    fn times_at_the_ends_of_the_calendar_do_not_overflow() {
        let claims =
            claims(r#"sig1=("@method" "@path");keyid="k";created=-377705023201;expires=253402207200"#);
        let claims = claims.unwrap();
        assert_eq!(claims.freshness(Timestamp::MIN), Freshness::Fresh);
        assert_eq!(claims.freshness(Timestamp::MAX), Freshness::Fresh);
    }

    #[test]
    fn escapes_in_the_key_id_are_undone() {
        let claims = claims(r#"sig1=("@method" "@path");keyid="a\"b\\c""#).unwrap();
        assert_eq!(claims.key_id, r#"a"b\c"#);
    }

    #[test]
    fn parameters_of_another_type_are_malformed() {
        for parameter in [
            "keyid=k",
            "keyid=1",
            "keyid",
            r#"keyid="k";created="1""#,
            r#"keyid="k";created=1.5"#,
            r#"keyid="k";expires=999999999999999"#,
            r#"keyid="k";alg=ed25519"#,
        ] {
            let input = format!(r#"sig1=("@method" "@path");{parameter}"#);
            assert_eq!(
                claims(&input).unwrap_err(),
                VerifyError::MalformedSignatureInput,
                "{parameter}"
            );
        }
    }
}
