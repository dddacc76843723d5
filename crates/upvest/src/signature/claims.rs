//! What a signature says about itself, and the policy that holds whatever its key may be.

use jiff::Timestamp;
use sfv::{BareItem, Key};

use super::component::{Component, Kind};
use super::fields::{Member, Parameters, parse_inner_list};
use super::freshness::Freshness;
use super::{DigestHeader, MAX_COMPONENTS, MAX_KEY_ID_BYTES, MAX_PARAMETERS, VerifyError};

/// Holds what a signature says about itself, before anybody knows whether it is true.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) label: String,
    /// Holds the text after `label=`, to the byte: it is the value of `@signature-params`.
    pub(super) parameters: String,
    pub(super) components: Vec<Component>,
    pub(super) key_id: String,
    pub(super) algorithm: Option<String>,
    pub(super) created: Option<Timestamp>,
    pub(super) expires: Option<Timestamp>,
}

impl Claims {
    /// Reads what a member of `signature-input` claims, and holds it against the policy.
    pub(super) fn of(member: Member<'_>) -> Result<Self, VerifyError> {
        let list = parse_inner_list(member.text).ok_or(VerifyError::MalformedSignatureInput)?;
        // Before the loop, in which each component is compared with all before it.
        if list.items.len() > MAX_COMPONENTS {
            return Err(VerifyError::TooManyComponents);
        }
        let mut components: Vec<Component> = Vec::with_capacity(list.items.len());
        for item in &list.items {
            let component = Component::of(item)?;
            if components.iter().any(|other| other.is_same(&component)) {
                return Err(VerifyError::DuplicateComponent {
                    component: component.as_str().to_owned(),
                });
            }
            components.push(component);
        }
        let parameters = distinct(list.parameters)?;
        Self {
            label: member.label.to_owned(),
            parameters: member.text.to_owned(),
            components,
            key_id: string_parameter(&parameters, "keyid")?.unwrap_or_default(),
            algorithm: string_parameter(&parameters, "alg")?,
            created: time_parameter(&parameters, "created")?,
            expires: time_parameter(&parameters, "expires")?,
        }
        .check_policy()
    }

    /// Tells whether a delivery that was received at this time came within the time that the signature allows.
    pub(super) fn freshness(&self, received_at: Timestamp) -> Freshness {
        Freshness::of(received_at, self.created, self.expires)
    }

    fn check_policy(self) -> Result<Self, VerifyError> {
        // An empty id is what an absent one was parsed as, and no key can have it.
        match self.key_id.len() {
            0 => return Err(VerifyError::MissingKeyId),
            1..=MAX_KEY_ID_BYTES => {}
            _ => return Err(VerifyError::MalformedSignatureInput),
        }
        // Without method and path, a signature of any other request with the same body would prove this one.
        if !self
            .components
            .iter()
            .any(|component| component.kind == Kind::Method)
        {
            return Err(VerifyError::ComponentNotCovered { component: "@method" });
        }
        if !self.components.iter().any(Component::has_path) {
            return Err(VerifyError::ComponentNotCovered { component: "@path" });
        }
        Ok(self)
    }

    /// Iterates over the digest headers that the signature covers, in the order in which it lists them.
    pub(super) fn digests(&self) -> impl Iterator<Item = DigestHeader> {
        self.components.iter().filter_map(|component| {
            DigestHeader::ALL
                .into_iter()
                .find(|header| component.has_digest(*header))
        })
    }
}

fn distinct(parameters: Parameters) -> Result<Parameters, VerifyError> {
    if parameters.len() > MAX_PARAMETERS {
        return Err(VerifyError::TooManyParameters);
    }
    let repeated =
        |(at, (key, _)): (usize, &(Key, BareItem))| parameters[..at].iter().any(|(other, _)| other == key);
    match parameters.iter().enumerate().any(repeated) {
        true => Err(VerifyError::DuplicateParameter),
        false => Ok(parameters),
    }
}

fn string_parameter(parameters: &Parameters, name: &str) -> Result<Option<String>, VerifyError> {
    match parameter(parameters, name) {
        None => Ok(None),
        Some(BareItem::String(text)) => Ok(Some(text.as_str().to_owned())),
        Some(_) => Err(VerifyError::MalformedSignatureInput),
    }
}

fn time_parameter(parameters: &Parameters, name: &str) -> Result<Option<Timestamp>, VerifyError> {
    match parameter(parameters, name) {
        None => Ok(None),
        Some(BareItem::Integer(second)) => Timestamp::from_second((*second).into())
            .map(Some)
            .map_err(|_| VerifyError::MalformedSignatureInput),
        Some(_) => Err(VerifyError::MalformedSignatureInput),
    }
}

fn parameter<'p>(parameters: &'p Parameters, name: &str) -> Option<&'p BareItem> {
    parameters
        .iter()
        .find_map(|(key, value)| (key.as_str() == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::fields::members;

    fn claims(input: &str) -> Result<Claims, VerifyError> {
        Claims::of(members(input)[0])
    }

    #[test]
    fn escapes_in_the_key_id_are_undone() {
        let claims = claims(r#"sig1=("@method" "@path");keyid="a\"b\\c""#).unwrap();
        assert_eq!(claims.key_id, r#"a"b\c"#);
    }

    #[test]
    fn one_component_of_three_ties_a_signature_to_its_path() {
        for path in ["@path", "@request-target", "@target-uri"] {
            assert!(
                claims(&format!(r#"sig1=("@method" "{path}");keyid="k""#)).is_ok(),
                "{path}"
            );
        }
        for (list, component) in [
            ("@authority\" \"@path", "@method"),
            ("@method\" \"@query", "@path"),
        ] {
            assert_eq!(
                claims(&format!(r#"sig1=("{list}");keyid="k""#)).unwrap_err(),
                VerifyError::ComponentNotCovered { component }
            );
        }
    }

    #[test]
    fn a_digest_counts_as_covered_where_all_of_it_that_is_checked_is() {
        let digests = |list: &str| {
            let claims = claims(&format!(r#"sig1=("@method" "@path" {list});keyid="k""#)).unwrap();
            claims.digests().map(DigestHeader::as_str).collect::<Vec<_>>()
        };
        assert_eq!(
            digests(r#""content-digest" "digest""#),
            ["content-digest", "digest"]
        );
        for list in [
            r#""content-digest";sf"#,
            r#""content-digest";bs"#,
            r#""content-digest";key="sha-256""#,
        ] {
            assert_eq!(digests(list), ["content-digest"], "{list}");
        }
        for list in [
            r#""content-digest";key="md5""#,
            r#""digest";key="sha-256""#,
            r#""digest:SHA""#.to_lowercase().as_str(),
        ] {
            assert!(digests(list).is_empty(), "{list}");
        }
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
