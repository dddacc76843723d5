//! What is computed from one object alone, when it becomes the newest of its entity.

use super::value::Values;
use crate::json::Object;

mod collections;
mod holdings;
mod ledger;

/// Names the value that lists the figures which are no decimals.
pub(super) const UNREADABLE: &str = "unreadable";

/// Begins the place of a figure in the newest object; a path into the object follows.
const IN_OBJECT: &str = "object.";

/// Names all that is computed here. Values of parts and of the status have other names, so that a table that keeps all
/// of them beside each other can be read back.
const OF_OBJECT: [&str; 6] = [
    "cancellation_reason",
    "cancels",
    "cash_available",
    "charged_back",
    "outstanding",
    "processed_total",
];

/// Computes what an object of an entity of this type says.
pub(super) fn of_object(entity_type: &str, object: &Object<'_>) -> Values {
    let mut values = Values::default();
    match entity_type {
        "ORDER"
        | "TOPUP"
        | "DIRECT_DEBIT"
        | "CREDIT_FUNDING"
        | "WITHDRAWAL"
        | "VIRTUAL_CASH_INCREASE"
        | "VIRTUAL_CASH_DECREASE" => values.text_of(object, "cancellation_reason"),
        "CASH_BALANCE" => holdings::compute(object, &mut values),
        "CASH_TRANSACTION" | "SECURITY_TRANSACTION" => ledger::compute(object, &mut values),
        "FEE_COLLECTION" | "TAX_COLLECTION" => collections::compute(object, &mut values),
        _ => {}
    }
    values
}

/// Tells whether a value of this name comes from the newest object.
pub(super) fn is_of_object(name: &str) -> bool {
    OF_OBJECT.contains(&name)
}

/// Finds the places that lie in the newest object.
pub(super) fn places_in_object(places: &[String]) -> Vec<String> {
    places
        .iter()
        .filter(|place| place.starts_with(IN_OBJECT))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::value::Derived;
    use super::*;

    /// Computes the values of an object, by name.
    pub(super) fn values(entity_type: &str, object: &str) -> Values {
        of_object(entity_type, &Object::parse(object).unwrap())
    }

    pub(super) fn text(text: &str) -> Option<Derived> {
        Some(Derived::Text(text.to_owned()))
    }

    #[test]
    fn a_cancelled_withdrawal_tells_its_reason() {
        let reason = |object: &str| {
            values("WITHDRAWAL", object)
                .values
                .get("cancellation_reason")
                .cloned()
        };
        assert_eq!(
            reason(r#"{"cancellation_reason":"INSUFFICIENT_FUNDS"}"#),
            text("INSUFFICIENT_FUNDS")
        );
        assert_eq!(reason(r#"{"cancellation_reason":""}"#), None);
    }

    #[test]
    fn every_value_is_known_as_one_of_an_object() {
        let object = r#"{"cancellation_reason":"r","type":"t","available_for_trading":"1","collection_amount":"2",
            "processed_amount":"1"}"#;
        let mut names = std::collections::BTreeSet::new();
        for row in crate::category::CATEGORIES {
            names.extend(values(row.entity, object).values.into_keys());
        }
        assert_eq!(names.into_iter().collect::<Vec<_>>(), OF_OBJECT);
    }

    #[test]
    fn most_objects_have_none() {
        assert!(values("REPORT", r#"{"id":"r","type":"t"}"#).values.is_empty());
    }
}
