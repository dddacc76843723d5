//! What an order has been filled with, and why it was cancelled.

use serde_json::Value;

use super::{Unreadable, Values, decimal};
use crate::decimal::Decimal;
use crate::projection::{Projection, Snapshot};

/// `filled_quantity` and `filled_amount`: exact sums over the order's executions that were not cancelled, once there is
/// an execution. `cancellation_reason`, where Upvest gives one.
pub(super) fn derive(order: &Projection, values: &mut Values) {
    values.text_of(&order.object(), "cancellation_reason");
    let Some(executions) = order.parts.get("executions") else {
        return;
    };
    for (attribute, field) in [
        ("filled_quantity", "share_quantity"),
        ("filled_amount", "cash_amount"),
    ] {
        let effective = executions
            .iter()
            .filter(|(_, execution)| execution.status.as_deref() != Some("CANCELLED"));
        let sum = effective
            .map(|(id, execution)| figure(id, execution, field))
            .sum();
        values.figure(attribute, sum);
    }
}

fn figure(id: &str, execution: &Snapshot, field: &str) -> Result<Decimal, Unreadable> {
    let object: Value = serde_json::from_str(&execution.object).unwrap_or_default();
    decimal(&object, field, &format!("executions.{id}."))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{text, unreadable};
    use crate::projection::tests::{event, fold};

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
            unreadable(&["executions.x1.share_quantity"])
        );
    }
}
