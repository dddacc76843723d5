//! Lines that take back what an earlier line booked.

use super::super::value::Values;
use crate::json::Object;

/// Computes `cancels` (the line cancels another one) and `charged_back` (the payer's bank took a direct debit back).
/// Which line or payment is meant, its references tell. (Upvest writes `..._CHARGE_BACK` and `..._CHARGEBACK`.)
pub(super) fn compute(line: &Object<'_>, values: &mut Values) {
    // A line without a type takes nothing back that anybody could name.
    let line_type = line.text("type").unwrap_or_default();
    values.flag("cancels", line_type.ends_with("_CANCELLATION"));
    values.flag("charged_back", line_type.replace('_', "").ends_with("CHARGEBACK"));
}

#[cfg(test)]
mod tests {
    use super::super::super::value::Derived::Flag;
    use super::super::tests::values;

    #[test]
    fn a_line_tells_whether_it_takes_something_back() {
        for (line_type, cancels, charged_back) in [
            ("ORDER_EXECUTION", false, false),
            ("WITHDRAWAL_CANCELLATION", true, false),
            ("SEPA_DIRECT_DEBIT_CHARGE_BACK", false, true),
            ("SEPA_DIRECT_DEBIT_CHARGEBACK", false, true),
        ] {
            let values = values(
                "CASH_TRANSACTION",
                &format!(r#"{{"id":"l","type":"{line_type}"}}"#),
            )
            .values;
            assert_eq!(
                (&values["cancels"], &values["charged_back"]),
                (&Flag(cancels), &Flag(charged_back)),
                "{line_type}"
            );
        }
    }
}
