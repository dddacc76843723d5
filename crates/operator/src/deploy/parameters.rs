//! The parameters of a template, and which values they take.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::Parameter;
use regex_lite::Regex;
use saphyr::{LoadableYamlNode, Scalar, Yaml};

use super::changes::ParameterChange;
use super::present::Present;
use super::settings::Settings;
use super::{parameter, unchanged};
use crate::error::{Error, Result};
use crate::names::instead;

/// Names the parameter with the bucket that a release lies in.
pub(super) const ARTIFACTS_BUCKET: &str = "ArtifactsBucket";
/// Names the parameter with the place of a release in its bucket.
pub(super) const ARTIFACTS_PREFIX: &str = "ArtifactsPrefix";
/// Stands for a value that nobody is to see.
const HIDDEN: &str = "(hidden)";

/// Lists the parameters of a template by name.
#[derive(Debug)]
pub(super) struct Definitions(BTreeMap<String, Definition>);

/// Says which values a parameter takes.
#[derive(Debug, Default)]
struct Definition {
    default: Option<String>,
    is_number: bool,
    is_hidden: bool,
    allowed: Vec<String>,
    pattern: Option<String>,
    /// Says in words what the pattern asks for, where the template does.
    constraint: Option<String>,
    shortest: Option<usize>,
    longest: Option<usize>,
    least: Option<f64>,
    most: Option<f64>,
}

impl Definitions {
    /// Reads the parameters of a template that is written in YAML.
    ///
    /// # Errors
    ///
    /// [`Error`] when it is no YAML, or has no parameters.
    pub(super) fn read(template: &str) -> Result<Self> {
        let template = document(template)?;
        let Some(Yaml::Mapping(members)) = member(&template, "Parameters") else {
            return Err(Error::failed(
                "the template has no parameters: is it one of this receiver?",
            ));
        };
        let named = members.iter().filter_map(|(name, definition)| {
            let name = name.as_str()?.to_owned();
            Some((name, Definition::read(definition)))
        });
        Ok(Self(named.collect()))
    }

    /// Refuses names that the template does not have, and values that it does not take.
    ///
    /// # Errors
    ///
    /// [`Error`] of the kind usage with all that is wrong.
    pub(super) fn check(&self, settings: &Settings) -> Result<()> {
        let mut wrong = Vec::new();
        for (name, value) in settings.iter() {
            if [ARTIFACTS_BUCKET, ARTIFACTS_PREFIX].contains(&name) {
                wrong.push(format!(
                    "{name} is not yours to set: deploy sets it to where the release is"
                ));
                continue;
            }
            match self.0.get(name) {
                Some(definition) => {
                    wrong.extend(definition.complaint(value).map(|why| format!("{name} {why}")));
                }
                None => {
                    let names: Vec<&str> = self.names().collect();
                    wrong.push(format!("there is no parameter {name}: {}", instead(name, names)));
                }
            }
        }
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(Error::usage(wrong.join("\n"))),
        }
    }

    /// Lists the names of the parameters.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Gives the value that a parameter has where nobody gives one.
    pub(super) fn default_of(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.default.as_deref()
    }

    /// Tells whether nobody is to see the value of a parameter.
    pub(super) fn is_hidden(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|definition| definition.is_hidden)
    }

    /// Makes the parameters of a request: what is given, and what a stack has besides.
    ///
    /// # Errors
    ///
    /// [`Error`] of the kind usage where a parameter that has no default gets no value.
    pub(super) fn values(&self, settings: &Settings, present: &Present) -> Result<Vec<Parameter>> {
        let mut values = Vec::new();
        for (name, definition) in &self.0 {
            if let Some(value) = settings.get(name) {
                values.push(parameter(name, value));
            } else if present.parameter(name).is_some() {
                // Not by the value that is shown: CloudFormation shows asterisks for one that is hidden.
                values.push(unchanged(name));
            } else if definition.default.is_none() {
                return Err(Error::usage(format!(
                    "the parameter {name} has no default: give it with --set {name}=VALUE"
                )));
            }
        }
        Ok(values)
    }

    /// Lists the parameters that get another value than they have.
    pub(super) fn changes(&self, settings: &Settings, present: &Present) -> Vec<ParameterChange> {
        let given = settings.iter();
        let changed = given.filter(|(name, value)| {
            let before = present.parameter(name).or_else(|| self.default_of(name));
            before != Some(*value)
        });
        let shown = |name: &str, value: &str| match self.is_hidden(name) {
            true => HIDDEN.to_owned(),
            false => value.to_owned(),
        };
        let change = |(name, value): (&str, &str)| ParameterChange {
            name: name.to_owned(),
            before: present.parameter(name).map(|before| shown(name, before)),
            after: shown(name, value),
        };
        changed.map(change).collect()
    }
}

impl Definition {
    fn read(node: &Yaml<'_>) -> Self {
        let of = |name: &str| member(node, name).and_then(text);
        let number = |name: &str| of(name)?.parse::<f64>().ok();
        let length = |name: &str| of(name)?.parse::<usize>().ok();
        let allowed = match member(node, "AllowedValues") {
            Some(Yaml::Sequence(values)) => values.iter().filter_map(text).collect(),
            _ => Vec::new(),
        };
        Self {
            default: of("Default"),
            is_number: of("Type").as_deref() == Some("Number"),
            is_hidden: of("NoEcho").as_deref() == Some("true"),
            allowed,
            pattern: of("AllowedPattern"),
            constraint: of("ConstraintDescription"),
            shortest: length("MinLength"),
            longest: length("MaxLength"),
            least: number("MinValue"),
            most: number("MaxValue"),
        }
    }

    /// Says why a value is not taken; `None` where it is.
    fn complaint(&self, value: &str) -> Option<String> {
        let shown = match self.is_hidden {
            true => HIDDEN.to_owned(),
            false => format!("{value:?}"),
        };
        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| allowed == value) {
            let allowed = self.allowed.join(", ");
            return Some(format!("cannot be {shown}: it is one of {allowed}"));
        }
        if self.is_number {
            return self.complaint_of_number(value);
        }
        let length = value.chars().count();
        if self.shortest.is_some_and(|shortest| length < shortest)
            || self.longest.is_some_and(|longest| length > longest)
        {
            let most = self.longest.map(|longest| format!(", and {longest} at most"));
            let least = self.shortest.unwrap_or_default();
            return Some(format!(
                "cannot have {length} characters: it takes {least} at least{}",
                most.unwrap_or_default()
            ));
        }
        let pattern = self.pattern.as_deref()?;
        // CloudFormation takes a pattern for the whole value.
        // One that this library cannot read is left to CloudFormation, which refuses what does not fit.
        let regex = Regex::new(&format!("^(?:{pattern})$")).ok()?;
        (!regex.is_match(value)).then(|| {
            let wanted = match &self.constraint {
                Some(words) => format!("it takes {words}"),
                None => format!("it has the form {pattern}"),
            };
            format!("cannot be {shown}: {wanted}")
        })
    }

    fn complaint_of_number(&self, value: &str) -> Option<String> {
        // Rust reads `inf` and `NaN` as numbers too.
        let Some(number) = value.parse::<f64>().ok().filter(|number| number.is_finite()) else {
            return Some(format!("cannot be {value:?}: it is a number"));
        };
        if self.least.is_some_and(|least| number < least) || self.most.is_some_and(|most| number > most) {
            let bound = |words: &str, bound: Option<f64>| bound.map(|bound| format!("{bound} {words}"));
            let bounds = [bound("at least", self.least), bound("at most", self.most)];
            let bounds: Vec<String> = bounds.into_iter().flatten().collect();
            return Some(format!("cannot be {value}: it is {}", bounds.join(" and ")));
        }
        None
    }
}

/// Reads the YAML of a template.
///
/// # Errors
///
/// [`Error`] when it is none.
pub(super) fn document(template: &str) -> Result<Yaml<'_>> {
    let documents = Yaml::load_from_str(template).map_err(|error| {
        Error::failed(format!(
            "the template is no YAML: {error}; use the release as it was published, or deploy one that is whole"
        ))
    })?;
    // What has no document has no member either.
    Ok(documents.into_iter().next().unwrap_or(Yaml::BadValue))
}

pub(super) fn member<'y, 'i>(node: &'y Yaml<'i>, name: &str) -> Option<&'y Yaml<'i>> {
    let Yaml::Mapping(members) = node else {
        return None;
    };
    let mut members = members.iter();
    let found = members.find(|(own, _)| own.as_str() == Some(name));
    found.map(|(_, value)| value)
}

/// Writes a single value as a template means it, and as a request has it.
pub(super) fn text(node: &Yaml<'_>) -> Option<String> {
    match node {
        Yaml::Value(Scalar::String(text)) => Some(text.to_string()),
        Yaml::Value(Scalar::Integer(number)) => Some(number.to_string()),
        Yaml::Value(Scalar::Boolean(flag)) => Some(flag.to_string()),
        Yaml::Value(Scalar::FloatingPoint(number)) => Some(number.into_inner().to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn of_the_template() -> Definitions {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");
        Definitions::read(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn refusal(set: &[&str]) -> String {
        let set: Vec<String> = set.iter().map(|set| (*set).to_owned()).collect();
        let settings = Settings::read(None, &set).unwrap();
        let refused = of_the_template().check(&settings).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Usage);
        refused.to_string()
    }

    #[test]
    fn every_default_of_the_template_is_a_value_that_it_takes_and_every_pattern_can_be_read() {
        let definitions = of_the_template();
        assert!(definitions.0.len() > 50, "the template's parameters are read");
        for (name, definition) in &definitions.0 {
            if let Some(pattern) = &definition.pattern {
                let read = Regex::new(&format!("^(?:{pattern})$"));
                assert!(read.is_ok(), "{name}: {pattern}: {read:?}");
            }
            let default = definition.default.as_deref().unwrap_or_else(|| panic!("{name}"));
            assert_eq!(definition.complaint(default), None, "{name}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_told_with_the_nearest_name() {
        let told = refusal(&["Environments=sandbox"]);
        assert_eq!(
            told,
            "there is no parameter Environments: did you mean Environment?"
        );
    }

    #[test]
    fn values_that_a_parameter_does_not_take_are_refused_all_at_once() {
        for (set, told) in [
            (
                "Environment=test",
                "Environment cannot be \"test\": it is one of live, sandbox, local",
            ),
            (
                "KeysRefreshMinutes=1",
                "KeysRefreshMinutes cannot be 1: it is 2 at least and 60 at most",
            ),
            (
                "KeysRefreshMinutes=often",
                "KeysRefreshMinutes cannot be \"often\": it is a number",
            ),
            (
                "LogRetentionDays=2",
                "LogRetentionDays cannot be \"2\": it is one of 1, 3, 5",
            ),
            (
                "KmsKeyArn=alias/mine",
                "KmsKeyArn cannot be \"alias/mine\": it has the form ^(arn:",
            ),
            (
                "PinnedKeys=x",
                "PinnedKeys cannot be \"x\": it takes thumbprints of keys (RFC 7638)",
            ),
            ("ArtifactsBucket=b", "ArtifactsBucket is not yours to set"),
        ] {
            assert!(refusal(&[set]).starts_with(told), "{}", refusal(&[set]));
        }
        let long = format!("WebhookPath=/{}", "a".repeat(128));
        assert!(
            refusal(&[&long]).contains("cannot have 129 characters: it takes 0 at least, and 128 at most")
        );
        assert_eq!(
            refusal(&["Environment=test", "LogLevel=TRACE"]).lines().count(),
            2
        );
    }

    #[test]
    fn what_is_given_and_differs_is_a_change_and_the_rest_stays() {
        let definitions = of_the_template();
        let present = Present::of(
            "UPDATE_COMPLETE",
            &[("Environment", "live"), ("LogLevel", "INFO")],
        );
        let set = [
            "Environment=sandbox".to_owned(),
            "LogLevel=INFO".to_owned(),
            "Tracing=PassThrough".to_owned(),
        ];
        let settings = Settings::read(None, &set).unwrap();
        let changes = definitions.changes(&settings, &present);
        let [change] = &changes[..] else {
            panic!("{changes:?}");
        };
        assert_eq!(
            (
                change.name.as_str(),
                change.before.as_deref(),
                change.after.as_str()
            ),
            ("Environment", Some("live"), "sandbox")
        );
        let values = definitions.values(&Settings::default(), &present).unwrap();
        let kept: Vec<_> = values.iter().filter_map(Parameter::parameter_key).collect();
        assert_eq!(kept, ["Environment", "LogLevel"]);
        assert!(
            values
                .iter()
                .all(|value| value.use_previous_value() == Some(true))
        );
    }

    #[test]
    fn a_value_that_nobody_is_to_see_is_in_no_text() {
        let template =
            "Parameters:\n  Token:\n    Type: String\n    NoEcho: true\n    AllowedPattern: ^[a-z]+$\n";
        let definitions = Definitions::read(template).unwrap();
        let given = |value: &str| Settings::read(None, &[format!("Token={value}")]).unwrap();
        let told = definitions.check(&given("S3CRET")).unwrap_err().to_string();
        assert!(!told.contains("S3CRET") && told.contains(HIDDEN), "{told}");
        let changes = definitions.changes(&given("secret"), &Present::of("", &[]));
        assert_eq!(changes[0].after, HIDDEN);
        let missing = definitions.values(&Settings::default(), &Present::of("", &[]));
        assert!(missing.unwrap_err().to_string().contains("--set Token=VALUE"));
    }
}
