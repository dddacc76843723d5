//! What an order has been filled with.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Derived, Projection, Snapshot};
use crate::decimal::Decimal;

/// `filled_quantity` and `filled_amount`: exact sums over the order's executions that were not cancelled.
///
/// A sum is left out while a figure that it needs cannot be read; `unreadable` then names the figure.
pub(super) fn derive(order: &Projection) -> BTreeMap<&'static str, Derived> {
    let mut derived = BTreeMap::new();
    let Some(executions) = order.parts.get("executions") else {
        return derived;
    };
    let mut unreadable = Vec::new();
    for (attribute, field) in [
        ("filled_quantity", "share_quantity"),
        ("filled_amount", "cash_amount"),
    ] {
        let effective = executions
            .iter()
            .filter(|(_, execution)| execution.status.as_deref() != Some("CANCELLED"));
        let figures = effective.map(|(id, execution)| {
            figure(execution, field).ok_or_else(|| format!("executions.{id}.{field}"))
        });
        match figures.collect::<Result<Vec<_>, _>>() {
            Ok(figures) => {
                derived.insert(
                    attribute,
                    Derived::Text(figures.into_iter().sum::<Decimal>().to_string()),
                );
            }
            Err(figure) => unreadable.push(figure),
        }
    }
    if !unreadable.is_empty() {
        derived.insert("unreadable", Derived::Texts(unreadable));
    }
    derived
}

fn figure(execution: &Snapshot, field: &str) -> Option<Decimal> {
    let object: Value = serde_json::from_str(&execution.object).ok()?;
    object.get(field)?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{event, fold};
    use super::*;

    fn execution(id: &str, second: u8, status: &str, quantity: &str, amount: &str) -> String {
        let object = format!(
            r#"{{"id":"{id}","order_id":"o1","status":"{status}","share_quantity":"{quantity}","cash_amount":"{amount}"}}"#
        );
        event(
            &format!("e-{id}-{second}"),
            second,
            &format!("EXECUTION.{status}"),
            &object,
        )
    }

    fn text(text: &str) -> Derived {
        Derived::Text(text.to_owned())
    }

    #[test]
    fn executions_add_up_exactly_even_before_their_order() {
        let state = fold(&[
            execution("x1", 2, "FILLED", "0.000000000000000000000000001", "852.20"),
            execution("x2", 1, "FILLED", "10", "0.1"),
            execution("x2", 3, "SETTLED", "10", "0.1"),
        ]);
        assert_eq!(state.snapshot, None);
        let derived = state.derived("ORDER");
        assert_eq!(derived["filled_quantity"], text("10.000000000000000000000000001"));
        assert_eq!(derived["filled_amount"], text("852.30"));
    }

    #[test]
    fn a_cancelled_execution_does_not_count() {
        let state = fold(&[
            execution("x1", 1, "FILLED", "1", "10"),
            execution("x1", 2, "CANCELLED", "1", "10"),
            execution("x2", 1, "FILLED", "2", "20"),
        ]);
        assert_eq!(state.derived("ORDER")["filled_quantity"], text("2"));
    }

    #[test]
    fn a_figure_that_is_no_decimal_leaves_its_sum_out_and_is_named() {
        let state = fold(&[execution("x1", 1, "FILLED", "ten", "10")]);
        let derived = state.derived("ORDER");
        assert_eq!(derived.get("filled_quantity"), None);
        assert_eq!(derived["filled_amount"], text("10"));
        assert_eq!(
            derived["unreadable"],
            Derived::Texts(vec!["executions.x1.share_quantity".to_owned()])
        );
    }
}
