//! The way of an outgoing payment.

use serde_json::{Value, json};

use super::super::sender::new_id;
use super::{Case, Subject, derived, late, related, statuses, turns, types};

const PAGE: &str = include_str!("../../../../docs/use-cases/payments.md");
/// The pattern on the page for every change of an outgoing payment.
const ALL: usize = 0;
/// The one for its end.
const ENDED: usize = 1;

fn withdrawal() -> Subject {
    Subject::new(
        "WITHDRAWAL",
        json!({ "account_group_id": new_id(), "user_id": new_id(), "amount": "200.00", "currency": "EUR" }),
    )
}

#[tokio::test]
async fn a_withdrawal_is_told_until_it_is_confirmed() {
    let case = Case::new().await;
    let withdrawal = withdrawal();
    let changes = case
        .deliver(&[
            withdrawal.event(1, "NEW"),
            withdrawal.event(2, "PROCESSING"),
            withdrawal.event(3, "CONFIRMED"),
        ])
        .await;
    assert_eq!(statuses(&changes), ["NEW", "PROCESSING", "CONFIRMED"].map(Some));
    assert_eq!(changes[2]["detail"]["previous"]["status"], "PROCESSING");
    assert_eq!(case.selected(PAGE, ALL, &changes).await, types(&changes));
    assert_eq!(
        case.selected(PAGE, ENDED, &changes).await,
        ["WITHDRAWAL.CONFIRMED"]
    );
    assert_eq!(case.state(&withdrawal).await.0, "CONFIRMED");
}

#[tokio::test]
async fn what_is_late_or_a_duplicate_does_not_take_a_withdrawal_back() {
    let case = Case::new().await;
    let withdrawal = withdrawal();
    let processing = withdrawal.event(2, "PROCESSING");
    case.deliver(std::slice::from_ref(&processing)).await;
    let new = withdrawal.event(1, "NEW");
    let changes = case
        .deliver(&[new, processing, withdrawal.event(3, "CONFIRMED")])
        .await;
    assert_eq!(
        types(&changes),
        ["WITHDRAWAL.NEW", "WITHDRAWAL.PROCESSING", "WITHDRAWAL.CONFIRMED"]
    );
    assert_eq!(late(&changes), ["WITHDRAWAL.NEW"]);
    assert!(
        changes
            .iter()
            .all(|change| change["detail"]["moved_back_from"].is_null())
    );
}

#[tokio::test]
async fn a_cancelled_withdrawal_tells_why_and_its_money_comes_back_as_a_line_of_the_ledger() {
    let case = Case::new().await;
    let withdrawal = withdrawal();
    let fields = json!({ "status": "CANCELLED", "cancellation_reason": "INSUFFICIENT_FUNDS" });
    let changes = case
        .deliver(&[
            withdrawal.event(1, "NEW"),
            withdrawal.event_with(2, "CANCELLED", &fields),
        ])
        .await;
    assert_eq!(statuses(&changes), ["NEW", "CANCELLED"].map(Some));
    assert_eq!(
        derived(&changes, "cancellation_reason"),
        [&Value::Null, &json!("INSUFFICIENT_FUNDS")]
    );
    assert_eq!(
        case.selected(PAGE, ENDED, &changes).await,
        ["WITHDRAWAL.CANCELLED"]
    );

    let line = Subject::new(
        "CASH_TRANSACTION",
        json!({
            "type": "WITHDRAWAL_CANCELLATION",
            "delta": { "amount": "200.00", "currency": "EUR" },
            "references": [{ "id": withdrawal.id(), "type": "WITHDRAWAL" }],
        }),
    );
    let changes = case
        .deliver(&[line.event_with(3, "EXECUTED", &Value::Null)])
        .await;
    assert_eq!(turns(&changes, "cancels"), [("CASH_TRANSACTION.EXECUTED", true)]);
    assert!(related(&changes[0]).contains(&*withdrawal.key()));
}

#[tokio::test]
async fn virtual_cash_that_goes_is_told_like_a_withdrawal() {
    let case = Case::new().await;
    let decrease = Subject::new("VIRTUAL_CASH_DECREASE", json!({ "amount": "100.00" }));
    let changes = case
        .deliver(&[
            decrease.event(1, "ISSUED"),
            decrease.event(2, "QUEUED"),
            decrease.event(3, "CONFIRMED"),
        ])
        .await;
    assert_eq!(statuses(&changes), ["ISSUED", "QUEUED", "CONFIRMED"].map(Some));
    assert_eq!(case.selected(PAGE, ALL, &changes).await, types(&changes));
    assert_eq!(
        case.selected(PAGE, ENDED, &changes).await,
        ["VIRTUAL_CASH_DECREASE.CONFIRMED"]
    );
}
