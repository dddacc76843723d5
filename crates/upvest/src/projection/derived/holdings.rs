//! Whether an account group has cash to trade with.

use super::{Values, decimal};
use crate::projection::Projection;

/// `cash_available`: there is cash that an order can be placed with.
pub(super) fn derive(balance: &Projection, values: &mut Values) {
    match decimal(&balance.object(), "available_for_trading", "object.") {
        Ok(available) => values.flag("cash_available", available.is_positive()),
        unreadable => values.figure("cash_available", unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Derived;
    use super::super::tests::{derived, unreadable};

    #[test]
    fn cash_is_available_when_some_can_be_traded() {
        for (amount, available) in [("0", false), ("0.00", false), ("-1", false), ("0.01", true)] {
            let object =
                format!(r#"{{"account_group_id":"g","currency":"EUR","available_for_trading":"{amount}"}}"#);
            assert_eq!(
                derived("CASH_BALANCE", &object)["cash_available"],
                Derived::Flag(available),
                "{amount}"
            );
        }
    }

    #[test]
    fn an_amount_that_is_no_decimal_says_neither_yes_nor_no() {
        let object = r#"{"account_group_id":"g","currency":"EUR","available_for_trading":"much"}"#;
        let derived = derived("CASH_BALANCE", object);
        assert_eq!(derived.get("cash_available"), None);
        assert_eq!(
            derived["unreadable"],
            unreadable(&["object.available_for_trading"])
        );
    }
}
