//! Whether a deposit is there to invest.

use serde_json::{Value, json};

use super::super::sender::new_id;
use super::{Case, Subject, at, late, related, statuses, turns, types};

const PAGE: &str = include_str!("../../../../docs/use-cases/initial-deposit.md");
/// The pattern on the page for a deposit that can be invested.
const BOOKED: usize = 0;
/// The one for a deposit that is taken back.
const TAKEN_BACK: usize = 1;
/// The one for an account group's cash.
const CASH: usize = 2;

const DEPOSITS: [(&str, &[&str]); 4] = [
    ("TOPUP", &["CONFIRMED", "SETTLED"]),
    ("DIRECT_DEBIT", &["NEW", "PROCESSING", "CONFIRMED"]),
    ("CREDIT_FUNDING", &["CONFIRMED"]),
    ("VIRTUAL_CASH_INCREASE", &["ISSUED", "CONFIRMED"]),
];

fn deposit(category: &'static str) -> Subject {
    let object = json!({ "account_group_id": new_id(), "cash_amount": "2500.00", "currency": "EUR" });
    Subject::new(category, object)
}

fn group(deposit: &Subject) -> String {
    let group = deposit.object["account_group_id"].as_str();
    format!("ACCOUNT_GROUP#{}", group.expect("the group is a text"))
}

/// A line of the ledger that books `amount` for a payment.
fn line(line_type: &str, payment: &Subject, amount: &str) -> Subject {
    let object = json!({
        "type": line_type,
        "account_group_id": payment.object["account_group_id"],
        "delta": { "amount": amount, "currency": "EUR" },
        "references": [{ "id": payment.id(), "type": payment.category }],
    });
    Subject::new("CASH_TRANSACTION", object)
}

#[tokio::test]
async fn every_kind_of_deposit_turns_available_once_and_not_again_when_it_is_cancelled() {
    let case = Case::new().await;
    for (category, course) in DEPOSITS {
        let deposit = deposit(category);
        let events: Vec<String> = (1..)
            .zip(course)
            .map(|(minute, status)| deposit.event(minute, status))
            .collect();
        case.deliver(&events).await;
        let cancelled = deposit.event(20, "CANCELLED");
        let changes = case.deliver(&[&events[..], &[cancelled]].concat()).await;
        assert_eq!(
            changes.len(),
            course.len() + 1,
            "{category}: no duplicate is published"
        );
        let [booked, taken_back] = ["CONFIRMED", "CANCELLED"].map(|state| format!("{category}.{state}"));
        assert_eq!(
            turns(&changes, "funds_available"),
            [(&*booked, true), (&*taken_back, false)]
        );
        assert!(
            changes
                .iter()
                .all(|change| related(change).contains(&*group(&deposit)))
        );
        assert_eq!(case.selected(PAGE, BOOKED, &changes).await, [&*booked]);
        assert_eq!(case.selected(PAGE, TAKEN_BACK, &changes).await, [&*taken_back]);
        assert_eq!(case.state(&deposit).await.0, "CANCELLED");
    }
}

#[tokio::test]
async fn a_top_up_that_is_confirmed_after_it_settled_turns_available_once() {
    let case = Case::new().await;
    let topup = deposit("TOPUP");
    let [confirmed, settled] = [topup.event(1, "CONFIRMED"), topup.event(2, "SETTLED")];
    case.deliver(std::slice::from_ref(&settled)).await;
    // The late event and the second one with the same news are published, too: they turn nothing.
    let again = topup.event(3, "SETTLED");
    let changes = case
        .deliver(&[confirmed.clone(), settled, confirmed, again])
        .await;
    assert_eq!(
        types(&changes),
        ["TOPUP.CONFIRMED", "TOPUP.SETTLED", "TOPUP.SETTLED"]
    );
    assert_eq!(late(&changes), ["TOPUP.CONFIRMED"]);
    assert_eq!(turns(&changes, "funds_available"), [("TOPUP.SETTLED", true)]);
    assert_eq!(case.selected(PAGE, BOOKED, &changes).await, ["TOPUP.SETTLED"]);
}

#[tokio::test]
async fn a_deposit_that_was_cancelled_before_its_confirmation_arrived_never_turns_available() {
    let case = Case::new().await;
    let topup = deposit("TOPUP");
    case.deliver(&[topup.event(2, "CANCELLED")]).await;
    let changes = case
        .deliver(&[topup.event(1, "CONFIRMED"), topup.event(3, "CANCELLED")])
        .await;
    assert_eq!(
        types(&changes),
        ["TOPUP.CONFIRMED", "TOPUP.CANCELLED", "TOPUP.CANCELLED"]
    );
    assert_eq!(late(&changes), ["TOPUP.CONFIRMED"]);
    assert_eq!(turns(&changes, "funds_available"), []);
}

#[tokio::test]
async fn a_chargeback_is_a_change_of_its_own_and_the_direct_debit_stays_as_it_was() {
    let case = Case::new().await;
    let debit = deposit("DIRECT_DEBIT");
    let course = [debit.event(1, "NEW"), debit.event(2, "CONFIRMED")];
    let booked = case.deliver(&course).await;
    assert_eq!(
        turns(&booked, "funds_available"),
        [("DIRECT_DEBIT.CONFIRMED", true)]
    );

    let executed = |line: &Subject, minute| line.event_with(minute, "EXECUTED", &Value::Null);
    let booking = line("SEPA_DIRECT_DEBIT", &debit, "2500.00");
    let changes = case.deliver(&[executed(&booking, 3)]).await;
    assert_eq!(turns(&changes, "charged_back"), []);
    let chargeback = line("SEPA_DIRECT_DEBIT_CHARGE_BACK", &debit, "-2500.00");
    let changes = case.deliver(&[executed(&chargeback, 4)]).await;
    assert_eq!(
        turns(&changes, "charged_back"),
        [("CASH_TRANSACTION.EXECUTED", true)]
    );
    assert_eq!(
        related(&changes[0]),
        [&*debit.key(), &*group(&debit)].into_iter().collect()
    );
    assert_eq!(
        case.selected(PAGE, TAKEN_BACK, &changes).await,
        ["CASH_TRANSACTION.EXECUTED"]
    );
    assert_eq!(
        case.state(&debit).await,
        ("CONFIRMED".to_owned(), "DIRECT_DEBIT.CONFIRMED".to_owned())
    );

    let changes = case.deliver(&[debit.event(5, "CONFIRMED")]).await;
    assert_eq!(turns(&changes, "funds_available").len(), 1);
}

#[tokio::test]
async fn cash_turns_available_with_the_first_amount_and_unavailable_with_the_last() {
    let case = Case::new().await;
    let group = new_id();
    let balance = |minute, available: &str| {
        let object =
            json!({ "account_group_id": group, "currency": "EUR", "available_for_trading": available });
        at(minute, "CASH_BALANCE.UPDATED", &object)
    };
    case.deliver(&[balance(1, "0"), balance(3, "2500.00")]).await;
    // The second minute's balance is late: the third minute's stays.
    let changes = case
        .deliver(&[balance(2, "0"), balance(4, "10.00"), balance(5, "0.00")])
        .await;
    assert_eq!(changes.len(), 5);
    let update = "CASH_BALANCE.UPDATED";
    assert_eq!(late(&changes), [update]);
    assert_eq!(
        turns(&changes, "cash_available"),
        [(update, true), (update, false)]
    );
    assert_eq!(case.selected(PAGE, CASH, &changes).await, [update]);
    assert_eq!(
        changes[2]["detail"]["flags_changed"],
        json!({ "cash_available": true })
    );
    assert_eq!(
        related(&changes[2]),
        [&*format!("ACCOUNT_GROUP#{group}")].into_iter().collect()
    );
    assert_eq!(statuses(&changes), [None; 5]);
}
