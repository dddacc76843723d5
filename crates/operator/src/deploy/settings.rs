//! What an operator gives: parameters and tags, of a file or of the command line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::error::{Error, Result};

/// Holds values of parameters by name, as an operator gave them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, String>);

/// Says what the members of an entry are called in a list, and what it is an entry of.
#[derive(Clone, Copy)]
struct Form {
    name: &'static str,
    value: &'static str,
    what: &'static str,
}

const PARAMETERS: Form = Form {
    name: "ParameterKey",
    value: "ParameterValue",
    what: "parameters",
};
const TAGS: Form = Form {
    name: "Key",
    value: "Value",
    what: "tags",
};
/// Keeps a parameter in a list of CloudFormation's as it is, which is what one that is not given is anyway.
const KEEP: &str = "UsePreviousValue";

impl Settings {
    /// Holds these values, which a program gives.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(values.into_iter().collect())
    }

    /// Reads a file of parameters, and then `Name=Value` for each of `set`, which win. The file is JSON: an object of names and
    /// values, or CloudFormation's list of `ParameterKey` and `ParameterValue`.
    ///
    /// # Errors
    ///
    /// [`Error`] of the kind usage where one of them is neither.
    pub fn read(file: Option<&Path>, set: &[String]) -> Result<Self> {
        entries(file, set, PARAMETERS, "--set").map(Self)
    }

    /// Gives the value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Goes through all values by the names of their parameters.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Adds values to a copy of these.
    pub(super) fn with(&self, more: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(self.0.clone().into_iter().chain(more).collect())
    }
}

/// Reads tags of a file and of `Name=Value`, in the forms that parameters have.
///
/// # Errors
///
/// [`Error`] of the kind usage where one of them is neither.
pub fn tags(file: Option<&Path>, given: &[String]) -> Result<BTreeMap<String, String>> {
    entries(file, given, TAGS, "--tag")
}

fn entries(
    file: Option<&Path>,
    given: &[String],
    form: Form,
    option: &str,
) -> Result<BTreeMap<String, String>> {
    let mut entries = match file {
        Some(file) => of_file(file, form)?,
        None => BTreeMap::new(),
    };
    for pair in given {
        let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Error::usage(format!(
                "{option} takes Name=Value, and not {pair:?}"
            )));
        };
        entries.insert(name.to_owned(), value.to_owned());
    }
    Ok(entries)
}

fn of_file(file: &Path, form: Form) -> Result<BTreeMap<String, String>> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(Error::context(format!(
        "cannot read the {} in {shown}",
        form.what
    )))?;
    let document: Value = serde_json::from_str(&text).map_err(|error| {
        Error::usage(format!(
            "{shown} is not JSON ({error}): it is an object of names and values, {{\"Name\": \"Value\"}}"
        ))
    })?;
    let read = match document {
        Value::Object(_) => of_object(&text),
        Value::Array(items) => of_list(&items, form),
        _ => Err("it is neither an object of names and values nor a list".to_owned()),
    };
    read.map_err(|why| Error::usage(format!("the {} in {shown} cannot be read: {why}", form.what)))
}

/// Reads an object once more, because `serde_json` keeps the last of members with one name, and tells nothing.
fn of_object(json: &str) -> Result<BTreeMap<String, String>, String> {
    let Members(members) = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let mut entries = BTreeMap::new();
    for (name, value) in members {
        let given = text(&name, &value)?;
        if entries.insert(name.clone(), given).is_some() {
            return Err(format!("{name} is in the object twice"));
        }
    }
    Ok(entries)
}

/// Holds the members of an object as they are written, one name twice where it is written twice.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

fn of_list(items: &[Value], form: Form) -> Result<BTreeMap<String, String>, String> {
    let Form { name, value, .. } = form;
    let mut entries = BTreeMap::new();
    for (number, item) in items.iter().enumerate() {
        let number = number + 1;
        let unlike = || format!("entry {number} of the list is not {{\"{name}\": ..., \"{value}\": ...}}");
        let members = item.as_object().ok_or_else(unlike)?;
        let key = members.get(name).and_then(Value::as_str).ok_or_else(unlike)?;
        let is_kept = members.get(KEEP) == Some(&Value::Bool(true));
        let is_known = |own: &String| [name, value, KEEP].contains(&own.as_str());
        if !members.keys().all(is_known) {
            return Err(unlike());
        }
        if is_kept {
            continue;
        }
        let given = text(key, members.get(value).ok_or_else(unlike)?)?;
        if entries.insert(key.to_owned(), given).is_some() {
            return Err(format!("{key} is in the list twice"));
        }
    }
    Ok(entries)
}

/// Writes a value as CloudFormation takes it.
fn text(name: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(format!(
            "the value of {name} is no text: lists are texts with commas"
        )),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::NamedTempFile;

    use super::*;

    fn read(content: &str, set: &[&str]) -> Result<Settings> {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let set: Vec<String> = set.iter().map(|set| (*set).to_owned()).collect();
        Settings::read(Some(file.path()), &set)
    }

    #[test]
    fn both_forms_of_a_file_say_the_same_and_the_command_line_wins() {
        let object = r#"{"Environment": "live", "CanaryMinutes": 5, "CreateEventBus": true}"#;
        let list = r#"[{"ParameterKey": "Environment", "ParameterValue": "live"},
            {"ParameterKey": "CanaryMinutes", "ParameterValue": "5"},
            {"ParameterKey": "CreateEventBus", "ParameterValue": "true"},
            {"ParameterKey": "LogLevel", "UsePreviousValue": true}]"#;
        let set = ["Environment=sandbox", "PublicUrl="];
        let object = read(object, &set).unwrap();
        assert_eq!(object, read(list, &set).unwrap());
        let values: Vec<_> = object.iter().collect();
        assert_eq!(
            values,
            [
                ("CanaryMinutes", "5"),
                ("CreateEventBus", "true"),
                ("Environment", "sandbox"),
                ("PublicUrl", "")
            ]
        );
    }

    #[test]
    fn a_file_of_neither_form_is_refused_with_what_is_wrong_with_it() {
        for (content, told) in [
            ("Environment: live", "is not JSON"),
            ("7", "neither an object"),
            (r#"{"Environment": null}"#, "the value of Environment is no text"),
            (r#"{"VpcSubnetIds": ["subnet-1"]}"#, "lists are texts with commas"),
            (
                r#"{"A": "b", "Environment": "sandbox", "A": "b"}"#,
                "A is in the object twice",
            ),
            (r#"["Environment=live"]"#, "entry 1 of the list is not"),
            (
                r#"[{"ParameterKey": "A", "ParameterValue": "b"}, {"Environment": "live"}]"#,
                "entry 2 of the list is not",
            ),
            (
                r#"[{"ParameterKey": "A", "ParameterValue": "b", "Environment": "live"}]"#,
                "entry 1 of the list is not",
            ),
            (
                r#"[{"ParameterKey": "A", "ParameterValue": "b"}, {"ParameterKey": "A", "ParameterValue": "c"}]"#,
                "A is in the list twice",
            ),
        ] {
            let error = read(content, &[]).unwrap_err();
            assert!(
                error.kind() == crate::ErrorKind::Usage && error.to_string().contains(told),
                "{error}"
            );
        }
        let error = Settings::read(None, &["Environment".to_owned()]).unwrap_err();
        assert!(error.to_string().starts_with("--set takes Name=Value"), "{error}");
        let error = tags(None, &["=x".to_owned()]).unwrap_err();
        assert!(error.to_string().starts_with("--tag takes Name=Value"), "{error}");
    }
}
