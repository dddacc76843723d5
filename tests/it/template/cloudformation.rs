//! Reads a CloudFormation template: tags in their long form, loops written out.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// The template that is deployed.
const MAIN: &str = "template.yaml";

/// Holds a template as CloudFormation sees it after its language extensions ran.
pub(crate) struct Template(Value);

impl Template {
    /// Reads the template of this repository.
    pub(crate) fn read() -> Self {
        Self::read_file(MAIN)
    }

    /// Reads the template in a file of this repository.
    pub(crate) fn read_file(path: &str) -> Self {
        let mut template = as_written(path);
        let mappings = template["Mappings"].clone();
        for section in ["Resources", "Outputs"] {
            let written_out = without_loops(&template[section]);
            template[section] = resolve(written_out, &mappings);
        }
        Self(template)
    }

    /// Gives the entries of a section.
    pub(crate) fn section(&self, name: &str) -> &Map<String, Value> {
        self.0[name].as_object().expect("a section is a map")
    }

    /// Lists what a loop of a section runs over.
    pub(crate) fn loop_over(name: &str, section: &str) -> Vec<String> {
        let template = as_written(MAIN);
        let list = template[section][format!("Fn::ForEach::{name}")][1].as_array();
        let list = list.expect("the loop has a list");
        list.iter().map(|item| text_of(item).to_owned()).collect()
    }

    /// Lists the resources of a type, by logical id.
    pub(crate) fn resources<'t>(
        &'t self,
        resource_type: &'t str,
    ) -> impl Iterator<Item = (&'t str, &'t Value)> {
        let resources = self.section("Resources").iter();
        resources
            .filter(move |(_, resource)| resource["Type"] == resource_type)
            .map(|(name, resource)| (name.as_str(), resource))
    }

    /// Gives the properties of a resource.
    pub(crate) fn properties(&self, name: &str) -> &Value {
        let resource = self.section("Resources").get(name);
        &resource.unwrap_or_else(|| panic!("the template has a {name}"))["Properties"]
    }
}

/// Reads a text of the template.
pub(crate) fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text"))
}

/// Finds the logical id that a `Ref` or `Fn::GetAtt` names, or the parameter of which `Fn::Split` makes a list.
pub(crate) fn target(value: &Value) -> &str {
    let named = [
        &value["Ref"],
        &value["Fn::GetAtt"][0],
        &value["Fn::Split"][1]["Ref"],
    ];
    let named = named.into_iter().find_map(Value::as_str);
    named.unwrap_or_else(|| panic!("{value} refers to a resource"))
}

/// Lists one or several values, as CloudFormation lets both be written.
pub(crate) fn one_or_more(value: &Value) -> Vec<&Value> {
    value
        .as_array()
        .map_or_else(|| vec![value], |values| values.iter().collect())
}

/// Gives what stands in the template while its condition holds.
pub(crate) fn when_true(value: &Value) -> &Value {
    value.get("Fn::If").map_or(value, |branches| &branches[1])
}

/// Reads a template as its file has it, loops and all.
pub(crate) fn as_written(path: &str) -> Value {
    parse(&repository_file(path))
}

/// Parses a template as it is written, but for its tags.
pub(crate) fn parse(text: &str) -> Value {
    to_json(&Yaml::load_from_str(text).expect("a template is YAML")[0])
}

/// Reads a text file of this repository.
pub(crate) fn repository_file(path: &str) -> String {
    let path = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
}

fn to_json(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Tagged(tag, node) => long_form(&tag.suffix, to_json(node)),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(members) => {
            let members = members.iter();
            members
                .map(|(name, value)| (name.as_str().expect("names are texts").to_owned(), to_json(value)))
                .collect()
        }
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            panic!("the template has YAML that this reader does not expect: {node:?}")
        }
    }
}

fn long_form(tag: &str, argument: Value) -> Value {
    match (tag, &argument) {
        ("Ref" | "Condition", _) => json!({ tag: argument }),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').expect("GetAtt names an attribute");
            json!({ "Fn::GetAtt": [resource, attribute] })
        }
        _ => json!({ format!("Fn::{tag}"): argument }),
    }
}

fn without_loops(section: &Value) -> Value {
    let mut entries = Map::new();
    for (name, body) in section.as_object().into_iter().flatten() {
        if !name.starts_with("Fn::ForEach::") {
            entries.insert(name.clone(), body.clone());
            continue;
        }
        for item in body[1].as_array().expect("a loop has a list") {
            let round = substitute(&body[2], text_of(&body[0]), text_of(item));
            entries.extend(round.as_object().cloned().expect("a loop has a body"));
        }
    }
    Value::Object(entries)
}

fn substitute(value: &Value, variable: &str, item: &str) -> Value {
    let in_text = |text: &str| text.replace(&format!("${{{variable}}}"), item);
    match value {
        Value::String(text) => json!(in_text(text)),
        Value::Array(items) => items
            .iter()
            .map(|value| substitute(value, variable, item))
            .collect(),
        Value::Object(_) if *value == json!({ "Ref": variable }) => json!(item),
        Value::Object(members) => {
            let members = members.iter();
            members
                .map(|(name, value)| (in_text(name), substitute(value, variable, item)))
                .collect()
        }
        other => other.clone(),
    }
}

/// Evaluates the functions whose arguments are known.
fn resolve(value: Value, mappings: &Value) -> Value {
    let value = match value {
        Value::Array(items) => items.into_iter().map(|value| resolve(value, mappings)).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, resolve(value, mappings)))
            .collect(),
        other => other,
    };
    let known = |value: &Value| value.as_str().is_some_and(|text| !text.contains("${"));
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    if known(&value["Fn::Sub"]) {
        return value["Fn::Sub"].clone();
    }
    let path = list(&value["Fn::FindInMap"]);
    if path.len() == 3 && path.iter().all(known) {
        return path
            .iter()
            .fold(mappings, |map, name| &map[text_of(name)])
            .clone();
    }
    let choices = list(&value["Fn::Select"][1]);
    let index = value["Fn::Select"][0]
        .as_str()
        .and_then(|index| index.parse::<usize>().ok());
    if let Some(choice) = index.and_then(|index| choices.get(index)) {
        return choice.clone();
    }
    let parts = list(&value["Fn::Join"][1]);
    if !parts.is_empty() && parts.iter().all(known) {
        let parts: Vec<&str> = parts.iter().map(text_of).collect();
        return json!(parts.join(text_of(&value["Fn::Join"][0])));
    }
    value
}
