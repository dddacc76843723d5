//! Whether money came in, and why it did not go out.

use super::Values;
use crate::projection::Projection;

/// The statuses in which a deposit is booked: by Upvest's documentation the money can be invested.
const BOOKED: [&str; 2] = ["CONFIRMED", "SETTLED"];

/// `funds_available`: the deposit is booked. It turns true once for each deposit, and false again when a booked deposit
/// is cancelled.
pub(super) fn derive_incoming(deposit: &Projection, values: &mut Values) {
    let booked = deposit.status().is_some_and(|status| BOOKED.contains(&status));
    values.flag("funds_available", booked);
    derive_outgoing(deposit, values);
}

/// `cancellation_reason`, where Upvest gives one.
pub(super) fn derive_outgoing(payment: &Projection, values: &mut Values) {
    values.text_of(&payment.object(), "cancellation_reason");
}

#[cfg(test)]
mod tests {
    use super::super::Derived;
    use super::super::tests::{derived, text};
    use crate::projection::tests::{event, fold};

    #[test]
    fn funds_are_available_while_a_deposit_is_booked() {
        for (status, available) in [
            ("NEW", false),
            ("PROCESSING", false),
            ("CONFIRMED", true),
            ("SETTLED", true),
            ("CANCELLED", false),
            ("TELEPORTED", false),
        ] {
            for deposit in ["TOPUP", "DIRECT_DEBIT", "CREDIT_FUNDING", "VIRTUAL_CASH_INCREASE"] {
                let derived = derived(deposit, &format!(r#"{{"id":"d","status":"{status}"}}"#));
                assert_eq!(
                    derived["funds_available"],
                    Derived::Flag(available),
                    "{deposit} {status}"
                );
            }
        }
    }

    #[test]
    fn a_deposit_without_a_status_has_the_state_of_its_type() {
        let state = fold(&[event("e1", 1, "DIRECT_DEBIT.CONFIRMED", r#"{"id":"d"}"#)]);
        assert_eq!(
            state.derived("DIRECT_DEBIT")["funds_available"],
            Derived::Flag(true)
        );
    }

    #[test]
    fn a_cancelled_withdrawal_tells_its_reason() {
        let object = r#"{"id":"w","status":"CANCELLED","cancellation_reason":"INSUFFICIENT_FUNDS"}"#;
        assert_eq!(
            derived("WITHDRAWAL", object)["cancellation_reason"],
            text("INSUFFICIENT_FUNDS")
        );
        assert!(derived("WITHDRAWAL", r#"{"id":"w","cancellation_reason":""}"#).is_empty());
    }
}
