//! `entities`: the current state of what events are about.

mod verify;
#[cfg(test)]
mod verify_tests;

use std::collections::BTreeMap;

use clap::Subcommand;
use pipeline::error::AwsError;
use pipeline::stores::entities::{Entities, EntityError, Stored};
use pipeline::stores::events::LogError;
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::EntityKey;
use upvest::projection::{Derived, Projection, Snapshot};

use crate::output::{self, Report, facts, pretty};
use crate::stack::{Stack, StackError};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show an entity: status, history, parts, and its latest object
    ///
    /// Example: upvest-webhooks entities show ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4
    Show {
        /// The entity, written TYPE#ID
        entity: String,
    },
    /// Compare entities with what their events in the log say
    Verify(verify::Verify),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntitiesError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Entity(#[from] EntityError),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("no entity {0}: entities are written TYPE#ID, like ORDER#9fc8c651-...")]
    None(EntityKey),
    #[error("the object of {entity} in the entities table is not JSON")]
    NotJson {
        entity: EntityKey,
        source: serde_json::Error,
    },
}

/// The result of either command.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum EntitiesReport {
    Shown(Box<EntityReport>),
    Verified(verify::Verified),
}

/// An entity's state.
#[derive(Debug, Serialize)]
pub(crate) struct EntityReport {
    entity: String,
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_back_from: Option<String>,
    derived: BTreeMap<String, Derived>,
    /// The other entities that the object names.
    related: Vec<String>,
    last_event: Event,
    /// The event that brought the object.
    object_event: Option<Event>,
    version: u64,
    /// The events whose actions failed, and wait for a retry or a redrive.
    unfinished: Vec<String>,
    /// Each status with the time when the entity had it last, in the order of these times.
    history: Vec<Step>,
    parts: BTreeMap<String, Vec<Part>>,
    object: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
struct Event {
    event_id: String,
    r#type: String,
    occurred_at: String,
}

#[derive(Debug, Serialize)]
struct Step {
    status: String,
    occurred_at: String,
}

#[derive(Debug, Serialize)]
struct Part {
    id: String,
    status: Option<String>,
    r#type: String,
    occurred_at: String,
    object: Option<Box<RawValue>>,
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(self, stack: &Stack) -> Result<EntitiesReport, EntitiesError> {
        match self {
            Self::Show { entity } => Ok(EntitiesReport::Shown(Box::new(show(stack, entity).await?))),
            Self::Verify(verify) => Ok(EntitiesReport::Verified(verify.run(stack).await?)),
        }
    }
}

async fn show(stack: &Stack, entity: String) -> Result<EntityReport, EntitiesError> {
    let entity = EntityKey::from_stored(entity);
    let client = aws_sdk_dynamodb::Client::new(stack.config());
    let stored = Entities::new(client, stack.entities_table()?)
        .load(&entity)
        .await?;
    let Some(stored) = stored else {
        return Err(EntitiesError::None(entity));
    };
    EntityReport::of(&entity, &stored).map_err(|source| EntitiesError::NotJson { entity, source })
}

impl Report for EntitiesReport {
    fn text(&self) -> String {
        match self {
            Self::Shown(entity) => entity.text(),
            Self::Verified(verified) => verified.text(),
        }
    }

    fn succeeded(&self) -> bool {
        match self {
            Self::Shown(_) => true,
            Self::Verified(verified) => verified.succeeded(),
        }
    }
}

impl EntityReport {
    fn of(entity: &EntityKey, stored: &Stored) -> Result<Self, serde_json::Error> {
        let state = &stored.projection;
        let mut history: Vec<_> = state.history.iter().collect();
        history.sort_by_key(|(_, occurred)| *occurred);
        let steps = history.into_iter().map(|(status, occurred)| Step {
            status: status.clone(),
            occurred_at: occurred.instant().to_owned(),
        });
        Ok(Self {
            entity: entity.to_string(),
            status: state.status().map(str::to_owned),
            moved_back_from: state.moved_back_from().map(str::to_owned),
            derived: state.derived(entity.entity_type()),
            related: state.related(entity).iter().map(EntityKey::to_string).collect(),
            last_event: Event {
                event_id: state.last.occurred.event_id().to_owned(),
                r#type: state.last.event_type.clone(),
                occurred_at: state.last.occurred.instant().to_owned(),
            },
            object_event: state.snapshot.as_ref().map(Event::of),
            version: stored.version,
            unfinished: stored.unfinished.keys().cloned().collect(),
            history: steps.collect(),
            parts: parts(state)?,
            object: state.snapshot.as_ref().map(object).transpose()?.flatten(),
        })
    }
}

fn parts(state: &Projection) -> Result<BTreeMap<String, Vec<Part>>, serde_json::Error> {
    let mut maps = BTreeMap::new();
    for (name, parts) in &state.parts {
        let mut parts: Vec<_> = parts.iter().collect();
        parts.sort_by_key(|(_, part)| &part.occurred);
        let parts = parts.into_iter().map(|(id, part)| {
            Ok(Part {
                id: id.clone(),
                status: part.status.clone(),
                r#type: part.event_type.clone(),
                occurred_at: part.occurred.instant().to_owned(),
                object: object(part)?,
            })
        });
        maps.insert(name.clone(), parts.collect::<Result<_, serde_json::Error>>()?);
    }
    Ok(maps)
}

/// The object, unless it was too large for the table.
fn object(snapshot: &Snapshot) -> Result<Option<Box<RawValue>>, serde_json::Error> {
    let object = Some(snapshot.object.clone()).filter(|object| !object.is_empty());
    object.map(RawValue::from_string).transpose()
}

impl Event {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            event_id: snapshot.occurred.event_id().to_owned(),
            r#type: snapshot.event_type.clone(),
            occurred_at: snapshot.occurred.instant().to_owned(),
        }
    }

    fn text(&self) -> String {
        format!("{} at {}, event {}", self.r#type, self.occurred_at, self.event_id)
    }
}

fn list(texts: &[String]) -> Option<String> {
    Some(texts.join(", ")).filter(|list| !list.is_empty())
}

fn shown(value: &Derived) -> String {
    match value {
        Derived::Text(text) => text.clone(),
        Derived::Flag(true) => "yes".to_owned(),
        Derived::Flag(false) => "no".to_owned(),
        Derived::Texts(texts) => texts.join(", "),
    }
}

impl Report for EntityReport {
    fn text(&self) -> String {
        let names = self
            .derived
            .keys()
            .map(|name| name.replace('_', " "))
            .collect::<Vec<_>>();
        let derived = names.iter().map(String::as_str).zip(self.derived.values());
        let mut rows = vec![
            ("entity", Some(self.entity.clone())),
            ("status", self.status.clone()),
            ("moved back from", self.moved_back_from.clone()),
        ];
        rows.extend(derived.map(|(name, value)| (name, Some(shown(value)))));
        rows.push((
            "related",
            Some(self.related.join(", ")).filter(|list| !list.is_empty()),
        ));
        rows.push(("last event", Some(self.last_event.text())));
        rows.push(("object from", self.object_event.as_ref().map(Event::text)));
        rows.push(("version", Some(self.version.to_string())));
        rows.push(("unfinished", list(&self.unfinished)));
        let mut text = facts(rows);
        if !self.history.is_empty() {
            let mut table = output::table(["status", "last at"]);
            for step in &self.history {
                table.add_row([&step.status, &step.occurred_at]);
            }
            text.push_str(&format!("\nhistory\n{table}\n"));
        }
        for (name, parts) in &self.parts {
            let mut table = output::table(["id", "status", "last event", "occurred"]);
            for part in parts {
                let status = part.status.as_deref().unwrap_or_default();
                table.add_row([part.id.as_str(), status, &part.r#type, &part.occurred_at]);
            }
            text.push_str(&format!("\n{name}\n{table}\n"));
        }
        match &self.object {
            Some(object) => text.push_str(&format!("\nobject\n{}\n", pretty(object.get()))),
            None if self.object_event.is_some() => text.push_str(
                "\nobject\ntoo large for the entities table: see the event that it is from, with `events show`\n",
            ),
            None => {}
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use pipeline::stores::entities::{AppliedEvents, Transition};
    use upvest::Event as WebhookEvent;

    use super::*;

    fn order() -> EntityReport {
        let events = [
            r#"{"id":"e2","type":"EXECUTION.FILLED","created_at":"2026-01-05T09:30:02Z","object":{"id":"x1","order_id":"o1","share_quantity":"6","cash_amount":"511.32","status":"FILLED"}}"#,
            r#"{"id":"e1","type":"ORDER.NEW","created_at":"2026-01-05T09:30:00Z","object":{"id":"o1","status":"NEW","quantity":"6"}}"#,
            r#"{"id":"e3","type":"ORDER.FILLED","created_at":"2026-01-05T09:30:03Z","object":{"id":"o1","status":"FILLED","quantity":"6"}}"#,
        ];
        let fold = |state, json: &&'static str| {
            let event = WebhookEvent::parse(json).unwrap();
            Some(Projection::fold(state, &event).0)
        };
        let unfinished = Transition {
            event_id: "e2".to_owned(),
            previous: None,
        };
        let stored = Stored {
            projection: events.iter().fold(None, fold).unwrap(),
            version: 3,
            last_change: None,
            applied: AppliedEvents::default(),
            unfinished: BTreeMap::from([("e2".to_owned(), unfinished)]),
        };
        EntityReport::of(&EntityKey::from_stored("ORDER#o1".to_owned()), &stored).unwrap()
    }

    #[test]
    fn an_order_shows_status_derived_values_history_executions_and_object() {
        let text = order().text();
        for expected in [
            "status           FILLED",
            "filled quantity  6",
            "filled amount    511.32",
            "unfinished       e2",
            "last event       ORDER.FILLED at 2026-01-05T09:30:03.000000000Z, event e3",
            "\nhistory\n",
            "\nexecutions\n",
            "x1",
            "\nobject\n{\n  \"id\": \"o1\",\n  \"status\": \"FILLED\",\n  \"quantity\": \"6\"\n}\n",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in\n{text}");
        }
        let (new, filled) = (text.find("NEW").unwrap(), text.rfind(" FILLED ").unwrap());
        assert!(new < filled, "{text}");
    }

    #[test]
    fn the_json_document_has_the_objects_verbatim() {
        let json: serde_json::Value = serde_json::to_value(order()).unwrap();
        assert_eq!(json["status"], "FILLED");
        assert_eq!(json["derived"]["filled_quantity"], "6");
        assert_eq!(json["history"][0]["status"], "NEW");
        assert_eq!(json["parts"]["executions"][0]["object"]["cash_amount"], "511.32");
        assert_eq!(json["object"]["quantity"], "6");
    }
}
