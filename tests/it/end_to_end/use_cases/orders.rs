//! The way of an order.

use serde_json::{Value, json};

use super::super::sender::new_id;
use super::{Case, Subject, at, current, derived, late, related, statuses, types};

const PAGE: &str = include_str!("../../../../docs/use-cases/orders.md");
/// Numbers the pattern on the page, from 0, for every change of an order.
const ALL: usize = 0;
/// Numbers the one for an order that is filled or cancelled.
const ENDED: usize = 1;
/// Numbers the one for executions that settle or are cancelled.
const SETTLED: usize = 2;
/// Numbers the one for a cancellation that is refused.
const REFUSED: usize = 3;

fn order() -> Subject {
    Subject::new(
        "ORDER",
        json!({ "user_id": new_id(), "account_id": new_id(), "side": "BUY", "currency": "EUR" }),
    )
}

fn execution(order: &Subject, quantity: &str, amount: &str) -> Subject {
    let object = json!({ "order_id": order.id(), "share_quantity": quantity, "cash_amount": amount });
    Subject::new("EXECUTION", object)
}

/// The event that the order could not be cancelled.
fn refusal(order: &Subject, minute: u8) -> String {
    let object =
        json!({ "order_id": order.id(), "status": "REJECTED", "reason": "Cancellation not possible" });
    at(minute, "ORDER_CANCELLATION.REJECTED", &object)
}

#[tokio::test]
async fn an_order_is_told_from_its_submission_to_its_settlement() {
    let case = Case::new().await;
    let order = order();
    let [first, second] = [("6", "511.32"), ("4", "341.00")].map(|(q, a)| execution(&order, q, a));
    let changes = case
        .deliver(&[
            order.event(1, "NEW"),
            order.event(2, "PROCESSING"),
            first.event(3, "FILLED"),
            second.event(4, "FILLED"),
            order.event(5, "FILLED"),
            first.event(6, "SETTLED"),
            second.event(7, "SETTLED"),
        ])
        .await;
    let told = [
        "ORDER.NEW",
        "ORDER.PROCESSING",
        "EXECUTION.FILLED",
        "EXECUTION.FILLED",
        "ORDER.FILLED",
        "EXECUTION.SETTLED",
        "EXECUTION.SETTLED",
    ];
    assert_eq!(types(&changes), told);
    assert_eq!(
        statuses(&changes)[3..],
        ["PROCESSING", "FILLED", "FILLED", "FILLED"].map(Some)
    );
    assert_eq!(
        derived(&changes, "filled_quantity")[1..5],
        [&Value::Null, &json!("6"), &json!("10"), &json!("10")]
    );
    assert_eq!(derived(&changes, "filled_amount")[6], "852.32");
    assert_eq!(related(&changes[0]).len(), 2, "the user and the account");
    assert_eq!(case.selected(PAGE, ALL, &changes).await, told);
    assert_eq!(case.selected(PAGE, ENDED, &changes).await, ["ORDER.FILLED"]);
    assert_eq!(
        case.selected(PAGE, SETTLED, &changes).await,
        ["EXECUTION.SETTLED", "EXECUTION.SETTLED"]
    );
    assert_eq!(
        case.state(&order).await,
        ("FILLED".to_owned(), "EXECUTION.SETTLED".to_owned())
    );
}

#[tokio::test]
async fn executions_that_come_before_their_order_count_and_what_is_late_is_told_as_such() {
    let case = Case::new().await;
    let order = order();
    let execution = execution(&order, "0.117370892018779342723004695", "10.00");
    let filled = execution.event(3, "FILLED");
    let first = case.deliver(std::slice::from_ref(&filled)).await;
    assert_eq!(first[0]["detail"]["previous"], Value::Null);
    assert_eq!(current(&first[0])["status"], Value::Null);
    assert_eq!(
        current(&first[0])["derived"]["filled_quantity"],
        "0.117370892018779342723004695"
    );

    case.deliver(&[order.event(2, "PROCESSING")]).await;
    let changes = case
        .deliver(&[order.event(1, "NEW"), filled, order.event(4, "FILLED")])
        .await;
    assert_eq!(
        types(&changes),
        [
            "ORDER.NEW",
            "ORDER.PROCESSING",
            "EXECUTION.FILLED",
            "ORDER.FILLED"
        ]
    );
    assert_eq!(late(&changes), ["ORDER.NEW"]);
    assert_eq!(
        statuses(&changes),
        [Some("PROCESSING"), Some("PROCESSING"), None, Some("FILLED")]
    );
    assert_eq!(derived(&changes, "filled_amount")[3], "10.00");
}

#[tokio::test]
async fn a_cancelled_order_tells_why_and_what_was_bought_until_then() {
    let case = Case::new().await;
    let order = order();
    let fields = json!({ "status": "CANCELLED", "cancellation_reason": "CANCELLED_BY_CLIENT" });
    let changes = case
        .deliver(&[
            order.event(1, "NEW"),
            execution(&order, "3", "120.00").event(2, "FILLED"),
            order.event_with(3, "CANCELLED", &fields),
        ])
        .await;
    assert_eq!(current(&changes[2])["status"], "CANCELLED");
    assert_eq!(
        current(&changes[2])["derived"],
        json!({
            "cancellation_reason": "CANCELLED_BY_CLIENT",
            "filled_amount": "120.00",
            "filled_quantity": "3",
        })
    );
    assert_eq!(case.selected(PAGE, ENDED, &changes).await, ["ORDER.CANCELLED"]);
}

#[tokio::test]
async fn a_cancellation_that_is_refused_is_told_and_leaves_the_order_as_it_is() {
    let case = Case::new().await;
    let order = order();
    let changes = case
        .deliver(&[
            order.event(1, "NEW"),
            order.event(2, "PROCESSING"),
            refusal(&order, 3),
        ])
        .await;
    let refused = &changes[2]["detail"];
    assert_eq!(refused["entity"], *order.key());
    assert_eq!(refused["object"]["reason"], "Cancellation not possible");
    assert_eq!(refused["previous"]["status"], "PROCESSING");
    assert_eq!(refused["current"]["status"], "PROCESSING");
    assert_eq!(
        case.selected(PAGE, REFUSED, &changes).await,
        ["ORDER_CANCELLATION.REJECTED"]
    );
    let changes = case.deliver(&[order.event(4, "FILLED")]).await;
    assert_eq!(statuses(&changes)[3], Some("FILLED"));
}

#[tokio::test]
async fn an_execution_that_is_cancelled_afterwards_no_longer_counts() {
    let case = Case::new().await;
    let order = order();
    let [kept, cancelled] = [("6", "511.32"), ("4", "341.00")].map(|(q, a)| execution(&order, q, a));
    let changes = case
        .deliver(&[
            kept.event(1, "FILLED"),
            cancelled.event(2, "FILLED"),
            order.event(3, "FILLED"),
            cancelled.event(4, "CANCELLED"),
        ])
        .await;
    let filled = derived(&changes, "filled_quantity");
    assert_eq!(filled[2..], [&json!("10"), &json!("6")]);
    assert_eq!(
        case.selected(PAGE, SETTLED, &changes).await,
        ["EXECUTION.CANCELLED"]
    );
}
