//! What Upvest's documentation names as the uses of webhooks, as docs/use-cases tells them: which changes are published,
//! and which of them the event patterns on those pages select.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use upvest::Event;

use super::sender::{Sender, event, new_id};
use super::stack::{Stack, last};

mod deposits;
mod orders;
mod payments;
mod reports;
mod users;

/// A stack, and a sender that it knows.
struct Case {
    stack: Stack,
    sender: Sender,
}

/// Something that events tell about, under a fresh id.
struct Subject {
    category: &'static str,
    object: Value,
}

impl Case {
    async fn new() -> Self {
        let stack = Stack::shared().await;
        let sender = Sender::known(&stack).await;
        Self { stack, sender }
    }

    /// Delivers events, of which the last is to be published, and returns all changes of its entity that were published
    /// so far, in the order of what they tell about.
    ///
    /// Events of an entity are processed one after another: once the last is published, all before it are done.
    async fn deliver(&self, events: &[String]) -> Vec<Value> {
        self.stack.deliver(&self.sender.delivery(events)).await;
        let last = events.last().expect("there is an event");
        let last = Event::parse(last).expect("the event is well-formed");
        let entity = last.entity_key().expect("the event names its entity");
        let changes = self.stack.published(entity.as_str(), last.id()).await;
        changes.iter().for_each(check_form);
        changes
    }

    /// The types of the changes that the `number`th event pattern on a page selects.
    async fn selected<'c>(&self, page: &str, number: usize, changes: &'c [Value]) -> Vec<&'c str> {
        let pattern = patterns(page)[number];
        let mut selected = Vec::new();
        for change in changes {
            if self.stack.selects(pattern, change).await {
                selected.push(event_type(change));
            }
        }
        selected
    }

    /// An entity's status, and the event that it was changed by last.
    async fn state(&self, subject: &Subject) -> (String, String) {
        let state = self.stack.entity(&subject.key()).await;
        let state = state.expect("the entity has a state");
        let status = state.projection.status().unwrap_or_default();
        (status.to_owned(), last(&state).event_type.clone())
    }
}

impl Subject {
    /// `object` is what its events have in common, without id and status.
    fn new(category: &'static str, mut object: Value) -> Self {
        object["id"] = json!(new_id());
        Self { category, object }
    }

    fn id(&self) -> &str {
        self.object["id"].as_str().expect("the id is a text")
    }

    /// Its key, if it is an entity of its own.
    fn key(&self) -> String {
        format!("{}#{}", self.category, self.id())
    }

    /// The event that it has a status, some minutes into the story.
    fn event(&self, minute: u8, status: &str) -> String {
        self.event_with(minute, status, &json!({ "status": status }))
    }

    /// An event with more fields than all have.
    fn event_with(&self, minute: u8, state: &str, fields: &Value) -> String {
        let mut object = self.object.clone();
        for (name, value) in fields.as_object().into_iter().flatten() {
            object[name] = value.clone();
        }
        at(minute, &format!("{}.{state}", self.category), &object)
    }
}

/// An event some minutes into the story.
fn at(minute: u8, event_type: &str, object: &Value) -> String {
    event(&new_id(), event_type, object).replace("T17:00:00", &format!("T17:{minute:02}:00"))
}

/// The event patterns on a page, in their order.
fn patterns(page: &str) -> Vec<&str> {
    let blocks = page.split("```json\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    blocks
        .filter(|block| block.contains(r#""source": ["upvest-webhooks"]"#))
        .collect()
}

/// A change has the form that is promised to its subscribers.
fn check_form(change: &Value) {
    let schema = include_str!("../../../events/schemas/change.v1.schema.json");
    let schema = serde_json::from_str(schema).expect("the schema is JSON");
    let schema = jsonschema::validator_for(&schema).expect("the schema is one");
    let detail = &change["detail"];
    let errors: Vec<String> = schema
        .iter_errors(detail)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, [""; 0], "{detail}");
    assert_eq!(change["detail-type"], detail["event"]["type"]);
}

fn event_type(change: &Value) -> &str {
    change["detail-type"].as_str().expect("a change has a type")
}

fn types(changes: &[Value]) -> Vec<&str> {
    changes.iter().map(event_type).collect()
}

/// The status after each change.
fn statuses(changes: &[Value]) -> Vec<Option<&str>> {
    let status = |change| current(change)["status"].as_str();
    changes.iter().map(status).collect()
}

/// Lists the changes that are told as late.
fn late(changes: &[Value]) -> Vec<&str> {
    let late = changes.iter().filter(|change| change["detail"]["late"] == true);
    late.map(event_type).collect()
}

/// Lists the changes that set or cleared a flag, and which way.
fn turns<'c>(changes: &'c [Value], flag: &str) -> Vec<(&'c str, bool)> {
    let turn = |change: &'c Value| {
        Some((
            event_type(change),
            change["detail"]["flags_changed"][flag].as_bool()?,
        ))
    };
    changes.iter().filter_map(turn).collect()
}

/// Gives what a published change says of the entity after it.
fn current(change: &Value) -> &Value {
    &change["detail"]["current"]
}

/// A computed value after each change; null where there is none.
fn derived<'c>(changes: &'c [Value], name: &str) -> Vec<&'c Value> {
    changes
        .iter()
        .map(|change| &current(change)["derived"][name])
        .collect()
}

/// The other entities that a change names.
fn related(change: &Value) -> BTreeSet<&str> {
    let keys = change["detail"]["related"].as_array().into_iter().flatten();
    keys.filter_map(Value::as_str).collect()
}
