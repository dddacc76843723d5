//! What an `OpenAPI` document says of webhook events.

use std::collections::{BTreeMap, BTreeSet};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};
use upvest::category::name_of;

use crate::error::{Error, Result};

/// Bounds how many references are followed to one schema, so that some that lead to each other have an end.
const MAX_REFERENCES: usize = 32;

/// Names the members that hold webhooks: that of `OpenAPI` 3.1, and that of documents of `OpenAPI` 3.0.
const SECTIONS: [&str; 2] = ["webhooks", "x-webhooks"];

/// Points to the categories that a subscription may name.
const SUBSCRIPTION: &str = "/paths/~1webhooks/post/requestBody/content/application~1json/schema";

/// Holds an `OpenAPI` document, whatever its version is.
pub(super) struct Document(Value);

/// Says what a document says of events, and nothing else of it.
#[derive(Debug, Default)]
pub(super) struct Specification {
    pub(super) title: String,
    pub(super) version: String,
    /// Lists the categories that a subscription may name.
    subscribable: BTreeSet<String>,
    pub(super) events: Vec<EventSchema>,
}

/// Describes events whose objects have one schema.
#[derive(Debug)]
pub(super) struct EventSchema {
    pub(super) types: BTreeSet<String>,
    pub(super) fields: Fields,
}

/// Maps the path of a field of an object (`users[].id`) to its values, where the schema lists them.
pub(super) type Fields = BTreeMap<String, BTreeSet<String>>;

impl Specification {
    /// Lists the categories that events or a subscription may have.
    pub(super) fn categories(&self) -> BTreeSet<&str> {
        let of_types = self.event_types().into_iter().map(name_of);
        of_types
            .chain(self.subscribable.iter().map(String::as_str))
            .collect()
    }

    pub(super) fn event_types(&self) -> BTreeSet<&str> {
        let types = self.events.iter().flat_map(|event| &event.types);
        types.map(String::as_str).collect()
    }
}

impl Document {
    /// Reads a document that is written in YAML, of which JSON is a part.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let documents = Yaml::load_from_str(text)
            .map_err(|error| Error::usage(format!("it is neither YAML nor JSON: {error}")))?;
        Ok(Self(documents.first().map(to_json).unwrap_or_default()))
    }

    /// Collects what it says of events.
    pub(super) fn specification(&self) -> Result<Specification> {
        let info = |name: &str| self.0["info"][name].as_str().unwrap_or_default().to_owned();
        let mut specification = Specification {
            title: info("title"),
            version: info("version"),
            subscribable: self.subscribable(),
            events: Vec::new(),
        };
        let callbacks = SECTIONS.iter().filter_map(|section| self.0[section].as_object());
        for callback in callbacks.flat_map(Map::values) {
            let operations = callback.as_object().into_iter().flat_map(Map::values);
            let bodies = operations.filter_map(|operation| operation["requestBody"]["content"].as_object());
            for content in bodies.flat_map(Map::values) {
                self.collect_events(&content["schema"], None, &mut specification.events);
            }
        }
        match specification.events.is_empty() {
            true => Err(Error::usage(
                "it describes no webhook events: is it the OpenAPI specification of Upvest's Investment API?",
            )),
            false => Ok(specification),
        }
    }

    fn subscribable(&self) -> BTreeSet<String> {
        let mut fields = Fields::new();
        if let Some(schema) = self.0.pointer(SUBSCRIPTION) {
            self.collect_fields(schema, "", None, &mut fields);
        }
        let mut categories = fields.remove("type[]").unwrap_or_default();
        categories.remove("ALL");
        categories
    }

    /// Collects the events that a body may be or contain: what has an `object` and lists the values of its `type`.
    fn collect_events(&self, schema: &Value, around: Option<&Around<'_>>, events: &mut Vec<EventSchema>) {
        let schema = self.resolve(schema);
        if contains(around, schema) {
            return;
        }
        let around = Some(&Around { schema, around });
        let properties = &schema["properties"];
        let types = self.values(&properties["type"]);
        if properties["object"].is_object() && !types.is_empty() {
            let mut fields = Fields::new();
            self.collect_fields(&properties["object"], "", None, &mut fields);
            events.push(EventSchema { types, fields });
            return;
        }
        let members = properties.as_object().into_iter().flat_map(Map::values);
        for part in variants(schema).chain(members).chain(schema.get("items")) {
            self.collect_events(part, around, events);
        }
    }

    /// Collects the fields that objects of a schema may have, those of its variants together.
    fn collect_fields(&self, schema: &Value, path: &str, around: Option<&Around<'_>>, fields: &mut Fields) {
        let schema = self.resolve(schema);
        if contains(around, schema) {
            return;
        }
        let around = Some(&Around { schema, around });
        if !path.is_empty() {
            fields
                .entry(path.to_owned())
                .or_default()
                .extend(self.values(schema));
        }
        for variant in variants(schema) {
            self.collect_fields(variant, path, around, fields);
        }
        if let Some(items) = schema.get("items") {
            self.collect_fields(items, &format!("{path}[]"), around, fields);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let separator = if path.is_empty() { "" } else { "." };
            self.collect_fields(property, &format!("{path}{separator}{name}"), around, fields);
        }
    }

    /// Lists the texts that a schema allows, where it names them.
    fn values(&self, schema: &Value) -> BTreeSet<String> {
        let schema = self.resolve(schema);
        let listed = schema["enum"].as_array().into_iter().flatten();
        let texts = listed.chain(schema.get("const")).filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    /// Follows the references of a schema within the document, to a schema that is none.
    fn resolve<'s>(&'s self, mut schema: &'s Value) -> &'s Value {
        for _ in 0..MAX_REFERENCES {
            let target = schema["$ref"].as_str().and_then(|link| link.strip_prefix('#'));
            match target.and_then(|pointer| self.0.pointer(pointer)) {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }
}

/// Links a schema to those around it, from the inside out.
struct Around<'s> {
    schema: &'s Value,
    around: Option<&'s Self>,
}

/// Tells whether a schema is itself among those around it: it would never end.
fn contains(around: Option<&Around<'_>>, schema: &Value) -> bool {
    std::iter::successors(around, |outer| outer.around).any(|outer| std::ptr::eq(outer.schema, schema))
}

fn variants(schema: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["oneOf", "anyOf", "allOf"].into_iter();
    lists.flat_map(|name| schema[name].as_array().into_iter().flatten())
}

/// Takes over what a schema is made of: texts, lists and maps. Nothing that is compared is a number or a date.
fn to_json(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Tagged(_, node) => to_json(node),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(members) => {
            let named = members
                .iter()
                .filter_map(|(name, value)| Some((name.as_str()?, value)));
            named
                .map(|(name, value)| (name.to_owned(), to_json(value)))
                .collect()
        }
        Yaml::Value(Scalar::String(text)) => Value::from(text.as_ref()),
        Yaml::Value(Scalar::Boolean(flag)) => Value::from(*flag),
        _ => Value::Null,
    }
}
