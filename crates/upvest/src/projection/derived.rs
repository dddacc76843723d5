//! What is computed from an entity's state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Projection;
use crate::decimal::Decimal;
use crate::entity_key::at_path;

mod collections;
mod holdings;
mod ledger;
mod orders;
mod payments;
mod users;

/// A value computed from a projection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Derived {
    /// A yes or no.
    Flag(bool),
    /// A text, such as an exact decimal.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
}

impl Projection {
    /// What is computed from the state of an entity of this type, by attribute name.
    ///
    /// | entity type | attributes |
    /// |---|---|
    /// | `ORDER` | `filled_quantity`, `filled_amount`, `cancellation_reason` |
    /// | `USER`, `BUSINESS` | `cleared` |
    /// | `TOPUP`, `DIRECT_DEBIT`, `CREDIT_FUNDING`, `VIRTUAL_CASH_INCREASE` | `funds_available`, `cancellation_reason` |
    /// | `WITHDRAWAL`, `VIRTUAL_CASH_DECREASE` | `cancellation_reason` |
    /// | `CASH_BALANCE` | `cash_available` |
    /// | `CASH_TRANSACTION`, `SECURITY_TRANSACTION` | `cancels`, `charged_back` |
    /// | `FEE_COLLECTION`, `TAX_COLLECTION` | `processed_total`, `outstanding` |
    ///
    /// A value that needs a figure which is no decimal is left out; `unreadable` names the figure.
    #[must_use]
    pub fn derived(&self, entity_type: &str) -> BTreeMap<String, Derived> {
        let mut values = Values::default();
        match entity_type {
            "ORDER" => orders::derive(self, &mut values),
            "USER" | "BUSINESS" => users::derive(self, &mut values),
            "TOPUP" | "DIRECT_DEBIT" | "CREDIT_FUNDING" | "VIRTUAL_CASH_INCREASE" => {
                payments::derive_incoming(self, &mut values);
            }
            "WITHDRAWAL" | "VIRTUAL_CASH_DECREASE" => payments::derive_outgoing(self, &mut values),
            "CASH_BALANCE" => holdings::derive(self, &mut values),
            "CASH_TRANSACTION" | "SECURITY_TRANSACTION" => ledger::derive(self, &mut values),
            "FEE_COLLECTION" | "TAX_COLLECTION" => collections::derive(self, &mut values),
            _ => {}
        }
        values.finish()
    }

    /// The newest object, or null while there is none.
    pub(super) fn object(&self) -> Value {
        let object = self.snapshot.as_ref().map(|snapshot| snapshot.object.as_str());
        object
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default()
    }
}

/// A figure that is no decimal, by its place in the state.
struct Unreadable(String);

/// Collects derived values, and the figures that stood in their way.
#[derive(Default)]
struct Values {
    values: BTreeMap<String, Derived>,
    unreadable: Vec<String>,
}

impl Values {
    fn flag(&mut self, name: &str, value: bool) {
        self.values.insert(name.to_owned(), Derived::Flag(value));
    }

    /// Adds the text at `path` of an object under its own name, unless it is absent or empty.
    fn text_of(&mut self, object: &Value, path: &str) {
        let text = at_path(object, path).and_then(Value::as_str).unwrap_or_default();
        if !text.is_empty() {
            self.values
                .insert(path.to_owned(), Derived::Text(text.to_owned()));
        }
    }

    /// Adds a figure, or notes why there is none.
    fn figure(&mut self, name: &str, figure: Result<Decimal, Unreadable>) {
        match figure {
            Ok(figure) => {
                self.values
                    .insert(name.to_owned(), Derived::Text(figure.to_string()));
            }
            Err(Unreadable(place)) if self.unreadable.contains(&place) => {}
            Err(Unreadable(place)) => self.unreadable.push(place),
        }
    }

    fn finish(mut self) -> BTreeMap<String, Derived> {
        if !self.unreadable.is_empty() {
            self.values
                .insert("unreadable".to_owned(), Derived::Texts(self.unreadable));
        }
        self.values
    }
}

/// The decimal at `path` of an object that stands at `place` of the state.
fn decimal(object: &Value, path: &str, place: &str) -> Result<Decimal, Unreadable> {
    let text = at_path(object, path).and_then(Value::as_str);
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| Unreadable(format!("{place}{path}")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{event, fold};
    use super::*;

    /// The derived values of one event's entity.
    pub(super) fn derived(entity: &str, object: &str) -> BTreeMap<String, Derived> {
        fold(&[event("e1", 1, &format!("{entity}.STATE"), object)]).derived(entity)
    }

    pub(super) fn text(text: &str) -> Derived {
        Derived::Text(text.to_owned())
    }

    pub(super) fn unreadable(places: &[&str]) -> Derived {
        Derived::Texts(places.iter().map(|place| (*place).to_owned()).collect())
    }

    #[test]
    fn values_are_plain_json() {
        let values = [Derived::Flag(true), text("1.50"), unreadable(&["a"])];
        let json = serde_json::to_string(&values).unwrap();
        assert_eq!(json, r#"[true,"1.50",["a"]]"#);
        assert_eq!(serde_json::from_str::<Vec<Derived>>(&json).unwrap(), values);
    }

    #[test]
    fn most_entities_have_none() {
        assert_eq!(derived("REPORT", r#"{"id":"r"}"#), BTreeMap::new());
    }
}
