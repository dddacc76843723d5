//! What events were about, as the API gives it out: the newest object of each entity.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use upvest::Event;
use upvest::time::Instant;

/// Lists the categories whose objects the API gives out. Reports have a store of their own.
pub(crate) const CATEGORIES: [&str; 19] = [
    "USER",
    "USER_CHECK",
    "ACCOUNT",
    "ACCOUNT_GROUP",
    "ORDER",
    "EXECUTION",
    "DIRECT_DEBIT",
    "WITHDRAWAL",
    "FEE_COLLECTION",
    "INSTRUMENT",
    "PORTFOLIO_ALLOCATION",
    "PORTFOLIO_ORDER",
    "POSITION",
    "CASH_BALANCE",
    "ACCOUNT_VALUATION",
    "ACCOUNT_RETURNS",
    "CASH_TRANSACTION",
    "SECURITY_TRANSACTION",
    "ACCOUNT_LIQUIDATION",
];

/// Holds the newest objects, by category and id; those without an id by what else tells them apart, joined by `#`.
#[derive(Debug, Default)]
pub(crate) struct Resources(BTreeMap<(String, String), Held>);

#[derive(Debug)]
struct Held {
    /// Tells when the event was created that brought it; `None` for one that was put in its place.
    created_at: Option<Instant>,
    object: Value,
}

impl Resources {
    /// Takes an event's object, unless a newer one is there. Of one instant, the one that happened last is the newest.
    pub(crate) fn take(&mut self, event: &Event<'_>) {
        if !CATEGORIES.contains(&event.category_name()) {
            return;
        }
        let object: Value = serde_json::from_str(event.object().get()).unwrap_or_default();
        // Some events, such as a failed change of data, have no object of their own.
        let Some(id) = id_of(event.category_name(), &object) else {
            return;
        };
        let key = (event.category_name().to_owned(), id);
        let created_at = event.created_at();
        if self.0.get(&key).is_none_or(|held| held.created_at <= created_at) {
            self.0.insert(key, Held { created_at, object });
        }
    }

    /// Puts an object in the place of the one with its id.
    pub(crate) fn put(&mut self, category: &str, object: Value) {
        if let Some(id) = id_of(category, &object) {
            let key = (category.to_owned(), id);
            let held = Held {
                // The time of the event before stays, so that only a newer event takes the place again.
                created_at: self.0.get(&key).and_then(|held| held.created_at),
                object,
            };
            self.0.insert(key, held);
        }
    }

    /// Takes an object away. `false` when there is none.
    pub(crate) fn remove(&mut self, category: &str, id: &str) -> bool {
        self.0.remove(&(category.to_owned(), id.to_owned())).is_some()
    }

    /// Finds the newest object of that id, as its last event had it.
    pub(crate) fn one(&self, category: &str, id: &str) -> Option<Value> {
        let held = self.0.get(&(category.to_owned(), id.to_owned()))?;
        Some(self.complete(category, held.object.clone()))
    }

    /// Lists the objects of a category whose member, if one is named, has the value.
    pub(crate) fn all(&self, category: &str, member: Option<(&str, &str)>) -> Vec<Value> {
        let of_category = self.0.iter().filter(|((own, _), _)| own == category);
        let objects = of_category.map(|(_, held)| &held.object);
        let matching =
            objects.filter(|object| member.is_none_or(|(name, value)| object[name].as_str() == Some(value)));
        matching
            .map(|object| self.complete(category, object.clone()))
            .collect()
    }

    /// Completes an object as the API gives it out: an order has its executions, as they are by now.
    fn complete(&self, category: &str, mut object: Value) -> Value {
        if category == "ORDER" {
            let executions = self.all(
                "EXECUTION",
                Some(("order_id", object["id"].as_str().unwrap_or_default())),
            );
            if !executions.is_empty() {
                object["executions"] = json!(executions);
            }
        }
        object
    }
}

fn id_of(category: &str, object: &Value) -> Option<String> {
    if let Some(id) = object["id"].as_str() {
        return Some(id.to_owned());
    }
    let fields = upvest::category::of(category).key.iter();
    let values = fields.map(|path| object.pointer(&format!("/{}", path.replace('.', "/")))?.as_str());
    Some(values.collect::<Option<Vec<_>>>()?.join("#"))
}
