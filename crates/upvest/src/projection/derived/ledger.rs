//! Lines that take back what an earlier line booked.

use serde_json::Value;

use super::Values;
use crate::projection::Projection;

/// `cancels`: the line cancels another one. `charged_back`: the payer's bank took a direct debit back. Which line or
/// payment is meant, its references tell. (Upvest writes `..._CHARGE_BACK` and `..._CHARGEBACK`.)
pub(super) fn derive(line: &Projection, values: &mut Values) {
    let object = line.object();
    let line_type = object.get("type").and_then(Value::as_str).unwrap_or_default();
    values.flag("cancels", line_type.ends_with("_CANCELLATION"));
    values.flag("charged_back", line_type.replace('_', "").ends_with("CHARGEBACK"));
}

#[cfg(test)]
mod tests {
    use super::super::Derived::Flag;
    use super::super::tests::derived;

    #[test]
    fn a_line_tells_whether_it_takes_something_back() {
        for (line_type, cancels, charged_back) in [
            ("ORDER_EXECUTION", false, false),
            ("WITHDRAWAL_CANCELLATION", true, false),
            ("SEPA_DIRECT_DEBIT_CHARGE_BACK", false, true),
            ("SEPA_DIRECT_DEBIT_CHARGEBACK", false, true),
        ] {
            let derived = derived(
                "CASH_TRANSACTION",
                &format!(r#"{{"id":"l","type":"{line_type}"}}"#),
            );
            assert_eq!(
                (&derived["cancels"], &derived["charged_back"]),
                (&Flag(cancels), &Flag(charged_back)),
                "{line_type}"
            );
        }
    }
}
