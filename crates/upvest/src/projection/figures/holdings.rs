//! Whether an account group has cash to trade with.

use super::super::value::{Values, decimal};
use crate::json::Object;

/// Computes `cash_available`: whether there is cash that an order can be placed with.
pub(super) fn compute(balance: &Object<'_>, values: &mut Values) {
    let available = balance.figure("available_for_trading");
    match decimal(available.as_deref(), "object.available_for_trading") {
        Ok(available) => values.flag("cash_available", available.is_positive()),
        unreadable => values.figure("cash_available", unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::value::Derived;
    use super::super::tests::values;

    #[test]
    fn cash_is_available_when_some_can_be_traded() {
        for (amount, available) in [
            ("\"0\"", false),
            ("\"0.00\"", false),
            ("\"-1\"", false),
            ("\"0.01\"", true),
            ("0.000000000000000000000000001", true),
        ] {
            let values = values(
                "CASH_BALANCE",
                &format!(r#"{{"available_for_trading":{amount}}}"#),
            );
            assert_eq!(
                values.values["cash_available"],
                Derived::Flag(available),
                "{amount}"
            );
        }
    }

    #[test]
    fn an_amount_that_is_no_decimal_says_neither_yes_nor_no() {
        for amount in ["\"much\"", "1e999999999", "{}", "null"] {
            let values = values(
                "CASH_BALANCE",
                &format!(r#"{{"available_for_trading":{amount}}}"#),
            );
            assert!(values.values.is_empty());
            assert_eq!(values.unreadable, ["object.available_for_trading"], "{amount}");
        }
    }
}
